"""Every kind of optimiser goes on through every change as if neurons had always been where they are."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from isotropic_testing import KINDS, assert_close, begun, change_basis, moments, network, normal, orthogonal, train
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, AdamW, Muon, Optimizer, RMSprop
from torch.optim.lr_scheduler import StepLR

from isotropic import IsotropicMLP, adapt, diagonalise, grow, insert_layer, prune, remove_layer
from isotropic.optimisers import kind_of

WIDTHS, LAYER = [5, 4, 6, 3], 2
STEPS = 1e3  # slack: steps amplify the rounding of another order of summands
ORDER = torch.tensor([3, 0, 5, 1, 4, 2])
STATEFUL = [kind for kind in KINDS if kind != "sgd"]
CHANGES: dict[str, Callable[[IsotropicMLP, Any], object]] = {
    "diagonalise": lambda net, o: diagonalise(net, 2, "full", optimiser=o),
    "grow": lambda net, o: grow(net, 2, 2, optimiser=o),
    "grow, singular": lambda net, o: grow(net, 2, 2, basis="singular", optimiser=o),
    "grow from the right": lambda net, o: grow(net, 2, 2, side="right", optimiser=o),
    "prune": lambda net, o: prune(net, 2, 2, optimiser=o),
    "adapt": lambda net, o: adapt(net, threshold=1.0, scaffold=2, optimiser=o),
    "insert": lambda net, o: insert_layer(net, 2, o),
    "insert and remove": lambda net, o: [insert_layer(net, 2, o), remove_layer(net, 2, optimiser=o)],
}


def states(net: nn.Module, optimisers: Any) -> dict[tuple[str, str], Tensor]:
    """Parameters and all their moments."""
    found = {(name, ""): p.detach() for name, p in net.named_parameters()}
    for optimiser in optimisers if isinstance(optimisers, list) else [optimisers]:
        for name, p in net.named_parameters():
            for state, t in optimiser.state.get(p, {}).items():
                if isinstance(t, Tensor) and t.shape == p.shape:
                    found[name, state] = t.detach()
    return found


def permuted(net: IsotropicMLP, found: dict[tuple[str, str], Tensor]) -> Iterator[tuple[tuple[str, str], Tensor]]:
    """What all of it would be, were the neurons of the layer in another order."""
    for (name, state), t in found.items():
        for row in net.axes(LAYER):
            if row.tensor == name:
                t = t.index_select(row.axis, ORDER)
        yield (name, state), t


def muon(net: IsotropicMLP) -> list[Optimizer]:
    """Today's recipe: Muon for the matrices, AdamW for the rest."""
    matrices = [p for p in net.parameters() if p.ndim == 2]
    return [Muon(matrices, lr=0.01), AdamW([p for p in net.parameters() if p.ndim < 2], lr=0.01)]


def step(net: IsotropicMLP, optimisers: list[Optimizer], steps: int) -> None:
    for _ in range(steps):
        net.zero_grad()
        net(normal(8, 5)).square().sum().backward()
        for each in optimisers:
            each.step()


@pytest.mark.parametrize("kind", KINDS)
def test_another_order_of_neurons_is_another_order_of_everything(kind: str) -> None:
    net, optimiser = begun(WIDTHS, kind)
    expected = dict(permuted(net, states(net, optimiser)))
    turned, own = copy.deepcopy((net, optimiser))
    change_basis(turned, LAYER, torch.eye(6, dtype=torch.float64)[:, ORDER], own)
    for where, t in states(turned, own).items():
        assert torch.equal(t, expected[where]), where
    train(net, optimiser, 3, first=2)
    train(turned, own, 3, first=2)
    expected = dict(permuted(net, states(net, optimiser)))
    for where, t in states(turned, own).items():
        assert_close(t, expected[where], str(where), slack=STEPS)


@pytest.mark.parametrize("kind", STATEFUL)
def test_moments_left_in_the_old_order_would_be_seen(kind: str) -> None:
    """Negative control of the test above."""
    net, optimiser = begun(WIDTHS, kind)
    turned, own = copy.deepcopy((net, optimiser))
    kept = states(turned, own)
    change_basis(turned, LAYER, torch.eye(6, dtype=torch.float64)[:, ORDER], own)
    for name, p in turned.named_parameters():
        own.state[p].update({state: t for (of, state), t in kept.items() if of == name and state})
    train(net, optimiser, 3, first=2)
    train(turned, own, 3, first=2)
    expected, found = dict(permuted(net, states(net, optimiser))), states(turned, own)
    assert max(float((found[where] - t).abs().max()) for where, t in expected.items()) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_idle_neurons_come_and_go(kind: str) -> None:
    """Grown with zeros, trained, and pruned again: nothing else ever differs."""
    net, optimiser = begun(WIDTHS, kind)
    grown, own = copy.deepcopy((net, optimiser))
    grow(grown, LAYER, 2, columns="zero", optimiser=own)
    for first in (2, 4):
        train(net, optimiser, 2, first=first)
        train(grown, own, 2, first=first)
        if first == 2:
            prune(grown, LAYER, 2, choice=[6, 7], optimiser=own)
    expected = states(net, optimiser)
    for where, t in states(grown, own).items():
        assert_close(t, expected[where], str(where), slack=STEPS)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_steps_after_every_change(kind: str, change: str) -> None:
    """And its states have the shapes of the parameters, whose names and groups and schedule go on."""
    net = network(WIDTHS)
    made = KINDS[kind](net.parameters())
    optimiser = type(made)(net.named_parameters(), **{k: v for k, v in made.defaults.items() if k in settings(made)})
    schedule = StepLR(optimiser, 1, gamma=0.5)
    train(net, optimiser, 2)
    (group,) = groups = list(optimiser.param_groups)
    CHANGES[change](net, optimiser)
    assert optimiser.param_groups[0] is groups[0] and len(optimiser.param_groups) == 1
    assert group["param_names"] == [name for name, _ in net.named_parameters()]
    assert [id(p) for p in group["params"]] == [id(p) for p in net.parameters()]
    train(net, optimiser, 2, first=2)
    schedule.step()
    assert group["lr"] == made.defaults["lr"] / 2
    kinds = kind_of(optimiser)
    assert kinds is not None
    for name, p in net.named_parameters():
        for state, t in optimiser.state[p].items():
            assert t is None or t.shape == (() if kinds.powers[state] == 0 else p.shape), (name, state)
        assert p.isfinite().all(), name


