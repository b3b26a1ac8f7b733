"""Backward adaptation amid training: which new directions train, moments, and stacks."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import OPTIMISERS, TREATMENTS, assert_close, inputs, loss, moments, network, normal, train
from torch import Generator, Tensor

from isotropic import Ensemble, IsotropicMLP, diagonalise, grow, prune

WIDTHS = [5, 6, 7, 4, 3]


def new_block(net: IsotropicMLP, count: int) -> Tensor:
    """What carries the last neurons of layer 2: [count, n_1 + 2 + n_3]."""
    here, after = net.maps[1], net.maps[2]
    parts = [here.weight[-count:], here.bias[-count:, None], here.psi[-count:, None], after.weight[:, -count:].mT]
    return torch.cat(parts, dim=1).detach()


@pytest.mark.parametrize("kind", ["sgd", "momentum"])
@pytest.mark.parametrize(("rows", "active"), [("zero", 0), ("bias", 1), ("normal", 3)])
def test_how_many_directions_of_three_new_neurons_train(rows: str, active: int, kind: str) -> None:
    """By equivariance only the direction of the new biases can: one, however many neurons are grown at once."""
    net = network(WIDTHS)
    grow(net, 3, 3, side="right", rows=rows, generator=Generator().manual_seed(0))
    optimiser = OPTIMISERS[kind](net.parameters())
    train(net, optimiser, 10)
    values = torch.linalg.svdvals(new_block(net, 3))
    assert [v > 1e-6 for v in values] == [i < active for i in range(3)], values
    seen = torch.linalg.matrix_norm(net.maps[2].weight[:, -3:]).item()
    assert (seen > 1e-4) == (active > 0)


@pytest.mark.parametrize("kind", OPTIMISERS)
@pytest.mark.parametrize("operation", ["grow", "prune"])
def test_moments_are_carried_and_training_goes_on(operation: str, kind: str) -> None:
    net = network(WIDTHS)
    optimiser = OPTIMISERS[kind](net.parameters())
    train(net, optimiser, 2)
    turned = network(WIDTHS)
    turned_optimiser = OPTIMISERS[kind](turned.parameters())
    train(turned, turned_optimiser, 2)
    diagonalise(turned, 4, "right", optimiser=turned_optimiser)
    if operation == "grow":
        grow(net, 4, 2, basis="singular", side="right", optimiser=optimiser)
    else:
        prune(net, 4, 2, side="right", optimiser=optimiser)
    for state in [name for name, t in optimiser.state[net.maps[2].bias].items() if name != "step" and t is not None]:
        after, expected = moments(net, optimiser, state), moments(turned, turned_optimiser, state)
        for name, axis in (("maps.2.weight", 0), ("maps.2.bias", 0), ("maps.2.psi", 0), ("maps.3.weight", 1)):
            # Two are left; the last of four, which map 4 of rank 3 does not see, may come with either sign.
            kept, was = (t[name].movedim(axis, 0)[:2] for t in (after, expected))
            assert_close(kept, was, f"{state} of {name}")
            assert operation == "prune" or after[name].movedim(axis, 0)[-2:].count_nonzero() == 0
    before = loss(net).item()
    for _ in range(15):
        optimiser.zero_grad()
        loss(net).backward()
        optimiser.step()
    assert loss(net).item() < before - 0.01


@pytest.mark.parametrize("kind", ["sgd", "momentum", "nesterov+decay"])
def test_descent_does_not_notice_neurons_grown_with_zero_rows(kind: str) -> None:
    """Rotation, moments and zeros together: training goes on as if nothing had been done."""
    nets = [network(WIDTHS) for _ in range(2)]
    for net in nets:
        optimiser = OPTIMISERS[kind](net.parameters())
        train(net, optimiser, 2)
        if net is nets[0]:
            grow(net, 3, 2, side="right", rows="zero", optimiser=optimiser)
        train(net, optimiser, 6, first=2)
    assert_close(nets[0](inputs(nets[0])), nets[1](inputs(nets[1])), "logits", slack=100)


@pytest.mark.parametrize("operation", ["grow", "prune"])
@pytest.mark.parametrize("kind", ["nesterov+decay", "adamw"])
def test_a_stack_is_each(operation: str, kind: str) -> None:
    """Of every treatment, members with other widths elsewhere, and training after it."""
    nets = [network([5, 6, 4 + k % 2, 3], *treatment, seed=k) for k, treatment in enumerate(TREATMENTS)]
    nets = nets if operation == "prune" else [net for net in nets if bool(net.has_length)]
    x = normal(9, 5)

    def change(net: IsotropicMLP | Ensemble, optimiser: torch.optim.Optimizer) -> None:
        if operation == "grow":
            grow(net, 2, 2, side="right", optimiser=optimiser)
        else:
            prune(net, 2, 2, side="right", optimiser=optimiser, inputs=x)

    ensemble = Ensemble(nets)
    optimiser = OPTIMISERS[kind](ensemble.parameters())
    for step in range(2):
        with ensemble.held():
            train(ensemble, optimiser, 1, first=step)
    change(ensemble, optimiser)
    with ensemble.held():
        train(ensemble, optimiser, 1, first=2)
    for k, net in enumerate(nets):
        own = OPTIMISERS[kind](net.parameters())
        train(net, own, 2)
        change(net, own)
        train(net, own, 1, first=2)
        assert ensemble.member(k).widths == net.widths
        assert_close(ensemble.member(k)(inputs(net)), net(inputs(net)), f"logits of member {k}", slack=100)
