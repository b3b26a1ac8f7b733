"""What the headline numbers of experiments, for `dvc metrics show`, are written with."""

from __future__ import annotations

import math

import pandas as pd


def rounded(value: float, digits: int) -> float | None:
    """A number as JSON can hold it: None if it is not finite."""
    return round(float(value), digits) if math.isfinite(value) else None


def by_name(values: pd.Series[float]) -> list[tuple[str, float]]:
    """The entries of a series, typed."""
    return [(str(name), float(value)) for name, value in values.items()]


def by_width(final: pd.DataFrame) -> dict[str, float | None]:
    """Mean accuracy by final width."""
    return {f"width_{end:03}": rounded(value, 2) for end, value in final.groupby("end")["value"].mean().items()}
