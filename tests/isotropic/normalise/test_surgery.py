"""Normalised networks are grown, pruned, diagonalised and adapted by the rows that their normalisers add."""

from __future__ import annotations

import copy

import pytest
import torch
from isotropic_testing import assert_close, assert_differs, change_basis, network, normal, orthogonal
from torch import Tensor, nn
from torch.optim import AdamW

from isotropic import (
    BatchNorm,
    BatchNormOfNorm,
    FrobNorm,
    GeneralisedLayerNorm,
    NormalisedMLP,
    Whitening,
    adapt,
    diagonalise,
    grow,
    prune,
)
from isotropic.axes import hidden_axes
from isotropic.normalise.normalisers import Normaliser
from isotropic.surgery.edit import Edit

WIDTHS = [6, 5, 7, 3]
EVERY = [BatchNorm, BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm, Whitening]
EQUIVARIANT = [make for make in EVERY if make is not BatchNorm]
WITH_ROWS = [make for make in EVERY if make.rows]
X = normal(40, 6)


def used(make: type[Normaliser], compensation: str = "none") -> tuple[NormalisedMLP, AdamW]:
    """A network after some steps, with statistics that are no longer the initial ones."""
    net = NormalisedMLP(network(WIDTHS, compensation=compensation), make)
    optimiser = AdamW(net.parameters(), lr=0.01)
    step(net, optimiser)
    return net, optimiser


def step(net: nn.Module, optimiser: AdamW, steps: int = 3) -> None:
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(X), torch.arange(40) % 3).backward()
        optimiser.step()


def logits(net: nn.Module, training: bool) -> Tensor:
    z: Tensor = copy.deepcopy(net).train(training)(X).detach()
    return z


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("make", EVERY)
def test_growing_is_exact(make: type[Normaliser], layer: int, training: bool) -> None:
    """Also for those that divide by a mean over neurons, and again after training."""
    net, optimiser = used(make)
    for width in (WIDTHS[layer] + 2, WIDTHS[layer] + 4):
        before = logits(net, training)
        grow(net, layer, 2, optimiser=optimiser)
        assert net.widths[layer] == net.norm(layer).width == width
        assert_close(logits(net, training), before, "logits", slack=10)
        step(net, optimiser)


@pytest.mark.parametrize("make", [FrobNorm, GeneralisedLayerNorm])
def test_a_mean_over_the_neurons_that_there_are_would_be_seen(make: type[Normaliser]) -> None:
    """Negative control: divided by as many as there are, the outputs grow with them."""
    net, _ = used(make)
    before = logits(net, True)
    grow(net, 2, 2)
    net.norm(2).entries.fill_(9)  # type: ignore[operator]
    assert_differs(logits(net, True), before, "logits", by=1e-2)


@pytest.mark.parametrize("make", EQUIVARIANT)
def test_diagonalising_is_exact(make: type[Normaliser]) -> None:
    net, optimiser = used(make)
    for training in (True, False):
        before = logits(net, training)
        diagonalise(net, 2, optimiser=optimiser)
        diagonalise(net, 2, "right", optimiser=optimiser)
        assert_close(logits(net, training), before, "logits", slack=100)
    step(net, optimiser)


def test_batch_norm_sees_the_basis() -> None:
    """And its statistics follow a permutation."""
    net, _ = used(BatchNorm)
    before = logits(net, False)
    change_basis(net, 2, torch.eye(7, dtype=torch.float64)[:, torch.randperm(7)])
    assert_close(logits(net, False), before, "logits, permuted")
    change_basis(net, 2, orthogonal(7))
    assert_differs(logits(net, False), before, "logits, rotated", by=1e-2)
    assert (net.norm(2).variance >= 0).all()  # type: ignore[operator]


