"""Estimands on `equivariance`: which optimisers commute with a change of basis of the hidden layers.

epsilon is the distance of the logits between training after a change of basis, with the moments carried along, and
training without one; the change alone moves no logits. In float64, so that rounding is told from a difference.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.results.claims.base import Context, Values
from pipeline.results.statistics import select

COMMUTES = 1e-8  # epsilon in float64, of half its digits: steps amplify the rounding of the rotation
DEPENDS = 1e-4  # epsilon in float64: no rounding reaches it
JUDGED = "float64"
ROUNDING = 1e-16  # epsilon of less counts as this: it has a logarithm


def commuting(rows: pd.DataFrame, context: Context) -> Values:
    """The largest epsilon of gradient descent and momentum over all epochs from the change of basis on."""
    turned = _turned(rows, context, descent=True)
    # A value that is missing has not stayed together.
    worst = turned.fillna({"value": np.inf}).groupby(["configuration", "repeat"], sort=False, observed=True)["value"]
    return _values(worst.max().reset_index())


def parting(rows: pd.DataFrame, context: Context) -> Values:
    """log10 epsilon of Adam and AdamW after the last epoch."""
    last = after_last(_turned(rows, context, descent=False))
    return _values(last.assign(value=np.log10(last["value"].clip(lower=ROUNDING))))


def no_change(rows: pd.DataFrame, context: Context) -> str:
    """Nothing depended on the basis: nothing shows that there was a change of it."""
    parted = after_last(_turned(rows, context, descent=False))["value"]
    if not (parted > COMMUTES).any():
        return "nothing was tested: the change of basis made no difference to any other optimiser"
    return ""


def changed_function(rows: pd.DataFrame, context: Context) -> str:
    """The change of basis itself, before any step, moved the logits."""
    turned = _turned(rows, context, descent=False)
    largest = turned[turned["epoch"] == turned["epoch"].min()]["value"].max()
    return f"inexact change of basis: by itself it changed the logits by {largest:.2g}" if largest > COMMUTES else ""


def after_last(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last epoch."""
    return rows[rows["epoch"] == rows["epoch"].max()]


def _turned(rows: pd.DataFrame, context: Context, descent: bool) -> pd.DataFrame:
    """epsilon of the optimisers that are gradient descent, with momentum or without; or of the others."""
    settings = context.settings
    names = [each.name for each in settings.optimisers if (settings.trained_by(each).optimiser == "sgd") == descent]
    return select(rows, phase="turned", measure="epsilon", precision=JUDGED, configuration=names)


def _values(rows: pd.DataFrame) -> Values:
    return rows.rename(columns={"configuration": "cell"})[["cell", "repeat", "value"]]
