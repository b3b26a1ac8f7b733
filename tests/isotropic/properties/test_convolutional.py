"""Convolutional networks: the definition, and that a rotation of the channels is not seen."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from convolutional_testing import CHANNELS, LAYERS, convnet, images
from isotropic_testing import assert_close, assert_differs, change_basis, inputs, network, normal, orthogonal
from torch import Tensor

from isotropic import IsotropicConvNet
from isotropic.axes import hidden_axes
from isotropic.networks.activation import Elementwise, Isotropic


def by_definition(net: IsotropicConvNet, x: Tensor) -> Tensor:
    """Logits of images x [B, C, H, W], from the docstring's sums, position by position."""
    h = x.permute(2, 3, 0, 1)  # [H, W, B, C]
    g = None
    for index, affine in enumerate(net.affine):
        k, across, rows, _ = affine.weight.shape
        last = index == net.depth - 1
        stride, padding = (1, 0) if last else (affine.stride, k // 2)  # type: ignore[union-attr]
        a = h if g is None else g * h
        size = [(side + 2 * padding - of) // stride + 1 for side, of in zip(h.shape[:2], (k, across), strict=True)]
        after = affine.bias.expand(*size, len(x), rows).clone()
        for i, j, p, q in product(range(size[0]), range(size[1]), range(k), range(across)):
            down, right = stride * i + p - padding, stride * j + q - padding
            if 0 <= down < h.shape[0] and 0 <= right < h.shape[1]:
                after[i, j] += a[down, right] @ affine.weight[p, q].T
                if g is not None and affine.psi is not None:
                    after[i, j] += g[down, right] * affine.psi[p, q]
        if last:
            return after[0, 0]
        r = (after.square().sum(-1, keepdim=True) + net.activations[index].o).sqrt()  # type: ignore[operator]
        h, g = after, r.tanh() / r
    raise AssertionError


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (2, 1), (3, 1), (3, 2), (5, 1), (5, 3)])
def test_forward_is_the_definition(kernel: int, stride: int) -> None:
    net = convnet(stride=stride, kernel=kernel)
    x = images(net)
    assert_close(net(x), by_definition(net, x), "logits")
    assert_close(net(x.flatten(1)), net(x), "logits of flat images")


@pytest.mark.parametrize("name", ["maps.0.bias", "maps.1.psi", "maps.2.psi", "activations.0.log_o"])
def test_every_part_is_seen(name: str) -> None:
    """Negative control of all that follows: what forgot a bias, a psi or a length would be noticed."""
    net = convnet()
    before = net(images(net))
    net.assign({name: net.tensors()[name] * 0})
    assert_differs(net(images(net)), before, f"logits without {name}", by=0.005)


def test_a_single_pixel_is_a_multilayer_perceptron() -> None:
    dense = network([5, 6, 4, 3])
    net = IsotropicConvNet((5, 1, 1), [6, 4], 3, kernel=1, dtype=torch.float64)
    net.assign({name: t.reshape(net.tensors()[name].shape) for name, t in dense.tensors().items()})
    assert_close(net(inputs(dense)), dense(inputs(dense)), "logits")
    assert_close(net.penalty(), dense.penalty(), "penalty")


def test_activation_commutes_with_a_rotation_of_the_channels() -> None:
    h, r = normal(4, 5, 3, 6), orthogonal(6)  # [B, H, W, C]
    activation = Isotropic(torch.tensor(0.3, dtype=torch.float64).log(), trained=False)
    assert_close(activation(h @ r.T)[0], activation(h)[0] @ r.T, "f(R h) against R f(h)")
    assert_differs(Elementwise()(h @ r.T)[0], Elementwise()(h)[0] @ r.T, "tanh(R h) against R tanh(h)", by=0.05)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_network_does_not_see_the_basis_of_the_channels(layer: int) -> None:
    net = convnet()
    before, bases = net(images(net)), torch.stack([orthogonal(CHANNELS[layer - 1], seed) for seed in range(9)])
    change_basis(net, layer, bases[0])
    assert_close(net(images(net)), before, "logits")
    # Negative control: another rotation at each position of the kernel is none of the channels.
    own = f"maps.{layer - 1}.weight"
    weight = convnet().tensors()[own]
    net.assign({own: bases.view(3, 3, *bases.shape[1:]).mT @ weight})
    assert_differs(net(images(net)), before, "logits", by=0.05)


@pytest.mark.parametrize("forgotten", [name for name, *_ in hidden_axes(2)])
def test_each_row_of_the_axis_table_is_needed(forgotten: str) -> None:
    net = convnet()
    before, kept = net(images(net)), net.tensors()[forgotten]
    change_basis(net, 2, orthogonal(7))
    net.assign({forgotten: kept})
    assert_differs(net(images(net)), before, f"logits with {forgotten} not turned", by=0.01)