@pytest.mark.parametrize("make", WITH_ROWS)
def test_a_table_without_the_rows_of_the_normaliser_is_wrong(
    make: type[Normaliser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a rotation changes the function, and a grown network does not even run."""
    net, _ = used(make)
    before = logits(net, False)
    monkeypatch.setattr(NormalisedMLP, "axes", lambda self, layer: hidden_axes(layer))
    turned = copy.deepcopy(net)
    change_basis(turned, 2, torch.eye(7, dtype=torch.float64).roll(1, 0))
    if make is GeneralisedLayerNorm:  # whose direction is uniform as long as it is not turned
        change_basis(turned, 2, orthogonal(7))
    assert_differs(logits(turned, False), before, "logits", by=1e-2)
    grow(net, 2, 2)
    with pytest.raises(RuntimeError, match="size"):
        logits(net, False)


@pytest.mark.parametrize("make", EVERY)
def test_idle_neurons_are_pruned_exactly(make: type[Normaliser]) -> None:
    net, optimiser = used(make)
    before = [logits(net, training) for training in (True, False)]
    grow(net, 2, 2, optimiser=optimiser)
    prune(net, 2, 2, choice=[7, 8], optimiser=optimiser)
    assert net.widths == WIDTHS and net.norm(2).width == 7
    for training, expected in zip((True, False), before, strict=True):
        assert_close(logits(net, training), expected, "logits", slack=10)
    step(net, optimiser)


@pytest.mark.parametrize("make", EVERY)
def test_adapting(make: type[Normaliser]) -> None:
    net, optimiser = used(make)
    adapt(net, threshold=1.2, scaffold=3, optimiser=optimiser)
    assert net.widths != WIDTHS
    assert [norm.width for norm in net.normalisers] == net.widths[1:-1]
    step(net, optimiser)
    assert logits(net, False).isfinite().all()


@pytest.mark.parametrize("make", EQUIVARIANT)
def test_o_keeps_the_gain_and_the_bias_the_mean(make: type[Normaliser]) -> None:
    """A neuron without incoming weights: the gains stay, and with "expectation" the mean output over data does."""
    nets = {}
    for compensation in ("none", "expectation"):
        net, _ = used(make, compensation)
        net.assign({"maps.1.weight": torch.cat([net.maps[1].weight.detach()[:-1], torch.zeros(1, 5).double()])})
        nets[compensation] = net.eval()
    net = nets["expectation"]
    before, h = net(X).detach(), net.after(1, X)
    gains = net.passed(2, h)[1]
    mean = net.passed(2, h)[0][:, -1].mean()
    for each in nets.values():
        prune(each, 2, 1, choice=[6], inputs=X)
    assert_close(net.passed(2, net.after(1, X))[1], gains, "gains")
    kept = copy.deepcopy(net)
    kept.assign({"maps.2.bias": nets["none"].maps[2].bias.detach()})
    assert (net(X) - before).mean(0).norm() < (kept(X) - before).mean(0).norm()
    if make is BatchNormOfNorm:  # which is a number for all neurons: the mean is kept exactly
        assert_close(net(X).mean(0), before.mean(0), "mean logits")
        assert mean.abs() > 1e-3


def test_states_go_to_networks_of_the_same_widths() -> None:
    """The number of neurons that a mean is over is part of the state; states from before it was are taken too."""
    net, _ = used(FrobNorm)
    grow(net, 2, 2)
    other = NormalisedMLP(network([6, 5, 9, 3], compensation="none"), FrobNorm)
    assert_differs(logits(other, True), logits(net, True), "logits", by=1e-2)
    other.load_state_dict(net.state_dict())
    assert_close(logits(other, True), logits(net, True), "logits")
    state = {name: t for name, t in net.state_dict().items() if "entries" not in name}
    NormalisedMLP(network([6, 5, 9, 3], compensation="none"), FrobNorm).load_state_dict(state)


def test_what_is_not_known_behind_a_normaliser() -> None:
    net, optimiser = used(FrobNorm)
    before = {name: t.clone() for name, t in net.tensors().items()}
    with pytest.raises(ValueError, match="rows: 'bias' would change what the normaliser behind the layer sees"):
        grow(net, 3, 1, side="right", optimiser=optimiser)
    with pytest.raises(ValueError, match="correction: 'linear' is not known behind a normaliser"):
        prune(net, 2, 1, correction="linear", inputs=X, optimiser=optimiser)
    assert all(torch.equal(t, before[name]) for name, t in net.tensors().items())
    grow(net, 3, 1, side="right", rows="zero", optimiser=optimiser)
    assert Edit(net, 2, optimiser).width == 8
