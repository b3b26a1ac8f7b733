"""Averages of weights change alongside: the average of turned networks is the turned average."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from isotropic_testing import assert_close, assert_differs, begun, inputs, network, train
from refusals import assert_refused
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from isotropic import (
    Ensemble,
    IsotropicMLP,
    NormalisedMLP,
    Whitening,
    adapt,
    diagonalise,
    grow,
    insert_layer,
    merge_neurons,
    net2wider,
    prune,
    remove_layer,
    sparsify_jointly,
    triangularise,
)
from isotropic.networks.base import MLP
from isotropic.surgery.joint import annealing

WIDTHS = [5, 4, 6, 3]
EXACT: dict[str, Callable[..., object]] = {
    "left": lambda net, **rest: diagonalise(net, 2, "left", **rest),
    "right": lambda net, **rest: diagonalise(net, 2, "right", **rest),
    "grow": lambda net, **rest: grow(net, 2, 2, generator=torch.Generator().manual_seed(0), **rest),
    "grow, singular": lambda net, **rest: grow(net, 2, 2, basis="singular", **rest),
    "grow from the right": lambda net, **rest: grow(net, 2, 2, side="right", **rest),
    "triangularise": lambda net, **rest: triangularise(net, 2, **rest),
    "sparsify jointly": lambda net, **rest: sparsify_jointly(net, annealing(40, 2), **rest),
    "insert": lambda net, **rest: insert_layer(net, 2, **rest),
    "insert and remove": lambda net, **rest: [insert_layer(net, 2, **rest), remove_layer(net, 2, **rest)],
}


def averaged(net: MLP) -> AveragedModel:
    return AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.5))


def trained(kind: str = "momentum", widths: list[int] = WIDTHS) -> tuple[IsotropicMLP, Optimizer, AveragedModel]:
    """A network, and an average of it that is elsewhere."""
    net, optimiser = begun(widths, kind)
    ema = averaged(net)
    for step in range(2, 6):
        train(net, optimiser, 1, first=step)
        ema.update_parameters(net)
    return net, optimiser, ema


@pytest.mark.parametrize("how", ["module", "list", "itself"])
@pytest.mark.parametrize("change", EXACT)
def test_the_average_of_turned_is_the_turned_average(change: str, how: str) -> None:
    """Of descent with momentum, which does not see the basis: the average goes on as if nothing had been."""
    net, optimiser, ema = trained()
    turned, own, also = copy.deepcopy((net, optimiser, ema))
    given: Any = {"module": also.module, "list": [also.module], "itself": also}[how]
    EXACT[change](turned, optimiser=own, also=given)
    x = inputs(net)
    assert_close(also(x), ema(x), "logits of the average, at once", slack=10)
    assert turned.widths == also.module.widths
    assert_differs(also(x), turned(x), "the average and the network", by=1e-4)
    if change in ("left", "right", "triangularise", "sparsify jointly"):
        for step in range(6, 9):
            for each, descent, average in ((net, optimiser, ema), (turned, own, also)):
                train(each, descent, 1, first=step)
                average.update_parameters(each)
        assert_close(also(x), ema(x), "logits of the average, later", slack=1e3)


@pytest.mark.parametrize("change", ["left", "right", "triangularise"])
def test_an_average_in_the_old_basis_would_be_seen(change: str) -> None:
    """Negative control."""
    net, optimiser, ema = trained()
    x, before = inputs(net), ema(inputs(net))
    EXACT[change](net, optimiser=optimiser)
    ema.update_parameters(net)
    assert_differs(ema(x), before, "logits of the average", by=0.1)


def test_new_columns_are_the_same() -> None:
    net, optimiser, ema = trained()
    grow(net, 2, 2, optimiser=optimiser, also=ema)
    assert torch.equal(net.maps[2].weight[:, -2:], ema.module.maps[2].weight[:, -2:])
    assert net.maps[2].weight[:, -2:].any()


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("compensation", ["trainable", "expectation"])
def test_what_is_pruned_is_kept_with_biases_of_its_own(side: str, compensation: str) -> None:
    """Rows of zeros in both, with biases that differ: exact in both with psi; o gains the square of each."""
    net = network(WIDTHS, compensation=compensation)
    for name in ("maps.1.weight", "maps.1.psi"):
        if name in net.tensors():
            net.assign({name: torch.cat([net.tensors()[name][:4], torch.zeros_like(net.tensors()[name][4:])])})
    other = copy.deepcopy(net)
    other.assign(
        {"maps.1.bias": 1.5 * net.maps[1].bias.detach(), "activations.1.log_o": net.activations[1].log_o + 1}
    )
    x, data = inputs(net), inputs(net, rows=50, seed=5)
    before = [net(x), other(x)]
    alone = copy.deepcopy(other)
    prune(net, 2, 2, choice=[4, 5], also=[other], inputs=data if compensation == "expectation" else None)
    if compensation == "trainable":
        assert_close(net(x), before[0], "logits")
        assert_close(other(x), before[1], "logits of the other")
    gained = other.activations[1].o - alone.activations[1].o
    assert_close(gained, alone.maps[1].bias[4:].square().sum(), "o")
    prune(alone, 2, 2, choice=[4, 5], inputs=data if compensation == "expectation" else None)
    for name, t in alone.tensors().items():
        assert torch.equal(other.tensors()[name], t), name


@pytest.mark.parametrize("correction", ["none", "linear", "isometric"])
def test_an_average_that_is_equal_stays_equal(correction: str) -> None:
    """Through everything that adapts and prunes, over data too."""
    net, optimiser = begun(WIDTHS, "adamw")
    ema, data = averaged(net), inputs(net, rows=50, seed=5)
    ema.update_parameters(net)
    prune(net, 3, 1, side="right", correction=correction, inputs=data, optimiser=optimiser, also=ema)
    prune(net, 2, 1, correction=correction, inputs=data, optimiser=optimiser, also=ema)
    changes = adapt(net, threshold=1.2, scaffold=2, optimiser=optimiser, also=ema)
    assert any(change.before != change.after for change in changes)
    for name, t in net.tensors().items():
        assert_close(ema.module.tensors()[name], t, name)


def test_ensembles_and_normalised_networks() -> None:
    ensemble = Ensemble([network(WIDTHS, seed=k) for k in range(3)])
    normalised = NormalisedMLP(network(WIDTHS, compensation="none"), Whitening).eval()
    for net in (ensemble, normalised):
        other = copy.deepcopy(net)
        other.assign({name: t * 1.1 for name, t in net.tensors().items() if name.endswith("bias")})
        x = inputs(net)
        before = other(x)
        diagonalise(net, 2, also=other)
        grow(net, 1, 2, also=other)
        assert_close(other(x), before, "logits", slack=100)


@pytest.mark.parametrize("change", [merge_neurons, net2wider])
def test_elementwise_networks(change: Callable[..., object]) -> None:
    """Copies are copies there too: widened and merged again, both are as they were."""
    net = IsotropicMLP(WIDTHS, "tanh", "none", "none", seed=0, dtype=torch.float64)
    other = copy.deepcopy(net)
    other.assign({name: t + 0.1 for name, t in net.tensors().items()})
    x = inputs(net)
    before = other(x)
    net2wider(net, 2, 2, also=other, generator=torch.Generator().manual_seed(0))
    if change is merge_neurons:
        merge_neurons(net, 2, 2, also=[other])
    assert_close(other(x), before, "logits")
    assert net.widths == other.widths == [5, 4, 6 if change is merge_neurons else 8, 3]


@pytest.mark.parametrize("length", ["none", "constant", "trainable"])
def test_buffers_are_averaged_too(length: str) -> None:
    """A length that is absent is a number as well: an average of infinities would be NaN."""
    net = network(WIDTHS, length, "none")
    ema = AveragedModel(net, use_buffers=True)
    for _ in range(3):
        ema.update_parameters(net)
    assert_close(ema(inputs(net)), net(inputs(net)), "logits")


def test_an_elementwise_network_cannot_change_alongside() -> None:
    net, other = (IsotropicMLP(WIDTHS, kind, "none", "none", seed=0) for kind in ("isotropic-tanh", "tanh"))
    before = other(inputs(net))
    with pytest.raises(ValueError, match="also: its activations are elementwise and those of `net` isotropic"):
        diagonalise(net, 2, also=other)
    assert torch.equal(other(inputs(net)), before)


def test_a_length_alongside_that_is_not_finite() -> None:
    net, other = network(WIDTHS), network(WIDTHS, seed=1)
    other.activations[1].log_o.data.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"activations.1.log_o has values that are not finite"):
        grow(net, 3, 2, side="right", also=other)
    assert net.widths == other.widths == WIDTHS


def test_what_cannot_change_alongside() -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    for also, words in (
        (net, "also: the network itself is among them"),
        ([network([5, 4, 7, 3])], "also: maps.1.weight is (7, 4) beside (6, 4) of `net`"),
        ([network([5, 4, 6, 6, 3])], "also: it has 4 maps and `net` 3"),
        ([network(WIDTHS, compensation="none")], "also: maps.1.psi is None beside (6,)"),
        (torch.nn.Linear(2, 2), "also: Linear is no network that can be changed, nor a view"),
        (iter([]), "can be gone through once only"),
    ):
        assert_refused(net, optimiser, lambda n, o, also=also: grow(n, 2, 1, optimiser=o, also=also), words)
