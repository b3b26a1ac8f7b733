"""Estimands of the claim judged on `sparsification`: parameters removed exactly, as many as the widths say."""

from __future__ import annotations

import pandas as pd

from pipeline.results.claims.base import Context, Values
from pipeline.results.claims.exact import largest
from pipeline.results.statistics import select

_KEYS = ["network", "repeat"]


def changed_float64(rows: pd.DataFrame, context: Context) -> Values:
    """Largest epsilon of a repeat in float64, with every second map diagonal and of the sparse form."""
    dense = _adapted(rows, "epsilon", "float64").assign(cell="diagonal maps")
    sparse = _adapted(rows, "epsilon_form", "float64").assign(cell="sparse form")
    return largest(pd.concat([dense, sparse]))


def changed_float32(rows: pd.DataFrame, context: Context) -> Values:
    """Largest scaled epsilon (percent) of a repeat in float32, with every second map diagonal."""
    return largest(_adapted(rows, "epsilon_scaled", "float32").assign(cell="diagonal maps"))


def beside_widths(rows: pd.DataFrame, context: Context) -> Values:
    """Largest |parameters removed, measured minus by the widths| of a repeat (points of what there was)."""
    tables = [_adapted(rows, name, "float32") for name in ("percent_removed", "percent_exact")]
    measured, exact = (table[[*_KEYS, "value"]] for table in tables)
    both = measured.merge(exact, how="outer", on=_KEYS, suffixes=("", "_exact"), validate="one_to_one")
    return largest(both.assign(cell="all networks", value=(both["value"] - both["value_exact"]).abs()))


def changed_accuracy(rows: pd.DataFrame, context: Context) -> Values:
    """Largest |change of accuracy| (points) of a repeat in float32."""
    found = _adapted(rows, "delta_accuracy", "float32")
    return largest(found.assign(cell="all networks", value=found["value"].abs()))


def _adapted(rows: pd.DataFrame, measure: str, precision: str) -> pd.DataFrame:
    return select(rows, phase="adapted", measure=measure, precision=precision)
