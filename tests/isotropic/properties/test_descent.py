"""Gradient descent and momentum commute with a change of basis; Adam does not (METHOD section 2)."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import (
    KINDS,
    assert_close,
    assert_differs,
    begun,
    change_basis,
    inputs,
    moments,
    orthogonal,
    train,
)

from isotropic import IsotropicMLP, diagonalise
from isotropic.axes import hidden_axes

COMMUTE = [kind for kind in KINDS if kind.startswith(("sgd", "momentum", "nesterov"))]
DO_NOT = [kind for kind in KINDS if kind not in COMMUTE]
WIDTHS, LAYER = [5, 6, 4, 3], 2
TRAINING = 1e2  # slack: 1e-10 in float64, since steps amplify the rounding of the rotation


def both_orders(kind: str, steps: int = 6) -> tuple[IsotropicMLP, IsotropicMLP]:
    """The network rotated and then trained, and trained and then rotated."""
    basis = orthogonal(WIDTHS[LAYER])
    (first, first_optimiser), (last, last_optimiser) = begun(WIDTHS, kind), begun(WIDTHS, kind)
    change_basis(first, LAYER, basis, first_optimiser)
    train(first, first_optimiser, steps, first=2)
    train(last, last_optimiser, steps, first=2)
    change_basis(last, LAYER, basis, last_optimiser)
    return first, last


@pytest.mark.parametrize("kind", COMMUTE)
def test_rotate_then_train_is_train_then_rotate(kind: str) -> None:
    first, last = both_orders(kind)
    for name, t in last.tensors().items():
        assert_close(first.tensors()[name], t, name, slack=TRAINING)


@pytest.mark.parametrize("kind", DO_NOT)
def test_adaptive_methods_depend_on_the_basis(kind: str) -> None:
    """By 1e-3 to 1e-1 of the logits after six steps, where the others agree to 1e-15."""
    first, last = both_orders(kind)
    assert_differs(first(inputs(first)), last(inputs(last)), "logits", by=1e-4)


def test_momentum_must_be_carried_along() -> None:
    """Negative control: rotating the network without its optimiser's moments is seen at once."""
    net, optimiser = begun(WIDTHS, "momentum")
    kept = moments(net, optimiser, "momentum_buffer")
    last, last_optimiser = begun(WIDTHS, "momentum")
    change_basis(net, LAYER, orthogonal(WIDTHS[LAYER]), optimiser)
    for name, p in net.named_parameters():
        optimiser.state[p]["momentum_buffer"] = kept[name]
    train(net, optimiser, 6, first=2)
    train(last, last_optimiser, 6, first=2)
    assert_differs(net(inputs(net)), last(inputs(last)), "logits", by=1e-3)


@pytest.mark.parametrize("kind", COMMUTE)
@pytest.mark.parametrize(("side", "layer"), [("left", 1), ("right", 3), ("full", 2)])
def test_diagonalising_in_the_middle_of_training_changes_nothing_for_descent(
    kind: str, side: str, layer: int
) -> None:
    (net, optimiser), (plain, plain_optimiser) = begun(WIDTHS, kind), begun(WIDTHS, kind)
    diagonalise(net, layer, side=side, optimiser=optimiser)
    train(net, optimiser, 6, first=2)
    train(plain, plain_optimiser, 6, first=2)
    assert_close(net(inputs(net)), plain(inputs(plain)), "logits", slack=TRAINING)


@pytest.mark.parametrize(
    ("kind", "state", "power"),
    [
        ("momentum", "momentum_buffer", 1),
        ("adamw", "exp_avg", 1),
        ("adamw", "exp_avg_sq", 2),
        ("adam-amsgrad", "max_exp_avg_sq", 2),
    ],
)
def test_how_each_moment_turns(kind: str, state: str, power: int) -> None:
    """First moments as their parameters, by Q^T; second ones by (Q * Q)^T, so that they stay non-negative."""
    net, optimiser = begun(WIDTHS, kind)
    before, basis = moments(net, optimiser, state), orthogonal(WIDTHS[LAYER])
    change_basis(net, LAYER, basis, optimiser)
    after, q = moments(net, optimiser, state), basis**power
    turned = {
        "maps.1.weight": q.T @ before["maps.1.weight"],
        "maps.1.bias": q.T @ before["maps.1.bias"],
        "maps.1.psi": q.T @ before["maps.1.psi"],
        "maps.2.weight": before["maps.2.weight"] @ q,
    }
    assert set(turned) == {name for name, *_ in hidden_axes(LAYER)}
    for name, t in (before | turned).items():
        assert_close(after[name], t, f"{state} of {name}")
        assert power == 1 or (after[name] >= 0).all()


def test_the_second_moment_cannot_turn_as_the_first() -> None:
    """Negative control: Q^T v has negative entries, of which Adam would take the root."""
    net, optimiser = begun(WIDTHS, "adamw")
    second = moments(net, optimiser, "exp_avg_sq")["maps.1.weight"]
    assert (orthogonal(WIDTHS[LAYER]).T @ second).min() < 0
    assert torch.all(second >= 0)
