"""Pruning of elementwise tanh: what is exact about each method, and which neurons go."""

from __future__ import annotations

import pytest
import torch
from elementwise_testing import LAYER, N, part, tanh_network
from isotropic_testing import DTYPES, assert_close, assert_differs, error, inputs
from torch import Tensor

from isotropic.surgery.elementwise import merge_neurons, prune_by_magnitude


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("dead", ["incoming", "outgoing"])
def test_a_dead_neuron_is_pruned_without_a_change(dead: str, dtype: torch.dtype) -> None:
    net = tanh_network(dtype=dtype)
    name, index = ("maps.1.weight", (3,)) if dead == "incoming" else ("maps.2.weight", (slice(None), 3))
    net.assign({name: part(net, name).index_put(_index(index), torch.zeros((), dtype=dtype))})
    if dead == "incoming":
        net.assign({"maps.1.bias": part(net, "maps.1.bias").index_fill(0, torch.tensor([3]), 0.0)})
    before, rows = net(inputs(net)), part(net, "maps.1.weight")
    prune_by_magnitude(net, LAYER, 1)
    assert torch.equal(part(net, "maps.1.weight"), rows[[0, 1, 2, 4, 5, 6]]), "the others, in their order"
    assert_close(net(inputs(net)), before, "logits")
    prune_by_magnitude(net, LAYER, 1)
    assert_differs(net(inputs(net)), before, "logits without a neuron that did something", by=1e-2)


def _index(index: tuple[int | slice, ...]) -> tuple[Tensor, ...]:
    sizes = (4, N)
    return tuple(torch.arange(sizes[k]) if isinstance(i, slice) else torch.tensor(i) for k, i in enumerate(index))


def test_a_constant_neuron_is_made_up_for_by_its_mean_alone() -> None:
    """Incoming weights zero, but a bias: what is lost without the mean is c tanh(b)."""
    errors = {}
    for kept in (True, False):
        net = tanh_network()
        rows = part(net, "maps.1.weight")
        rows[3] = 0
        net.assign({"maps.1.weight": rows})
        before = net(inputs(net))
        prune_by_magnitude(net, LAYER, 1, inputs=[inputs(net)[:5], inputs(net)[5:]] if kept else None)
        errors[kept] = error(net(inputs(net)), before)
    assert errors[True] < 1e-14 and errors[False] > 1e-2, errors


def test_the_mean_of_the_next_map_stays() -> None:
    """Over the data whose mean is kept, to rounding; the logits still move."""
    net = tanh_network([5, 7, 3])
    before = net(inputs(net))
    prune_by_magnitude(net, 1, 4, inputs=inputs(net))
    assert_close(net(inputs(net)).mean(0), before.mean(0), "mean logits")
    assert_differs(net(inputs(net)), before, "logits", by=1e-2)


def test_those_of_least_magnitude_go() -> None:
    """|w_i| |c_i| by hand: 1 * 6, 2 * 1, 3 * 3, 5 * 1, so neurons 1 and then 3 go."""
    net = tanh_network([1, 4, 1])
    net.assign({"maps.0.weight": torch.tensor([[1.0], [-2], [3], [5]]).double()})
    net.assign({"maps.1.weight": torch.tensor([[6.0, 1, -3, 1]]).double()})
    prune_by_magnitude(net, 1, 2)
    assert part(net, "maps.0.weight").flatten().tolist() == [1, 3]
    assert part(net, "maps.1.weight").flatten().tolist() == [6, -3]


def test_the_norms_of_a_magnitude_are_euclidean() -> None:
    """||w|| ||c|| = 5 * 1 is less than 5.5 * 1, where sums of absolute values are 7 and 5.5; and swapped."""
    for tall in (False, True):
        net = tanh_network([2, 2, 2])
        several, single = torch.tensor([[3.0, 4], [0, 5.5]]).double(), torch.eye(2).double()
        incoming, outgoing = (single, several.mT) if tall else (several, single)
        net.assign({"maps.0.weight": incoming.contiguous(), "maps.1.weight": outgoing.contiguous()})
        prune_by_magnitude(net, 1, 1)
        assert torch.equal(part(net, "maps.0.weight"), incoming[1:]), "neuron 0 is the smaller one"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_equal_neurons_are_merged_without_a_change(dtype: torch.dtype) -> None:
    """Neuron 5 is neuron 1, and 6 is 2 but for its outgoing weights: two merges are exact, a third is not."""
    net = tanh_network(dtype=dtype)
    rows, bias = part(net, "maps.1.weight"), part(net, "maps.1.bias")
    rows[[5, 6]], bias[[5, 6]] = rows[[1, 2]], bias[[1, 2]]
    net.assign({"maps.1.weight": rows, "maps.1.bias": bias})
    before = net(inputs(net))
    merge_neurons(net, LAYER, 2)
    assert net.widths[LAYER] == N - 2
    assert_close(net(inputs(net)), before, "logits")
    merge_neurons(net, LAYER, 1)
    assert_differs(net(inputs(net)), before, "logits after unequal ones were merged", by=1e-2)


