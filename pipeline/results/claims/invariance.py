"""The claims judged on `invariance`: what adapting a width does to the function, without retraining."""

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
from pipeline.results.statistics import paired, select, summarise

SAME_RATIO = 1.5  # ratios of epsilon from 1/1.5 to 1.5 count as the same
KEPT_PRUNING = -1.0  # percentage points of accuracy

BOTH = "trainable, trainable+decay"  # intrinsic length and psi
NO_LENGTH = "none, trainable+decay"
NO_PSI = "trainable, none"
EXPECTATION = "trainable, expectation"
CONSTANT_AND_TRAINABLE = {
    "intrinsic length": ("constant, trainable+decay", "trainable, trainable+decay"),
    "ψ": ("trainable, constant", "trainable, trainable"),
}
COMPENSATED = [  # intrinsic length and psi in any of their treatments
    "constant, trainable+decay",
    "trainable, trainable+decay",
    "trainable, constant",
    "trainable, trainable",
]
_WORDS = {"epsilon": "ε", "epsilon_scaled": "scaled ε (%)"}


def judge(rows: pd.DataFrame, width: int, basis: Basis) -> list[Verdict]:
    """The verdicts on exact-growth, close-pruning, constant-as-trainable and accuracy-kept.

    Args:
        rows: observations of `invariance`.
        width: neurons of the adapted layer before adaptation.
        basis: what the rows were made from.
    """
    adapted = select(completed(rows), phase="adapted")
    return [
        _exact_growth(adapted, basis),
        _close_pruning(adapted, basis),
        _constant_as_trainable(adapted, basis),
        _accuracy_kept(adapted, width, basis),
    ]


def _exact_growth(adapted: pd.DataFrame, basis: Basis) -> Verdict:
    grown = adapted[adapted["change"] >= 0]
    limits = {("epsilon", "float64"): EXACT_FLOAT64, ("epsilon_scaled", "float32"): EXACT_FLOAT32}
    numbers: dict[str, Number] = {}
    observed, violations = [], []
    for (measure, precision), limit in limits.items():
        rows = select(grown, measure=measure, precision=precision)
        observed.append(len(rows) > 0)
        violations.append(int((~(rows["value"] <= limit)).sum()))  # a NaN is a violation
        numbers |= _worst(rows, f"{_WORDS[measure]} in {precision}")
        numbers[f"of these above {limit:g} ({precision})"] = violations[-1]
    return Verdict(
        id="exact-growth",
        statement="Diagonalising and growing change the logits by no more than rounding.",
        verdict=decide(observed, (count > 0 for count in violations)),
        criterion=(
            "For every configuration, repeat and change of width ≥ 0: ε ≤ 1e-10 in float64 and scaled "
            "ε ≤ 1e-3 % in float32. One violation is enough for “not reproduced”."
        ),
        numbers=numbers,
        basis=basis,
    )


def _worst(rows: pd.DataFrame, name: str) -> dict[str, Number]:
    """The largest value, where it was, and how many values there are."""
    if rows.empty:
        return {f"values of {name}": 0}
    worst = rows.iloc[int(np.argmax(rows["value"].fillna(np.inf)))]
    where = f"{worst['change']:+d}" if worst["change"] else "0"
    return {
        f"largest {name}": float(worst["value"]),
        f"largest {name} is at": f"{worst['configuration']}; {where}; repeat {worst['repeat']}",
        f"values of {name}": len(rows),
    }


def _close_pruning(adapted: pd.DataFrame, basis: Basis) -> Verdict:
    judged = {
        f"{change:+d}: ε with both / {words}": ratio
        for rival, words in ((NO_LENGTH, "without intrinsic length"), (NO_PSI, "without ψ"))
        for change, ratio in _ratios(adapted, BOTH, rival).items()
    }
    beside = {
        f"{change:+d}: ε with both / with expectation (not judged)": ratio
        for change, ratio in _ratios(adapted, BOTH, EXPECTATION).items()
    }
    return Verdict(
        id="close-pruning",
        statement=("Pruning with an intrinsic length and ψ changes the logits least; leaving either out is worse."),
        verdict=decide((ratio.high < 1 for ratio in judged.values()), (ratio.low > 1 for ratio in judged.values())),
        criterion=(
            f"In float32, for every pruning change: log10 ε of ({BOTH}) minus log10 ε of ({NO_LENGTH}), and "
            f"minus that of ({NO_PSI}), paired by repeat. Reproduced if every 95% interval of the mean "
            "difference is below 0 (a ratio below 1); not reproduced if any is entirely above; else "
            "inconclusive."
        ),
        numbers=judged | beside,
        basis=basis,
    )


