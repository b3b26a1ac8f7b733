"""How much a hidden width changes: what was asked for, as a number of neurons, and the record of what was done."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isotropic.integers import whole

AMOUNTS = ("count", "to", "fraction", "threshold", "energy")  # the ways to say how much is pruned


@dataclass(frozen=True, eq=False)
class Change:
    """What was done to one hidden width.

    Attributes:
        layer: l, the hidden width, also where it was changed from the map behind it (side "right").
        before, after: n_l.
        removed: the singular values, or importances, of the neurons that went, [*K, before - after], descending, in
            float64; empty where none went. Of neurons chosen by their indices, the lengths of their weights.
    """

    layer: int
    before: int
    after: int
    removed: Tensor = field(repr=False)

    @property
    def difference(self) -> int:
        """Neurons added (positive) or removed (negative)."""
        return self.after - self.before

    def __str__(self) -> str:
        return f"layer {self.layer}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Amount:
    """How many neurons to prune, as one of `AMOUNTS` says it.

    Attributes:
        kind: "count", to be removed; "to", to be left; "fraction" of them, rounded down; "threshold", all whose
            importance is at most this; "energy", the most that can go while the squares of the importances that are
            kept sum to at least this part of all.
        value: as it was given.
    """

    kind: str
    value: object

    @staticmethod
    def one_of(**given: object) -> Amount:
        """The only one that is not None.

        Raises:
            ValueError: none or several, or one that can be of no network.
        """
        asked = {kind: value for kind, value in given.items() if value is not None}
        if len(asked) != 1:
            raise ValueError(f"{', '.join(asked) or 'nothing'} given; valid is exactly one of {', '.join(AMOUNTS)}")
        ((kind, value),) = asked.items()
        if kind == "fraction" and not 0 <= real(value) < 1:
            raise ValueError(f"fraction: {value!r} is not a number from 0 to below 1")
        if kind == "threshold" and not real(value) >= 0:
            raise ValueError(f"threshold: {value!r} is not a number >= 0")
        if kind == "energy" and not 0 < real(value) <= 1:
            raise ValueError(f"energy: {value!r} is not a number above 0 and at most 1")
        return Amount(kind, value)

    @property
    def by_importance(self) -> bool:
        """Whether it depends on the importances of the neurons, and not on their number alone."""
        return self.kind in ("threshold", "energy")

    def neurons(self, layer: int, n: int, importances: Tensor | None = None) -> int:
        """How many of a layer's n neurons go, from 0 to n - 1; by importances [*K, n] that descend, where it counts.

        Raises:
            ValueError: a count out of range, or members of an ensemble that would lose different numbers.
        """
        if self.kind == "count":
            return whole_count(self.value, n - 1, layer, n)
        if self.kind == "to":
            return n - _width_left(self.value, layer, n)
        if self.kind == "fraction":  # 0.29 of 100 is 29, though the product is 28.999...
            return min(n - 1, math.floor(real(self.value) * n + 1e-9))
        assert importances is not None
        kept = self._kept(importances).clamp_min(1).flatten().tolist()
        if len(set(kept)) > 1:
            gone = ", ".join(str(n - each) for each in kept)
            raise ValueError(
                f"{self.kind}: {self.value!r} removes {gone} neurons of the members' layer {layer} of this ensemble; "
                "valid is what removes as many of each, or `ensemble.member(k)` each by itself"
            )
        return n - int(kept[0])

    def _kept(self, importances: Tensor) -> Tensor:
        """How many each network keeps, [*K]; 0 where all could go."""
        if self.kind == "threshold":
            return (importances > real(self.value)).sum(-1)
        kept = importances.square().cumsum(-1)
        rounding = importances.shape[-1] * torch.finfo(torch.float64).eps
        return (kept < real(self.value) * (1 - rounding) * kept[..., -1:]).sum(-1) + 1


def whole_count(count: object, most: int | None, layer: int, width: int) -> int:
    """`count` neurons of a layer as an integer from 1 to `most`, or from 1 for None; a ValueError for all else."""
    if most == 0:
        raise ValueError(f"count: {count!r} neurons of layer {layer}, which has 1: nothing can be pruned")
    number = whole(count)
    if number is None or number < 1 or (most is not None and number > most):
        allowed = "an integer >= 1" if most is None else f"an integer from 1 to {most}"
        raise ValueError(f"count: {count!r} neurons of layer {layer}, which has {width}, is not {allowed}")
    return number


def _width_left(to: object, layer: int, width: int) -> int:
    if width == 1:
        raise ValueError(f"to: {to!r} neurons left of layer {layer}, which has 1: nothing can be pruned")
    left = whole(to)
    if left is None or not 1 <= left < width:
        raise ValueError(
            f"to: {to!r} neurons left of layer {layer}, which has {width}, is not an integer from 1 to {width - 1}"
        )
    return left


def real(value: object) -> float:
    """A real number of any kind as Python's; NaN, which is in no range, for all that is none."""
    try:
        return math.nan if isinstance(value, (bool, str)) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return math.nan
