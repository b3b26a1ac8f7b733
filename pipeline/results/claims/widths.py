"""What claims and pages of both experiments that move widths have in common: accuracies once widths have arrived."""

from __future__ import annotations

import pandas as pd

from pipeline.results.claims.base import Context, Values, at_chance
from pipeline.results.claims.repeats import per_repeat
from pipeline.results.divergence import completed
from pipeline.results.schema import networks
from pipeline.results.statistics import differences, select

Way = tuple[int, int]  # hidden width at the start, at the end
GROWN, PRUNED = "grown from narrower", "pruned from wider"


def arrivals(rows: pd.DataFrame) -> pd.DataFrame:
    """The accuracy of each network after its last epoch, at the hidden width "end"; it began with "start"."""
    final = select(rows[rows["end"].notna()], phase="training", measure="test_accuracy")
    return final[final["epoch"] == final["epoch"].max()]


def against_static(final: pd.DataFrame) -> dict[Way, pd.DataFrame]:
    """(start, end), start != end -> differences to the network that always had width `end`, paired by repeat.

    Args:
        final: of `arrivals`, of one configuration.

    Returns:
        Tables with columns "end", "repeat" and "value", in percentage points.
    """
    named = final.assign(configuration=final["start"].astype("string"))
    pairs = final[["start", "end"]].drop_duplicates().sort_values(["end", "start"])
    ways = [(int(start), int(end)) for start, end in pairs.itertuples(index=False) if start != end]
    return {
        (start, end): differences(named[named["end"] == end], str(start), str(end), ["end"]) for start, end in ways
    }


def moved(final: pd.DataFrame) -> Values:
    """Accuracy of networks taken to a width minus that of the one that always had it, mean over pairs of widths.

    Cells: from narrower and from wider starts.

    Args:
        final: as of `against_static`.
    """
    tables = [
        table.assign(cell=GROWN if start < end else PRUNED) for (start, end), table in against_static(final).items()
    ]
    return per_repeat(pd.concat(tables)) if tables else pd.DataFrame({"cell": [], "repeat": [], "value": []})


def arrived(rows: pd.DataFrame, context: Context) -> pd.DataFrame:
    """As `arrivals`, and chance of the networks that diverged, if their rows are among those given.

    One that diverged before its width was to move is at chance at every end to which it would have been taken.
    """
    last = at_chance(rows, arrivals(completed(rows)), context.chance)
    early = last["end"].isna()
    ends = last.loc[~early, ["configuration", "start", "end"]].drop_duplicates()
    taken = last[early].drop(columns="end").merge(ends, on=["configuration", "start"])
    if taken.empty:
        return last[~early]
    every = pd.concat([last[~early], taken], ignore_index=True)
    return every.drop_duplicates(networks(list(rows.columns)))  # one may be said to have diverged before and after
