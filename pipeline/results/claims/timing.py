"""What the claim on `timing` measures: what part of an epoch's training an adaptation takes."""

from __future__ import annotations

import pandas as pd

from pipeline.results.claims.base import Context, Values
from pipeline.results.schema import configurations
from pipeline.results.statistics import log10, select

LONG = 5.0  # seconds of training that an epoch has at least where the claim is judged


def cost(rows: pd.DataFrame, context: Context) -> Values:
    """log10 of the seconds of an adaptation over those of training in the same epoch; a cell for prune and for grow.

    Timed epochs are the repeats. Epochs with and without testing, which is no part of either, are averaged.
    """
    found = shares(rows)
    logs = found.assign(value=log10(found["value"] / 100), cell=found["adaptation"].astype("string"))
    means = logs.groupby(["cell", "epoch"], sort=False)["value"].mean().reset_index()
    return means.rename(columns={"epoch": "repeat"})


def short(rows: pd.DataFrame, context: Context) -> str:
    """Whether epochs are so short that next to them nothing is negligible."""
    seconds = float(select(rows, measure="training_seconds")["value"].median())
    return f"training takes {seconds:.2g} s an epoch; in scope from {LONG:g} s" if seconds < LONG else ""


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Adapting as a percentage of training, for every case that adapts and every timed epoch."""
    keys = [*configurations(list(rows.columns)), "epoch"]
    adapting, training = (
        select(rows, measure=measure)[[*keys, "value"]] for measure in ("adapting_seconds", "training_seconds")
    )
    both = adapting.merge(training, on=keys, suffixes=("_adapting", "_training"), validate="one_to_one")
    return both[keys].assign(value=100 * both["value_adapting"] / both["value_training"])
