"""K stacked networks are K networks: same logits, same training, same surgery; padding stays exactly zero."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import (
    DTYPES,
    OPTIMISERS,
    TREATMENTS,
    assert_close,
    assert_differs,
    inputs,
    network,
    normal,
    train,
)
from torch import Tensor

from isotropic import Ensemble, IsotropicMLP, diagonalise, grow, prune

HIDDEN = [[7, 4], [3, 6], [7, 6], [1, 1]]


def ragged(dtype: torch.dtype = torch.float64) -> list[IsotropicMLP]:
    """One network of every treatment, of four pairs of hidden widths."""
    return [
        network([5, *HIDDEN[k % len(HIDDEN)], 3], *treatment, seed=k, dtype=dtype)
        for k, treatment in enumerate(TREATMENTS)
    ]


def padding(ensemble: Ensemble, t: Tensor, name: str, k: int) -> Tensor:
    """The entries of member k's part of `t`, shaped as maps.<index>.<...>, that lie outside its own widths."""
    index, widths = int(name.split(".")[1]), ensemble.member_widths[k]
    outside = torch.ones_like(t[k], dtype=torch.bool)
    outside[(slice(widths[index + 1]), slice(widths[index]))[: outside.ndim]] = False
    return t[k][outside]


def train_held(ensemble: Ensemble, kind: str, steps: int) -> torch.optim.Optimizer:
    optimiser = OPTIMISERS[kind](ensemble.parameters())
    for step in range(steps):
        with ensemble.held():
            train(ensemble, optimiser, 1, first=step)
    return optimiser


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_logits_are_those_of_each_alone(dtype: torch.dtype) -> None:
    nets = ragged(dtype)
    ensemble = Ensemble(nets)
    shared, own = inputs(nets[0]), normal(len(nets), 12, 5, dtype=dtype)
    for k, net in enumerate(nets):
        assert_close(ensemble(shared)[k], net(shared), f"member {k}, shared x")
        assert_close(ensemble(own)[k], net(own[k]), f"member {k}, x of its own")
        assert_close(ensemble.penalty()[k], net.penalty(), f"penalty of member {k}")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["momentum", "adamw"])
def test_training_together_is_training_alone(kind: str, dtype: torch.dtype) -> None:
    """20 steps: to 1e-10 in float64, 5e-4 in float32, where steps amplify the rounding of sums in another order."""
    nets = ragged(dtype)
    ensemble = Ensemble(nets)
    train_held(ensemble, kind, 20)
    for k, net in enumerate(nets):
        train(net, OPTIMISERS[kind](net.parameters()), 20)
        assert_close(ensemble.member(k)(inputs(net)), net(inputs(net)), f"logits of member {k}", slack=100)


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_padding_stays_exactly_zero(kind: str) -> None:
    """METHOD section 11: parameters and moments alike, over 20 steps."""
    ensemble = Ensemble(ragged())
    optimiser = train_held(ensemble, kind, 20)
    seen = 0
    for name, p in ensemble.named_parameters():
        if name.endswith("log_o"):
            continue
        stacked = [p, *(t for t in optimiser.state[p].values() if isinstance(t, Tensor) and t.shape == p.shape)]
        for k in range(len(ensemble)):
            for t in stacked:
                outside = padding(ensemble, t.detach(), name, k)
                seen += len(outside)
                assert outside.count_nonzero() == 0, f"{name} of member {k}: {outside}"
    assert seen > 500


@pytest.mark.parametrize("part", ["maps.0.bias", "maps.0.weight"])
def test_padding_that_is_not_zero_is_trained(part: str) -> None:
    """Negative control: the fixed point needs zero rows, zero biases and zero columns together."""
    ensemble = Ensemble(ragged())
    ensemble.get_parameter(part).data[1, -1] += 0.1  # a padded neuron of member 1 begins to act
    train_held(ensemble, "adamw", 3)
    assert padding(ensemble, ensemble.maps[1].weight.detach(), "maps.1.weight", 1).count_nonzero() > 0


def constants(ensemble: Ensemble) -> dict[str, Tensor]:
    """The lengths and psi of the members that do not train them."""
    kept = {}
    for name, p in ensemble.named_parameters():
        for k, (intrinsic_length, compensation) in enumerate(TREATMENTS):
            fixed = {"log_o": intrinsic_length != "trainable", "psi": not compensation.startswith("trainable")}
            if fixed.get(name.rpartition(".")[2]):
                kept[f"{name} of member {k}"] = p.detach()[k].clone()
    return kept


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_constant_lengths_and_psi_are_held(kind: str) -> None:
    ensemble = Ensemble(ragged())
    before = constants(ensemble)
    train_held(ensemble, kind, 5)
    assert len(before) > 20
    for name, t in constants(ensemble).items():
        assert torch.equal(t, before[name]), name


def test_without_holding_they_would_move() -> None:
    """Negative control: weight decay alone moves a constant length that shares a tensor with trained ones."""
    ensemble = Ensemble(ragged())
    before = constants(ensemble)
    train(ensemble, OPTIMISERS["adamw"](ensemble.parameters()), 5)
    moved = [name for name, t in constants(ensemble).items() if not torch.equal(t, before[name])]
    assert any("psi" in name for name in moved) and any("log_o" in name for name in moved)


SURGERY: dict[str, Callable[..., object]] = {
    "left": lambda net, **other: diagonalise(net, 1, "left", **other),
    "right": lambda net, **other: diagonalise(net, 3, "right", **other),
    "full": lambda net, **other: diagonalise(net, 2, "full", **other),
    "prune": lambda net, **other: prune(net, 2, 2, inputs=normal(9, 5), **other),
}


def equal_widths() -> list[IsotropicMLP]:
    return [network([5, 6, 4, 3], *treatment, seed=k) for k, treatment in enumerate(TREATMENTS)]


@pytest.mark.parametrize("kind", ["nesterov+decay", "adamw"])
@pytest.mark.parametrize("operation", SURGERY)
def test_surgery_on_a_stack_is_surgery_on_each(operation: str, kind: str) -> None:
    """And training after it, so that the moments were carried for each member too."""
    nets = equal_widths()
    ensemble = Ensemble(nets)
    optimiser = train_held(ensemble, kind, 2)
    SURGERY[operation](ensemble, optimiser=optimiser)
    with ensemble.held():
        train(ensemble, optimiser, 1, first=2)
    for k, net in enumerate(nets):
        own = OPTIMISERS[kind](net.parameters())
        train(net, own, 2)
        SURGERY[operation](net, optimiser=own)
        train(net, own, 1, first=2)
        assert ensemble.member(k).widths == net.widths
        assert_close(ensemble.member(k)(inputs(net)), net(inputs(net)), f"logits of member {k}", slack=100)


def test_growing_a_stack_is_growing_each() -> None:
    """Each member draws its columns from a generator of its own."""
    nets = equal_widths()
    ensemble = Ensemble(nets)
    grow(ensemble, 1, 2, generator=[torch.Generator().manual_seed(k) for k in range(len(nets))])
    for k, net in enumerate(nets):
        grow(net, 1, 2, generator=torch.Generator().manual_seed(k))
        for name in ("maps.0.weight", "maps.0.bias", "maps.1.weight"):
            assert_close(ensemble.member(k).tensors()[name], net.tensors()[name], f"{name} of member {k}")
    assert_differs(ensemble.maps[1].weight[0, :, -2:], ensemble.maps[1].weight[1, :, -2:], "columns", by=0.1)
