"""Backward adaptation: a hidden width seen from the map that follows it, whose input side it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from isotropic.surgery.diagonalise import left_vectors
from isotropic.surgery.edit import Edit
from isotropic.surgery.outgoing_init import draw_columns

ROWS = ("bias", "normal", "zero")


def right_vectors(edit: Edit) -> tuple[Tensor, Tensor]:
    """V [*K, n, n] and the singular values of the map W_{l+1} = U S V^T after the carried width l, in float64.

    Directions that W_{l+1} does not see (sigma = 0) are ordered among themselves by what reaches them, the rows of
    (W_l, psi_l), the longest first: those that are constant come last. Any basis of them is a right-partial
    diagonalisation, and only constants can be removed without a change, since the norm ||h_l|| sees the others.
    """
    after, tensors = edit.next_weight, edit.own.tensors
    basis, values = left_vectors(after.mT)
    outgoing = F.pad(values, (0, edit.width - values.shape[-1]))  # [*K, n]
    unseen = outgoing <= max(after.shape[-2:]) * torch.finfo(after.dtype).eps * values[..., :1]
    if not bool(unseen.any()):
        return basis, values
    arriving = [edit.weight.double()]
    if (psi := tensors.get(f"maps.{edit.layer - 1}.psi")) is not None:
        arriving.append(psi.double()[..., None])
    rows = basis.mT @ torch.cat(arriving, dim=-1)  # [*K, n, n_{l-1} (+ 1)]
    # A longer row of its own keeps each direction that is seen in its place, before the others.
    longer = 1 + torch.linalg.matrix_norm(rows)[..., None] + outgoing
    apart = torch.where(unseen, 0.0, longer).diag_embed()
    order, _ = left_vectors(torch.cat([torch.where(unseen[..., None], rows, 0.0), apart], dim=-1))
    return basis @ order, values


def append_from_the_right(
    edit: Edit, count: int, rows: str, generator: Generator | Sequence[Generator] | None
) -> None:
    """Widen the carried width l by neurons that W_{l+1} does not see, as `grow` says; not yet committed."""
    here = f"maps.{edit.layer - 1}"
    if rows == "bias":
        length = f"activations.{edit.layer - 1}.log_o"
        blocks = []
        for family in edit.networks:
            log_o = family.tensors[length]
            family.tensors[length] = log_o - math.log(2)
            each = (log_o.exp() / (2 * count)).sqrt()  # k b*^2 = o / 2
            blocks.append({f"{here}.bias": each[..., None].expand(*each.shape, count)})
        edit.append(count, *blocks)
    elif rows == "normal":
        arriving = [widths[edit.layer - 1] for widths in edit.net.member_widths]
        drawn = draw_columns("normal", edit.weight.mT, count, generator, arriving)
        edit.append(count, {f"{here}.weight": drawn.mT})
    else:
        edit.append(count, {})


def check_rows(edit: Edit, rows: str) -> None:
    """Raise a ValueError for an unknown kind of rows, or for biases without a length to spend on them."""
    if rows not in ROWS:
        raise ValueError(f"rows: {rows!r} is not one of {', '.join(ROWS)}")
    if rows == "bias" and hasattr(edit.net, "normalisers"):
        raise ValueError("rows: 'bias' would change what the normaliser behind the layer sees; 'normal' or 'zero'")
    if rows == "bias" and f"maps.{edit.layer - 1}.bias" not in edit.own.tensors:
        raise ValueError(f"rows: 'bias' of maps.{edit.layer - 1}, which has none; 'normal' or 'zero'")
    if rows == "bias" and not bool(edit.net.has_length.all()):
        raise ValueError(
            "rows: 'bias' takes the new biases out of the intrinsic length, and there is none (intrinsic_length "
            "'none'); 'normal' or 'zero'"
        )
