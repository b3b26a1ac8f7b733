"""The independent-component representation: exact with the whole covariance, approximate with its diagonal."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from isotropic_testing import DTYPES, assert_close, assert_differs, needs_ica, network, normal, orthogonal
from torch import Tensor, nn

from isotropic import (
    BatchNorm,
    IsotropicMLP,
    NormalisedMLP,
    Whitening,
    hold_in_eigenbasis,
    independent_components,
    measure_whitening,
    represent_components,
)
from isotropic.normalise.ica import VARIANTS

WIDTHS = [6, 5, 4, 3]


def held(layer: int, dtype: torch.dtype = torch.float64, rows: int = 400) -> tuple[NormalisedMLP, Tensor]:
    """A network, evaluating, with BatchNorm of `layer` in the eigenbasis of its activations, and its inputs."""
    net = NormalisedMLP(network(WIDTHS, compensation="none", dtype=dtype), lambda n: BatchNorm(n, momentum=1.0))
    x = normal(rows, WIDTHS[0], dtype=dtype) * torch.linspace(0.3, 2, WIDTHS[0], dtype=dtype)
    net(x)
    net.eval()
    measure_whitening(net, layer, x)
    hold_in_eigenbasis(net, layer)
    return net, x


def changed(net: NormalisedMLP, layer: int, rotation: Tensor, variant: str) -> NormalisedMLP:
    other = copy.deepcopy(net)
    represent_components(other, layer, rotation, variant)
    return other


def normalised(net: NormalisedMLP, layer: int, x: Tensor) -> Tensor:
    z: Tensor = net.normalisers[layer - 1](net.activated(layer, x)).detach()
    return z


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layer", [1, 2])
def test_holding_in_the_eigenbasis_changes_nothing_and_whitens(layer: int, dtype: torch.dtype) -> None:
    net = NormalisedMLP(network(WIDTHS, compensation="none", dtype=dtype), Whitening)
    for seed in range(3):
        net(normal(100, 6, seed=seed, dtype=dtype))
    net.eval()
    x = normal(20, 6, seed=9, dtype=dtype)
    before = net(x)
    variances = hold_in_eigenbasis(net, layer)
    norm = net.normalisers[layer - 1]
    assert isinstance(norm, BatchNorm) and torch.equal(variances, variances.sort(descending=True).values)
    assert_close(net(x), before, "logits", slack=20)


@pytest.mark.parametrize("layer", [1, 2])
def test_measured_and_held_activations_are_white(layer: int) -> None:
    net, x = held(layer)
    net.normalisers[layer - 1].eps = 0.0
    one = torch.eye(WIDTHS[layer], dtype=torch.float64)
    assert_close(normalised(net, layer, x).T.cov(), one, "covariance", slack=100)
    net.rotate(layer, orthogonal(WIDTHS[layer]))
    assert_differs(normalised(net, layer, x).T.cov(), one, "covariance in another basis", by=0.05)


@needs_ica
def test_directions_without_variance_are_left_as_they_are() -> None:
    """Width 6 behind width 2: activations g (W h + b) span three directions, all others are zero."""
    inner, x = network([5, 2, 6, 3], compensation="none"), normal(400, 5)
    net = NormalisedMLP(inner, lambda n: BatchNorm(n, momentum=1.0))
    net(x)
    net.eval()
    measure_whitening(net, 2, x)
    variances = hold_in_eigenbasis(net, 2)
    assert variances[2] > 1e-4 and variances[3:].abs().max() < 1e-12
    r = independent_components(net, 2, x)
    assert_close(r[3:, 3:], torch.eye(3, dtype=torch.float64), "directions without variance")
    assert r[:3, 3:].count_nonzero() == r[3:, :3].count_nonzero() == 0
    assert_differs(r[:3, :3].abs(), torch.eye(3, dtype=torch.float64), "the others are turned", by=0.05)
    assert_close(changed(net, 2, r, "exact")(x), net(x), "logits", slack=20)


@needs_ica
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layer", [1, 2])
def test_exact_and_diagonal(layer: int, dtype: torch.dtype) -> None:
    """For the components found and for any rotation; the components are R z, and with the diagonal are not."""
    net, x = held(layer, dtype)
    before, z = net(x), normalised(net, layer, x)
    for r in (independent_components(net, layer, x), orthogonal(WIDTHS[layer])):
        exact, diagonal = (changed(net, layer, r, variant) for variant in VARIANTS)
        assert_close(exact(x), before, "logits, exact", slack=20)
        assert_close(normalised(exact, layer, x), z @ r.T.to(z), "components, exact", slack=20)
        assert_differs(diagonal(x), before, "logits, diagonal", by=0.02)
        assert_differs(normalised(diagonal, layer, x), z @ r.T.to(z), "components, diagonal", by=0.02)
        assert isinstance(diagonal.normalisers[layer - 1], BatchNorm)


def test_the_diagonal_is_exact_where_the_variances_are_equal() -> None:
    net, x = held(1)
    net.normalisers[0].variance.fill_(0.3)
    assert_close(changed(net, 1, orthogonal(5), "diagonal")(x), net(x), "logits")


@pytest.mark.parametrize("forgotten", ["W_l", "b_l", "W_{l+1}", "mean", "covariance"])
def test_each_part_must_turn(forgotten: str) -> None:
    net, x = held(1)
    exact = changed(net, 1, orthogonal(5), "exact")
    whole = Whitening.of(net.normalisers[0])
    parts = {
        "W_l": (exact.maps[0].weight, net.maps[0].weight),
        "b_l": (exact.maps[0].bias, net.maps[0].bias),
        "W_{l+1}": (exact.maps[1].weight, net.maps[1].weight),
        "mean": (exact.normalisers[0].mean, whole.mean),
        "covariance": (exact.normalisers[0].covariance, whole.covariance),
    }
    turned, kept = parts[forgotten]
    turned.data.copy_(kept.data)
    assert_differs(exact(x), net(x), f"logits with {forgotten} not turned", by=0.02)


def sources(kind: str, rows: int = 4000, n: int = 4) -> Tensor:
    """Independent samples with variance one, their scale small, so that the gain of an isotropic tanh is nearly 1."""
    random = np.random.default_rng(0)
    made = random.laplace(size=(rows, n)) / np.sqrt(2) if kind == "laplace" else random.normal(size=(rows, n))
    return torch.from_numpy(made)


def recovered(kind: str, represented: bool) -> float:
    """The least, over hidden sources, of the largest |correlation| of a normalised neuron with it."""
    inner = IsotropicMLP([4, 4, 2], compensation="none", seed=0, dtype=torch.float64)
    inner.assign({"maps.0.weight": normal(4, 4, seed=2)})
    net, s = NormalisedMLP(inner, lambda n: BatchNorm(n, eps=1e-12)), sources(kind)
    x = 0.01 * s
    net.eval()
    measure_whitening(net, 1, x)
    hold_in_eigenbasis(net, 1)
    if represented:
        represent_components(net, 1, independent_components(net, 1, x))
    z = normalised(net, 1, x)
    correlations = torch.corrcoef(torch.cat([z, s], dim=1).T)[:4, 4:].abs()
    return correlations.max(0).values.min().item()


@needs_ica
def test_neurons_become_the_sources() -> None:
    assert recovered("laplace", represented=True) > 0.99
    assert recovered("laplace", represented=False) < 0.9


@needs_ica
@pytest.mark.filterwarnings("ignore:FastICA did not converge")
def test_unless_these_are_gaussian() -> None:
    assert recovered("normal", represented=True) < 0.95


def digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = torch.from_numpy(images) / 8 - 1
    return x, torch.from_numpy(labels).long()


def excess(z: Tensor) -> float:
    """Mean over neurons of |kurtosis - 3|, 0 for Gaussian ones."""
    white = (z - z.mean(0)) / z.std(0, correction=0)
    return (white.pow(4).mean(0) - 3).abs().mean().item()


@needs_ica
def test_a_trained_network() -> None:
    """Digits, one hidden layer of 16: exact to rounding; with the diagonal logits change by half."""
    x, labels = digits()
    inner = IsotropicMLP([64, 16, 10], compensation="none", seed=0, dtype=torch.float64)
    net = NormalisedMLP(inner, BatchNorm)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(150):
        batch = torch.arange(step * 100, (step + 1) * 100) % len(x)
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), labels[batch]).backward()
        optimiser.step()
    net.eval()
    measure_whitening(net, 1, x)
    hold_in_eigenbasis(net, 1)
    r = independent_components(net, 1, x)
    before = net(x)
    exact, diagonal = (changed(net, 1, r, variant) for variant in VARIANTS)
    assert_close(exact(x), before, "logits, exact", slack=10)
    assert_differs(diagonal(x), before, "logits, diagonal", by=0.2)
    in_eigenbasis, found = (excess(normalised(each, 1, x)) for each in (net, exact))
    assert found > 1.3 * in_eigenbasis


def test_refusals() -> None:
    net, x = held(1)
    training = copy.deepcopy(net).train()
    whole = changed(net, 1, orthogonal(5), "exact")
    before = {name: t.clone() for name, t in net.state_dict().items()}
    for call, words in (
        (lambda: represent_components(net, 1, torch.eye(5), "nearly"), "'nearly' is not one of exact, diagonal"),
        (lambda: represent_components(net, 0, torch.eye(5)), "one of 1 to 2"),
        (lambda: represent_components(net, 1, torch.eye(4)), "(4, 4) is not [5, 5]"),
        (lambda: represent_components(net, 1, 2 * torch.eye(5)), "not orthogonal"),
        (lambda: represent_components(whole, 1, torch.eye(5)), "is Whitening, not BatchNorm"),
        (lambda: independent_components(training, 1, x), "net.eval()"),
        (lambda: independent_components(whole, 1, x), "is Whitening, not BatchNorm"),
        (lambda: hold_in_eigenbasis(net, 1), "is BatchNorm, not Whitening"),
        (lambda: measure_whitening(net, 3, x), "one of 1 to 2"),
        (lambda: measure_whitening(net, 1, x[:1]), "1 samples"),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert words in str(caught.value) and "\n" not in str(caught.value)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
