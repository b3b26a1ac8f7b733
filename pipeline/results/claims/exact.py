"""What claims of every single network have in common."""

from __future__ import annotations

import math

import pandas as pd

from pipeline.results.claims.base import Values


def largest(rows: pd.DataFrame) -> Values:
    """The largest value of each repeat in each cell; a value that is missing is infinite."""
    known = rows.assign(value=rows["value"].fillna(math.inf))
    return known.groupby(["cell", "repeat"], sort=False)["value"].max().reset_index()
