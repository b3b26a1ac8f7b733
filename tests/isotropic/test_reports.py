"""singular_values, count and explain: what is said of a network, which stays as it is."""

from __future__ import annotations

from math import prod

import pytest
import torch
from isotropic_testing import LENGTHS, TREATMENTS, assert_close, begun, inputs, network
from refusals import everything
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from isotropic import (
    BatchNormOfNorm,
    Ensemble,
    IsotropicConvNet,
    IsotropicMLP,
    NormalisedMLP,
    ParallelMLP,
    attach,
    convert,
    count,
    diagonalise,
    explain,
    grow,
    prune,
    prune_to,
    singular_values,
    sparsify,
)
from isotropic.surgery.sparsify import alternate_maps, parameter_count

WIDTHS = [9, 7, 6, 8, 4]


@pytest.mark.parametrize(("length", "compensation"), TREATMENTS)
def test_parameters_are_those_that_are_computed_with(length: str, compensation: str) -> None:
    net = network(WIDTHS, length, compensation)
    psi, o = sum(WIDTHS[2:]) if compensation not in ("none", "expectation") else 0, 3 if length != "none" else 0
    assert count(net).parameters == parameter_count(WIDTHS, rest=False) + psi + o
    if (length, compensation) == ("trainable", "trainable"):
        assert count(net).parameters == sum(p.numel() for p in net.parameters()) == parameter_count(WIDTHS)


def test_multiply_adds_by_hand() -> None:
    net = IsotropicMLP([3, 2, 4], seed=0)
    assert count(net) == (3 * 2 + 2 + 2 * 4 + 4 + 4 + 1, 3 * 2 + 2 * 4 + 4)
    assert count(net).parameters == 25 and count(net).multiply_adds == 18
    assert count(IsotropicMLP([3, 2, 4], compensation="none", seed=0)).multiply_adds == 14


def test_the_flops_of_matrix_products_agree() -> None:
    """As torch counts them: two for a multiply-add, of products of matrices and convolutions alone."""
    dense = IsotropicMLP(WIDTHS, compensation="none", seed=0)
    grid = IsotropicConvNet((2, 7, 6), [5, 4], classes=3, stride=2, compensation="none", seed=0)
    for net, inputs_of_one in ((dense, 9), (grid, 2 * 7 * 6)):
        with FlopCounterMode(display=False) as counter:
            net(torch.ones(1, inputs_of_one))
        assert counter.get_total_flops() == 2 * count(net).multiply_adds


def test_positions_of_a_convolution() -> None:
    net = IsotropicConvNet((2, 7, 6), [5, 4], classes=3, kernel=3, stride=2, seed=0)
    # Grids of 4 x 3 and 2 x 2; psi from the second map on.
    assert count(net).multiply_adds == 12 * 9 * 5 * 2 + 4 * 9 * (4 * 5 + 4) + 4 * (3 * 4 + 3)
    assert count(net).parameters == sum(p.numel() for p in net.parameters())


def test_diagonal_maps_have_their_diagonal_alone() -> None:
    net = network(WIDTHS)
    diagonal = alternate_maps(net.depth)
    sparse = sparsify(net)
    assert count(sparse).parameters == parameter_count(WIDTHS, diagonal)
    assert count(sparse).multiply_adds == count(net).multiply_adds - 7 * 6 + 6
    for dense, values in zip(singular_values(net), singular_values(sparse), strict=True):
        assert_close(values, dense, "singular values of the sparse form")


def test_other_networks() -> None:
    net = network([5, 4, 3], compensation="none")
    assert count(Ensemble([net, net])) == tuple(2 * n for n in count(net))
    normalised = NormalisedMLP(net, BatchNormOfNorm)
    assert count(normalised).multiply_adds == count(net).multiply_adds == 5 * 4 + 4 * 3
    assert count(normalised).parameters >= count(net).parameters
    parallel = ParallelMLP(network([5, 4, 6, 3]))
    assert count(parallel).parameters == sum(p.numel() for p in parallel.parameters())
    assert count(parallel).multiply_adds == 5 * (4 + 6 + 3) + 6 + 2 * 3
    for function in (count, singular_values):
        with pytest.raises(TypeError, match="net: Linear has no maps; one of this library's networks or views"):
            function(nn.Linear(2, 3))


@pytest.mark.parametrize("length", LENGTHS)
def test_singular_values_are_those_of_diagonalising(length: str) -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    before = everything(net, optimiser)
    found = singular_values(net)
    assert everything(net, optimiser) == before
    assert [tuple(values.shape) for values in found] == [(7,), (6,), (6,), (4,)]
    for layer, values in enumerate(found[:-1], start=1):
        assert values.dtype == torch.float64 and not values.requires_grad
        assert_close(diagonalise(network_like(net), layer), values, f"singular values of map {layer}")
    assert_close(prune(net, 2, 3).removed, found[1][3:], "those that are pruned")


