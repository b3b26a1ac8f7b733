"""Networks that diverged: which they are, and rows without them.

A network of which a loss or a parameter is no longer finite is stopped. Its rows end with the epoch before, but for
one of phase "diverged" in the epoch in which that happened. It has no result, so it is left out of every mean and
difference, from its first epoch on: a network that is in some numbers of an experiment and not in others would make
differences between them that no network shows. How many there are is said wherever they are left out.
"""

from __future__ import annotations

import pandas as pd

from pipeline.results.schema import configurations, networks
from pipeline.results.statistics import select


def diverged(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each network that diverged: the columns `networks` say which it is, "epoch" when it happened."""
    return select(rows, phase="diverged")


def completed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the networks that did not diverge; all rows if none did."""
    stopped = diverged(rows)
    if stopped.empty:
        return rows
    return _without(rows, stopped, networks(list(rows.columns)))


def lost(rows: pd.DataFrame) -> pd.DataFrame:
    """The configurations (columns `configurations`) of which every repeat diverged."""
    common = configurations(list(rows.columns))
    return _without(diverged(rows)[common].drop_duplicates(), completed(rows), common)


def _without(rows: pd.DataFrame, others: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows whose keys are not among those of the others; missing keys equal each other."""
    known = others[keys].drop_duplicates().assign(known=True)
    found = rows[keys].merge(known, how="left", on=keys)["known"]  # in the order of the rows
    return rows[found.isna().to_numpy()].reset_index(drop=True)
