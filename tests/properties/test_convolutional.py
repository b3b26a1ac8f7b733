"""Convolutional networks: channels can be rotated, grown and pruned as neurons can, in exact arithmetic exactly."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from convolutional_testing import CHANNELS, convnet, images, train
from isotropic_testing import (
    DTYPES,
    LENGTHS,
    OPTIMISERS,
    WITH_PSI,
    assert_close,
    assert_differs,
    change_basis,
    error,
    inputs,
    moments,
    network,
    normal,
    orthogonal,
)
from torch import Tensor
from torch.optim import Optimizer

from pipeline import IsotropicConvNet, adapt, diagonalise, grow, prune
from pipeline.model.activation import IsotropicTanh, Tanh
from pipeline.model.axes import hidden_axes
from pipeline.surgery.columns import COLUMNS

STRIDES = [1, 2]
LAYERS = [1, 2]
IDLE = 3  # channels of layer 2 that do nothing but hold a bias


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


def unfolded(net: IsotropicConvNet, layer: int) -> Tensor:
    """W_l as [n_l, P n_{l-1}]."""
    weight = net.affine[layer - 1].weight.detach()
    return torch.stack([weight[..., row, :].flatten() for row in range(weight.shape[-2])])


# The network


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
    activation = IsotropicTanh(torch.tensor(0.3, dtype=torch.float64).log(), trained=False)
    assert_close(activation(h @ r.T)[0], activation(h)[0] @ r.T, "f(R h) against R f(h)")
    assert_differs(Tanh()(h @ r.T)[0], Tanh()(h)[0] @ r.T, "tanh(R h) against R tanh(h)", by=0.05)


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


@pytest.mark.parametrize("forgotten", [name for name, _ in hidden_axes(2)])
def test_each_row_of_the_axis_table_is_needed(forgotten: str) -> None:
    net = convnet()
    before, kept = net(images(net)), net.tensors()[forgotten]
    change_basis(net, 2, orthogonal(7))
    net.assign({forgotten: kept})
    assert_differs(net(images(net)), before, f"logits with {forgotten} not turned", by=0.01)


# Diagonalisation


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


# Growing


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("columns", COLUMNS)
def test_growing_changes_no_output(columns: str, stride: int, layer: int) -> None:
    net = convnet(stride=stride)
    before = net(images(net))
    grow(net, layer, 3, columns, generator=torch.Generator().manual_seed(0))
    assert net.widths[layer] == CHANNELS[layer - 1] + 3
    assert error(net(images(net)), before) < 1e-14
    drawn = net.affine[layer].weight.detach()[..., -3:].flatten(0, -2)  # [P n_{l+1}, 3]
    assert bool(drawn.any(dim=0).all()) == (columns != "zero")
    if columns == "semi-orthogonal":
        assert_close(drawn.T @ drawn, torch.eye(3, dtype=torch.float64), "unit columns over all positions")


def test_growing_is_exact_because_the_new_rows_are_zero() -> None:
    net = convnet()
    before = net(images(net))
    grow(net, 1, 3, "semi-orthogonal", generator=torch.Generator().manual_seed(0))
    net.affine[0].bias.data[-3:] = 0.1
    assert_differs(net(images(net)), before, "logits with new biases of 0.1", by=0.005)


# Pruning


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
    assert adapt(net, threshold, scaffold=2, generator=torch.Generator().manual_seed(0)) == [1, 2 - IDLE]
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


# Moments


def begun(kind: str) -> tuple[IsotropicConvNet, Optimizer]:
    net = convnet()
    optimiser = OPTIMISERS[kind](net.parameters())
    train(net, optimiser, 2)
    return net, optimiser


def both_orders(kind: str) -> tuple[Tensor, Tensor]:
    """Logits of the network rotated and then trained, and trained and then rotated."""
    (first, first_optimiser), (last, last_optimiser) = begun(kind), begun(kind)
    change_basis(first, 2, orthogonal(7), first_optimiser)
    train(first, first_optimiser, 5, first=2)
    train(last, last_optimiser, 5, first=2)
    change_basis(last, 2, orthogonal(7), last_optimiser)
    return first(images(first)), last(images(last))


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_descent_and_momentum_commute_with_a_rotation_and_adam_does_not(kind: str) -> None:
    if kind.startswith("adam"):
        assert_differs(*both_orders(kind), "logits", by=1e-3)
    else:
        assert_close(*both_orders(kind), "logits", slack=1e2)


def test_momentum_must_be_carried_along() -> None:
    (net, optimiser), (last, last_optimiser) = begun("momentum"), begun("momentum")
    kept = moments(net, optimiser, "momentum_buffer")
    change_basis(net, 2, orthogonal(7), optimiser)
    for name, p in net.named_parameters():
        optimiser.state[p]["momentum_buffer"] = kept[name]
    train(net, optimiser, 5, first=2)
    train(last, last_optimiser, 5, first=2)
    assert_differs(net(images(net)), last(images(last)), "logits", by=1e-3)


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_training_goes_on_after_growing_and_pruning(kind: str) -> None:
    net, optimiser = begun(kind)
    grow(net, 1, 2, optimiser=optimiser, generator=torch.Generator().manual_seed(0))
    prune(net, 2, 3, optimiser)
    for p in net.parameters():
        for state, t in optimiser.state[p].items():
            assert state == "step" or t is None or t.shape == p.shape
    if kind != "sgd":
        state = "momentum_buffer" if "momentum" in kind or "nesterov" in kind else "exp_avg"
        moment = moments(net, optimiser, state)["maps.1.weight"]
        assert moment.any() and not moment[..., -2:].any(), "new channels begin without moments"
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    train(net, optimiser, 1, first=2)
    assert all(not torch.equal(p, before[name]) for name, p in net.named_parameters())
    assert net.affine[1].weight.grad is not None and net.affine[0].weight.grad is not None
    assert net.affine[0].weight.grad[..., -2:, :].any(), "new channels train"
