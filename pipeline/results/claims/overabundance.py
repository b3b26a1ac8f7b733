"""The claim judged on both experiments that move widths: starting wide and pruning, against staying narrow."""

from __future__ import annotations

import pandas as pd

from pipeline.results.claims.base import Basis, Interval, Verdict, decide, intervals
from pipeline.results.statistics import differences, select, summarise

AS_GOOD = -1.0  # percentage points of accuracy by which pruned networks may be worse and still be as good

Way = tuple[int, int]  # hidden width at the start, at the end


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


def overabundance(rows: pd.DataFrame, basis: Basis) -> Verdict:
    """The verdict on overabundance.

    Args:
        rows: of `abundance` or of `width_transitions`, of one data set and of isotropic networks.
        basis: what the rows were made from.
    """
    moved = against_static(arrivals(rows))
    pruned = {way: table for way, table in moved.items() if way[0] > way[1]}
    grown = {way: table for way, table in moved.items() if way[0] < way[1]}
    judged = {f"to {end}, mean over wider starts": mean for end, mean in _by_end(pruned).items()}
    beside = {
        # If growing gains as much, the gain is not one of overabundance.
        f"to {end}, mean over narrower starts (not judged)": mean
        for end, mean in _by_end(grown).items()
    }
    beside |= {
        f"{start} to {end} (not judged)": intervals(summarise(table, ["end"]), "end", [end])[end]
        for (start, end), table in pruned.items()
    }
    return Verdict(
        id="overabundance",
        statement="Starting wide and pruning is at least as good as staying narrow.",
        verdict=decide((i.low > AS_GOOD for i in judged.values()), (i.high < AS_GOOD for i in judged.values())),
        criterion=(
            "For every end width: test accuracy after the last epoch of the networks that were pruned to it, "
            "averaged over all wider starts, minus that of the networks that always had it, paired by repeat "
            "(percentage points). Reproduced if every 95% interval of the mean is above −1 point; not reproduced "
            "if any is entirely below −1; else inconclusive."
        ),
        numbers=judged | beside,
        basis=basis,
    )


def _by_end(moved: dict[Way, pd.DataFrame]) -> dict[int, Interval]:
    """End width -> mean difference over all the starts there are, of each repeat, then over repeats."""
    found = {}
    for end in sorted({end for _, end in moved}):
        together = pd.concat(table for (_, to), table in moved.items() if to == end)
        # summarise, unlike a plain mean, leaves nothing out that is missing.
        mean = summarise(together, ["end", "repeat"]).rename(columns={"mean": "value"})[["end", "value"]]
        found[end] = intervals(summarise(mean, ["end"]), "end", [end])[end]
    return found
