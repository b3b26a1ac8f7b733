"""Normalisers: their equations by hand and beside torch's, running statistics, gradients, and what they refuse."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from isotropic_testing import DTYPES, assert_close, assert_differs, network, normal, orthogonal
from torch import Tensor, nn

from isotropic import BatchNorm, BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm, IsotropicMLP, Whitening
from isotropic.normalise.normalised import NormalisedMLP
from isotropic.normalise.normalisers import Normaliser
from isotropic.normalise.whitening import _InverseRoot

ALL: list[type[Normaliser]] = [BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm, BatchNorm, Whitening]
RUNNING = {BatchNormOfNorm: "mean_norm", FrobNorm: "mean_square", BatchNorm: "mean", Whitening: "mean"}


def double(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_batch_norm_of_the_norm_by_hand() -> None:
    """Norms 5 and 15, mean 10."""
    norm = BatchNormOfNorm(2, eps=0.0, momentum=1.0).double()
    x = double([3.0, 4.0], [9.0, 12.0])
    assert_close(norm(x), x / 10, "Eqn. 35")
    assert norm.mean_norm.item() == 10
    assert_close(norm.eval()(double([20.0, 0.0])), double([2.0, 0.0]), "with the running mean")


def test_frob_norm_by_hand() -> None:
    """||X||_F^2 = 100 + 100 and B n = 4 make sqrt(4 / 200) = 0.1 sqrt(2)."""
    norm = FrobNorm(2, eps=0.0, momentum=1.0).double()
    x = double([6.0, 8.0], [0.0, 10.0])
    assert_close(norm(x), x * math.sqrt(2) / 10, "Eqn. 36")
    assert norm.mean_square.item() == pytest.approx(50, rel=1e-15)


def test_frob_norm_of_one_sample_is_rms_norm() -> None:
    x = normal(1, 7)
    assert_close(FrobNorm(7).double()(x), nn.functional.rms_norm(x, [7], eps=1e-5), "B = 1")
    several = normal(9, 7)
    assert_differs(FrobNorm(7).double()(several), nn.functional.rms_norm(several, [7], eps=1e-5), "B = 9", by=0.05)


def test_generalised_layer_norm_begins_as_layer_norm() -> None:
    x = normal(9, 7) + 2
    assert_close(GeneralisedLayerNorm(7).double()(x), nn.functional.layer_norm(x, [7]), "m = 1 / sqrt(n)")


def test_generalised_layer_norm_by_hand() -> None:
    """m = (0, 0, 1) takes the last entry away; the rest has length 5 and becomes sqrt(3) long."""
    norm = GeneralisedLayerNorm(3, eps=0.0).double()
    norm.direction.copy_(torch.tensor([0.0, 0.0, 2.0]))  # its length does not matter
    assert_close(norm(double([3.0, 4.0, 9.0])), math.sqrt(3) / 5 * double([3.0, 4.0, 0.0]), "Eqn. 37")


@pytest.mark.parametrize("trained", [True, False])
def test_the_mean_direction_is_trained_where_it_shall_be(trained: bool) -> None:
    norm = GeneralisedLayerNorm(4, trained=trained)
    assert [name for name, _ in norm.named_parameters()] == ["direction"] * trained
    if trained:
        norm(normal(9, 4, dtype=torch.float32)).pow(3).sum().backward()
        assert norm.direction.grad is not None and norm.direction.grad.abs().max() > 0.01


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_batch_norm_is_torchs(dtype: torch.dtype) -> None:
    ours, theirs = BatchNorm(6).to(dtype), nn.BatchNorm1d(6, affine=False).to(dtype)
    for seed in range(3):
        x = 2 * normal(9, 6, seed=seed, dtype=dtype) + 1
        assert_close(ours(x), theirs(x), "training")
    assert theirs.running_mean is not None and theirs.running_var is not None
    assert_close(ours.mean, theirs.running_mean, "running mean")
    assert_close(ours.variance, theirs.running_var, "running variance")
    assert_close(ours.eval()(x), theirs.eval()(x), "evaluating")


def test_whitened_samples_have_the_covariance_one() -> None:
    x = normal(50, 6) @ (torch.eye(6) + 0.5 * normal(6, 6, seed=1)) + 3
    white = Whitening(6, eps=0.0).double()(x)
    assert_close(white.T.cov(correction=0), torch.eye(6, dtype=torch.float64), "covariance", slack=10)
    assert white.mean(0).abs().max() < 1e-12
    half = BatchNorm(6, eps=0.0).double()(x)
    assert_differs(half.T.cov(correction=0), torch.eye(6, dtype=torch.float64), "of batch normalisation", by=0.2)


def test_running_covariance_is_unbiased_as_torchs_running_variance() -> None:
    norm, theirs, x = Whitening(6, momentum=1.0).double(), nn.BatchNorm1d(6, momentum=1.0).double(), normal(9, 6)
    norm(x)
    theirs(x)
    assert_close(norm.covariance, x.T.cov(), "covariance")
    assert theirs.running_var is not None
    assert_close(norm.covariance.diagonal(), theirs.running_var, "its diagonal")


def test_whitening_of_a_batch_norm_is_the_same_function_until_it_is_turned() -> None:
    norm, basis = BatchNorm(6).double(), orthogonal(6)
    norm(3 * normal(50, 6) * torch.arange(1, 7) + 1)
    norm.eval()
    whole, x = Whitening.of(norm), normal(9, 6)
    expected = norm(x)
    assert_close(whole(x), expected, "before")
    norm.rotate(basis)
    whole.rotate(basis)
    assert_close(whole(x @ basis), expected @ basis, "the whitening")
    assert_differs(norm(x @ basis), expected @ basis, "the diagonal", by=0.05)


@pytest.mark.parametrize("make", RUNNING)
def test_running_statistics_follow_the_batches_in_training_only(make: type[Normaliser]) -> None:
    norm, x = make(4).double(), normal(20, 4) + 3
    start = getattr(norm, RUNNING[make]).clone()
    exact = make(4, momentum=1.0).double()
    exact(x)
    norm(x)
    now = getattr(norm, RUNNING[make]).clone()
    assert_close(now, 0.9 * start + 0.1 * getattr(exact, RUNNING[make]), "after one batch")
    norm.eval()(x)
    assert torch.equal(getattr(norm, RUNNING[make]), now)


@pytest.mark.parametrize("make", ALL)
def test_gradient_by_finite_differences(make: type[Normaliser]) -> None:
    x = normal(6, 3).requires_grad_()
    for train in (True, False):
        norm = make(3).double().train(train)
        assert torch.autograd.gradcheck(norm, x)


@pytest.mark.parametrize("values", [[1.0, 2.0, 5.0], [1.0, 1.0, 1.0], [1.0, 1.0, 3.0]], ids=str)
def test_gradient_of_the_inverse_root_with_equal_eigenvalues(values: list[float]) -> None:
    basis = orthogonal(3)
    c = (basis @ torch.tensor(values, dtype=torch.float64).diag() @ basis.T).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: _InverseRoot.apply((t + t.T) / 2), c, atol=1e-6)


def test_autograd_through_an_eigendecomposition_would_not_be_finite() -> None:
    """Negative control: why the gradient of the root is written out."""
    c = torch.eye(3, dtype=torch.float64, requires_grad=True)
    values, v = torch.linalg.eigh(c)
    ((v * values.rsqrt()) @ v.mT)[0].sum().backward()
    assert c.grad is not None and not bool(c.grad.isfinite().all())


@pytest.mark.parametrize("make", [BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm])
def test_a_batch_of_zeros_stays_finite(make: type[Normaliser]) -> None:
    x = torch.zeros(4, 3, requires_grad=True)
    make(3)(x).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


@pytest.mark.parametrize("make", ALL)
def test_saved_state_comes_back(make: type[Normaliser]) -> None:
    norm, other, x = make(4), make(4), normal(20, 4, dtype=torch.float32) + 3
    norm(x)
    norm.rotate(orthogonal(4))
    other.load_state_dict(norm.state_dict())
    assert torch.equal(other.eval()(x), norm.eval()(x))


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize(
    ("shape", "words"),
    [((3, 5), "(3, 5) is not [B, 4]"), ((4,), "(4,)"), ((2, 3, 4), "(2, 3, 4)"), ((0, 4), "(0, 4)")],
)
def test_other_shapes_are_refused(make: type[Normaliser], shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        make(4)(torch.zeros(shape))
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [BatchNorm, Whitening])
def test_a_single_sample_has_no_variance(make: type[Normaliser]) -> None:
    norm = make(4)
    with pytest.raises(ValueError, match="B >= 2"):
        norm(torch.ones(1, 4))
    assert norm.eval()(torch.ones(1, 4)).shape == (1, 4)


def test_a_singular_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="more samples or a larger eps"):
        Whitening(4, eps=0.0).double()(normal(3, 4))
    assert Whitening(4).double()(normal(3, 4)).isfinite().all()


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize(
    ("basis", "words"),
    [
        (torch.eye(3), "(3, 3) is not [4, 4]"),
        (2 * torch.eye(4), "not orthogonal"),
        (torch.full((4, 4), math.nan), "not orthogonal"),
    ],
    ids=["shape", "not orthogonal", "nan"],
)
def test_a_basis_that_is_none_is_refused_and_nothing_changes(
    make: type[Normaliser], basis: Tensor, words: str
) -> None:
    norm = make(4)
    before = {name: t.clone() for name, t in norm.state_dict().items()}
    with pytest.raises(ValueError) as caught:
        norm.rotate(basis)
    assert words in str(caught.value)
    assert all(torch.equal(t, before[name]) for name, t in norm.state_dict().items())


@pytest.mark.parametrize(
    ("make", "arguments", "words"),
    [
        (FrobNorm, {"width": 0}, "width: 0"),
        (FrobNorm, {"width": 2.0}, "width: 2.0"),
        (GeneralisedLayerNorm, {"width": 1}, "nothing beside the mean"),
        (BatchNorm, {"width": 3, "eps": -1.0}, "eps: -1.0"),
        (Whitening, {"width": 3, "momentum": 1.5}, "momentum: 1.5"),
    ],
)
def test_settings_are_refused(make: type[Normaliser], arguments: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        make(**arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_a_width_is_an_integer_of_any_kind() -> None:
    assert FrobNorm(np.int64(3)).width == 3  # type: ignore[arg-type]


def test_the_network_by_hand() -> None:
    """Logits of two samples, one at a time after their statistics are known."""
    net = network([3, 4, 2], compensation="none")
    normalised, x = NormalisedMLP(net, BatchNormOfNorm), normal(5, 3)
    hidden, _ = net.activations[0](net.maps[0](x))
    size = hidden.norm(dim=-1).mean() + 1e-5
    rows = [net.maps[1].weight @ (row / size) + net.maps[1].bias for row in hidden]
    assert_close(normalised(x), torch.stack(rows), "logits")
    assert_close(normalised.activated(1, x), hidden, "what the normaliser is given")


def test_the_network_trains_and_leaves_the_one_it_was_made_from_alone() -> None:
    net = IsotropicMLP([3, 8, 8, 2], compensation="none", seed=0)
    kept = {name: t.clone() for name, t in net.tensors().items()}
    normalised = NormalisedMLP(net, FrobNorm)
    x = normal(40, 3, dtype=torch.float32)
    labels = (x[:, 0] * x[:, 1] > 0).long()
    optimiser, losses = torch.optim.Adam(normalised.parameters(), lr=0.02), []
    for _ in range(200):
        optimiser.zero_grad()
        losses.append(nn.functional.cross_entropy(normalised(x), labels))
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < losses[0] / 2
    assert all(torch.equal(t, kept[name]) for name, t in net.tensors().items())


def test_networks_are_refused() -> None:
    tanh = IsotropicMLP([3, 4, 2], "tanh", "none", "none")
    for net, words in ((tanh, "'tanh'"), (IsotropicMLP([3, 4, 2]), "'trainable+decay'")):
        with pytest.raises(ValueError, match=r"network with|one of") as caught:
            NormalisedMLP(net, FrobNorm)
        assert words in str(caught.value)
    normalised = NormalisedMLP(IsotropicMLP([3, 4, 2], compensation="none"), FrobNorm)
    for layer in (0, 2, True):
        with pytest.raises(ValueError, match="one of 1 to 1"):
            normalised.rotate(layer, torch.eye(4))
    with pytest.raises(ValueError, match=r"\(3, 3\) is not \[4, 4\]"):
        normalised.rotate(1, torch.eye(3))


@pytest.mark.parametrize("how", ["half", "bfloat16", "autocast"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize("kind", ALL)
def test_half_precision_is_that_of_float32_rounded_once(kind: type[Normaliser], scale: float, how: str) -> None:
    """Values, gradients, running statistics. In float16 (0.001^2 + eps)^(-3/2), of the gradient, would overflow."""
    dtype = torch.bfloat16 if how == "bfloat16" else torch.float16
    x = (scale * normal(16, 6)).to(dtype)
    norm = kind(6) if how == "autocast" else kind(6).to(dtype)
    exact = copy.deepcopy(norm).float()
    if how == "autocast":  # after a map in half precision, statistics are still in float32
        with torch.autocast("cpu", dtype=dtype):
            given = x.clone().requires_grad_()
            given_out = norm(given)
    else:
        given = x.clone().requires_grad_()
        given_out = norm(given)
    wide = x.float().requires_grad_()
    out = exact(wide)
    direction = normal(16, 6).to(dtype).float()
    (given_out.float() * direction).sum().backward()
    (out * direction).sum().backward()
    assert given_out.dtype == dtype and given.grad is not None and wide.grad is not None
    near = 4 * torch.finfo(dtype).eps
    assert torch.allclose(given_out.float(), out, rtol=near, atol=near)
    assert given.grad.isfinite().all()
    assert torch.allclose(given.grad.float(), wide.grad, rtol=near, atol=1e-7)
    for name, t in exact.named_buffers():
        assert torch.allclose(dict(norm.named_buffers())[name].double(), t.double(), rtol=near, atol=near), name


@pytest.mark.parametrize("kind", ALL)
def test_a_network_takes_what_linear_layers_take(kind: type[Normaliser]) -> None:
    net = NormalisedMLP(network([6, 5, 4], compensation="none"), kind).double()
    x = normal(3, 4, 6)
    assert_close(net(x), net(x.flatten(0, 1)).unflatten(0, (3, 4)), "samples in any shape")
    assert net.eval()(x[0, 0]).shape == (4,)
    assert_close(net(x[:, :1]), net(x)[:, :1], "one token each")
