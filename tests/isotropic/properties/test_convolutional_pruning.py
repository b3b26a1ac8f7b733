"""Pruning the channels of convolutional networks: exact where nothing is lost, and visibly not elsewhere."""

from __future__ import annotations

import pytest
import torch
from convolutional_testing import LAYERS, STRIDES, convnet, images, unfolded
from isotropic_testing import DTYPES, LENGTHS, WITH_PSI, assert_close, assert_differs, orthogonal
from torch import Tensor

from isotropic import IsotropicConvNet, adapt, diagonalise, prune

IDLE = 3  # channels of layer 2 that do nothing but hold a bias


def idle(
    intrinsic_length: str, compensation: str, stride: int = 1, dtype: torch.dtype = torch.float64
) -> IsotropicConvNet:
    """In a hidden basis, 3 of the 7 channels of layer 2 have zero kernels and psi, but biases."""
    net = convnet(intrinsic_length, compensation, stride)
    tensors, basis = net.tensors(), orthogonal(7)
    kept = torch.tensor([1.0] * (7 - IDLE) + [0.0] * IDLE, dtype=torch.float64)
    change = {"maps.1.weight": basis @ (kept[:, None] * tensors["maps.1.weight"])}
    if compensation in WITH_PSI:
        change["maps.1.psi"] = (kept * tensors["maps.1.psi"]) @ basis.T
    net.assign(change)
    return net.to(dtype)


def pruned(net: IsotropicConvNet, count: int = IDLE) -> tuple[Tensor, Tensor]:
    before = net(images(net))
    prune(net, 2, count)
    return net(images(net)), before


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("count", [1, IDLE])
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("compensation", WITH_PSI)
@pytest.mark.parametrize("intrinsic_length", ["constant", "trainable"])
def test_pruning_is_exact_with_length_and_psi(
    intrinsic_length: str, compensation: str, stride: int, count: int, dtype: torch.dtype
) -> None:
    """At the border too: the last map reads every position of the grid."""
    assert_close(*pruned(idle(intrinsic_length, compensation, stride, dtype), count), "logits")


@pytest.mark.parametrize("layer", LAYERS)
def test_what_a_constant_did_in_the_next_convolution_is_kept(layer: int) -> None:
    """Layer 1 is followed by a convolution with padding; layer 2 by the map of the whole grid."""
    net = convnet()
    tensors = net.tensors()
    change = {f"maps.{layer - 1}.weight": tensors[f"maps.{layer - 1}.weight"].clone()}
    change[f"maps.{layer - 1}.weight"][..., -2:, :] = 0
    if layer > 1:
        change["maps.1.psi"] = tensors["maps.1.psi"].clone()
        change["maps.1.psi"][..., -2:] = 0
    net.assign(change)
    before = net(images(net))
    prune(net, layer, 2)
    assert_close(net(images(net)), before, "logits")


def test_one_vector_cannot_take_the_place_of_the_kernel_psi() -> None:
    """Negative control: the same sum over positions as one vector, read at one position, is visibly another map."""
    net = convnet()
    weight, psi = net.tensors()["maps.0.weight"].clone(), net.tensors()["maps.1.psi"]
    weight[..., -2:, :] = 0
    net.assign({"maps.0.weight": weight})
    before = net(images(net))
    prune(net, 1, 2)
    exact = net.tensors()["maps.1.psi"]
    assert_close(net(images(net)), before, "logits")
    vector = psi.clone()
    vector[1, 1] += (exact - psi).sum((0, 1))
    net.assign({"maps.1.psi": vector})
    assert_differs(net(images(net)), before, "logits with a vector", by=5e-3)


@pytest.mark.parametrize(
    ("intrinsic_length", "compensation"),
    [(o, psi) for o in LENGTHS for psi in ("none", *WITH_PSI) if o == "none" or psi == "none"],
)
def test_pruning_is_visibly_inexact_without_either(intrinsic_length: str, compensation: str) -> None:
    assert_differs(*pruned(idle(intrinsic_length, compensation)), "logits", by=1e-3)


@pytest.mark.parametrize(("correction", "exact"), [("isometric", True), ("linear", False), ("none", False)])
def test_a_channel_that_others_predict_is_pruned_exactly(correction: str, exact: bool) -> None:
    """Channel 4 is channel 0 halved, at every position; the linear correction alone loses its part of the norm."""
    net = convnet()
    change = {name: net.tensors()[name].clone() for name in ("maps.1.weight", "maps.1.bias", "maps.1.psi")}
    for t, axis in zip(change.values(), (-2, -1, -1), strict=True):
        t.select(axis, 4).copy_(0.5 * t.select(axis, 0))
    net.assign(change)
    before = net(images(net))
    prune(net, 2, 1, choice=torch.tensor([4]), correction=correction)
    if exact:
        assert_close(net(images(net)), before, "logits")
    else:
        assert_differs(net(images(net)), before, "logits", by=1e-3)


def test_one_channel_too_many_is_visible() -> None:
    assert_differs(*pruned(idle("trainable", "trainable"), IDLE + 1), "logits", by=1e-2)


def test_the_policy_keeps_a_scaffold_of_channels() -> None:
    net = idle("trainable", "trainable")
    before, sigma = net(images(net)), torch.linalg.svdvals(unfolded(net, 1))
    threshold = float(sigma[-2:].mean())  # one channel of layer 1 is below it
    assert 1e-9 < threshold < torch.linalg.svdvals(unfolded(net, 2))[6 - IDLE]
    changes = adapt(net, threshold=threshold, scaffold=2, generator=torch.Generator().manual_seed(0))
    assert [change.difference for change in changes] == [1, 2 - IDLE]
    assert net.widths == [2, 7, 6, 3]
    assert_close(net(images(net)), before, "logits")


def test_importance_by_gradient_ranks_the_unfolded_directions() -> None:
    """|dL/d sigma_i| is the change of the loss if sigma_i changes alone, by finite differences."""
    net, other = convnet(), convnet()
    diagonalise(net, 2)
    diagonalise(other, 2)
    net(images(net)).square().mean().backward()
    slopes, step = [], 1e-5
    for row in range(7):
        weight = other.tensors()["maps.1.weight"]
        sides = []
        for sign in (1, -1):
            moved = weight.clone()
            sigma = unfolded(other, 2)[row].norm()
            moved[..., row, :] *= 1 + sign * step / sigma
            other.assign({"maps.1.weight": moved})
            sides.append(other(images(other)).square().mean().item())
        other.assign({"maps.1.weight": weight})
        slopes.append(abs(sides[0] - sides[1]) / (2 * step))
    least = int(torch.tensor(slopes).argmin())
    bias = net.affine[1].bias.detach().clone()
    prune(net, 2, 1, choice="gradient")
    assert_close(
        net.affine[1].bias.abs().sort().values, bias[[i for i in range(7) if i != least]].abs().sort().values, "b"
    )
