"""Diagonalising and growing the channels of convolutional networks changes no output."""

from __future__ import annotations

import pytest
import torch
from convolutional_testing import CHANNELS, LAYERS, STRIDES, convnet, images, unfolded
from isotropic_testing import DTYPES, assert_close, assert_differs, error

from isotropic import diagonalise, grow
from isotropic.surgery.outgoing_init import COLUMNS


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize(("side", "layer"), [("left", 1), ("left", 2), ("right", 2), ("right", 3)])
def test_diagonalising_changes_no_output(side: str, layer: int, stride: int, dtype: torch.dtype) -> None:
    net = convnet(stride=stride, dtype=dtype)
    before, weight = net(images(net)), net.affine[layer - 1].weight.detach().clone()
    values = diagonalise(net, layer, side)
    assert_close(net(images(net)), before, "logits")
    assert_differs(net.affine[layer - 1].weight, weight, "the kernel itself", by=0.1)
    stacked = net.affine[layer - 1].weight.detach().flatten(0, -2).mT  # each input with all that read it
    vectors = unfolded(net, layer) if side == "left" else stacked
    lengths = torch.linalg.vector_norm(vectors, dim=1)
    assert_close(vectors @ vectors.mT, torch.diag(lengths**2), "products of rows of the kernel")
    assert (lengths.diff() <= 0).all()
    assert_close(values.to(dtype), lengths[: len(values)], "singular values")


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("columns", COLUMNS)
def test_growing_changes_no_output(columns: str, stride: int, layer: int) -> None:
    net = convnet(stride=stride)
    before = net(images(net))
    grow(net, layer, 3, columns=columns, generator=torch.Generator().manual_seed(0))
    assert net.widths[layer] == CHANNELS[layer - 1] + 3
    assert error(net(images(net)), before) < 1e-14
    drawn = net.affine[layer].weight.detach()[..., -3:].flatten(0, -2)  # [P n_{l+1}, 3]
    assert bool(drawn.any(dim=0).all()) == (columns != "zero")
    if columns == "semi-orthogonal":
        assert_close(drawn.T @ drawn, torch.eye(3, dtype=torch.float64), "unit columns over all positions")


def test_growing_is_exact_because_the_new_rows_are_zero() -> None:
    net = convnet()
    before = net(images(net))
    grow(net, 1, 3, columns="semi-orthogonal", generator=torch.Generator().manual_seed(0))
    net.affine[0].bias.data[-3:] = 0.1
    assert_differs(net(images(net)), before, "logits with new biases of 0.1", by=0.005)