def _constant_as_trainable(adapted: pd.DataFrame, basis: Basis) -> Verdict:
    judged = {
        f"{change:+d}: ε with constant / trainable {name}": ratio
        for name, (constant, trainable) in CONSTANT_AND_TRAINABLE.items()
        for change, ratio in _ratios(adapted, constant, trainable).items()
    }
    bounds = (1 / SAME_RATIO, SAME_RATIO)
    pairs = " and ".join(f"({a}) to ({b})" for a, b in CONSTANT_AND_TRAINABLE.values())
    return Verdict(
        id="constant-as-trainable",
        statement="Constant and trainable compensation give the same invariance when nothing is retrained.",
        verdict=decide(
            (ratio.within(*bounds) for ratio in judged.values()),
            (ratio.outside(*bounds) for ratio in judged.values()),
        ),
        criterion=(
            f"In float32, for every pruning change: the mean ratio of ε of {pairs}, paired by repeat and "
            "averaged as logarithms. Reproduced if every 95% interval lies within 1/1.5 to 1.5; not "
            "reproduced if any lies entirely outside; else inconclusive."
        ),
        numbers=judged,
        basis=basis,
    )


def _accuracy_kept(adapted: pd.DataFrame, width: int, basis: Basis) -> Verdict:
    rows = select(adapted, measure="delta_accuracy", precision="float32", configuration=COMPENSATED)
    grown = rows[rows["change"] >= 0].assign(value=lambda part: part["value"].abs())
    moved = summarise(grown, ["configuration", "change"])["mean"].to_numpy()
    half = _nearest_to_half(rows["change"], width)
    at_half = summarise(rows[rows["change"] == half], ["configuration"])
    pruned = intervals(at_half, "configuration", COMPENSATED)
    numbers: dict[str, Number] = {
        "largest mean |Δ accuracy| at a change ≥ 0 (points)": float(moved.max(initial=-np.inf))
    }
    if half is not None:
        numbers |= {f"{half:+d}: Δ accuracy (points), {label}": interval for label, interval in pruned.items()}
    return Verdict(
        id="accuracy-kept",
        statement="Accuracy does not change under diagonalising or growing, and little under heavy pruning.",
        verdict=decide(
            [len(moved) > 0, *(moved <= KEPT_GROWING), *(i.low > KEPT_PRUNING for i in pruned.values())],
            [*(moved > KEPT_GROWING), *(i.high < KEPT_PRUNING for i in pruned.values())],
        ),
        criterion=(
            "In float32, for each configuration with intrinsic length and ψ: the mean |Δ accuracy| is at most "
            "0.1 points at every change of width ≥ 0, and at the pruning change nearest to half the width the "
            "95% interval of the mean Δ accuracy (after minus before) is above −1 point. Not reproduced if "
            "growing moved it more, or an interval is entirely below −1; else inconclusive."
        ),
        numbers=numbers,
        basis=basis,
    )


def _ratios(adapted: pd.DataFrame, a: str, b: str) -> dict[int, Interval]:
    """Pruning change -> mean ratio of epsilon of `a` to `b`, averaged as logarithms.

    The logarithm of an epsilon of exactly 0 is infinite: such a change has no interval and decides nothing.
    """
    rows = select(adapted[adapted["change"] < 0], measure="epsilon", precision="float32")
    changes = sorted((int(change) for change in rows["change"].unique()), reverse=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = paired(rows.assign(value=np.log10(rows["value"])), a, b, ["change"])
    return {
        change: Interval(10.0**log.estimate, 10.0**log.low, 10.0**log.high, log.n)
        for change, log in intervals(table, "change", changes).items()
    }


def _nearest_to_half(changes: pd.Series, width: int) -> int | None:
    """The pruning change nearest to -width / 2; of two equally near, the heavier. None if there is none."""
    pruning = [int(change) for change in changes.unique() if change < 0]
    return min(pruning, key=lambda change: (abs(change + width / 2), change), default=None)
