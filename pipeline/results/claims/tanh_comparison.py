"""The claims judged on `tanh_comparison`: on which data isotropic tanh is ahead, and what depth and width cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.experiments.plan.architectures import ARCHITECTURE
from pipeline.experiments.tanh_comparison import STANDARD
from pipeline.results.claims.base import Basis, Interval, Number, Verdict, decide, intervals
from pipeline.results.divergence import completed
from pipeline.results.statistics import differences, paired, select, summarise

# The paper's names of data sets, by those of the profiles, in the order of its Table 7.
DATA = {
    "mnist": "MNIST",
    "emnist-aj": "EMNIST A-J",
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "caltech256": "Caltech-256",
}
HARDER = ("cifar10", "cifar100", "caltech256")  # isotropic should be ahead
EASIER = ("mnist", "emnist-aj")  # standard should be ahead
CLOSE = ("fashion-mnist",)
CLOSE_WITHIN = 1.0  # percentage points
MUCH_LESS = 0.5  # of what standard tanh loses


def final(rows: pd.DataFrame) -> pd.DataFrame:
    """The test accuracy (percent) of every network after its last epoch."""
    accuracy = select(rows, phase="training", measure="test_accuracy")
    return accuracy[accuracy["epoch"] == accuracy["epoch"].max()].reset_index(drop=True)


def judge(rows: pd.DataFrame, isotropic: str, basis: Basis) -> list[Verdict]:
    """The verdicts on harder-favours-isotropic and depth-hurts-standard.

    Args:
        rows: observations of `tanh_comparison`.
        isotropic: label of the configuration beside standard tanh.
        basis: what the rows were made from.
    """
    accuracy = final(completed(rows))
    return [_harder_favours_isotropic(accuracy, isotropic, basis), _depth_hurts_standard(accuracy, isotropic, basis)]


def advantages(accuracy: pd.DataFrame, isotropic: str) -> dict[str, Interval]:
    """Data set -> accuracy of isotropic minus standard tanh, percentage points.

    The mean over architectures of the differences within a repeat, then over repeats.
    """
    over = _mean(differences(accuracy, isotropic, STANDARD, ["data", "network"]), ["data", "repeat"])
    return intervals(summarise(over, ["data"]), "data", [str(name) for name in accuracy["data"].unique()])


def _harder_favours_isotropic(accuracy: pd.DataFrame, isotropic: str, basis: Basis) -> Verdict:
    found = advantages(accuracy, isotropic)
    passed: list[bool] = []
    failed: list[bool] = []
    for name, ahead in found.items():
        if name in HARDER:
            passed.append(ahead.low > 0)
            failed.append(ahead.high < 0)
        elif name in EASIER:
            passed.append(ahead.high < 0)
            failed.append(ahead.low > 0)
        elif name in CLOSE:
            passed.append(ahead.within(-CLOSE_WITHIN, CLOSE_WITHIN))
            failed.append(ahead.outside(-CLOSE_WITHIN, CLOSE_WITHIN))
    absent = [words for name, words in DATA.items() if name not in found]
    numbers: dict[str, Number] = {
        f"{DATA.get(name, name)}: isotropic − standard (points{'' if name in DATA else ', not judged'})": ahead
        for name, ahead in found.items()
    }
    if absent:
        numbers["not here and so not judged"] = ", ".join(absent)
    return Verdict(
        id="harder-favours-isotropic",
        statement=(
            "Isotropic tanh beats standard tanh on CIFAR-10, CIFAR-100 and Caltech-256, standard tanh wins on MNIST "
            "and EMNIST, and Fashion-MNIST is close."
        ),
        verdict=decide([not absent, *passed], failed),
        criterion=(
            "Final test accuracy of isotropic minus standard tanh, paired by repeat and averaged over architectures, "
            "for each data set. Reproduced if the 95% interval is above 0 on CIFAR-10, CIFAR-100 and Caltech-256, "
            "below 0 on MNIST and EMNIST, and within ±1 point on Fashion-MNIST; not reproduced if one lies entirely "
            "on the other side (Fashion-MNIST: beyond ±1 point); else inconclusive. The claim is about all six: it "
            "is not called reproduced while any of them is missing."
        ),
        numbers=numbers,
        basis=basis,
    )


def _depth_hurts_standard(accuracy: pd.DataFrame, isotropic: str, basis: Basis) -> Verdict:
    passed: list[bool] = []
    failed: list[bool] = []
    numbers: dict[str, Number] = {}
    for column, words in (("hidden_layers", "{} to {} hidden layers"), ("hidden_width", "width {} to {}")):
        lost = _losses(accuracy, column)
        ends = words.format(accuracy[column].min(), accuracy[column].max())
        pooled = _mean(lost, ["configuration", "repeat"])
        own = intervals(summarise(pooled, ["configuration"]), "configuration", [STANDARD, isotropic])
        halved = pooled.assign(value=pooled["value"] * np.where(pooled["configuration"] == STANDARD, MUCH_LESS, 1))
        (less,) = intervals(paired(halved.assign(all=0), STANDARD, isotropic, ["all"]), "all", [0]).values()
        passed += [own[STANDARD].low > 0, less.low > 0]
        failed += [own[STANDARD].high < 0, less.high < 0]
        numbers |= {
            f"{ends}: lost by standard tanh (points)": own[STANDARD],
            f"{ends}: lost by isotropic tanh (points)": own[isotropic],
            f"{ends}: half the loss of standard − loss of isotropic (points)": less,
        }
        numbers |= dict(_each(lost, ends, isotropic))
    return Verdict(
        id="depth-hurts-standard",
        statement="Standard tanh loses accuracy with depth and with width, isotropic tanh much less.",
        verdict=decide(passed, failed),
        criterion=(
            "Loss with depth: final test accuracy with the fewest hidden layers minus that with the most, averaged "
            "over widths and data sets; loss with width likewise, from the narrowest to the widest, averaged over "
            "depths; a value per repeat. Reproduced if for depth and for width the 95% interval of standard tanh’s "
            "loss is above 0, and that of half of it minus isotropic tanh’s loss, paired by repeat, too; not "
            "reproduced if any of these lies entirely below 0; else inconclusive."
        ),
        numbers=numbers,
        basis=basis,
    )


def _losses(accuracy: pd.DataFrame, column: str) -> pd.DataFrame:
    """Accuracy at the smallest value of a column minus that at its largest, per data set, activation and repeat.

    A mean over the other column, of those of its values at which both activations have both ends. No rows if there
    is one value only: nothing can be lost from it to itself.
    """
    (other,) = {*ARCHITECTURE} - {column}
    keys = ["data", "configuration", "repeat"]
    small, large = accuracy[column].min(), accuracy[column].max()
    if accuracy.empty or small == large:
        return accuracy.loc[[], [*keys, "value"]]
    first, last = (accuracy.loc[accuracy[column] == end, [*keys, other, "value"]] for end in (small, large))
    both = first.merge(last, on=[*keys, other], suffixes=("_first", "_last"))
    activations = both.groupby(["data", "repeat", other])["configuration"].transform("nunique")
    both = both[activations == accuracy["configuration"].nunique()]
    return _mean(both.assign(value=both["value_first"] - both["value_last"]), keys)


def _each(lost: pd.DataFrame, ends: str, isotropic: str) -> Iterator[tuple[str, Interval]]:
    """The losses on each data set, if there are several; they are not judged."""
    if lost["data"].nunique() < 2:
        return
    labels: Mapping[str, str] = {STANDARD: "standard", isotropic: "isotropic"}
    for name, rows in lost.groupby("data", sort=False):
        found = intervals(summarise(rows, ["configuration"]), "configuration", list(labels))
        for label, words in labels.items():
            yield f"{ends}, {DATA.get(str(name), str(name))}: lost by {words} tanh (points, not judged)", found[label]


def _mean(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Mean of `value` for each combination of the keys; missing where a value is missing."""
    return rows.groupby(list(keys), sort=False)["value"].agg(lambda values: values.mean(skipna=False)).reset_index()
