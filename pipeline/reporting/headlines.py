"""The few numbers of an experiment that `dvc metrics show` and `dvc metrics diff` are good for."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.reporting.presentation import presenter
from pipeline.results.divergence import completed, diverged


def headlines(experiment: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Headline numbers of an experiment as JSON, for each data set; DVC shows five decimals.

    Networks that diverged are left out and, if there are any, counted.
    """
    found: dict[str, Any] = {}
    for data, some in rows.groupby("data", sort=False):
        left, stopped = completed(some), len(diverged(some))
        found[str(data)] = presenter(experiment).headlines(left) if len(left) else {}
        if stopped:
            found[str(data)]["diverged"] = stopped
    return found


def rounded(value: float, digits: int) -> float | None:
    """A number as JSON can hold it: None if it is not finite."""
    return round(float(value), digits) if math.isfinite(value) else None


def by_name(values: pd.Series[float]) -> list[tuple[str, float]]:
    """The entries of a series, typed."""
    return [(str(name), float(value)) for name, value in values.items()]


def by_width(final: pd.DataFrame) -> dict[str, float | None]:
    """Mean accuracy by final width."""
    return {f"width_{end:03}": rounded(value, 2) for end, value in final.groupby("end")["value"].mean().items()}
