"""Which optimisers are taken, alone, together and wrapped; and what the others are told."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from isotropic_testing import Schooled, begun, change_basis, network, orthogonal, train
from refusals import assert_refused
from torch.optim import LBFGS, SGD, Adafactor, Adam, AdamW, Optimizer, Rprop
from torch.optim.lr_scheduler import StepLR

from isotropic import diagonalise, grow, insert_layer, register_optimiser
from isotropic.optimisers import kind_of

WIDTHS = [5, 4, 6, 3]


class Sign(SGD):
    """An optimiser of one's own, whose first moment has a name of its own."""

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                    mean.lerp_(p.grad, 0.1)
                    p.sub_(mean.sign(), alpha=group["lr"])


class Wrapper:
    """Around an optimiser, as accelerators have them: attributes are the optimiser's."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)


def test_a_subclass_is_as_the_nearest_that_is_known() -> None:
    net = network(WIDTHS)
    assert kind_of(Schooled(net.parameters())) is kind_of(AdamW(net.parameters())) is not None
    assert kind_of(Rprop(net.parameters())) is None


def test_an_optimiser_of_ones_own_is_registered() -> None:
    class Own(Sign):
        pass

    net = network(WIDTHS)
    optimiser = Own(net.parameters(), lr=0.01)
    train(net, optimiser, 2)
    words = "its state 'mean' of maps.0.weight has no known transform; register_optimiser(Own, {state: power})"
    assert_refused(net, optimiser, lambda n, o: grow(n, 2, 1, optimiser=o), words, TypeError)
    register_optimiser(Own, {"mean": 1})
    before, basis = optimiser.state[net.maps[1].weight]["mean"], orthogonal(6)
    change_basis(net, 2, basis, optimiser)
    assert torch.allclose(optimiser.state[net.maps[1].weight]["mean"], basis.T @ before)
    train(net, optimiser, 2)


@pytest.mark.parametrize(
    ("kind", "powers", "words"),
    [
        (dict, {"mean": 1}, "kind: <class 'dict'> is not a subclass"),
        (SGD, {"mean": 3}, "powers: 3 of 'mean' is not one of 0, 1, 2"),
    ],
)
def test_what_cannot_be_registered(kind: Any, powers: dict[str, int], words: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        register_optimiser(kind, powers)
    assert words in str(caught.value)
    assert "mean" not in kind_of(SGD([torch.nn.Parameter(torch.zeros(1))])).powers  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [Rprop, Adafactor], ids=lambda kind: kind.__name__)
def test_a_state_that_is_not_known_begins_anew(kind: type[Optimizer]) -> None:
    """That of changed parameters; other parameters keep theirs."""
    net = network(WIDTHS)
    optimiser = kind(net.parameters(), lr=0.01)
    train(net, optimiser, 2)
    kept = optimiser.state[net.maps[0].weight]
    assert_refused(net, optimiser, lambda n, o: grow(n, 2, 1, optimiser=o), "unknown='reset'", TypeError)
    grow(net, 2, 1, optimiser=optimiser, unknown="reset")
    assert optimiser.state[net.maps[0].weight] is kept and kept
    assert net.maps[1].weight not in optimiser.state
    assert {id(p) for p in optimiser.state} <= {id(p) for p in net.parameters()}
    train(net, optimiser, 2, first=2)
    insert_layer(net, 1, optimiser, unknown="reset")
    train(net, optimiser, 2, first=4)


def test_a_state_of_any_name_is_no_gradient() -> None:
    class Own(Sign):
        pass

    net = network(WIDTHS)
    optimiser = Own(net.parameters(), lr=0.01)
    for p in net.parameters():
        optimiser.state[p]["grad"] = torch.ones_like(p)
    register_optimiser(Own, {"grad": 1})
    diagonalise(net, 2, optimiser=optimiser)
    assert all(p.grad is None for p in net.parameters())
    assert optimiser.state[net.maps[1].weight]["grad"].ne(1).any(), "the control: it turns"


def test_unknown_is_error_or_reset() -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    words = "unknown: 'ignore' is not one of error, reset"
    assert_refused(net, optimiser, lambda n, o: grow(n, 2, 1, optimiser=o, unknown="ignore"), words)


def test_the_state_of_lbfgs_cannot_even_begin_anew() -> None:
    net = network(WIDTHS)
    with pytest.raises(TypeError, match="LBFGS has one state for all its parameters together; make a new one"):
        grow(net, 2, 1, optimiser=LBFGS(net.parameters()), unknown="reset")


@pytest.mark.parametrize("depth", [1, 2])
def test_wrappers_are_unwrapped(depth: int) -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    wrapped: Any = optimiser
    for _ in range(depth):
        wrapped = Wrapper(wrapped)
    grow(net, 2, 1, optimiser=wrapped)
    assert [id(p) for p in wrapped.param_groups[0]["params"]] == [id(p) for p in net.parameters()]
    train(net, wrapped, 2, first=2)


def test_a_wrapper_with_groups_of_its_own_holds_the_new_parameters_too() -> None:
    """And one with a state of its own is refused: what it keeps of a parameter would be left behind."""
    net, optimiser = begun(WIDTHS, "adamw")
    groups = [{"params": list(net.parameters())}]
    wrapper = SimpleNamespace(optimizer=optimiser, param_groups=groups, state={})
    grow(net, 2, 1, optimiser=wrapper)
    assert [id(p) for p in groups[0]["params"]] == [id(p) for p in net.parameters()]
    wrapper.state = {net.maps[1].weight: {"slow": net.maps[1].weight.detach().clone()}}
    words = "the state of SimpleNamespace, around AdamW, has no known transform"
    assert_refused(net, optimiser, lambda n, o: grow(n, 2, 1, optimiser=wrapper), words, TypeError)
    old = net.maps[1].weight
    grow(net, 2, 1, optimiser=wrapper, unknown="reset")
    assert old not in wrapper.state


def test_what_is_no_optimiser() -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    for given, words in (
        (StepLR(optimiser, 1), "StepLR is a scheduler; give the optimiser that it schedules"),
        (torch.amp.GradScaler("cpu"), "GradScaler is no torch.optim.Optimizer"),
        (net, "IsotropicMLP is no torch.optim.Optimizer"),
        ({"adamw": optimiser}, "dict is no torch.optim.Optimizer"),
        (iter([optimiser]), "a list_iterator can be gone through once only; give a list"),
        ([optimiser, "adamw"], "str is no torch.optim.Optimizer"),
    ):
        assert_refused(net, optimiser, lambda n, o, given=given: grow(n, 2, 1, optimiser=given), words, TypeError)


def test_each_trained_parameter_is_held_once() -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    half = Adam(net.maps[0].parameters())
    for given, words in (
        ([optimiser, half], "maps.0.weight of this network is held twice"),
        ([half], "does not hold maps.1.weight of this network"),
        ([], None),
    ):
        if words is None:
            grow(net, 2, 1, optimiser=[*given, optimiser])
        else:
            assert_refused(net, optimiser, lambda n, o, given=given: grow(n, 2, 1, optimiser=given), words)


def test_groups_for_weight_decay() -> None:
    net = network(WIDTHS)
    weights, rest = net.parameter_groups(0.3)
    assert {id(p) for p in weights["params"]} == {id(affine.weight) for affine in net.affine}
    assert (weights["weight_decay"], rest["weight_decay"]) == (0.3, 0.0)
    assert len(weights["params"]) + len(rest["params"]) == len(list(net.parameters()))
    optimiser = AdamW([weights, rest], lr=0.0)  # no step but that of decay, which is none at lr = 0
    for group in optimiser.param_groups:
        group["lr"] = 0.1
    lengths = [activation.log_o.detach().clone() for activation in net.activations]
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    before = net.maps[0].weight.detach().clone()
    optimiser.step()
    assert all(torch.equal(a.log_o, old) for a, old in zip(net.activations, lengths, strict=True))
    assert torch.allclose(net.maps[0].weight, before * (1 - 0.3 * 0.1))
    insert_layer(net, 1, optimiser)
    assert [len(group["params"]) for group in optimiser.param_groups] == [4, 10]
