"""`pruning_order` in the report: change of function against neurons removed. The paper has no such experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from pipeline.experiments.pruning_order import DIRECTION, GRADIENT, NEURON, ROWS, SINGULAR
from pipeline.reporting.headlines import nested
from pipeline.reporting.numbers import write
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.protocol import TREATMENT, common, decided
from pipeline.reporting.style import COOL, WARM
from pipeline.results.statistics import geometric, select, summarise
from pipeline.results.text import counted

TITLE = "The order of pruning, and its correction"
NOTE = Note(
    reading=(
        "There is one run. `by change in width/epsilon_scaled CHOICE CORRECTION` is how far the logits move, in"
        " percent, by the neurons removed (step = minus their number): those of the smallest singular values, those"
        " of the smallest gradient of the loss by their singular values, or random ones: singular directions, or"
        " neurons as they stand. With a correction, the neurons that are kept stand in for those that are removed; a"
        " `white` one does without data."
    ),
    columns=("baseline/accuracy", "epsilon_scaled singular value none/*", "repeats"),
    headlines=("epsilon_scaled singular value none",),
    together=(
        "by change in width/epsilon_scaled * none",
        "by change in width/epsilon_scaled * linear*",
        "by change in width/epsilon_scaled * isometric*",
        "by change in width/delta_accuracy * none",
        "by change in width/delta_accuracy * linear*",
        "by change in width/delta_accuracy * isometric*",
    ),
)
MEASURES = ROWS.measures
CORRECTIONS = {"none": "no correction", "linear": "linear correction, Eqn. 18", "isometric": "isometric correction"}
# Importance, and whether its correction is over white inputs -> words, style.
CHOICES = {
    (SINGULAR, False): ("smallest singular values", COOL[0]),
    (GRADIENT, False): ("smallest |dL/dσ|", COOL[3]),
    (DIRECTION, False): ("random singular directions", WARM[0]),
    (NEURON, False): ("random neurons", WARM[1]),
    (NEURON, True): ("random neurons, corrected without data", WARM[2]),
}
# Measure -> title of its table, and what stands there; differences have their interval.
SHOWN = {
    "epsilon_scaled": ("Scaled change of the logits", "mean ± standard deviation over repeats"),
    "delta_accuracy": ("Change of the accuracy", "mean over repeats with its 95% interval"),
}
COLUMNS = 6  # of a table at the most
FAR = 10.0  # times as far


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Scaled change of the logits and of the accuracy by way, at the middle one of the counts."""
    removed = -rows["change"].dropna()
    middle = int(sorted(removed.unique())[removed.nunique() // 2])
    own = select(rows, change=-middle)
    choice = own["choice"].astype("string") + own["white"].map({False: "", True: " without data"})
    own = own.assign(way=choice + ": " + own["correction"].astype("string"))
    found: dict[str, Any] = {"removed": middle}
    for measure, digits in (("epsilon_scaled", 3), ("delta_accuracy", 2)):
        for way, mean in nested(select(own, measure=measure), ["way"], digits).items():
            found.setdefault(way, {})[measure] = mean
    return found


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.width = settings.hidden[settings.layer - 1]
        adapted = select(rows, phase="adapted")
        words = [CHOICES[choice][0] for choice in zip(adapted["choice"], adapted["white"], strict=True)]
        self.adapted = adapted.assign(configuration=words, removed=-adapted["change"])

    def protocol(self) -> list[Setting]:
        settings = self.settings
        lines = {
            "data": self.data.words,
            "hidden widths": settings.hidden,
            "pruned hidden layer": settings.layer,
            "neurons removed": settings.counts,
            "random orders of each repeat": settings.draws,
            "training samples of a correction, about": settings.correction_samples,
            "repeats": settings.repeats,
            "epochs": settings.epochs,
        }
        treatment = Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label)
        return [*decided(lines), treatment, *common(settings)]

    @property
    def conditions(self) -> str:
        accuracy = select(self.rows, phase="baseline", measure="accuracy")["value"].mean()
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, pruned in hidden layer {settings.layer} without "
            f"retraining, {self.repeats} of {counted(settings.epochs, 'epoch')}, {self.precision}; accuracy before "
            f"{write(accuracy, decimals=2).plain} %. A random choice is the mean of "
            f"{counted(settings.draws, 'draw')} a repeat. Corrections predict the removed neurons over training "
            "samples or, without data, as if the inputs of "
            f"the layer were white; changes are on the whole test set. {self._misjudged()}"
        )

    def _misjudged(self) -> str:
        """In how many repeats the gradient's order goes much further than that of singular values, in words."""
        half = min(self.settings.counts, key=lambda count: abs(2 * count - self.width))
        own = select(self.adapted, measure="epsilon_scaled", correction="none", removed=half)
        by, of = (select(own, choice=choice) for choice in (GRADIENT, SINGULAR))
        both = by.merge(of, on="repeat", suffixes=("", "_least"))
        far = int((both["value"] > FAR * both["value_least"]).sum())
        return (
            f"With {half} removed and no correction, the order of |dL/dσ| moves the logits more than {FAR:g} "
            f"times as far as that of σ in {far} of {counted(len(both), 'repeat')}."
        )

    def tables(self) -> Iterator[Table]:
        counts = sorted(self.settings.counts)
        for key, (title, statistics) in SHOWN.items():
            measure, rows = MEASURES[key], select(self.adapted, measure=key)
            yield self.table(
                key.replace("_", "-"),
                title,
                f"{measure.label.capitalize()}, by the neurons removed of {self.width}, {statistics}.",
                By.levels("configuration", "which are removed", dict(CHOICES.values())),
                By.levels("removed", "neurons removed", counts[:: -(-len(counts) // COLUMNS)]),
                [
                    Block(
                        measure,
                        select(rows, correction=correction),
                        heading,
                        f"{key}, {correction}",
                        differences=not measure.log,
                        known=True,
                    )
                    for correction, heading in CORRECTIONS.items()
                ],
            )

    def plots(self) -> Iterator[Plot]:
        for key in SHOWN:
            measure = MEASURES[key]
            mean, means = ("geometric mean", geometric) if measure.log else ("mean", summarise)
            rows = select(self.adapted, measure=key)
            gaps = " A gap: a value is 0." if measure.log and (rows["value"] == 0).any() else ""
            yield self.lines(
                f"curve-{key.replace('_', '-')}",
                f"{measure.label.capitalize()} against neurons removed",
                f"{mean.capitalize()} over repeats with its 95% interval as a band.{gaps}",
                rows,
                measure,
                dict(CHOICES.values()),
                x="removed",
                x_label=f"neurons removed of {self.width}",
                panels=By("correction", "correction", CORRECTIONS),
                legend="which neurons are removed",
                means=means,
            )


present = _Page.present