def test_equal_weights_with_another_bias_are_not_equal_neurons() -> None:
    net = tanh_network()
    rows = part(net, "maps.1.weight")
    rows[5] = rows[1]
    net.assign({"maps.1.weight": rows})
    before = net(inputs(net))
    merge_neurons(net, LAYER, 1)
    assert_differs(net(inputs(net)), before, "logits", by=1e-2)


def test_the_pair_of_least_saliency_by_hand() -> None:
    """Distances squared: 1 from 0 to 1, 4 from 1 to 3. c^2 = 9, 1, 1/64: 3 goes into 1, at 4/64."""
    net = tanh_network([1, 3, 1])
    net.assign({"maps.0.weight": torch.tensor([[0.0], [1], [3]]).double(), "maps.0.bias": torch.zeros(3).double()})
    net.assign({"maps.1.weight": torch.tensor([[3.0, 1, 0.125]]).double()})
    merge_neurons(net, 1, 1)
    assert part(net, "maps.0.weight").flatten().tolist() == [0, 1]
    assert part(net, "maps.1.weight").flatten().tolist() == [3, 1.125]
    merge_neurons(net, 1, 1)  # the smaller outgoing weight, 1.125^2 against 3^2, goes
    assert part(net, "maps.0.weight").flatten().tolist() == [0]
    assert part(net, "maps.1.weight").flatten().tolist() == [4.125]


def test_biases_and_the_size_of_outgoing_weights_are_part_of_the_saliency() -> None:
    """Of (w, b) = (0, 0), (0, 9), (2, 0): 0 and 2 are the closest, not 0 and 1, whose weights alone are equal.

    And c = (3, -3) is not small for its mean, nor are 0 and 2 the same: 2, of c = (1, 1), goes into 0.
    """
    net = tanh_network([1, 3, 2])
    net.assign({"maps.0.weight": torch.tensor([[0.0], [0], [2]]).double()})
    net.assign({"maps.0.bias": torch.tensor([0.0, 9, 0]).double()})
    net.assign({"maps.1.weight": torch.tensor([[3.0, 3, 1], [-3, -3, 1]]).double()})
    merge_neurons(net, 1, 1)
    assert part(net, "maps.0.weight").flatten().tolist() == [0, 0]
    assert part(net, "maps.0.bias").tolist() == [0, 9]
    assert part(net, "maps.1.weight").tolist() == [[4, 3], [-2, -3]]


def test_equal_neurons_go_before_those_that_are_nearly_equal() -> None:
    """However large they are: the distance of equal ones is zero, not zero but for rounding."""
    net = tanh_network([40, 6, 3])
    rows, bias = 1e6 * part(net, "maps.0.weight"), part(net, "maps.0.bias")
    rows[5], bias[5] = rows[1], bias[1]
    rows[4], bias[4] = rows[2], bias[2] + 1e-6
    columns = part(net, "maps.1.weight")
    columns[:, [2, 4]] *= 1e-3
    net.assign({"maps.0.weight": rows, "maps.0.bias": bias, "maps.1.weight": columns})
    before = net(inputs(net))
    merge_neurons(net, 1, 1)
    assert torch.equal(part(net, "maps.0.weight"), rows[:5]), "5, which is 1, is gone"
    assert_close(net(inputs(net)), before, "logits")


@pytest.mark.parametrize("count", [2, 5])
def test_several_merges_at_once_are_those_one_by_one(count: int) -> None:
    at_once, one_by_one = tanh_network(), tanh_network()
    merge_neurons(at_once, LAYER, count)
    for _ in range(count):
        merge_neurons(one_by_one, LAYER, 1)
    assert_close(at_once(inputs(at_once)), one_by_one(inputs(at_once)), "logits")
