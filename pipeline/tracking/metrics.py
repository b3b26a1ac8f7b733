"""Rows -> metrics: names and steps with which MLflow's tables and charts come out readable.

MLflow makes a section of charts of what precedes the last "/" of a name, sorts names as text, draws a line where
steps differ and bars where they are all 0, and shows the value of the last step in its tables. Hence:

    train/loss, test/loss, test/accuracy     step = epoch
    by change in width/epsilon               step = change: the curve of the paper's tables
    epsilon/diagonalised, epsilon/grown 05, epsilon/pruned 25
                                             step 0: the same for headline measures as columns of a table, in
                                             words and padded so that text order is the order of size
    baseline/accuracy                        step 0
    test/accuracy mnist, training/width map 2
                                             factors and map come last; step = epoch
    by change in width float64/epsilon, ...  likewise in float64; no precision means float32, that of training
    diverged/in epoch                        step 0: the epoch in which the network diverged, if it did
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.results.divergence import completed, diverged
from pipeline.results.schema import Schema
from pipeline.results.statistics import summarise

Metric = tuple[str, int, float]  # name, step, value
_DIGITS = 6  # significant: MLflow's tables print all there are and cut off the exponent; rows have the rest


def tabulate(rows: pd.DataFrame, schema: Schema, headlines: tuple[str, ...]) -> pd.DataFrame:
    """Rows with columns "metric" (name) and "step" added, headline measures at a change of width twice."""
    rows = schema.single(rows).reset_index(drop=True)  # whole spectra: far too many for MLflow, and in rows
    measure, change = rows["measure"].astype("string"), rows.get("change", pd.Series(pd.NA, rows.index, "Int64"))
    for factor in [factor for factor in schema.places if factor != "change"]:
        measure = measure + _suffix(rows[factor], " ")
    rows = rows.assign(measure=measure + _suffix(rows["layer"], " map "), phase=rows["phase"].astype("string"))
    training, adapted = rows["phase"] == "training", change.notna()
    precision = rows["precision"].astype("string").map(lambda name: "" if name == "float32" else f" {name}")
    metric = rows["phase"] + precision + "/" + rows["measure"]
    metric = metric.mask(training, rows["measure"].str.replace(r"^(train|test)_", r"\1/", regex=True) + precision)
    metric = metric.mask(adapted, "by change in width" + precision + "/" + rows["measure"])
    stopped = rows["phase"] == "diverged"
    metric, value = metric.mask(stopped, "diverged/in epoch"), rows["value"].mask(stopped, rows["epoch"])
    # A curve over epochs is any phase that was observed at several of them.
    several = rows.groupby("phase")["epoch"].transform("nunique") > 1
    step = rows["epoch"].where(several & ~adapted & ~stopped, change).fillna(0)
    curves = rows.assign(metric=metric, step=step, value=value)

    headline = adapted & rows["measure"].isin(headlines)
    words = change[headline].map(_words(change))
    named = rows["measure"][headline] + precision[headline] + "/" + words
    table = pd.concat([curves, rows[headline].assign(metric=named, step=0)], ignore_index=True)
    numbers = table["value"].to_numpy(dtype=float, na_value=np.nan)
    return table.assign(step=table["step"].astype(int), value=numbers)


def _suffix(factor: pd.Series[Any], before: str) -> pd.Series[str]:
    """What a factor adds to the names of measures: its level; nothing where it is missing, or is false."""
    if factor.dtype == "boolean":
        factor = factor.map({True: factor.name})
    return (before + factor.map(_word, na_action="ignore").astype("string")).fillna("")


def _word(level: object) -> object:
    return f"{level:g}" if isinstance(level, float) else level


def values(table: pd.DataFrame) -> tuple[Metric, ...]:
    """The metrics of one network, from its part of `tabulate`'s table."""
    return tuple(map(_metric, table["metric"], table["step"], table["value"]))


def means(table: pd.DataFrame) -> tuple[Metric, ...]:
    """The metrics of one configuration, from its part of `tabulate`'s table.

    All means over repeats under the names of the repeats' metrics, so that one chart or column shows both; of
    what is one number per network also the standard deviation, in a section "... sd"; and "repeats". Repeats that
    diverged are left out and, if there are any, counted.
    """
    stopped, table = len(diverged(table)), completed(table)
    summary = summarise(table, ["metric", "step"])
    columns = (summary[name] for name in ("metric", "step", "mean", "sd"))
    found: list[Metric] = [("repeats", 0, float(table["repeat"].nunique()))]
    if stopped:
        found.append(("diverged/repeats", 0, float(stopped)))
    curves = set(table.loc[table["step"] != 0, "metric"])
    for name, step, mean, sd in zip(*columns, strict=True):
        found.append(_metric(name, step, mean))
        if name not in curves and np.isfinite(sd):
            section, _, last = name.rpartition("/")
            found.append(_metric(f"{section} sd/{last}", 0, sd))
    return tuple(found)


def padded(number: object, largest: object) -> str:
    """A number with zeros before it, as wide as the largest: as text it sorts as it counts."""
    return str(number).zfill(len(str(largest)))


def _metric(name: str, step: int, value: float) -> Metric:
    return name, step, float(f"{value:.{_DIGITS}g}")


def _words(changes: pd.Series[int]) -> dict[int, str]:
    """Change in width -> words."""
    distinct = [int(change) for change in changes.dropna().unique()]
    largest = max((abs(change) for change in distinct), default=0)
    names = {change: f"{'grown' if change > 0 else 'pruned'} {padded(abs(change), largest)}" for change in distinct}
    return names | {0: "diagonalised"}
