"""The axis table: where a hidden width lives, and the four things that can happen to it.

A hidden width l is carried by the rows of W_l, b_l and psi_l and by the columns of W_{l+1}, and by nothing
else (METHOD section 2). `net.axes(layer)` is the table of each kind of network, with more rows where more carries the
width, such as a normaliser's. Rotating, growing and pruning are each one loop over it. Axes are counted from the end,
so the same code serves one network, K stacked networks and an optimiser's moments of either. It also serves kernels
(METHOD section 9), of which a hidden width is the channels: their positions P are leading axes, W_l of shape
[*K, *P, n_l, n_{l-1}] and psi_l of shape [*K, *P, n_l].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


class Axis(NamedTuple):
    """A row of the table: an axis of a tensor that carries a hidden width.

    Attributes:
        tensor: its name.
        axis: counted from the end.
        power: 1, turned by Q; 2, by the elementwise squares of Q, which keep what is not negative so.
    """

    tensor: str
    axis: int
    power: int = 1


Table = Sequence[Axis]


def hidden_axes(layer: int) -> tuple[Axis, ...]:
    """The rows that carry hidden width `layer` of a plain network, 1 <= layer <= L - 1."""
    here, after = f"maps.{layer - 1}", f"maps.{layer}"  # the paper counts maps from 1, Python from 0
    return (
        Axis(f"{here}.weight", -2),
        Axis(f"{here}.bias", -1),
        Axis(f"{here}.psi", -1),
        Axis(f"{after}.weight", -1),
    )


def rotate(tensors: Tensors, table: Table, basis: Tensor, power: int = 1) -> Tensors:
    """Change the basis of a hidden width: t <- Q^T t along each of its axes.

    Args:
        tensors: name -> tensor with leading shape [*K]; names that are absent are skipped.
        table: the rows that carry the width.
        basis: Q, [*K, n, n]. The product is taken in Q's dtype and rounded once to the tensor's.
        power: 2 for second moments of the tensors, all of which are turned by the squares of Q.
    """
    squares = basis.square() if power == 2 or any(row.power == 2 for row in table) else basis
    return _each(tensors, table, lambda t, row: contract(t, row.axis, squares if 2 in (power, row.power) else basis))


def append(tensors: Tensors, table: Table, count: int, blocks: Mapping[str, Tensor]) -> Tensors:
    """Widen a hidden width by `count`: with `blocks[name]` where given, a scalar for all, with zeros elsewhere."""

    def widen(t: Tensor, row: Axis) -> Tensor:
        shape = list(t.shape)
        shape[row.axis] = count
        block = blocks[row.tensor].to(t).expand(shape) if row.tensor in blocks else t.new_zeros(shape)
        return torch.cat([t, block], dim=row.axis)

    return _each(tensors, table, widen)


def delete(tensors: Tensors, table: Table, count: int) -> Tensors:
    """Narrow a hidden width by its last `count` entries."""
    return _each(tensors, table, lambda t, row: t.narrow(row.axis, 0, t.shape[row.axis] - count).clone())


def select(tensors: Tensors, table: Table, index: Tensor) -> Tensors:
    """The entries `index` [*K, m] of a hidden width, of which some may be there twice and some not at all."""
    return _each(tensors, table, lambda t, row: _entries(t, row.axis, index))


def _each(tensors: Tensors, table: Table, change: Callable[[Tensor, Axis], Tensor]) -> Tensors:
    changed = dict(tensors)
    for row in table:  # one after the other: a tensor may carry the width along two axes
        if row.tensor in changed:
            changed[row.tensor] = change(changed[row.tensor], row)
    return changed


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


def contract(t: Tensor, axis: int, basis: Tensor) -> Tensor:
    """Sum over i of Q[i, j] t[..., i, ...]: Q^T along one axis, whatever the other axes are."""
    moved, basis = t.movedim(axis, -1), basis.to(t.device)
    batch = moved.shape[: basis.ndim - 2]  # the leading [*K]
    flat = moved.reshape(*batch, -1, moved.shape[-1]).to(basis.dtype)  # [*K, everything else, n]
    return (flat @ basis).reshape(moved.shape).movedim(-1, axis).to(t.dtype).contiguous()