def network_like(net: IsotropicMLP) -> IsotropicMLP:
    copy = IsotropicMLP(net.widths, dtype=torch.float64)
    copy.assign(net.tensors())
    return copy


def test_singular_values_of_members_and_of_kernels() -> None:
    nets = [network(WIDTHS, seed=k) for k in range(3)]
    together = singular_values(Ensemble(nets))
    for layer, values in enumerate(together):
        assert_close(values, torch.stack([singular_values(net)[layer] for net in nets]), "of members")
    grid = IsotropicConvNet((2, 4, 4), [5, 4], classes=3, seed=0, dtype=torch.float64)
    found = singular_values(grid)
    assert_close(diagonalise(grid, 2), found[1], "of unfolded kernels")


def test_what_a_change_touches() -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    explained = explain(net, 2, optimiser=optimiser)
    assert str(explained).splitlines() == [
        "hidden layer 2, 6 neurons",
        "tensor         shape   axis  moments",
        "maps.1.weight  [6, 7]  -2    exp_avg, exp_avg_sq",
        "maps.1.bias    [6]     -1    exp_avg, exp_avg_sq",
        "maps.1.psi     [6]     -1    exp_avg, exp_avg_sq",
        "maps.2.weight  [8, 6]  -1    exp_avg, exp_avg_sq",
    ]
    assert str(explain(net, 1)).splitlines()[-1] == "maps.1.weight  [6, 7]  -1    -"


def test_what_is_explained_is_what_changes() -> None:
    """Shapes before and after growing differ in these tensors and axes, and in no others."""
    net, optimiser = begun(WIDTHS, "adamw")
    rows = {row.tensor: row for row in explain(net, 2, optimiser=optimiser).rows}
    before = {name: tuple(t.shape) for name, t in net.tensors().items()}
    grow(net, 2, 3, optimiser=optimiser)
    for name, t in net.tensors().items():
        expected = list(before[name])
        if name in rows:
            assert rows[name].shape == before[name] and rows[name].moments == ("exp_avg", "exp_avg_sq")
            expected[rows[name].axis] += 3
            assert prod(expected) > prod(before[name])
        assert tuple(t.shape) == tuple(expected), name


@pytest.mark.parametrize("layer", [0, 4, True, 1.0, None], ids=repr)
def test_a_layer_that_there_is_not(layer: object) -> None:
    with pytest.raises(ValueError, match="is not a hidden layer of this network"):
        explain(network(WIDTHS), layer)  # type: ignore[arg-type]


def test_nothing_is_left_out_of_the_count_after_a_change() -> None:
    net = network(WIDTHS)
    grow(net, 2, 4)
    assert count(net) == count(IsotropicMLP([9, 7, 10, 8, 4]))
    assert net(inputs(net)).shape == (12, 4)


class Radial(nn.Module):
    """Somebody's isotropic activation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        r = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return torch.tanh(r) / r * x


def test_a_view_of_somebodys_layers() -> None:
    """Reports and budgets take it as they take a network; what is not in the view is not counted."""
    torch.manual_seed(0)
    layers = [nn.Linear(9, 16), nn.Linear(16, 12, bias=False), nn.Linear(12, 4)]
    model = nn.Sequential(nn.Linear(3, 9), layers[0], Radial(), layers[1], Radial(), layers[2])
    view = attach(model.double(), layers)
    assert count(view) == (9 * 16 + 16 + 16 * 12 + 12 * 4 + 4, 9 * 16 + 16 * 12 + 12 * 4)
    for values, layer in zip(singular_values(view), layers, strict=True):
        assert_close(values, torch.linalg.svdvals(layer.weight.detach()), "of a layer")
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 3, dtype=torch.float64)).sum().backward()
    optimiser.step()
    rows = explain(view, 2, optimiser=optimiser).rows
    assert [(row.tensor, row.shape, row.moments) for row in rows] == [
        ("maps.1.weight", (12, 16), ("exp_avg", "exp_avg_sq")),
        ("maps.2.weight", (4, 12), ("exp_avg", "exp_avg_sq")),
    ]
    most = count(view).parameters // 2
    changes = prune_to(view, most, round_to=4, optimiser=optimiser)
    assert count(view).parameters <= most and view.widths[1:-1] == [change.after for change in changes]
    assert all(change.after % 4 == 0 for change in changes)


def test_a_converted_view_counts_what_pruning_will_use() -> None:
    """Its o is 0 until something is pruned, and counts all the same: a budget is kept."""
    model = nn.Sequential(nn.Linear(9, 16), Radial(), nn.Linear(16, 4))
    view = convert(model, [model[0], model[2]])
    assert count(view).parameters == 9 * 16 + 16 + 16 * 4 + 4 + 4 + 1
    prune_to(view, 140, round_to=2)
    assert count(view).parameters <= 140
    assert count(view).parameters == count(IsotropicMLP(view.widths)).parameters
