"""`width_transitions` in the report: Figures 3, 4 and 5 of the paper's first version, and the claims."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.width_transitions import ROWS
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import by_width
from pipeline.reporting.pairs import columns, group
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import basis, common, data_line, mean_of, repeats
from pipeline.reporting.style import COLOURS, COOL, WARM, Line
from pipeline.reporting.tables import Table
from pipeline.results.claims.overabundance import arrivals
from pipeline.results.claims.width_transitions import CONTROL, judge
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

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
MEASURE = ROWS.measures["test_accuracy"]


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy by final width, of isotropic networks from all starts and of the standard-tanh controls."""
    final = arrivals(rows)
    control = final["configuration"] == CONTROL
    return {"isotropic": by_width(final[~control]), "standard_tanh": by_width(final[control])}


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Figures 3, 4 and 5, the final accuracies and the verdicts, for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.widths = sorted(settings.hidden_widths)
        self.network = f"{data.features}-m-{data.classes}"
        self.means = self._means()

    def _means(self) -> pd.DataFrame:
        """Accuracy per epoch by "start", "end" (missing before the ends part) and configuration."""
        rows = select(self.rows, phase="training", measure="test_accuracy")
        return summarise(rows, ["configuration", "start", "end", "epoch"])

    def part(self) -> Part:
        protocol = self._protocol()
        network = f"{self.network}, m from and to {', '.join(map(str, self.widths))}"
        arrived = self.rows[self.rows["end"].notna()]  # what is taken to several ends counts as several networks
        verdicts = judge(self.rows, basis(arrived, protocol, self.data.words, network))
        plots = [self._figure_3(), self._figure_4(), self._figure_5()]
        return Part.of(self.data, protocol, [self._table()], plots, verdicts)

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths, from and to", [8, 16, 24, 32], self.widths),
            Setting.of("repeats of each pair", 16, settings.repeats),
            Setting.of("epochs before any change", 24, settings.epochs_before),
            Setting.of("epochs after that", 48, settings.epochs - settings.epochs_before),
            Setting.of("neurons an epoch", 1, settings.neurons_per_epoch),
            Setting.of("intrinsic length, compensation", "trainable, expectation", settings.configuration.label),
            *common(
                settings,
                batch_size=24,
                optimiser="adam",
                learning_rate=0.08,
                weight_decay=0.0,
                psi=False,
                growing=True,
            ),
        ]

    def _conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, {repeats(self.rows)}, each trained for "
            f"{counted(settings.epochs_before, 'epoch')} and then taken to every end width, "
            f"{counted(settings.neurons_per_epoch, 'neuron')} an epoch, over "
            f"{settings.epochs - settings.epochs_before} more, float32."
        )

    def _table(self) -> Table:
        final = arrivals(self.rows)
        start = final["start"].astype("string").where(final["configuration"] != CONTROL, CONTROL)
        accuracies = group(
            final.assign(start=start), "accuracy", MEASURE, self.widths, {CONTROL: f"{CONTROL}, static"}
        )
        return Table(
            name=f"{self.data.slug}-final",
            title="Accuracy after the transitions",
            caption=(
                "Accuracy on the whole test set in percent after the last epoch, mean ± standard deviation over "
                f"repeats. The controls always had the width of their column. {self._conditions()}"
            ),
            row_name="hidden width at the start",
            column_name="hidden width at the end",
            columns=columns(self.widths),
            groups=[accuracies],
            repeats=self.settings.repeats,
        )

    def _figure_3(self) -> Plot:
        after = self.means[self.means["end"].notna() & (self.means["configuration"] != CONTROL)]
        named = after.assign(configuration="to " + after["end"].astype("string"))
        panels = {f"from width {width}": named[named["start"] == width] for width in self.widths}
        return self._plot("3", "accuracy by start width", panels, self._series("to"))

    def _figure_4(self) -> Plot:
        after = self.means[self.means["end"].notna() & (self.means["configuration"] != CONTROL)]
        named = after.assign(configuration="from " + after["start"].astype("string"))
        panels = {f"to width {width}": named[named["end"] == width] for width in self.widths}
        return self._plot("4", "accuracy by end width", panels, self._series("from"))

    def _figure_5(self) -> Plot:
        before = self.means["end"].isna()
        name = ("to " + self.means["end"].astype("string")).mask(before, BEFORE)
        name = name.mask(self.means["configuration"] == CONTROL, CONTROL)
        # The last epoch before the ends part is also the first after; of a control it is wanted once.
        twice = before & (self.means["configuration"] == CONTROL)
        twice &= self.means["epoch"] == self.settings.epochs_before
        named = self.means.assign(configuration=name)[~twice & (self.means["epoch"] > 0)]
        panels = {f"from width {width}": named[named["start"] == width] for width in self.widths}
        series = {BEFORE: Line("black", "v", "-.")} | self._series("to") | {CONTROL: Line("vermilion", "D", "--")}
        more = f" The control is {CONTROL} of a fixed width. A dotted line marks where widths begin to move."
        title = "accuracy by start width, with the training before and the control, from epoch 1"
        plot = self._plot("5", title, panels, series, more)
        for ax in plot.figure.axes:
            ax.axvline(self.settings.epochs_before, color=COLOURS["ink"][0], linestyle=":", linewidth=0.8)
        return plot

    def _series(self, word: str) -> dict[str, Line]:
        shapes = [*COOL[:3], *WARM[1:], COOL[3], WARM[0]]
        return {f"{word} {width}": line for width, line in zip(self.widths, cycle(shapes), strict=False)}

    def _plot(
        self, number: str, what: str, panels: dict[str, pd.DataFrame], series: dict[str, Line], more: str = ""
    ) -> Plot:
        legend = f"{self.data.name}, {self.network}, {mean_of(self.rows)}"
        figure = lines(panels, series, MEASURE, "epoch", "epochs trained", legend, across=min(2, len(panels)))
        means = pd.concat(panels.values())
        last = means[means["epoch"] == means["epoch"].max()]["mean"]
        return Plot(
            name=f"{self.data.slug}-figure-{number}",
            title=f"Counterpart of the first version’s Figure {number}: {what}",
            caption=(
                "Test accuracy after each epoch, mean over repeats with its 95% interval as a band. "
                + self._conditions()
                + more
            ),
            alt=f"Test accuracy over epochs, {what}; it ends at {last.min():.1f} to {last.max():.1f} %.",
            figure=figure,
        )
