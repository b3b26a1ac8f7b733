"""The claims judged on `abundance`: whether the path to a width matters once it is reached."""

from __future__ import annotations

import pandas as pd

from pipeline.results.claims.base import Basis, Interval, Verdict, decide, intervals
from pipeline.results.claims.overabundance import against_static, arrivals, overabundance
from pipeline.results.divergence import completed
from pipeline.results.statistics import paired, summarise

SAME = 2.0  # percentage points of accuracy within which two networks count as equally accurate


def judge(rows: pd.DataFrame, basis: Basis) -> list[Verdict]:
    """The verdicts on final-width-only and overabundance.

    Args:
        rows: observations of `abundance` on one data set.
        basis: what the rows were made from.
    """
    rows = completed(rows)
    return [_final_width_only(rows, basis), overabundance(rows, basis)]


def _final_width_only(rows: pd.DataFrame, basis: Basis) -> Verdict:
    final = arrivals(rows)
    paths = {
        f"{start} to {end}": intervals(summarise(table, ["end"]), "end", [end])[end]
        for (start, end), table in against_static(final).items()
    }
    ends = _ends(final)
    return Verdict(
        id="final-width-only",
        statement="Accuracy depends on the final width, not on the path to it.",
        verdict=decide(
            [*(i.within(-SAME, SAME) for i in paths.values()), *(i.outside(-SAME, SAME) for i in ends.values())],
            [*(i.outside(-SAME, SAME) for i in paths.values()), *(i.within(-SAME, SAME) for i in ends.values())],
        ),
        criterion=(
            "Test accuracy after the last epoch, in percentage points, paired by repeat. The path: for every pair of "
            "a start and another end, minus the networks that always had the end width. The final width: networks "
            "that always had the largest width, minus those that always had the smallest. Reproduced if every 95% "
            "interval of the path lies within ±2 points and that of the final width entirely outside; not reproduced "
            "if any of the path lies entirely outside, or that of the final width within; else inconclusive."
        ),
        numbers=ends | paths,
        basis=basis,
    )


def _ends(final: pd.DataFrame) -> dict[str, Interval]:
    """Static networks of the largest width against those of the smallest; nothing if there are not two."""
    static = final[final["start"] == final["end"]]
    widths = sorted(int(width) for width in static["end"].unique())
    if len(widths) < 2:
        return {}
    named = static.assign(configuration=static["end"].astype("string"))
    table = paired(named.assign(all=0), str(widths[-1]), str(widths[0]), ["all"])
    (difference,) = intervals(table, "all", [0]).values()
    return {f"always {widths[-1]} minus always {widths[0]}": difference}
