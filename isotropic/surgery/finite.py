"""What is not finite is refused before anything is changed: a rotation would spread one NaN over a whole width."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor

from isotropic.axes import Table, Tensors


class _Family(Protocol):
    state: str | None
    tensors: Tensors


def check_finite(families: Iterable[_Family], layer: int, table: Table) -> None:
    """Raise a ValueError if anything that a change of hidden width `layer` may touch is not finite.

    Parameters and buffers of the maps and the activation beside it, and gradients and moments along its axes; those
    of a length may be what they are, since no surgery reads them. A length o = 0 is log o = -inf. All are read from
    the device at once.
    """
    turned = {row.tensor for row in table}
    beside = (f"maps.{layer - 1}.", f"maps.{layer}.", f"activations.{layer - 1}.")
    named = [
        (family, name, t)
        for family in families
        for name, t in family.tensors.items()
        if t.numel() > 0 and (name in turned or (family.state is None and name.startswith(beside)))
    ]
    if any(t.is_meta for _, _, t in named):
        raise ValueError("net: is on the meta device and holds no numbers; to_empty and load its state first")
    flags = torch.stack([_finite(t, zero_length=name.endswith(".log_o")) for _, name, t in named])
    if not bool(flags.all()):
        family, name, _ = next(each for each, finite in zip(named, flags.tolist(), strict=True) if not finite)
        whose = f"{name} has" if family.state is None else f"{name}: its {family.state} has"
        raise ValueError(f"{whose} values that are not finite, which would spread; valid are finite ones")


def require_finite(name: str, t: Tensor) -> None:
    """Raise a ValueError if the tensor of this name is not finite."""
    if not bool(_finite(t, zero_length=False)):
        raise ValueError(f"{name} has values that are not finite, of which new ones would be made")


def _finite(t: Tensor, zero_length: bool) -> Tensor:
    """Whether all of `t` is finite, in one pass and without a copy: both extremes of anything with a NaN are NaN."""
    least, most = torch.aminmax(t)
    return (most < math.inf) & ((least > -math.inf) | zero_length)
