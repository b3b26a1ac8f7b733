"""Isotropic activations commute with rotations, so that a hidden width has no preferred basis."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from isotropic_testing import assert_close, assert_differs, change_basis, inputs, network, normal, orthogonal
from torch import Tensor

from isotropic.axes import hidden_axes
from isotropic.networks.activation import Elementwise, Isotropic


def isotropic(x: Tensor, o: float) -> Tensor:
    value: Tensor = Isotropic(torch.tensor(o, dtype=x.dtype).log(), trained=False)(x)[0]
    return value


@settings(max_examples=30)
@given(
    n=st.integers(1, 16),
    seed=st.integers(0, 1000),
    o=st.sampled_from([0.0, 1e-6, 0.7]),
    size=st.sampled_from([0.0, 1e-12, 0.01, 1.0, 30.0, 1e6]),
)
def test_isotropic_tanh_commutes_with_every_rotation(n: int, seed: int, o: float, size: float) -> None:
    x, r = size * normal(8, n, seed=seed), orthogonal(n, seed=seed + 1)
    assert_close(isotropic(x @ r.T, o), isotropic(x, o) @ r.T, "f(Rx) against R f(x)")


@pytest.mark.parametrize("n", [2, 5, 16])
def test_elementwise_tanh_does_not(n: int) -> None:
    x, r = normal(8, n), orthogonal(n)
    assert_differs(Elementwise()(x @ r.T)[0], Elementwise()(x)[0] @ r.T, "tanh(Rx) against R tanh(x)", by=0.05)


def test_nor_does_isotropic_tanh_with_a_matrix_that_is_not_orthogonal() -> None:
    x, skewed = normal(8, 5), normal(5, 5, seed=1)
    assert_differs(isotropic(x @ skewed.T, 0.0), isotropic(x, 0.0) @ skewed.T, "f(Ax) against A f(x)", by=0.05)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_network_does_not_see_the_basis_of_a_hidden_width(layer: int) -> None:
    net = network([6, 5, 7, 4, 3])
    before, weight = net(inputs(net)), net.maps[layer - 1].weight.clone()
    change_basis(net, layer, orthogonal(net.widths[layer]))
    assert_close(net(inputs(net)), before, "logits")
    assert_differs(net.maps[layer - 1].weight, weight, "the map itself", by=0.1)


@pytest.mark.parametrize("forgotten", [name for name, *_ in hidden_axes(2)])
def test_each_row_of_the_axis_table_is_needed(forgotten: str) -> None:
    net = network([6, 5, 7, 3])
    before, kept = net(inputs(net)), net.tensors()[forgotten]
    change_basis(net, 2, orthogonal(7))
    net.assign({forgotten: kept})
    assert_differs(net(inputs(net)), before, f"logits with {forgotten} not turned", by=0.05)
