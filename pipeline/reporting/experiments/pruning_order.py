"""`pruning_order` in the report: change of function against neurons removed. The paper has no such experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.pruning_order import DIRECTION, GRADIENT, NEURON, ROWS, SINGULAR
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import rounded
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, common, mean_of, repeats
from pipeline.reporting.style import COOL, WARM
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

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
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
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
NONE = "no such experiment"
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
COLUMNS = 6  # of a table at the most
KEYS = ["measure", "correction", "configuration", "removed"]
FAR = 10.0  # times as far


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Scaled change of the logits and of the accuracy by way, at the middle one of the counts."""
    removed = -rows["change"].dropna()
    middle = int(sorted(removed.unique())[removed.nunique() // 2])
    own = select(rows, change=-middle)
    found: dict[str, Any] = {"removed": middle}
    for measure, digits in (("epsilon_scaled", 3), ("delta_accuracy", 2)):
        ways = select(own, measure=measure).groupby(["choice", "white", "correction"], sort=False, observed=True)
        for (choice, white, correction), way in ways:
            name = f"{choice}{' without data' if white else ''}: {correction}"
            found.setdefault(name, {})[measure] = rounded(way["value"].mean(), digits)
    return found


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Two tables and two figures for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.network = "-".join(str(width) for width in (data.features, *settings.hidden, data.classes))
        self.width = settings.hidden[settings.layer - 1]
        adapted = select(rows, phase="adapted")
        words = [CHOICES[choice][0] for choice in zip(adapted["choice"], adapted["white"], strict=True)]
        self.adapted = adapted.assign(configuration=words, removed=-adapted["change"])
        # The count nearest to half of the neurons, for what is said in words.
        self.half = min(settings.counts, key=lambda count: abs(2 * count - self.width))

    def part(self) -> Part:
        tables = [
            self._table("epsilon_scaled", "Scaled change of the logits", "mean ± standard deviation over repeats"),
            self._table("delta_accuracy", "Change of the accuracy", "mean over repeats with its 95% interval"),
        ]
        plots = [self._plot("epsilon_scaled"), self._plot("delta_accuracy")]
        return Part.of(self.data, self._protocol(), tables, plots, [])

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        decided = {
            "data": self.data.words,
            "hidden widths": ", ".join(map(str, settings.hidden)),
            "pruned hidden layer": str(settings.layer),
            "neurons removed": ", ".join(map(str, settings.counts)),
            "random orders of each repeat": str(settings.draws),
            "training samples of a correction, about": str(settings.correction_samples),
            "repeats": str(settings.repeats),
            "epochs": str(settings.epochs),
        }
        return [
            *(Setting(name, NONE, here, False) for name, here in decided.items()),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings),
        ]

    @property
    def _conditions(self) -> str:
        accuracy = select(self.rows, phase="baseline", measure="accuracy")["value"].mean()
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, pruned in hidden layer {settings.layer} without "
            f"retraining, {repeats(self.rows)} of {counted(settings.epochs, 'epoch')}, float32; accuracy before "
            f"{accuracy:.2f} %. A random choice is the mean of {counted(settings.draws, 'draw')} a repeat. "
            "Corrections predict the removed neurons over training samples or, without data, as if the inputs of "
            "the layer were white; changes are on the whole test set."
        )

    def _table(self, measure: str, title: str, statistics: str) -> Table:
        counts = sorted(self.settings.counts)
        shown = counts[:: -(-len(counts) // COLUMNS)]
        groups = []
        for correction, heading in CORRECTIONS.items():
            own = select(self.adapted, measure=measure, correction=correction)
            found = quantities(summarise(own, KEYS), "configuration", "removed")
            lines_ = [
                Row(words, words, [found.get((words, str(n))) for n in shown], measure == "delta_accuracy")
                for words, _ in CHOICES.values()
                if any((words, str(n)) in found for n in shown)
            ]
            groups.append(Group(f"{measure}, {correction}", heading, MEASURES[measure].decimals, lines_))
        return Table(
            name=f"{self.data.slug}-{measure.replace('_', '-')}",
            title=title,
            caption=(
                f"{MEASURES[measure].label.capitalize()}, by the neurons removed of {self.width}, {statistics}. "
                f"{self._conditions} {self._misjudged()}"
            ),
            row_name="which are removed",
            column_name="neurons removed",
            columns={str(n): (str(n),) for n in shown},
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _misjudged(self) -> str:
        """In how many repeats the gradient's order goes much further than that of singular values, in words."""
        half = select(self.adapted, measure="epsilon_scaled", correction="none", removed=self.half)
        by, of = (select(half, choice=choice) for choice in (GRADIENT, SINGULAR))
        both = by.merge(of, on="repeat", suffixes=("", "_least"))
        far = int((both["value"] > FAR * both["value_least"]).sum())
        return (
            f"With {self.half} removed and no correction, the order of |dL/dσ| moves the logits more than {FAR:g} "
            f"times as far as that of σ in {far} of {counted(len(both), 'repeat')}."
        )

    def _plot(self, measure: str) -> Plot:
        logarithmic = MEASURES[measure].log
        own = select(self.adapted, measure=measure)
        means = geometric(own) if logarithmic else summarise(own, KEYS)
        panels = {heading: means[means["correction"] == name] for name, heading in CORRECTIONS.items()}
        label, kind = MEASURES[measure].label, "geometric mean" if logarithmic else "mean"
        legend = f"{self.data.name}, {self.network}, {mean_of(self.rows).replace('mean', kind)}"
        return Plot(
            name=f"{self.data.slug}-curve-{measure.replace('_', '-')}",
            title=f"{label[0].upper()}{label[1:]} against neurons removed",
            caption=(
                f"{kind.capitalize()} over repeats with its 95% interval as a band. {self._conditions} "
                f"{self._misjudged()}"
            ),
            alt=f"{label} against neurons removed, a panel for each correction. {self._at_half(means)}",
            figure=lines(
                panels,
                dict(CHOICES.values()),
                MEASURES[measure],
                "removed",
                f"neurons removed of {self.width}",
                f"{legend}\nwhich neurons are removed",
            ),
        )

    def _at_half(self, means: pd.DataFrame) -> str:
        """The means where half of the neurons are removed, in words."""
        sentences = [f"With {self.half} of {self.width} removed:"]
        for name, heading in CORRECTIONS.items():
            own = means[(means["removed"] == self.half) & (means["correction"] == name)]
            values = ", ".join(
                f"{write(mean).plain} ({words})"
                for words, mean in zip(own["configuration"], own["mean"], strict=True)
            )
            sentences.append(f"{heading}, {values}.")
        return " ".join(sentences)


def geometric(rows: pd.DataFrame) -> pd.DataFrame:
    """Geometric means of positive values by KEYS, with their 95% intervals: those of the logarithms."""
    means = summarise(rows.assign(value=np.log10(rows["value"].to_numpy(dtype=float))), KEYS)
    return means.assign(**{name: 10 ** means[name] for name in ("mean", "low", "high")})
