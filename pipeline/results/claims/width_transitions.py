"""The claims judged on `width_transitions`: isotropic networks against standard tanh, and starting wide."""

from __future__ import annotations

import pandas as pd

from pipeline.experiments import width_transitions
from pipeline.results.claims.base import Basis, Interval, Verdict, decide, intervals
from pipeline.results.claims.overabundance import arrivals, overabundance
from pipeline.results.divergence import completed
from pipeline.results.statistics import paired

CONTROL = width_transitions.CONTROL.label


def judge(rows: pd.DataFrame, basis: Basis) -> list[Verdict]:
    """The verdicts on isotropic-above-control and overabundance.

    Args:
        rows: observations of `width_transitions` on one data set.
        basis: what the rows were made from.
    """
    rows = completed(rows)
    isotropic = rows[(rows["configuration"] != CONTROL).fillna(False)]
    return [_above_control(rows, basis), overabundance(isotropic, basis)]


def _above_control(rows: pd.DataFrame, basis: Basis) -> Verdict:
    final = arrivals(rows)
    controls = final[final["configuration"] == CONTROL]
    isotropic = final[final["configuration"] != CONTROL]
    judged: dict[str, Interval] = {}
    for start in sorted(int(width) for width in isotropic["start"].unique()):
        named = pd.concat([isotropic[isotropic["start"] == start].assign(configuration="isotropic"), controls])
        ends = sorted(int(width) for width in isotropic["end"].unique())
        above = intervals(paired(named, "isotropic", CONTROL, ["end"]), "end", ends)
        judged |= {f"{start} to {end}: isotropic minus standard tanh": above[end] for end in ends}
    means = [part.groupby(["start", "end"])["value"].mean() for part in (isotropic, controls)]
    return Verdict(
        id="isotropic-above-control",
        statement="Every isotropic width ends above the standard-tanh control.",
        verdict=decide((i.low > 0 for i in judged.values()), (i.high < 0 for i in judged.values())),
        criterion=(
            "For every start and end width: test accuracy after the last epoch of the isotropic networks minus "
            "that of the standard-tanh networks that always had the end width, paired by repeat (percentage points). "
            "Reproduced if every 95% interval of the mean is above 0; not reproduced if any is entirely below; else "
            "inconclusive."
        ),
        numbers=judged
        | {
            "lowest mean accuracy of isotropic networks (%, not judged)": float(means[0].min()),
            "highest mean accuracy of controls (%, not judged)": float(means[1].max()),
        },
        basis=basis,
    )
