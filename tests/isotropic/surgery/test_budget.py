"""prune_to: all hidden widths together, to a number of parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from isotropic_testing import assert_close, begun, inputs, network, train
from refusals import assert_refused, everything

from isotropic import Ensemble, IsotropicConvNet, IsotropicMLP, count, prune, prune_to, singular_values
from isotropic.networks.base import MLP

WIDTHS = [12, 20, 18, 5]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 21), min_size=1, max_size=3), st.integers(1, 9), st.floats(0, 1), st.integers(0, 99))
def test_any_budget_is_kept(hidden: list[int], step: int, share: float, seed: int) -> None:
    """With widths that are multiples of the step where they changed, and no block to spare."""
    net = network([6, *hidden, 4], seed=seed)
    before = net.widths
    least = count(IsotropicMLP([6, *(min(n, step) for n in hidden), 4])).parameters
    most = int(least + share * (count(net).parameters - least))
    changes = prune_to(net, most, round_to=step)
    assert count(net).parameters <= most
    assert [(c.layer, c.before, c.after) for c in changes] == [
        (layer, n, net.widths[layer]) for layer, n in enumerate(before[1:-1], start=1)
    ]
    for n, after in zip(hidden, net.widths[1:-1], strict=True):
        assert after == n or (after % step == 0 and after >= step)
    assert all(len(change.removed) == change.before - change.after for change in changes)
    if changed := [change for change in changes if change.difference]:
        # The last block was needed: with it, in whichever layer it was, there are too many.
        wider = [IsotropicMLP(_with(net.widths, c.layer, min(c.before, c.after + step))) for c in changed]
        assert max(count(each).parameters for each in wider) > most


def _with(widths: list[int], layer: int, width: int) -> list[int]:
    return [width if number == layer else n for number, n in enumerate(widths)]


def test_it_is_pruning_of_each_layer_from_the_output_to_the_input() -> None:
    (net, optimiser), (other, others) = begun(WIDTHS, "adamw"), begun(WIDTHS, "adamw")
    values = singular_values(net)
    changes = prune_to(net, 300, round_to=4, optimiser=optimiser)
    assert all(change.difference < 0 for change in changes)
    for change in reversed(changes):
        prune(other, change.layer, to=change.after, optimiser=others)
        assert_close(change.removed, _padded(values[change.layer - 1], change.before)[change.after :], "removed")
    assert all(torch.equal(t, other.tensors()[name]) for name, t in net.tensors().items())
    train(net, optimiser, 2)
    train(other, others, 2)
    assert torch.equal(net(inputs(net)), other(inputs(net)))


def _padded(values: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.pad(values, (0, width - len(values)))


def test_idle_neurons_go_first_and_change_nothing() -> None:
    """Those beyond the rank, of the layer that has them. The control: one block more does."""
    net = network([4, 12, 8, 3])  # of the first map's 12 rows 4 are independent
    before, x = net(inputs(net)), inputs(net)
    idle = count(network([4, 4, 8, 3])).parameters
    prune_to(net, idle, round_to=4)
    assert net.widths == [4, 4, 8, 3]
    assert_close(net(x), before, "logits")
    prune_to(net, idle - 1, round_to=4)
    assert (net(x) - before).abs().max() > 1e-3


def test_the_scale_of_a_layer_does_not_count() -> None:
    """All of a map made small at once is not what makes its neurons unimportant."""
    nets = [network([12, 16, 16, 5]) for _ in range(2)]
    with torch.no_grad():
        nets[1].maps[0].weight.mul_(1e-3)
    for net in nets:
        prune_to(net, 300, round_to=4)
    assert nets[0].widths == nets[1].widths and nets[0].widths[1:3] != [16, 16]


def test_a_budget_that_is_kept_already_changes_nothing() -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    before = everything(net, optimiser)
    changes = prune_to(net, count(net).parameters, optimiser=optimiser)
    assert everything(net, optimiser) == before
    assert [str(change) for change in changes] == ["layer 1: 20 -> 20", "layer 2: 18 -> 18"]
    assert all(change.removed.shape == (0,) for change in changes)
    prune_to(net, count(net).parameters - 1, optimiser=optimiser)
    assert everything(net, optimiser) != before


def test_a_layer_that_loses_none_is_not_turned() -> None:
    net, other = network([4, 12, 8, 3]), network([4, 12, 8, 3])
    prune_to(net, count(network([4, 8, 8, 3])).parameters, round_to=4)
    assert net.widths == [4, 8, 8, 3]
    assert torch.equal(net.maps[2].weight, other.maps[2].weight)
    prune(other, 1, to=8)
    assert all(torch.equal(t, other.tensors()[name]) for name, t in net.tensors().items())


def test_kernels() -> None:
    net = IsotropicConvNet((2, 6, 5), [9, 8], classes=3, seed=0, dtype=torch.float64)
    most = 2 * count(net).parameters // 3
    changes = prune_to(net, most, round_to=3)
    assert count(net).parameters <= most and [change.after % 3 for change in changes if change.difference]
    assert net(inputs_of(net)).shape == (2, 3)


def inputs_of(net: IsotropicConvNet) -> torch.Tensor:
    return torch.ones(2, *net.image, dtype=torch.float64).flatten(1)


def test_expectation_takes_its_inputs() -> None:
    net, other = (network(WIDTHS, compensation="expectation") for _ in range(2))
    changes = prune_to(net, 300, round_to=4, inputs=inputs(net))
    for change in reversed(changes):
        prune(other, change.layer, to=change.after, inputs=inputs(net))
    assert all(torch.equal(t, other.tensors()[name]) for name, t in net.tensors().items())


REFUSED: list[tuple[Callable[[MLP], object], str]] = [
    (lambda net: prune_to(net, 100), "parameters: 100 is below the 236 of widths [12, 8, 8, 5], the least possible"),
    (lambda net: prune_to(net, 235, round_to=np.int64(8)), "with round_to=8"),
    (lambda net: prune_to(net, 0), "parameters: 0 is not an integer >= 1"),
    (lambda net: prune_to(net, 1e3), "parameters: 1000.0 is not an integer >= 1"),  # type: ignore[arg-type]
    (lambda net: prune_to(net, 300, round_to=0), "round_to: 0 is not an integer >= 1"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_refusals(call: Callable[[MLP], object], words: str) -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    assert_refused(net, optimiser, lambda n, _: call(n), words)


def test_ensembles_are_refused() -> None:
    with pytest.raises(ValueError, match="prune each `ensemble"):
        prune_to(Ensemble([network(WIDTHS)]), 300)
