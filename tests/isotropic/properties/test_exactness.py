"""Diagonalising and growing change no output: to 1e-12 in float64, to rounding in float32."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from isotropic_testing import DTYPES, TREATMENTS, assert_close, assert_differs, inputs, network

from isotropic import IsotropicMLP, diagonalise, grow
from isotropic.surgery.outgoing_init import COLUMNS

# Widening, narrowing, width 1 and two to five maps; a hidden width can be wider than the input.
SHAPES = [[6, 4, 3], [4, 9, 3], [5, 7, 4, 3], [3, 1, 5, 2], [6, 4, 9, 8, 3], [2, 2, 2, 2, 2, 2]]
SIDES = [("left", 1, 1), ("right", 2, 0), ("full", 2, 1)]  # side, first layer, maps left out at the end


def operations(net: IsotropicMLP) -> list[tuple[str, int]]:
    """Every side of `diagonalise`, and "grow", with every layer it can be applied to."""
    sided = [(side, layer) for side, first, out in SIDES for layer in range(first, net.depth - out + 1)]
    return sided + [("grow", layer) for layer in range(1, net.depth)]


def apply(net: IsotropicMLP, operation: str, layer: int, columns: str = "normal") -> None:
    if operation == "grow":
        grow(net, layer, count=3, columns=columns, generator=torch.Generator().manual_seed(0))
    else:
        diagonalise(net, layer, side=operation)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("intrinsic_length", "compensation"), TREATMENTS)
def test_every_operation_on_every_layer(intrinsic_length: str, compensation: str, dtype: torch.dtype) -> None:
    for widths in SHAPES:
        for operation, layer in operations(network(widths)):
            net = network(widths, intrinsic_length, compensation, dtype=dtype)
            before = net(inputs(net))
            apply(net, operation, layer)
            assert_close(net(inputs(net)), before, f"logits of {widths} after {operation} of layer {layer}")


@settings(max_examples=20)
@given(widths=st.lists(st.integers(1, 12), min_size=3, max_size=6), seed=st.integers(0, 100), data=st.data())
def test_one_after_another(widths: list[int], seed: int, data: st.DataObject) -> None:
    net = network(widths, seed=seed)
    before = net(inputs(net))
    for _ in range(4):
        apply(net, *data.draw(st.sampled_from(operations(net))))
    assert_close(net(inputs(net)), before, "logits", slack=10)  # four roundings


@pytest.mark.parametrize("columns", COLUMNS)
def test_growing_is_exact_whatever_the_columns(columns: str) -> None:
    net = network([5, 7, 4, 3])
    before = net(inputs(net))
    apply(net, "grow", 1, columns)
    assert net.widths == [5, 10, 4, 3]
    assert_close(net(inputs(net)), before, "logits")


def test_the_columns_matter_as_soon_as_the_new_rows_are_not_zero() -> None:
    """Negative control: it is the zero rows and biases that make growing exact."""
    net = network([5, 7, 4, 3])
    before = net(inputs(net))
    grow(net, 1, count=3, columns="semi-orthogonal", generator=torch.Generator().manual_seed(0))
    net.maps[0].bias.data[-3:] = 0.1
    assert_differs(net(inputs(net)), before, "logits with new biases of 0.1", by=0.005)


@pytest.mark.parametrize("part", ["maps.1.bias", "maps.1.psi", "activations.0.log_o"])
def test_every_part_of_these_networks_is_seen_in_their_logits(part: str) -> None:
    """Negative control: an operation that lost a bias, a psi or a length would be noticed."""
    net = network([5, 7, 4, 3])
    before = net(inputs(net))
    net.assign({part: net.tensors()[part] * 0})
    assert_differs(net(inputs(net)), before, f"logits without {part}", by=0.005)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", ["orthogonal: all singular values 1", "rank 2", "rank 1", "all zero"])
def test_repeated_and_zero_singular_values(case: str, dtype: torch.dtype) -> None:
    for operation, layer in operations(network([5, 7, 4, 3])):
        net = network([5, 7, 4, 3], dtype=dtype)
        target = layer - 1
        weight = IsotropicMLP([5, 7, 4, 3], seed=0, dtype=dtype).maps[target].weight.detach()
        if case != "orthogonal: all singular values 1":
            rank = {"rank 2": 2, "rank 1": 1, "all zero": 0}[case]
            weight = weight[:, :rank] @ weight[:rank, :]
        net.assign({f"maps.{target}.weight": weight.clone()})
        before = net(inputs(net))
        apply(net, operation, layer)
        assert_close(net(inputs(net)), before, f"logits after {operation} of layer {layer}, {case}")
