"""The claim judged on `equivariance`: which optimisers commute with a change of basis of the hidden layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.results.claims.base import Basis, Interval, Number, Verdict, decide, intervals
from pipeline.results.divergence import completed
from pipeline.results.statistics import select, summarise

COMMUTES = 1e-8  # epsilon in float64, of half its digits: steps amplify the rounding of the rotation
DEPENDS = 1e-4  # epsilon in float64: no rounding reaches it
JUDGED = "float64"


def judge(rows: pd.DataFrame, exact: Sequence[str], adaptive: Sequence[str], basis: Basis) -> list[Verdict]:
    """The verdict on descent-equivariant.

    Args:
        rows: observations of `equivariance` on one data set.
        exact: the optimisers that should commute, gradient descent and momentum.
        adaptive: those that should not, Adam and AdamW.
        basis: what the rows were made from.
    """
    turned = select(completed(rows), phase="turned", measure="epsilon")
    judged = select(turned, precision=JUDGED)
    kept = _by_optimiser(judged, exact)
    parted = _by_optimiser(after_last(judged), adaptive)
    premise = after_turning(judged)["value"]  # a change of basis changes no output, whatever trains
    passed = [
        len(premise) > 0 and bool((premise <= COMMUTES).all()),
        *_each(values <= COMMUTES for values in kept.values()),
        *_each(values >= DEPENDS for values in parted.values()),
    ]
    # A NaN has not stayed together: it fails what should commute, and passes nothing.
    failed = [
        any(not (values <= COMMUTES).all() for values in kept.values()),
        any(map(len, parted.values())) and all((values <= COMMUTES).all() for values in parted.values()),
    ]
    names = [*exact, *adaptive]
    return [
        Verdict(
            id="descent-equivariant",
            statement="Gradient descent and momentum commute with a change of basis; Adam does not.",
            verdict=decide(passed, failed),
            criterion=_criterion(exact, adaptive),
            numbers=_largest(turned, names) | _smallest(parted) | _means(judged, names),
            basis=basis,
        )
    ]


def _by_optimiser(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.Series]:
    return {name: select(rows, configuration=name)["value"] for name in names}


def _each(comparisons: Iterable[pd.Series]) -> list[bool]:
    """Whether each optimiser passed, with at least one value; one that did not if there is no optimiser at all."""
    return [len(values) > 0 and bool(values.all()) for values in comparisons] or [False]


def after_turning(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the change of basis itself, from those of phase "turned"."""
    return rows[rows["epoch"] == rows["epoch"].min()]


def after_last(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last epoch, from those of phase "turned"."""
    return rows[rows["epoch"] == rows["epoch"].max()]


def _criterion(exact: Sequence[str], adaptive: Sequence[str]) -> str:
    ours, theirs = ", ".join(exact), ", ".join(adaptive)
    return (
        "ε is the distance of the logits between training after a change of basis, with the moments carried along, "
        "and training without one; the change alone moves no logits. In float64, for every repeat: ε of every "
        f"optimiser right after the change, and of ({ours}) after every epoch too, is at most {COMMUTES:g}, and ε of "
        f"({theirs}) after the last epoch is at least {DEPENDS:g}. Reproduced if all of these hold; not reproduced "
        f"if any ε of ({ours}) is above {COMMUTES:g}, or every ε of ({theirs}) after the last epoch is at most "
        f"{COMMUTES:g}; else "
        "inconclusive."
    )


def _largest(turned: pd.DataFrame, names: Sequence[str]) -> dict[str, Number]:
    """The largest epsilon of each optimiser in each precision, and of how many values."""
    found: dict[str, Number] = {}
    for precision in ("float64", "float32"):
        for name in names:
            values = select(turned, configuration=name, precision=precision)["value"]
            where = f"{name}, {precision}" + ("" if precision == JUDGED else " (not judged)")
            found[f"largest ε of {where}"] = _extreme(values, np.max)
            found[f"values of ε of {where}"] = len(values)
    return found


def _smallest(parted: Mapping[str, pd.Series]) -> dict[str, Number]:
    return {
        f"smallest ε of {name} after the last epoch, {JUDGED}": _extreme(values, np.min)
        for name, values in parted.items()
    }


def _means(judged: pd.DataFrame, names: Sequence[str]) -> dict[str, Number]:
    """Geometric means over repeats after the last epoch; without one where an epsilon has no logarithm."""
    last = after_last(judged)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = summarise(last.assign(value=np.log10(last["value"])), ["configuration"])
    return {
        f"geometric mean of ε of {name} after the last epoch, {JUDGED} (not judged)": Interval(
            10.0**log.estimate, 10.0**log.low, 10.0**log.high, log.n
        )
        for name, log in intervals(table, "configuration", names).items()
    }


def _extreme(values: pd.Series, of: Callable[[np.ndarray], float]) -> float:
    return float(of(values.to_numpy(dtype=float))) if len(values) else float("nan")
