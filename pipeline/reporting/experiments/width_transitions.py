"""`width_transitions` in the report: Figures 3, 4 and 5 of the paper's first version, and the claims."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pandas as pd

from pipeline.experiments.width_transitions import ROWS
from pipeline.reporting.headlines import by_width
from pipeline.reporting.page import Block, Names, Note, Plot, Series, Setting, Table
from pipeline.reporting.pairs import Pairs
from pipeline.reporting.protocol import common, data_line, mean_gain
from pipeline.reporting.style import COOL, WARM, Line
from pipeline.results.claims.width_transitions import CONTROL
from pipeline.results.claims.widths import arrivals
from pipeline.results.statistics import select
from pipeline.results.text import counted

TITLE = "Transitions between widths"
NOTE = Note(
    reading=(
        "Runs without an `end` are the training before any change, once for each width; those with an `end`"
        " go on from the same trained networks, moving to that width a few neurons an epoch. Standard tanh keeps"
        " its width: it is the control, and should end below all others."
    ),
    columns=("test/accuracy", "test/loss", "repeats"),
)
PAPER_SOURCES = {"cifar10": "CIFAR-10"}
BEFORE = "before any change"
ACCURACY = ROWS.measures["test_accuracy"]
SHAPES = [*COOL[:3], *WARM[1:], COOL[3], WARM[0]]


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy by final width, of isotropic networks from all starts and of the standard-tanh controls."""
    final = arrivals(rows)
    control = final["configuration"] == CONTROL
    return {"isotropic": by_width(final[~control]), "standard_tanh": by_width(final[control])}


class _Page(Pairs):
    @cached_property
    def network(self) -> str:
        return f"{self.data.features}-m-{self.data.classes}"

    def protocol(self) -> list[Setting]:
        settings = self.settings
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths, from and to", [8, 16, 24, 32], self.widths),
            Setting.at_least("repeats of each pair", 16, settings.repeats),
            Setting.of("epochs before any change", 24, settings.epochs_before),
            Setting.of("epochs after that", 48, settings.epochs - settings.epochs_before),
            Setting.of("neurons an epoch", 1, settings.neurons_per_epoch),
            Setting.of("intrinsic length, compensation", "trainable, expectation", settings.configuration.label),
            mean_gain(settings.expectation_samples),
            *common(
                settings,
                batch_size=24,
                optimiser="adam",
                learning_rate=0.08,
                weight_decay=0.0,
                psi=settings.configuration.compensation == "trainable+decay",
                growing=True,
            ),
        ]

    @property
    def conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, {self.repeats}, each trained for "
            f"{counted(settings.epochs_before, 'epoch')} and then taken to every end width, "
            f"{counted(settings.neurons_per_epoch, 'neuron')} an epoch, over "
            f"{settings.epochs - settings.epochs_before} more, {self.precision}."
        )

    def tables(self) -> Iterator[Table]:
        final = arrivals(self.rows)
        start = final["start"].astype("string").mask(final["configuration"] == CONTROL, CONTROL)
        lines: Names = {**self.starts.names, CONTROL: f"{CONTROL}, static"}
        yield self.table(
            "final",
            "Accuracy after the transitions",
            "Accuracy on the whole test set in percent after the last epoch, mean ± standard deviation over repeats. "
            "The controls always had the width of their column.",
            self.starts,
            self.ends,
            [Block(ACCURACY, final.assign(start=start), key="accuracy", names=lines)],
        )

    def plots(self) -> Iterator[Plot]:
        rows = select(self.rows, phase="training", measure="test_accuracy")
        control, before = rows["configuration"] == CONTROL, rows["end"].isna()
        moving = rows[~control & ~before]
        yield self._plot("3", "accuracy by start width", moving, "end", self.series("end", SHAPES))
        yield self._plot("4", "accuracy by end width", moving, "start", self.series("start", SHAPES))
        # The last epoch before any change is also the first after; of a control it is wanted once.
        wanted = (rows["epoch"] > 0) & ~(control & before & (rows["epoch"] == self.settings.epochs_before))
        end = rows["end"].astype("string").fillna(BEFORE).mask(control, CONTROL)
        yield self._plot(
            "5",
            "accuracy by start width, with the training before and the control, from epoch 1",
            rows.assign(end=end)[wanted],
            "end",
            {BEFORE: Line("black", "v", "-."), **self.series("end", SHAPES), CONTROL: Line("vermilion", "D", "--")},
            f" The control is {CONTROL} of a fixed width. A dotted line marks where widths begin to move.",
            marks=[self.settings.epochs_before],
        )

    def _plot(
        self, number: str, what: str, rows: pd.DataFrame, by: str, series: Series, remark: str = "", **more: Any
    ) -> Plot:
        return self.lines(
            f"figure-{number}",
            f"Counterpart of the first version’s Figure {number}: {what}",
            f"Test accuracy after each epoch, mean over repeats with its 95% interval as a band.{remark}",
            rows,
            ACCURACY,
            series,
            by=by,
            panels=self.panels("start" if by == "end" else "end"),
            across=min(2, len(self.widths)),
            **more,
        )


present = _Page.present
