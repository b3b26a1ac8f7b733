"""The claim judged on `spectra`: what training makes of singular values, isotropic beside standard tanh."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.experiments.spectra import STANDARD
from pipeline.results.claims.base import Basis, Interval, Number, Verdict, decide, intervals
from pipeline.results.divergence import completed
from pipeline.results.spectrum import course, numbers
from pipeline.results.statistics import paired, select, summarise

ALIKE = 0.9  # likeness of isotropic repeats
_WORDS = {"separation": "widest gap in the larger half", "largest_to_median": "largest / median"}


def judge(rows: pd.DataFrame, threshold: float, isotropic: str, basis: Basis) -> list[Verdict]:
    """The verdict on stratified-spectra.

    Args:
        rows: observations of `spectra`.
        threshold: theta; plays no part in the verdict.
        isotropic: label of the isotropic configuration that is compared with standard tanh.
        basis: what the rows were made from.
    """
    rows = completed(rows)
    found = numbers(rows, threshold)
    last = found[found["epoch"] == found["epoch"].max()]
    wider: dict[str, Interval] = {}
    beside: dict[str, Number] = {}
    for measure, words in _WORDS.items():
        some = select(last, measure=measure)
        logs = some.assign(value=np.log10(some["value"].to_numpy(dtype=float)))
        layers = sorted(int(layer) for layer in logs["layer"].unique())
        ratios = intervals(paired(logs, isotropic, STANDARD, ["layer"]), "layer", layers)
        wider |= {f"map {layer}: {words}, isotropic / standard": _ratio(log) for layer, log in ratios.items()}
        beside |= _apart(logs, isotropic, words)
    alike = _alike(rows, isotropic)
    beside |= {f"{key}, standard (not judged)": value for key, value in _alike(rows, STANDARD).items()}
    return [
        Verdict(
            id="stratified-spectra",
            statement=(
                "Isotropic spectra separate into a few large values and a decaying bulk; standard-tanh spectra stay "
                "one broad bulk; repeats evolve alike."
            ),
            verdict=decide(
                [*(i.low > 1 for i in wider.values()), *(i.low >= ALIKE for i in alike.values())],
                [*(i.high < 1 for i in wider.values()), *(i.high < ALIKE for i in alike.values())],
            ),
            criterion=(
                f"For every map. (1) After the last epoch, two ratios of singular values are larger in ({isotropic}) "
                "than in standard tanh: the widest gap between neighbours within the larger half of the spectrum (a "
                "few large values apart), and the largest to the median (a bulk left behind). Paired by repeat, "
                "averaged as logarithms. (2) Over all trained epochs, the log10 singular values of an isotropic "
                "repeat, in order, are told by the mean of the other repeats with a coefficient of determination of "
                f"at least {ALIKE}. Reproduced if every 95% interval says so; not reproduced if any says the "
                "opposite; else inconclusive."
            ),
            numbers=wider | {f"{key}, isotropic": value for key, value in alike.items()} | beside,
            basis=basis,
        )
    ]


def _alike(rows: pd.DataFrame, configuration: str) -> dict[str, Interval]:
    """Likeness of the repeats of a configuration over the whole course, per map."""
    whole = course(rows)
    some = whole[whole["configuration"] == configuration]
    layers = sorted(int(layer) for layer in some["layer"].unique())
    table = summarise(some, ["layer"]) if layers else pd.DataFrame(columns=["layer", "mean", "low", "high", "n"])
    return {f"map {layer}: likeness of repeats": i for layer, i in intervals(table, "layer", layers).items()}


def _apart(logs: pd.DataFrame, isotropic: str, words: str) -> dict[str, Number]:
    """Each configuration's own geometric mean of a ratio, per map; behind the verdict, not judged."""
    means = summarise(logs, ["configuration", "layer"])
    return {
        f"map {layer}: {words}, {'isotropic' if label == isotropic else 'standard'} (not judged)": float(10**mean)
        for label, layer, mean in zip(means["configuration"], means["layer"], means["mean"], strict=True)
        if label in (isotropic, STANDARD)
    }


def _ratio(log: Interval) -> Interval:
    return Interval(10.0**log.estimate, 10.0**log.low, 10.0**log.high, log.n)
