"""From many numbers a repeat to one: the mean over what a claim does not distinguish."""

from __future__ import annotations

import pandas as pd

from pipeline.results.claims.base import Values


def per_repeat(table: pd.DataFrame) -> Values:
    """The mean of `value` in each cell and repeat.

    A repeat that lacks numbers that others have (a network of it diverged, say) is left out of that cell: its mean
    would be one over something else. A mean of which a number is missing is missing.

    Args:
        table: with columns "cell", "repeat" and "value"; there may be others.
    """
    groups = table.groupby(["cell", "repeat"], sort=False)["value"]
    means = groups.agg(size="size", value=lambda values: values.mean(skipna=False)).reset_index()
    whole = means["size"] == means.groupby("cell")["size"].transform("max")
    return means.loc[whole, ["cell", "repeat", "value"]].reset_index(drop=True)
