"""What is no network is refused in one line that says what is taken, by every change and every class built on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from isotropic_testing import network
from torch import nn

import isotropic
from isotropic import BatchNorm, Ensemble, IsotropicActivation, IsotropicMLP, NormalisedMLP, ParallelMLP, sparsify


class Own(nn.Module):
    """Somebody's feed-forward block."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(6, 5), IsotropicActivation(), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.act(self.fc1(x)))


CHANGES: dict[str, Callable[[Any], object]] = {
    "grow": lambda net: isotropic.grow(net, 1, 2),
    "grow, right": lambda net: isotropic.grow(net, 2, 2, side="right"),
    "prune": lambda net: isotropic.prune(net, 1, 2),
    "prune_to": lambda net: isotropic.prune_to(net, 60, round_to=2),
    "adapt": isotropic.adapt,
    "diagonalise": lambda net: isotropic.diagonalise(net, 1),
    "triangularise": lambda net: isotropic.triangularise(net, 1),
    "sparsify": isotropic.sparsify,
    "sparsify_jointly": isotropic.sparsify_jointly,
    "insert_layer": lambda net: isotropic.insert_layer(net, 1),
    "remove_layer": lambda net: isotropic.remove_layer(net, 1),
    "add_neurons": lambda net: isotropic.add_neurons(net, 1, 2),
    "explain": lambda net: isotropic.explain(net, 1),
    "ParallelMLP": ParallelMLP,
    "NormalisedMLP": lambda net: NormalisedMLP(net, BatchNorm),
    "Ensemble": lambda net: Ensemble([net]),
}
NONE: dict[str, Callable[[], object]] = {
    "Own": Own,
    "Sequential": lambda: nn.Sequential(nn.Linear(6, 5), IsotropicActivation(), nn.Linear(5, 3)),
    "SparseMLP": lambda: sparsify(IsotropicMLP([6, 5, 4, 3])),
    "list": lambda: [network((6, 5, 3))],
    "NoneType": lambda: None,
}


@pytest.mark.parametrize("what", NONE)
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_no_network(change: str, what: str) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^(net|members: member 0): {what} is no ") as refused:
        CHANGES[change](NONE[what]())
    assert "\n" not in str(refused.value)


def test_what_to_do_with_a_module_of_ones_own() -> None:
    model = Own()
    with pytest.raises(TypeError, match=r"attach\(model, layers\)"):
        isotropic.grow(model, 1, 2)
    isotropic.grow(isotropic.attach(model, [model.fc1, model.fc2]), 1, 2)
    assert model.fc1.out_features == 7


@pytest.mark.parametrize("given", [[None], [[]], [3]], ids=str)
def test_what_is_no_optimiser_in_a_list(given: list[object]) -> None:
    with pytest.raises(TypeError, match=r"^optimiser: \w+ is no torch.optim.Optimizer"):
        isotropic.grow(network((6, 5, 3)), 1, 2, optimiser=given)


@pytest.mark.parametrize("given", [3, [3], "cpu"], ids=str)
@pytest.mark.parametrize("change", [{"layer": 1}, {"layer": 2, "side": "right", "rows": "normal"}], ids=str)
def test_what_is_no_generator(given: Any, change: dict[str, Any]) -> None:
    net = network((6, 5, 3))
    with pytest.raises((TypeError, ValueError), match=r"^generator: ") as refused:
        isotropic.grow(net, count=2, generator=given, **change)
    assert "\n" not in str(refused.value) and net.widths == [6, 5, 3]


@pytest.mark.parametrize("change", ["prune", "prune_to", "adapt", "diagonalise", "triangularise", "sparsify"])
def test_a_network_without_numbers(change: str) -> None:
    net = IsotropicMLP([6, 5, 4, 3], device="meta")
    with pytest.raises(ValueError, match=r"^net: is on the meta device"):
        CHANGES[change](net)
    assert net.widths == [6, 5, 4, 3]


def test_what_needs_no_numbers_is_done_without() -> None:
    net = IsotropicMLP([6, 5, 4, 3], device="meta")
    isotropic.grow(net, 1, 2)
    isotropic.insert_layer(net, 1)
    source = IsotropicMLP([6, 5, 4, 3], seed=0)
    isotropic.grow(source, 1, 2)
    isotropic.insert_layer(source, 1)
    net.to_empty(device="cpu").load_state_dict(source.state_dict())
    x = torch.randn(4, 6)
    assert torch.equal(net(x), source(x))


@pytest.mark.parametrize("leaf", ["maps.{}.weight", "maps.{}.bias", "activations.{}.log_o"])
@pytest.mark.parametrize("change", ["grow", "prune", "adapt", "diagonalise", "insert_layer", "prune_to"])
def test_tied_parameters(change: str, leaf: str) -> None:
    net = IsotropicMLP([6, 5, 5, 5, 4], seed=0)
    here, _, name = leaf.format(1).rpartition(".")
    there = leaf.format(2).rpartition(".")[0]
    setattr(net.get_submodule(there), name, getattr(net.get_submodule(here), name))
    x = torch.randn(8, 6)
    before = net(x)
    with pytest.raises(ValueError, match=rf"^net: {there}.{name} is tied to {here}.{name}"):
        CHANGES[change](net)
    assert torch.equal(net(x), before) and net.widths == [6, 5, 5, 5, 4]
