"""The few numbers of an experiment that `dvc metrics show` and `dvc metrics diff` are good for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.results.statistics import select


def headlines(experiment: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Headline numbers of an experiment, means over repeats, as nested JSON."""
    return _HEADLINES[experiment](rows)


def _invariance(rows: pd.DataFrame) -> dict[str, Any]:
    """Per data set and configuration: accuracy, and epsilon at the ends and at diagonalisation."""
    summary: dict[str, Any] = {}
    for data, of_data in rows.groupby("data", sort=False):
        for label, some in of_data.groupby("configuration", sort=False):
            baseline = select(some, phase="baseline", measure="accuracy", precision="float32")
            epsilon = select(some, phase="adapted", measure="epsilon", precision="float32")
            means = epsilon.groupby("change")["value"].mean()
            steps = {"most_grown": means.index.max(), "diagonalised": 0, "most_pruned": means.index.min()}
            summary.setdefault(str(data), {})[str(label)] = {
                "accuracy": _rounded(baseline["value"].mean()),
                **{f"epsilon_{name}": _rounded(means[change]) for name, change in steps.items()},
            }
    return summary


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


_HEADLINES = {"invariance": _invariance}
