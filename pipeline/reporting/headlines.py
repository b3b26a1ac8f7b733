"""What the headline numbers of experiments, for `dvc metrics show`, are written with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipeline.results.statistics import select


def rounded(value: float, digits: int) -> float | None:
    """A number as JSON can hold it: None if it is not finite."""
    return round(float(value), digits) if math.isfinite(value) else None


def mean(rows: pd.DataFrame, digits: int, **where: object) -> float | None:
    """The mean of those rows that `select` selects."""
    return rounded(select(rows, **where)["value"].mean(), digits)


def magnitude(rows: pd.DataFrame, digits: int = 1, **where: object) -> float | None:
    """log10 of the mean of those rows that `select` selects; None if that is not positive."""
    value = select(rows, **where)["value"].mean()
    return rounded(math.log10(value), digits) if value > 0 else None


def nested(rows: pd.DataFrame, by: Sequence[str], digits: int) -> dict[str, Any]:
    """Means by columns, one within the other, in the order of appearance."""
    found: dict[str, Any] = {}
    for key, value in rows.groupby(list(by), sort=False, observed=True)["value"].mean().items():
        *outer, last = map(str, key if isinstance(key, tuple) else (key,))
        inner = found
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = rounded(value, digits)
    return found


def by_name(values: pd.Series[float]) -> list[tuple[str, float]]:
    """The entries of a series, typed."""
    return [(str(name), float(value)) for name, value in values.items()]


def by_width(final: pd.DataFrame) -> dict[str, float | None]:
    """Mean accuracy by final width."""
    return {f"width_{end:03}": rounded(value, 2) for end, value in final.groupby("end")["value"].mean().items()}
