"""Every way to say how much is pruned, against `count`, and the record of what was done."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from isotropic_testing import begun, error, inputs, network, normal, train
from refusals import Call, assert_refused, everything
from torch.optim import AdamW

from isotropic import Change, Ensemble, IsotropicMLP, adapt, diagonalise, grow, prune

WIDTHS = [9, 7, 6, 4]


def spectrum(net: IsotropicMLP, layer: int, values: list[float]) -> None:
    """Give map `layer` these singular values."""
    weight = net.maps[layer - 1].weight
    u, _, vh = torch.linalg.svd(weight.detach(), full_matrices=False)
    with torch.no_grad():
        weight.copy_(u @ torch.tensor(values, dtype=weight.dtype).diag() @ vh)


VALUES = [4.0, 3.0, 2.0, 1.0, 0.5, 0.25]  # of map 2; their squares sum to 30.3125

# The amount, and the count that is the same of six neurons with VALUES.
SAME: list[tuple[dict[str, object], int]] = [
    ({"to": 5}, 1),
    ({"to": 1}, 5),
    ({"to": np.int32(4)}, 2),
    ({"count": np.int64(2)}, 2),
    ({"count": torch.tensor(3)}, 3),
    ({"fraction": 0.5}, 3),
    ({"fraction": 0.49}, 2),  # 2.94 neurons, rounded down
    ({"fraction": 1 / 3}, 2),  # floating point's third of six is two all the same
    ({"fraction": 0.999999999999}, 5),  # one neuron stays
    ({"threshold": 0.6}, 2),
    ({"threshold": np.float32(1.5)}, 3),
    ({"threshold": 100}, 5),
    ({"energy": 0.98}, 2),  # 30 of 30.3125 are 0.9897, 29 are 0.9567
    ({"energy": 29 / 30.3125 - 1e-9}, 3),
    ({"energy": 29 / 30.3125 + 1e-9}, 2),
    ({"energy": 1e-12}, 5),
]


BY_NUMBER = [each for each in SAME if not {"threshold", "energy"} & each[0].keys()]


@pytest.mark.parametrize(
    ("amount", "count", "choice"),
    [*((*each, "singular-value") for each in SAME), *((*each, "gradient") for each in BY_NUMBER)],
    ids=str,
)
def test_an_amount_is_a_count(amount: dict[str, object], count: int, choice: str) -> None:
    (net, optimiser), (other, others) = begun(WIDTHS, "adamw"), begun(WIDTHS, "adamw")
    for each in (net, other):
        spectrum(each, 2, VALUES)
        each.zero_grad()
        each(inputs(each)).square().sum().backward()
    change = prune(net, 2, optimiser=optimiser, choice=choice, **amount)  # type: ignore[arg-type]
    expected = prune(other, 2, count, optimiser=others, choice=choice)
    assert (change.layer, change.before, change.after, change.difference) == (2, 6, 6 - count, -count)
    assert torch.equal(change.removed, expected.removed) and change.removed.dtype == torch.float64
    if choice == "singular-value":
        assert error(change.removed, torch.tensor(VALUES[-count:])) < 1e-6
    assert all(torch.equal(t, other.tensors()[name]) for name, t in net.tensors().items())
    assert all(
        torch.equal(optimiser.state[p]["exp_avg"], others.state[q]["exp_avg"])
        for p, q in zip(net.parameters(), other.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    "amount", [{"fraction": 0.16}, {"fraction": 0}, {"threshold": 0.2}, {"energy": 1.0}], ids=str
)
def test_none_removed_leaves_everything_bit_for_bit(amount: dict[str, float]) -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    spectrum(net, 2, VALUES)
    before = everything(net, optimiser)
    change = prune(net, 2, optimiser=optimiser, **amount)
    assert everything(net, optimiser) == before
    assert (change.before, change.after, tuple(change.removed.shape)) == (6, 6, (0,))
    prune(net, 2, 1, optimiser=optimiser)
    assert everything(net, optimiser) != before, "the control: what is pruned is seen"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_the_energy_is_kept_without_what_is_zero(dtype: torch.dtype) -> None:
    """A width beyond the rank: only rounding is left of its singular values."""
    net = network([3, 8, 4], dtype=dtype)
    change = prune(net, 1, energy=1.0)
    assert change.after == 3 and change.removed.max() < (1e-6 if dtype == torch.float32 else 1e-12)


def test_the_right_side_has_amounts_of_the_map_behind() -> None:
    net = network([9, 8, 6, 4])
    values = torch.linalg.svdvals(net.maps[1].weight.detach())  # six, and two neurons are not seen at all
    threshold = float(values[4:].mean())
    change = prune(net, 2, threshold=threshold, side="right")
    assert (change.layer, change.before, change.after) == (1, 8, 5)
    assert error(change.removed, torch.cat([values[5:], torch.zeros(2)])) < 1e-12
    assert net.widths == [9, 5, 6, 4]


def test_chosen_neurons_are_recorded_by_their_length() -> None:
    """After diagonalisation the lengths of rows are the singular values."""
    net = network(WIDTHS)
    values = diagonalise(net, 2)
    change = prune(net, 2, fraction=0.4, choice=[1, 3])
    assert error(change.removed, values[[1, 3]]) < 1e-12


def members(*thirds: float) -> Ensemble:
    nets = [network(WIDTHS, seed=k) for k in range(len(thirds))]
    for net, third in zip(nets, thirds, strict=True):
        spectrum(net, 2, [4, 3, third, 1, 0.5, 0.25])
    return Ensemble(nets)


@pytest.mark.parametrize("amount", [{"threshold": 1.5}, {"energy": 0.9}], ids=str)
def test_members_that_agree_are_pruned_together(amount: dict[str, float]) -> None:
    ensemble = members(2.0, 2.2)
    alone = [ensemble.member(k) for k in range(2)]
    change = prune(ensemble, 2, **amount)
    assert change.removed.shape == (2, change.before - change.after)
    for k, net in enumerate(alone):
        expected = prune(net, 2, **amount)
        assert expected.after == change.after
        assert error(change.removed[k], expected.removed) < 1e-12


def test_members_that_differ_are_one_clear_line() -> None:
    ensemble = members(2.0, 1.2)
    optimiser = AdamW(ensemble.parameters())
    train(ensemble, optimiser, 0)
    optimiser.step()
    ensemble(normal(3, 9)).sum().backward()
    optimiser.step()
    words = "threshold: 1.5 removes 3, 4 neurons of the members' layer 2"
    assert_refused(ensemble, optimiser, lambda n, o: prune(n, 2, threshold=1.5, optimiser=o), words)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({}, "nothing given; valid is exactly one of count, to, fraction, threshold, energy"),
    ({"count": 1, "to": 3}, "count, to given; valid is exactly one of"),
    ({"fraction": 0.5, "energy": 0.5}, "fraction, energy given"),
    ({"to": 0}, "to: 0 neurons left of layer 2, which has 6, is not an integer from 1 to 5"),
    ({"to": 6}, "to: 6 neurons left of layer 2, which has 6"),
    ({"to": True}, "to: True neurons left"),
    ({"to": 2.0}, "to: 2.0 neurons left"),
    ({"count": np.True_}, "count: np.True_ neurons of layer 2"),
    ({"count": torch.tensor(True)}, "count: tensor(True) neurons of layer 2"),
    ({"fraction": 1.0}, "fraction: 1.0 is not a number from 0 to below 1"),
    ({"fraction": -0.1}, "fraction: -0.1"),
    ({"fraction": "0.5"}, "fraction: '0.5'"),
    ({"fraction": True}, "fraction: True"),
    ({"threshold": -1}, "threshold: -1 is not a number >= 0"),
    ({"threshold": float("nan")}, "threshold: nan"),
    ({"threshold": torch.ones(2)}, "threshold: tensor([1., 1.])"),
    ({"energy": 0}, "energy: 0 is not a number above 0 and at most 1"),
    ({"energy": 1.5}, "energy: 1.5"),
    (
        {"threshold": 1.0, "choice": [1]},
        "threshold: 1.0 of neurons chosen by indices; valid is count, to or fraction",
    ),
]


@pytest.mark.parametrize(("amount", "words"), REFUSED, ids=lambda each: str(each))
def test_amounts_out_of_range(amount: dict[str, object], words: str) -> None:
    assert_refused(*begun(WIDTHS, "adamw"), lambda n, o: prune(n, 2, optimiser=o, **amount), words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "amount", [{"count": 1}, {"to": 1}, {"fraction": 0.9}, {"threshold": 9.0}, {"energy": 0.1}], ids=str
)
def test_a_width_of_one(amount: dict[str, float]) -> None:
    """Nothing can be pruned: said so, or nothing is."""
    net, optimiser = begun([3, 1, 2], "adamw")
    if {"count", "to"} & amount.keys():
        call: Call = lambda n, o: prune(n, 1, optimiser=o, **amount)  # type: ignore[arg-type]  # noqa: E731
        assert_refused(net, optimiser, call, "which has 1: nothing can be pruned")
    else:
        before = everything(net, optimiser)
        assert prune(net, 1, optimiser=optimiser, **amount).after == 1  # type: ignore[arg-type]
        assert everything(net, optimiser) == before


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.tensor], ids=lambda kind: kind.__name__)
def test_anything_with_an_index_is_an_integer(kind: Callable[[int], int]) -> None:
    net, other = network(WIDTHS), network(WIDTHS)
    draws = [torch.Generator().manual_seed(0) for _ in range(2)]
    changes = [grow(net, 2, kind(2), generator=draws[0]), *adapt(net, scaffold=kind(3), generator=draws[0])]
    expected = [grow(other, 2, 2, generator=draws[1]), *adapt(other, scaffold=3, generator=draws[1])]
    assert [str(change) for change in changes] == [str(change) for change in expected]
    assert all(type(change.before) is int and type(change.after) is int for change in changes)
    assert all(torch.equal(t, other.tensors()[name]) for name, t in net.tensors().items())


def test_growing_is_recorded() -> None:
    net, ensemble = network(WIDTHS), Ensemble([network(WIDTHS, seed=k) for k in range(3)])
    for each, lead in ((net, ()), (ensemble, (3,))):
        change = grow(each, 1, 4)
        assert isinstance(change, Change)
        assert (change.layer, change.before, change.after, change.difference) == (1, 7, 11, 4)
        assert change.removed.shape == (*lead, 0) and change.removed.dtype == torch.float64
        assert str(change) == "layer 1: 7 -> 11"
    assert grow(net, 3, 1, side="right").layer == 2


@pytest.mark.parametrize("side", ["left", "right"])
def test_growing_without_a_basis_leaves_what_is_there(side: str) -> None:
    """Every entry and every moment, bit for bit; the control is the basis of singular vectors."""
    (net, optimiser), layer = begun(WIDTHS, "adamw"), 2 if side == "left" else 3
    for basis in (None, "singular"):
        grown, descent = copy.deepcopy((net, optimiser))
        grow(grown, layer, 3, basis=basis, side=side, optimiser=descent)
        same = []
        for p, q in zip(net.parameters(), grown.parameters(), strict=True):
            there = tuple(slice(n) for n in p.shape)
            if "log_o" not in next(name for name, t in grown.named_parameters() if t is q):
                same.append(torch.equal(p, q[there]))
                moments = (optimiser.state[p]["exp_avg_sq"], descent.state[q]["exp_avg_sq"][there])
                same.append(torch.equal(*moments))
        assert all(same) == (basis is None)


def test_an_unknown_basis() -> None:
    words = "basis: 'left' is not None or 'singular'"
    assert_refused(*begun(WIDTHS, "adamw"), lambda n, o: grow(n, 2, 1, basis="left", optimiser=o), words)


def test_a_record_is_printed_in_a_line() -> None:
    """In a list, as `adapt` returns it, too, where singular values would fill pages."""
    net = IsotropicMLP([90, 80, 70, 2], seed=0)
    change = prune(net, 1, 60)
    assert len(change.removed) == 60 and str([change]) == "[Change(layer=1, before=80, after=20)]"
