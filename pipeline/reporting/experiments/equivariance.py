"""`equivariance` in the report: a claim of the paper for which it has no experiment of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.equivariance import ROWS
from pipeline.reporting.figures import Plot, lines, no_logarithm
from pipeline.reporting.headlines import by_name, rounded
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, basis, common, mean_of, repeats
from pipeline.reporting.style import COOL, WARM, Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.claims.equivariance import after_last, judge
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

TITLE = "Equivariance of training"
NOTE = Note(
    reading=(
        "A run is a descent. After some epochs copies of its networks are turned into another basis with their"
        " moments, and both are trained on: `turned/epsilon`, the distance between their logits, starts at the"
        " change of basis (step = epoch). It should stay at rounding level for gradient descent and momentum"
        " (about 1e-6 in float32, 1e-14 in float64) and grow to the size of the logits for Adam and AdamW, in"
        " both precisions alike. `test/accuracy` is of the networks that were never turned. The parameters"
        " `optimiser` and `learning_rate` are those of descents that have none of their own."
    ),
    columns=("turned/epsilon", "turned float64/epsilon", "test/accuracy", "repeats"),
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
)
NONE = "no such experiment"
PRECISIONS = ["float64", "float32"]  # that which is judged comes first
# Measure -> heading of its lines.
GROUPS = {
    "epsilon": "change of logits ε, turned against never turned",
    "test_accuracy": "test accuracy (%), never turned",
    "delta_accuracy": "accuracy, turned − never turned (percentage points)",
}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By descent: accuracy in float32, and log10 of the mean epsilon after the last epoch in each precision."""
    last = after_last(rows)
    accuracy = select(last, measure="test_accuracy", precision="float32")
    means = accuracy.groupby("configuration", sort=False)["value"].mean()
    found: dict[str, dict[str, Any]] = {name: {"accuracy": rounded(value, 2)} for name, value in by_name(means)}
    for precision in ("float32", "float64"):
        epsilon = select(last, phase="turned", measure="epsilon", precision=precision)
        for name, value in by_name(epsilon.groupby("configuration", sort=False)["value"].mean()):
            found[name][f"log10_epsilon_{precision}"] = rounded(math.log10(value), 1) if value > 0 else None
    return found


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """A table, a figure and the verdict, for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.descents = {descent.name: settings.trained_by(descent) for descent in settings.descents}
        self.network = "-".join(str(width) for width in (data.features, *settings.hidden, data.classes))
        self.since = settings.epochs - settings.epochs_before

    def part(self) -> Part:
        protocol = self._protocol()
        rests_on = basis(self.rows, protocol, self.data.words, self.network)
        verdicts = judge(self.rows, self._commuting(True), self._commuting(False), rests_on)
        return Part.of(self.data, protocol, [self._table()], [self._plot()], verdicts)

    def _commuting(self, wanted: bool) -> list[str]:
        """The descents that METHOD section 2 says commute, or the others."""
        return [name for name, training in self.descents.items() if (training.optimiser == "sgd") == wanted]

    def _protocol(self) -> list[Setting]:
        settings, trainings = self.settings, self.descents.values()
        own = {
            "optimiser": ", ".join(training.optimiser for training in trainings),
            "learning rate": ", ".join(f"{training.learning_rate:g}" for training in trainings),
        }
        decided = {
            "data": self.data.words,
            "hidden widths": ", ".join(map(str, settings.hidden)),
            "change of basis": "of every hidden layer, by a random orthogonal matrix of each layer and repeat",
            "descents": ", ".join(self.descents),
            "momentum": ", ".join(f"{descent.momentum:g}" for descent in settings.descents),
            "repeats": str(settings.repeats),
            "epochs before the change of basis": str(settings.epochs_before),
            "epochs after it": str(self.since),
        }
        return [
            *(Setting(name, NONE, here, False) for name, here in decided.items()),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *(
                Setting(line.name, line.paper, own[line.name], False) if line.name in own else line
                for line in common(settings)
            ),
        ]

    @property
    def _conditions(self) -> str:
        return (
            f"Data {self.data.name}, network {self.network}, {repeats(self.rows)}, the change of basis after "
            f"{counted(self.settings.epochs_before, 'epoch')} and {self.since} more after it, moments carried along."
        )

    def _table(self) -> Table:
        columns: dict[str, tuple[str, ...]] = {
            f"{precision} {epoch}": (precision, words)
            for precision in PRECISIONS
            for epoch, words in (
                (self.settings.epochs_before, "right after the change"),
                (self.settings.epochs, "after the last epoch"),
            )
        }
        place = self.rows["precision"].astype("string") + " " + self.rows["epoch"].astype("string")
        shown = self.rows.assign(place=place)[place.isin(list(columns))]
        groups = []
        for measure, heading in GROUPS.items():
            means = summarise(select(shown, measure=measure), ["configuration", "place"])
            found = quantities(means, "configuration", "place")
            cells = {name: [found.get((name, column)) for column in columns] for name in self.descents}
            rows = [Row(name, name, own) for name, own in cells.items()]
            groups.append(Group(measure, heading, ROWS.measures[measure].decimals, rows))
        return Table(
            name=f"{self.data.slug}-turned",
            title="Training in another basis",
            caption=(
                "Networks that were turned into another basis and trained on, beside the same networks trained on as "
                "they were, with the same batches; on the whole test set, mean ± standard deviation over repeats. "
                f"The paper has no such experiment. {self._conditions}"
            ),
            row_name="descent",
            column_name="precision and epoch",
            columns=columns,
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _plot(self) -> Plot:
        rows = select(self.rows, phase="turned", measure="epsilon")
        rows = rows.assign(since=rows["epoch"] - self.settings.epochs_before)
        panels = {p: summarise(select(rows, precision=p), ["configuration", "since"]) for p in PRECISIONS}
        legend = f"{self.data.name}, {self.network}, {mean_of(self.rows)}\ndescent"
        return Plot(
            name=f"{self.data.slug}-turned",
            title="How far training moves apart in another basis",
            caption=(
                "Distance between the logits of the networks that were turned and of those that were not, ε, over "
                "the epochs since the change of basis, at which it is that of the change itself; mean over repeats "
                f"with its 95% interval as a band. {self._conditions} {no_logarithm(panels.values())}"
            ).strip(),
            alt="Change of logits over epochs since the change of basis. " + self._ends(panels),
            figure=lines(
                panels,
                self._series(),
                ROWS.measures["epsilon"],
                "since",
                "epochs since the change of basis",
                legend,
            ),
        )

    def _ends(self, panels: Mapping[str, pd.DataFrame]) -> str:
        """The means after the last epoch, in words."""
        sentences = []
        for precision, means in panels.items():
            last = means[means["since"] == self.since]
            ends = ", ".join(
                f"{write(mean).plain} ({name})"
                for name, mean in zip(last["configuration"], last["mean"], strict=True)
            )
            sentences.append(f"After the last epoch in {precision}: {ends}.")
        return " ".join(sentences)

    def _series(self) -> dict[str, Line]:
        # Adam and AdamW all but coincide: dots of one on the line of the other show both.
        cool, warm = cycle(COOL), cycle([WARM[0], WARM[2], WARM[1]])
        commuting = self._commuting(True)
        return {name: next(cool if name in commuting else warm) for name in self.descents}
