"""Amounts, budgets and reports of a view are those of a network of the same maps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import assert_close
from torch.optim import AdamW
from views_testing import Mlp, case, step, view

import isotropic
from isotropic import IsotropicMLP, View, adapt, count, explain, grow, prune, prune_to, singular_values

AMOUNTS: dict[str, Callable[[View | IsotropicMLP], object]] = {
    "count": lambda v: prune(v, 1, 2),
    "to": lambda v: prune(v, 2, to=3),
    "fraction": lambda v: prune(v, 2, fraction=0.4),
    "threshold": lambda v: prune(v, 1, threshold=1.0),
    "energy": lambda v: prune(v, 2, energy=0.9),
    "budget": lambda v: prune_to(v, count(v).parameters - 20, round_to=1),
    "adapt": lambda v: adapt(v, threshold=1.0, scaffold=2, generator=torch.Generator().manual_seed(0)),
    "grow": lambda v: grow(v, 1, 2, basis="singular", generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("amount", AMOUNTS)
def test_a_converted_model_is_as_a_network_of_this_library(amount: str) -> None:
    """The same maps in an IsotropicMLP with o = 0, psi = 0 to begin with: the same outputs and records."""
    made, v = view("mlp", converted=True)
    net = IsotropicMLP([6, 5, 7, 4], intrinsic_length="constant", compensation="constant", dtype=torch.float64)
    with torch.no_grad():
        for own, theirs in zip(net.affine, v.affine, strict=True):
            own.weight.copy_(theirs.weight)
            own.bias.copy_(theirs.bias)
        for activation in net.activations:
            activation.log_o.fill_(-torch.inf)
    x = made.inputs[0]
    assert_close(net(x), made(), "the same function")
    done, other = AMOUNTS[amount](v), AMOUNTS[amount](net)
    assert str(done) == str(other) and v.widths == net.widths
    assert_close(made(), net(x), amount, slack=10)


def test_reports() -> None:
    made, v = view("transformer", converted=True)
    assert [len(s) for s in singular_values(v)] == [8, 8]
    assert count(v).parameters == 12 * 8 + 12 + 8 * 12 + 8 + 8 + 1  # with psi, and with o, though it is 0 as yet
    optimiser = AdamW(made.model.parameters())
    step(made, optimiser)
    rows = explain(v, 1, optimiser=optimiser).rows
    assert [(row.tensor, row.axis) for row in rows] == [
        ("maps.0.weight", -2),
        ("maps.0.bias", -1),
        ("maps.1.weight", -1),
    ]
    assert all({"exp_avg", "exp_avg_sq"} <= set(row.moments) for row in rows)
    _, without = view("mlp without bias")
    assert [row.tensor for row in explain(without, 1).rows] == ["maps.0.weight", "maps.1.weight"]


@pytest.mark.parametrize(
    "call",
    [
        lambda v: isotropic.insert_layer(v, 1),
        lambda v: isotropic.remove_layer(v, 1),
        lambda v: isotropic.add_neurons(v, 1, 1),
        lambda v: isotropic.net2wider(v, 1, 1),
        lambda v: isotropic.merge_neurons(v, 1, 1),
        lambda v: isotropic.prune_by_magnitude(v, 1, 1),
        lambda v: isotropic.Ensemble([v]),
        lambda v: isotropic.ParallelMLP(v),
        lambda v: isotropic.NormalisedMLP(v, isotropic.FrobNorm),
        lambda v: isotropic.pruning_curve(v, 1, torch.ones(2, 6)),
        lambda v: grow(v, 2, 1, side="right", rows="bias"),
        lambda v: grow(v, 3, 1),
        lambda v: grow(v, 0, 1),
    ],
)
def test_what_a_view_cannot_do_is_one_line(call: Callable[[View], object]) -> None:
    made = case("mlp")
    assert isinstance(made.model, Mlp)
    v = isotropic.attach(made.model, made.layers)
    before = made()
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        call(v)
    words = str(caught.value)
    assert "\n" not in words and (
        not isinstance(caught.value, AttributeError) or "needs a network of the library" in words
    )
    assert torch.equal(made(), before)
