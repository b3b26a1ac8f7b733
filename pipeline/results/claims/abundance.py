"""What is judged on `abundance`: whether the path to a width matters once it is reached."""

from __future__ import annotations

import pandas as pd

from pipeline.results.claims.base import Context, Values
from pipeline.results.claims.repeats import per_repeat
from pipeline.results.claims.widths import GROWN, PRUNED, arrived, moved
from pipeline.results.statistics import differences, select

SAME = 1.0  # percentage points of accuracy within which two networks count as equally accurate
MATTERS = 2.0  # percentage points from which on a width counts as one that matters
WIDTHS = (7, 100)  # the paper's narrowest and widest: between them the width has room to matter


def path(rows: pd.DataFrame, context: Context) -> Values:
    """Accuracy of networks taken to a width minus that of the one that always had it, mean over pairs of widths.

    Cells: from narrower and from wider starts. A dependence on the start has opposite signs in them.
    """
    return moved(arrived(rows, context))


def pruned(rows: pd.DataFrame, context: Context) -> Values:
    """As `path`, from wider starts alone."""
    values = path(rows, context)
    return values[values["cell"] == PRUNED]


def grown(rows: pd.DataFrame, context: Context) -> Values:
    """As `path`, from narrower starts alone."""
    values = path(rows, context)
    return values[values["cell"] == GROWN]


def final_width(rows: pd.DataFrame, context: Context) -> Values:
    """Accuracy at the widest end minus that at the narrowest, of one start and repeat, mean over starts."""
    last = arrived(rows, context)
    ends = sorted(last["end"].unique())
    if len(ends) < 2:
        return _nothing()
    named = last.assign(end=last["end"].astype("string"))
    table = differences(named, str(ends[-1]), str(ends[0]), ["start"], of="end")
    return per_repeat(table.assign(cell="widest − narrowest"))


def outside(rows: pd.DataFrame, context: Context) -> str:
    """Whether widths have another range than the paper's."""
    own = sorted(int(width) for width in rows["end"].unique())
    if not own or (own[0], own[-1]) == WIDTHS:
        return ""
    here = ", ".join(map(str, own))
    return f"out of scope: the claim is of hidden widths from {WIDTHS[0]} to {WIDTHS[1]}; here: {here}"


def starts_alike(rows: pd.DataFrame, context: Context) -> str:
    """As `outside`, and whether the width made no difference before it moved: then no path could leave a trace."""
    if why := outside(rows, context):
        return why
    before = select(rows, phase="training", measure="test_accuracy", epoch=context.settings.epochs_at_start)
    means = before.groupby("start")["value"].mean()  # in ascending order
    if len(means) < 2 or not (ahead := means.iloc[-1] - means.iloc[0]) < MATTERS:
        return ""
    return (
        f"too alike at the start: before widths move, those of {means.index[-1]} neurons are {ahead:.1f} points "
        f"ahead of those of {means.index[0]}; under {MATTERS:g} no path from one to the other could show"
    )


def _nothing() -> Values:
    return pd.DataFrame({"cell": [], "repeat": [], "value": []})
