"""`equivariance` in the report: a claim of the paper for which it has no experiment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pandas as pd

from pipeline.experiments.equivariance import ROWS
from pipeline.reporting.headlines import magnitude, mean
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.presentation import words
from pipeline.reporting.protocol import TREATMENT, common, decided
from pipeline.reporting.style import COOL, WARM
from pipeline.results.claims.equivariance import JUDGED, after_last
from pipeline.results.statistics import select
from pipeline.results.text import counted

TITLE = "Equivariance of training"
NOTE = Note(
    reading=(
        "A run is a optimiser. After some epochs copies of its networks are turned into another basis with their"
        " moments, and both are trained on: `turned/epsilon`, the distance between their logits, starts at the"
        " change of basis (step = epoch). It should stay at rounding level for gradient descent and momentum"
        " (about 1e-6 in float32, 1e-14 in float64) and grow to the size of the logits for Adam and AdamW, in"
        " both precisions alike. `test/accuracy` is of the networks that were never turned. The parameters"
        " `optimiser` and `learning_rate` are those of optimisers that have none of their own."
    ),
    columns=("turned/epsilon", "turned float64/epsilon", "test/accuracy", "repeats"),
)
PRECISIONS = [JUDGED, "float32"]
# Measure -> heading of its lines.
GROUPS = {
    "epsilon": "change of logits ε, turned against never turned",
    "test_accuracy": "test accuracy (%), never turned",
    "delta_accuracy": "accuracy, turned − never turned (percentage points)",
}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By optimiser: accuracy in float32, and log10 of the mean epsilon after the last epoch in each precision."""
    last = after_last(rows)
    turned = select(last, phase="turned", measure="epsilon")
    return {
        name: {
            "accuracy": mean(last, 2, configuration=name, measure="test_accuracy", precision="float32"),
            **{f"log10_epsilon_{p}": magnitude(turned, configuration=name, precision=p) for p in PRECISIONS},
        }
        for name in last["configuration"].unique()
    }


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.trainings = {optimiser.name: settings.trained_by(optimiser) for optimiser in settings.optimisers}
        self.since = settings.epochs - settings.epochs_before
        # METHOD section 2 says that gradient descent commutes, with and without momentum.
        self.commuting = [name for name, training in self.trainings.items() if training.optimiser == "sgd"]

    def protocol(self) -> list[Setting]:
        settings, trainings = self.settings, self.trainings.values()
        lines = {
            "data": self.data.words,
            "hidden widths": settings.hidden,
            "change of basis": "of every hidden layer, by a random orthogonal matrix of each layer and repeat",
            "optimisers": list(self.trainings),
            "trained in": PRECISIONS,
            "momentum": [optimiser.momentum for optimiser in settings.optimisers],
            "repeats": settings.repeats,
            "epochs before the change of basis": settings.epochs_before,
            "epochs after it": self.since,
        }
        own = {
            "optimiser": words([training.optimiser for training in trainings]),
            "learning rate": words([training.learning_rate for training in trainings]),
        }
        return [
            *decided(lines),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, own=own),
        ]

    @property
    def conditions(self) -> str:
        return (
            f"Data {self.data.name}, network {self.network}, {self.repeats}, the change of basis after "
            f"{counted(self.settings.epochs_before, 'epoch')} and {self.since} more after it, moments carried along."
        )

    def tables(self) -> Iterator[Table]:
        first, last = self.settings.epochs_before, self.settings.epochs
        moments = {first: "right after the change", last: "after the last epoch"}
        columns = {f"{p} {epoch}": (p, moment) for p in PRECISIONS for epoch, moment in moments.items()}
        yield self.table(
            "turned",
            "Training in another basis",
            "Networks that were turned into another basis and trained on, beside the same networks trained on as "
            "they were, with the same batches; on the whole test set, mean ± standard deviation over repeats. "
            "The paper has no such experiment.",
            By.levels("configuration", "optimiser", self.trainings),
            By(("precision", "epoch"), "precision and epoch", columns),
            [
                Block(ROWS.measures[measure], select(self.rows, measure=measure), heading, measure)
                for measure, heading in GROUPS.items()
            ],
        )

    def plots(self) -> Iterator[Plot]:
        rows = select(self.rows, phase="turned", measure="epsilon", precision=PRECISIONS)
        # Adam and AdamW all but coincide: dots of one on the line of the other show both.
        cool, warm = cycle(COOL), cycle([WARM[0], WARM[2], WARM[1]])
        yield self.lines(
            "turned",
            "How far training moves apart in another basis",
            "Distance between the logits of the networks that were turned and of those that were not, ε, over the "
            "epochs since the change of basis, at which it is that of the change itself; mean over repeats with its "
            "95% interval as a band.",
            rows.assign(since=rows["epoch"] - self.settings.epochs_before),
            ROWS.measures["epsilon"],
            {name: next(cool if name in self.commuting else warm) for name in self.trainings},
            x="since",
            x_label="epochs since the change of basis",
            panels=By.levels("precision", "precision", PRECISIONS),
            legend="optimiser",
        )


present = _Page.present