def settings(optimiser: Optimizer) -> set[str]:
    """The arguments that its constructor takes."""
    kind = type(optimiser) if "__init__" in type(optimiser).__dict__ else type(optimiser).__mro__[1]
    return set(kind.__init__.__code__.co_varnames)


@pytest.mark.parametrize("change", CHANGES)
def test_two_optimisers_go_on(change: str) -> None:
    """Whichever has a parameter has the one in its place, with the moments that each has."""
    net = network(WIDTHS)
    both = muon(net)
    step(net, both, 2)
    CHANGES[change](net, both)
    for each, of in zip(both, (2, 1), strict=True):
        mine = [p for p in net.parameters() if (p.ndim == 2) == (of == 2)]
        assert {id(p) for group in each.param_groups for p in group["params"]} == {id(p) for p in mine}
        assert {id(p) for p in each.state} <= {id(p) for p in mine}
    before = net(normal(8, 5)).square().sum().item()
    step(net, both, 10)
    assert net(normal(8, 5)).square().sum().item() < before


def test_the_momentum_of_muon_turns_as_a_gradient() -> None:
    net, basis = network(WIDTHS), orthogonal(6)
    both = muon(net)
    step(net, both, 2)
    before, second = moments_of(net, both[0])["maps.1.weight"], both[1].state[net.maps[1].bias]["exp_avg_sq"]
    change_basis(net, LAYER, basis, both)  # type: ignore[arg-type]
    assert_close(moments_of(net, both[0])["maps.1.weight"], basis.T @ before, "momentum")
    assert_close(both[1].state[net.maps[1].bias]["exp_avg_sq"], basis.T.square() @ second, "AdamW's second moment")


def moments_of(net: nn.Module, optimiser: Optimizer) -> dict[str, Tensor]:
    return {n: optimiser.state[p]["momentum_buffer"] for n, p in net.named_parameters() if p in optimiser.state}


def test_a_centred_second_moment_stays_above_the_square_of_its_mean() -> None:
    """RMSprop takes the root of v - m^2, which (Q * Q) v would make negative where gradients hardly vary."""
    net = network(WIDTHS)
    optimiser = RMSprop(net.parameters(), lr=0.01, centered=True)
    train(net, optimiser, 1)
    for state in optimiser.state.values():
        state["square_avg"] = state["grad_avg"].square() * (1 + 1e-6)
    basis = orthogonal(6)
    v, m = (moments(net, optimiser, state)["maps.1.weight"] for state in ("square_avg", "grad_avg"))
    assert (basis.T.square() @ v - (basis.T @ m).square()).min() < 0  # the control
    change_basis(net, LAYER, basis, optimiser)
    after = {state: moments(net, optimiser, state)["maps.1.weight"] for state in ("square_avg", "grad_avg")}
    assert_close(after["grad_avg"], basis.T @ m, "mean")
    variance = after["square_avg"] - after["grad_avg"].square()
    assert_close(variance, basis.T.square() @ (v - m.square()), "variance", slack=1e6)
    assert (variance >= 0).all()
    train(net, optimiser, 2, first=1)
    assert all(p.isfinite().all() for p in net.parameters())


def test_what_adagrad_grows_begins_where_adagrad_begins() -> None:
    net = network(WIDTHS)
    optimiser = Adagrad(net.parameters(), lr=0.05, initial_accumulator_value=0.25)
    train(net, optimiser, 2)
    grow(net, LAYER, 2, optimiser=optimiser)
    sums = moments(net, optimiser, "sum")
    assert (sums["maps.1.weight"][-2:] == 0.25).all() and (sums["maps.2.weight"][:, -2:] == 0.25).all()
    assert (sums["maps.1.weight"][:-2] > 0.25).all()
    insert_layer(net, 1, optimiser)
    assert (moments(net, optimiser, "sum")["maps.1.weight"] == 0.25).all()


@pytest.mark.parametrize("change", CHANGES)
def test_frozen_parameters_need_no_optimiser(change: str) -> None:
    net = network(WIDTHS)
    net.maps[1].requires_grad_(False)
    optimiser = SGD([p for p in net.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
    train(net, optimiser, 2)
    CHANGES[change](net, optimiser)
    train(net, optimiser, 2, first=2)
    assert not net.maps[1].weight.requires_grad
