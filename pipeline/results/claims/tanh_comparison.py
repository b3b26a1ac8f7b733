"""What is judged on `tanh_comparison`: on which data isotropic tanh is ahead, and what depth and width cost."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

from pipeline.experiments.plan.architectures import ARCHITECTURE
from pipeline.experiments.tanh_comparison import STANDARD
from pipeline.results.claims.base import Context, Estimand, Values, at_chance
from pipeline.results.claims.repeats import per_repeat
from pipeline.results.divergence import completed
from pipeline.results.statistics import differences, select

# The paper's names of data sets, by those of their sources, in the order of its Table 7.
DATA = {
    "mnist": "MNIST",
    "emnist-aj": "EMNIST A-J",
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "caltech256": "Caltech-256",
}
ISOTROPIC = "isotropic tanh"
LOSES = 1.0  # percentage points from which on a loss counts as one
MUCH_LESS = 0.5  # of what standard tanh loses
SCOPE = {"hidden_width": (500, 1000), "hidden_layers": (2, 5)}  # least and most of the paper's networks

Unfit = Callable[[pd.DataFrame, Context], str]


def final(rows: pd.DataFrame) -> pd.DataFrame:
    """The test accuracy (percent) of every network after its last epoch."""
    accuracy = select(rows, phase="training", measure="test_accuracy")
    return accuracy[accuracy["epoch"] == accuracy["epoch"].max()].reset_index(drop=True)


def ahead(source: str) -> Estimand:
    """Accuracy of isotropic minus standard tanh on the data of a source, mean over architectures.

    Pairs have the same architecture, initial weights and batches.
    """

    def values(rows: pd.DataFrame, context: Context) -> Values:
        accuracy = _accuracies(rows, context, [source])
        table = differences(accuracy, ISOTROPIC, STANDARD, ["data", "network"])
        return per_repeat(table.assign(cell=table["data"]))

    return values


def standard_loses(column: str) -> Estimand:
    """What standard tanh loses from the fewest hidden layers, or the narrowest, to the most, or the widest.

    The mean over all that differs otherwise, the paper's data sets that there are among it. Pairs differ in the one
    column alone.
    """

    def values(rows: pd.DataFrame, context: Context) -> Values:
        losses = _losses(rows, context, column)
        return per_repeat(losses[losses["configuration"] == STANDARD].assign(cell="standard tanh"))

    return values


def isotropic_loses_less(column: str) -> Estimand:
    """Half of what standard tanh loses minus what isotropic tanh does, paired by data, architecture and repeat."""

    def values(rows: pd.DataFrame, context: Context) -> Values:
        losses = _losses(rows, context, column)
        share = np.where(losses["configuration"] == STANDARD, MUCH_LESS, 1.0)
        halved = losses.assign(value=losses["value"] * share)
        table = differences(halved, STANDARD, ISOTROPIC, ["data", _other(column)])
        return per_repeat(table.assign(cell="half of standard tanh’s − isotropic tanh’s"))

    return values


def outside(sources: Collection[str]) -> Unfit:
    """Whether no data set of these sources is there, or networks are of other sizes than the paper's."""

    def why(rows: pd.DataFrame, context: Context) -> str:
        if not _names(context, sources):
            here = ", ".join(sorted(context.sources))
            return f"out of scope: the claim is of {', '.join(DATA[each] for each in sources)}; here: {here}"
        for column, (least, most) in SCOPE.items():
            own = sorted(int(value) for value in rows[column].dropna().unique())
            if own and not least <= own[0] <= own[-1] <= most:
                words, here = ARCHITECTURE[column].words, ", ".join(map(str, own))
                return f"out of scope: the claim is of networks whose {words} is {least} to {most}; here: {here}"
        return ""

    return why


def nothing_lost(column: str) -> Unfit:
    """As `outside`, and whether standard tanh loses too little for another to lose much less."""

    def why(rows: pd.DataFrame, context: Context) -> str:
        lost = standard_loses(column)(rows, context)["value"].mean()
        little = f"standard tanh loses {lost:.1f} points, under {LOSES:g}: isotropic tanh could not lose much less"
        return outside(DATA)(rows, context) or (little if lost < LOSES else "")

    return why


def _names(context: Context, sources: Collection[str]) -> list[str]:
    return [name for name, source in context.sources.items() if source in sources]


def _other(column: str) -> str:
    (other,) = {*ARCHITECTURE} - {column}
    return other


def _accuracies(rows: pd.DataFrame, context: Context, sources: Collection[str]) -> pd.DataFrame:
    """Final accuracies on the data of the sources; chance of networks that diverged, if their rows are given."""
    parts = [
        # Of each data set by itself: `context` has one chance for all.
        at_chance(own, final(completed(own)), 100 / int(str(own["network"].iloc[0]).rsplit("-", 1)[-1]))
        for _, own in rows[rows["data"].isin(_names(context, sources))].groupby("data", sort=False)
    ]
    accuracy = pd.concat(parts, ignore_index=True) if parts else final(rows.iloc[:0])
    standard = accuracy["configuration"] == STANDARD
    return accuracy.assign(configuration=np.where(standard, STANDARD, ISOTROPIC))


def _losses(rows: pd.DataFrame, context: Context, column: str) -> pd.DataFrame:
    """Accuracy at the smallest value of a column minus that at its largest; no rows if there is one value only."""
    accuracy = _accuracies(rows, context, DATA)
    ends = accuracy[column].min(), accuracy[column].max()
    if accuracy.empty or ends[0] == ends[1]:
        accuracy, ends = accuracy.iloc[:0], (0, 0)
    named = accuracy.assign(**{column: accuracy[column].astype("string")})
    return differences(named, str(ends[0]), str(ends[1]), ["data", "configuration", _other(column)], of=column)
