"""The few numbers of an experiment that `dvc metrics show` and `dvc metrics diff` are good for."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.results.statistics import select


def headlines(experiment: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Headline numbers of an experiment as JSON, for each data set; DVC shows five decimals."""
    return {str(data): _HEADLINES[experiment](some) for data, some in rows.groupby("data", sort=False)}


def _invariance(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy, and log10 of the mean epsilon at the most neurons added and at the most removed."""
    baseline = select(rows, phase="baseline", measure="accuracy", precision="float32")
    adapted = select(rows, phase="adapted", measure="epsilon")

    def epsilon(label: str, change: int, precision: str) -> float | None:
        some = select(adapted, configuration=label, change=change, precision=precision)["value"]
        return round(math.log10(some.mean()), 3) if some.mean() > 0 else None

    most, least = int(adapted["change"].max()), int(adapted["change"].min())
    both = "trainable, trainable+decay"
    return {
        "accuracy": round(float(baseline["value"].mean()), 2),
        "log10_epsilon": {
            "grown_float32": epsilon(both, most, "float32"),
            "grown_float64": epsilon(both, most, "float64"),
            "pruned": epsilon(both, least, "float32"),
            "pruned_without_length": epsilon("none, trainable+decay", least, "float32"),
            "pruned_without_psi": epsilon("trainable, none", least, "float32"),
        },
    }


_HEADLINES = {"invariance": _invariance}
