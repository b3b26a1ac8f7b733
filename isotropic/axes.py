"""The axis table: where a hidden width lives, and the four things that can happen to it.

A hidden width l is carried by the rows of W_l, b_l and psi_l and by the columns of W_{l+1}, and by nothing
else (METHOD section 2). Rotating, growing and pruning are each one loop over this table. Axes are counted from
the end, so the same code serves one network, K stacked networks and an optimiser's moments of either. It also serves
kernels (METHOD section 9), of which a hidden width is the channels: their positions P are leading axes, W_l of shape
[*K, *P, n_l, n_{l-1}] and psi_l of shape [*K, *P, n_l].
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


def hidden_axes(layer: int) -> tuple[tuple[str, int], ...]:
    """The (tensor, axis) pairs that carry hidden width `layer`, 1 <= layer <= L - 1."""
    here, after = f"maps.{layer - 1}", f"maps.{layer}"  # the paper counts maps from 1, Python from 0
    return (
        (f"{here}.weight", -2),
        (f"{here}.bias", -1),
        (f"{here}.psi", -1),
        (f"{after}.weight", -1),
    )


def rotate(tensors: Tensors, layer: int, basis: Tensor) -> Tensors:
    """Change the basis of hidden width `layer`: t <- Q^T t along each of its axes.

    Args:
        tensors: name -> tensor with leading shape [*K]; names that are absent are skipped.
        layer: the hidden width.
        basis: Q, [*K, n, n]. The product is taken in Q's dtype and rounded once to the tensor's.
    """
    return _each(tensors, layer, lambda t, axis: contract(t, axis, basis))


def append(tensors: Tensors, layer: int, count: int, blocks: Mapping[str, Tensor]) -> Tensors:
    """Widen hidden width `layer` by `count`: with `blocks[name]` where given, with zeros elsewhere."""

    def widen(name: str, t: Tensor, axis: int) -> Tensor:
        shape = list(t.shape)
        shape[axis] = count
        block = blocks[name].to(t) if name in blocks else t.new_zeros(shape)
        return torch.cat([t, block], dim=axis)

    axes = [(name, axis) for name, axis in hidden_axes(layer) if name in tensors]
    return tensors | {name: widen(name, tensors[name], axis) for name, axis in axes}


def delete(tensors: Tensors, layer: int, count: int) -> Tensors:
    """Narrow hidden width `layer` by its last `count` entries."""
    return _each(tensors, layer, lambda t, axis: t.narrow(axis, 0, t.shape[axis] - count).clone())


def select(tensors: Tensors, layer: int, index: Tensor) -> Tensors:
    """The entries `index` [*K, m] of hidden width `layer`, of which some may be there twice and some not at all."""
    return _each(tensors, layer, lambda t, axis: _entries(t, axis, index))


def _entries(t: Tensor, axis: int, index: Tensor) -> Tensor:
    moved = t.movedim(axis, -1)  # [*K, ..., n]
    between = [1] * (moved.ndim - index.ndim)
    chosen = torch.take_along_dim(moved, index.reshape(*index.shape[:-1], *between, -1), -1)
    return chosen.movedim(-1, axis).contiguous()


def unfolded(weight: Tensor, members: int) -> Tensor:
    """[*K, *P, n, m] -> [*K, n, P m]: outputs with all that they read. K has `members` axes; unchanged without P."""
    return weight.movedim(-2, members).flatten(members + 1)


def stacked(weight: Tensor, members: int) -> Tensor:
    """[*K, *P, n, m] -> [*K, P n, m]: inputs with all that read them. K has `members` axes; unchanged without P."""
    return weight.flatten(members, -2)


def _each(tensors: Tensors, layer: int, change) -> Tensors:  # type: ignore[no-untyped-def]
    axes = [(name, axis) for name, axis in hidden_axes(layer) if name in tensors]
    return tensors | {name: change(tensors[name], axis) for name, axis in axes}


def contract(t: Tensor, axis: int, basis: Tensor) -> Tensor:
    """Sum over i of Q[i, j] t[..., i, ...]: Q^T along one axis, whatever the other axes are."""
    moved = t.movedim(axis, -1)
    batch = moved.shape[: basis.ndim - 2]  # the leading [*K]
    flat = moved.reshape(*batch, -1, moved.shape[-1]).to(basis.dtype)  # [*K, everything else, n]
    return (flat @ basis).reshape(moved.shape).movedim(-1, axis).to(t.dtype).contiguous()
