"""Diagonalisation: the singular value decomposition absorbed into the neighbouring layers."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropic.axes import stacked
from isotropic.changes import change
from isotropic.integers import index
from isotropic.networks.base import MLP
from isotropic.surgery.edit import Edit
from isotropic.surgery.modules import bare

SIDES = ("left", "right", "full")


@change
def diagonalise(
    net: MLP,
    layer: int,
    side: str = "left",
    *,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
) -> Tensor:
    """Rotate hidden widths so that map `layer` becomes diagonal; no output changes (METHOD section 2).

    With W_l = U S V^T:

        left   W_l <- U^T W_l = S V^T    (hidden width l by U)            1 <= l <= L - 1
        right  W_l <- W_l V  = U S       (hidden width l - 1 by V)        2 <= l <= L
        full   W_l <- S                  (both; off-diagonal exactly 0)   2 <= l <= L - 1

    Of kernels W_l is all positions together (METHOD section 9): left, unfolded to [n_l, P n_{l-1}], whose rows become
    orthogonal; right, stacked to [P n_l, n_{l-1}], whose columns do. One rotation of each side cannot make every
    position diagonal, so there is no full form.

    Args:
        net: an isotropic network or an ensemble of them; changed in place.
        layer: l, the affine map, counted from 1.
        side: "left", "right" or "full".
        optimiser: one, several in a list, or None: whose moments are carried along: first moments exactly, second
            moments with the squared rotation (Eqn. 27), an approximation. Every parameter that is trained
            (requires_grad) must be held by one of them. Gradients turn too, as first moments do.
        also: networks to be turned alongside, such as averages of the weights (AveragedModel, or its `module`).
        unknown: what is done with the state of an optimiser whose kind is not known: "error", or "reset", to begin it
            anew (`register_optimiser` makes a kind known).

    Returns:
        The singular values of W_l before the call, descending, [*K, min(n_l, n_{l-1})], in float64.

    Raises:
        ValueError: unknown side, or "full" of kernels, layer out of range for it, elementwise activations, weights
            not finite, sharded or parametrised parameters, optimisers that do not hold the network, or networks in
            `also` of other widths.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    width = hidden_width(net, layer, side, SIDES, of_kernels=SIDES[:2])
    edit = Edit(net, width, optimiser, also=also, unknown=unknown)
    layer = width + (side == "right")
    weight = edit.own.tensors[f"maps.{layer - 1}.weight"]
    if side == "left":
        values = rotate_left(edit)
    elif side == "right":
        basis, values = left_vectors(stacked(weight, len(edit.lead)).mT)
        edit.rotate(basis)
    else:
        u, values, vh = torch.linalg.svd(weight.double(), full_matrices=True)
        edit.rotate(u)
        edit.rotate(vh.mT, layer - 1)
        exact = torch.zeros_like(edit.weight)
        exact.diagonal(dim1=-2, dim2=-1).copy_(values)
        edit.own.tensors[f"maps.{layer - 1}.weight"] = exact
    edit.commit()
    return values


def hidden_width(
    net: MLP, layer: int, side: str, sides: tuple[str, ...], of_kernels: tuple[str, ...] = ("left",)
) -> int:
    """The hidden width that one side of map `layer` changes: its output's, or its input's for side "right".

    Raises:
        ValueError: a side that is not one of `sides`, or, of a network with kernels, of `of_kernels`, or a layer that
            has no hidden width on this side.
    """
    net = bare(net)
    if side not in sides:
        raise ValueError(f"side: {side!r} is not one of {', '.join(sides)}")
    if net.has_kernels and side not in of_kernels:
        raise ValueError(f"side: {side!r} is not possible with kernels; one of {', '.join(of_kernels)}")
    first, last = (1 if side == "left" else 2), (net.depth if side == "right" else net.depth - 1)
    layer = index(layer, "layer", f"has no hidden width on side {side!r}", first, last)
    return layer - 1 if side == "right" else layer


def rotate_left(edit: Edit) -> Tensor:
    """Left-partial diagonalisation of the carried layer, not yet committed; returns its singular values."""
    basis, values = left_vectors(edit.weight)
    edit.rotate(basis)
    return values


def left_vectors(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A complete orthogonal U [*K, n, n] and the singular values [*K, min(n, m)] of W [*K, n, m], in float64.

    For weights in float32, the eigenvectors of W W^T in float64: a hundredth of the time of a full SVD, and
    more accurate than one in float32, since squaring the condition number costs float64 nothing that float32
    had. Weights in float64 need the SVD itself.
    """
    n, m = weight.shape[-2:]
    if weight.dtype == torch.float64:
        u, values, _ = torch.linalg.svd(weight, full_matrices=n > m)  # V is never larger than m x m
        return u, values
    wide = weight.double()
    squares, vectors = torch.linalg.eigh(wide @ wide.mT)  # ascending
    return vectors.flip(-1), squares.flip(-1)[..., : min(n, m)].clamp_min(0).sqrt()
