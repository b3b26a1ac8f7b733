"""What the page says of what is not there: data that was not to be had, and networks that diverged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.experiments import experiment
from pipeline.results.divergence import diverged
from pipeline.results.schema import configurations
from pipeline.results.text import counted


@dataclass(frozen=True)
class Losses:
    """All networks of a part of the report that diverged.

    Attributes:
        words: what is said of them.
        headings: of the table of them.
        lines: of that table, one for each configuration that lost repeats.
    """

    words: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]


def losses(rows: pd.DataFrame) -> Losses | None:
    """What the page says of the networks that diverged in these rows; None if none did."""
    stopped = diverged(rows)
    if stopped.empty:
        return None
    columns = [column for column in _apart(rows) if stopped[column].notna().any()]
    lines = []
    for place, own in stopped.groupby(
        [stopped[column].astype("string").fillna("") for column in columns], sort=False
    ):
        when = own.sort_values("repeat")[["repeat", "epoch"]].itertuples(index=False)
        lines.append([*map(str, place), ", ".join(f"{repeat} (in epoch {epoch})" for repeat, epoch in when)])
    factors = experiment(str(rows["experiment"].iloc[0])).ROWS.networks
    # By what a factor is, without what is said of where it is missing; columns of all experiments by their name.
    names = [factors[column].words.partition(";")[0] if column in factors else column for column in columns]
    words = (
        f"{counted(len(stopped), 'network')} diverged: a loss or a parameter was no longer finite, and training was "
        "stopped. What diverged is left out of every table and figure here, from its first epoch on; claims on "
        "accuracy count it at chance."
    )
    return Losses(words, [*(name.capitalize() for name in names), "Repeats"], lines)


def _apart(rows: pd.DataFrame) -> list[str]:
    """The columns that tell configurations apart, without factors that follow from their network and label."""
    common = configurations(list(rows.columns))
    named = ["network", "configuration"]
    known = rows[common].drop_duplicates()
    labels = len(known[named].drop_duplicates())
    factors = [each for each in common if each not in ("data", *named)]
    return ["data", *named, *(each for each in factors if len(known[[*named, each]].drop_duplicates()) > labels)]


def availability(absent: Mapping[str, str], some: bool) -> str:
    """What the page says of data sets that were not to be had; "" if all were.

    Args:
        absent: name -> reason, in a line.
        some: whether others were, so that there are results.
    """
    if not absent:
        return ""
    names = "; ".join(f"{name} ({reason.rstrip('.')})" for name, reason in absent.items())
    if some:
        return f"Not available here, and left out: {names}."
    return f"Nothing was run here, because data was not available: {names}."
