"""The claim judged on `timing`: what part of an epoch an adaptation takes."""

from __future__ import annotations

import pandas as pd

from pipeline.results.claims.base import Basis, Interval, Number, Verdict, decide, intervals
from pipeline.results.divergence import completed
from pipeline.results.schema import configurations
from pipeline.results.statistics import select, summarise

CHEAP = 5.0  # percent of an epoch's training


def judge(rows: pd.DataFrame, steps: int, basis: Basis) -> list[Verdict]:
    """The verdict on cheap-adaptation.

    Args:
        rows: observations of `timing`.
        steps: of training in an epoch.
        basis: what the rows were made from.
    """
    found = shares(completed(rows))
    cases = [str(case) for case in found["configuration"].unique()]
    percent = intervals(summarise(found, ["configuration"]), "configuration", cases)
    numbers: dict[str, Number] = {f"{case}: adapting / training (%)": share for case, share in percent.items()}
    numbers["steps of training in an epoch"] = steps
    numbers |= {
        f"{case}: an adaptation lasts as long as so many steps (not judged)": _times(share, steps / 100)
        for case, share in percent.items()
    }
    verdict = Verdict(
        id="cheap-adaptation",
        statement="One adaptation costs a negligible part of an epoch.",
        verdict=decide(
            (share.high < CHEAP for share in percent.values()), (share.low > CHEAP for share in percent.values())
        ),
        criterion=(
            "For each case that adapts: seconds of adapting one layer as a percentage of the seconds of training in "
            "the same epoch, mean over the timed epochs. Reproduced if every 95% interval lies below 5 %; not "
            "reproduced if any lies entirely above; else inconclusive. The share depends on the number of steps in "
            "an epoch, which is given beside it."
        ),
        numbers=numbers,
        basis=basis,
    )
    return [verdict]


def _times(share: Interval, factor: float) -> Interval:
    return Interval(factor * share.estimate, factor * share.low, factor * share.high, share.n)


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Adapting as a percentage of training, for every case that adapts and every timed epoch."""
    keys = [*configurations(list(rows.columns)), "epoch"]
    adapting, training = (
        select(rows, measure=measure)[[*keys, "value"]] for measure in ("adapting_seconds", "training_seconds")
    )
    both = adapting.merge(training, on=keys, suffixes=("_adapting", "_training"), validate="one_to_one")
    return both[keys].assign(value=100 * both["value_adapting"] / both["value_training"])
