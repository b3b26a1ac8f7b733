"""Backward adaptation: a hidden width seen from the map that follows it, whose input side it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from isotropic.surgery.carried import Carried
from isotropic.surgery.columns import draw_columns
from isotropic.surgery.diagonalise import left_vectors

ROWS = ("bias", "normal", "zero")


def right_vectors(carried: Carried) -> tuple[Tensor, Tensor]:
    """V [*K, n, n] and the singular values of the map W_{l+1} = U S V^T after the carried width l, in float64.

    Directions that W_{l+1} does not see (sigma = 0) are ordered among themselves by what reaches them, the rows of
    (W_l, psi_l), the longest first: those that are constant come last. Any basis of them is a right-partial
    diagonalisation, and only constants can be removed without a change, since the norm ||h_l|| sees the others.
    """
    after, tensors = carried.next_weight, carried.own.tensors
    basis, values = left_vectors(after.mT)
    outgoing = F.pad(values, (0, carried.width - values.shape[-1]))  # [*K, n]
    unseen = outgoing <= max(after.shape[-2:]) * torch.finfo(after.dtype).eps * values[..., :1]
    if not bool(unseen.any()):
        return basis, values
    arriving = [carried.weight.double()]
    if (psi := tensors.get(f"maps.{carried.layer - 1}.psi")) is not None:
        arriving.append(psi.double()[..., None])
    rows = basis.mT @ torch.cat(arriving, dim=-1)  # [*K, n, n_{l-1} (+ 1)]
    # A longer row of its own keeps each direction that is seen in its place, before the others.
    longer = 1 + torch.linalg.matrix_norm(rows)[..., None] + outgoing
    apart = torch.where(unseen, 0.0, longer).diag_embed()
    order, _ = left_vectors(torch.cat([torch.where(unseen[..., None], rows, 0.0), apart], dim=-1))
    return basis @ order, values


def append_from_the_right(
    carried: Carried, count: int, rows: str, generator: Generator | Sequence[Generator] | None
) -> None:
    """Widen the carried width l by neurons that W_{l+1} does not see, as `grow` says; not yet committed."""
    here = f"maps.{carried.layer - 1}"
    if rows == "bias":
        length = f"activations.{carried.layer - 1}.log_o"
        blocks = []
        for family in carried.networks:
            log_o = family.tensors[length]
            family.tensors[length] = log_o - math.log(2)
            each = (log_o.exp() / (2 * count)).sqrt()  # k b*^2 = o / 2
            blocks.append({f"{here}.bias": each[..., None].expand(*each.shape, count)})
        carried.append(count, *blocks)
    elif rows == "normal":
        arriving = [widths[carried.layer - 1] for widths in carried.net.member_widths]
        drawn = draw_columns("normal", carried.weight.mT, count, generator, arriving)
        carried.append(count, {f"{here}.weight": drawn.mT})
    else:
        carried.append(count, {})


def check_rows(carried: Carried, rows: str) -> None:
    """Raise a ValueError for an unknown kind of rows, or for biases without a length to spend on them."""
    if rows not in ROWS:
        raise ValueError(f"rows: {rows!r} is not one of {', '.join(ROWS)}")
    if rows == "bias" and hasattr(carried.net, "normalisers"):
        raise ValueError("rows: 'bias' would change what the normaliser behind the layer sees; 'normal' or 'zero'")
    if rows == "bias" and f"maps.{carried.layer - 1}.bias" not in carried.own.tensors:
        raise ValueError(f"rows: 'bias' of maps.{carried.layer - 1}, which has none; 'normal' or 'zero'")
    if rows == "bias" and not bool(carried.net.has_length.all()):
        raise ValueError(
            "rows: 'bias' takes the new biases out of the intrinsic length, and there is none (intrinsic_length "
            "'none'); 'normal' or 'zero'"
        )
