"""The claim judged on `sparsification`: parameters removed exactly, as many as the widths say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.results.claims.base import (
    EXACT_FLOAT32,
    EXACT_FLOAT64,
    KEPT_GROWING,
    Basis,
    Interval,
    Number,
    Verdict,
    decide,
    intervals,
)
from pipeline.results.divergence import completed
from pipeline.results.statistics import select, summarise

PREDICTED = 1.0  # percentage points of parameters removed
# (measure, precision) -> largest value that is rounding.
_LIMITS = {
    ("epsilon", "float64"): EXACT_FLOAT64,
    ("epsilon_form", "float64"): EXACT_FLOAT64,
    ("epsilon_scaled", "float32"): EXACT_FLOAT32,
}
_WORDS = {"epsilon": "ε", "epsilon_form": "ε of the sparse form", "epsilon_scaled": "scaled ε (%)"}


def judge(rows: pd.DataFrame, basis: Basis) -> list[Verdict]:
    """The verdict on exact-sparsity, from observations of `sparsification`."""
    adapted = select(completed(rows), phase="adapted")
    largest = {key: select(adapted, measure=key[0], precision=key[1])["value"] for key in _LIMITS}
    beyond = {key: int((~(values <= _LIMITS[key])).sum()) for key, values in largest.items()}  # NaN is beyond
    accuracy = select(adapted, measure="delta_accuracy", precision="float32")
    accuracy = accuracy.assign(value=accuracy["value"].abs())
    moved = summarise(accuracy, ["network"])["mean"].to_numpy(dtype=float)
    ahead = _measured_minus_exact(adapted)
    numbers: dict[str, Number] = {}
    for (measure, precision), values in largest.items():
        name, limit = f"{_WORDS[measure]} in {precision}", _LIMITS[measure, precision]
        numbers[f"largest {name}"] = _largest(values)
        numbers[f"values of {name}"] = len(values)
        numbers[f"of these above {limit:g} ({name})"] = beyond[measure, precision]
    numbers["largest mean |Δ accuracy| (points)"] = _largest(pd.Series(moved))
    numbers |= {f"{network}: removed, measured − exact (points)": found for network, found in ahead.items()}
    exact = select(adapted, measure="percent_exact", precision="float32")["value"]
    numbers["most removed, exact (%; not judged)"] = _largest(exact)
    within = (-PREDICTED, PREDICTED)
    return [
        Verdict(
            id="exact-sparsity",
            statement=(
                "Alternate full diagonalisation removes a predictable part of the parameters (up to about half) at "
                "unchanged accuracy."
            ),
            verdict=decide(
                [
                    *(len(values) > 0 and not beyond[key] for key, values in largest.items()),
                    *(moved <= KEPT_GROWING),
                    *(interval.within(*within) for interval in ahead.values()),
                ],
                [
                    *(count > 0 for count in beyond.values()),
                    *(moved > KEPT_GROWING),
                    *(interval.outside(*within) for interval in ahead.values()),
                ],
            ),
            criterion=(
                f"For every network: ε ≤ {EXACT_FLOAT64:g} in float64, of the diagonalised network and of its sparse "
                f"form, and scaled ε ≤ {EXACT_FLOAT32:g} % in float32; one violation is enough for “not reproduced”. "
                f"For every architecture, in float32: the mean |Δ accuracy| is at most {KEPT_GROWING:g} points, and "
                "the 95% interval of the percentage of parameters removed (those present have an absolute value "
                "above the threshold), measured minus exact from the widths, lies within "
                f"±{PREDICTED:g} point; not reproduced if it lies entirely outside; else inconclusive."
            ),
            numbers=numbers,
            basis=basis,
        )
    ]


def _measured_minus_exact(adapted: pd.DataFrame) -> dict[str, Interval]:
    """Network -> percent removed, measured minus exact."""
    both = [select(adapted, measure=name, precision="float32") for name in ("percent_removed", "percent_exact")]
    keys = ["network", "repeat"]
    merged = both[0][[*keys, "value"]].merge(both[1][[*keys, "value"]], on=keys, validate="one_to_one")
    ahead = merged.assign(value=merged["value_x"] - merged["value_y"])
    return intervals(summarise(ahead, ["network"]), "network", [str(name) for name in ahead["network"].unique()])


def _largest(values: pd.Series) -> float:
    return float(np.max(values.to_numpy(dtype=float))) if len(values) else float("nan")
