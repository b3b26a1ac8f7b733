"""What is not finite is refused before anything is changed: a rotation would spread one NaN over a whole width."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor

from isotropic.axes import Tensors


class _Family(Protocol):
    state: str | None
    tensors: Tensors


def check_finite(families: Iterable[_Family], layer: int) -> None:
    """Raise a ValueError if anything of the maps and the activation beside hidden width `layer` is not finite.

    Parameters, buffers and moments; a length o = 0 is log o = -inf. All are read from the device at once.
    """
    beside = (f"maps.{layer - 1}.", f"maps.{layer}.", f"activations.{layer - 1}.")
    named = [(f, name, t) for f in families for name, t in f.tensors.items() if name.startswith(beside)]
    named = [each for each in named if each[2].numel() > 0]
    flags = torch.stack([_finite(t, zero_length=f.state is None and name.endswith(".log_o")) for f, name, t in named])
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
