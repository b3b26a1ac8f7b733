"""`abundance` in the report: the paper's Table 2, pictures of it, and the claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.abundance import ROWS
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import by_width, rounded
from pipeline.reporting.numbers import write
from pipeline.reporting.pairs import columns, group, heat_map
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, basis, common, data_line, mean_of, repeats
from pipeline.reporting.style import COLOURS, styles
from pipeline.reporting.tables import Table
from pipeline.results.claims.abundance import judge
from pipeline.results.claims.overabundance import against_static, arrivals
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

TITLE = "Too few or too many neurons at the start"
NOTE = Note(
    reading=(
        "A run is a pair of hidden widths: it trains at the first, moves to the other on a straight line, and"
        " trains there. If only the final width matters, runs with one `end` finish alike, whatever their"
        " `start`. `width map 1` is the width in each epoch."
    ),
    columns=("final/accuracy", "final/best_accuracy", "final sd/*", "repeats"),
)
PAPER_SOURCES = {"cifar10": "CIFAR-10", "caltech256": "Caltech-256"}
PAPER_WIDTHS = [7, 10, 25, 50, 75, 100]


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy of the networks of static width, by width, and the largest mean difference that a path made."""
    final = arrivals(rows)
    paths = [table["value"].mean() for table in against_static(final).values()]
    return {
        "static_accuracy": by_width(final[final["start"] == final["end"]]),
        "largest_path_difference": rounded(max(paths, key=abs, default=math.nan), 3),
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Table 2, its pictures and the verdicts, for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.widths = sorted(settings.hidden_widths)
        self.network = "-".join(map(str, [data.features, *["n"] * settings.hidden_layers, data.classes]))

    def part(self) -> Part:
        protocol = self._protocol()
        network = f"{self.network}, n from and to {', '.join(map(str, self.widths))}"
        verdicts = judge(self.rows, basis(self.rows, protocol, self.data.words, network))
        return Part.of(self.data, protocol, [self._table_2()], [self._squares(), self._training()], verdicts)

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths, from and to", PAPER_WIDTHS, self.widths),
            Setting.of("hidden layers", 2, settings.hidden_layers),
            Setting.of("repeats of each pair", 4, settings.repeats),
            Setting.of("epochs at the start width", 15, settings.epochs_at_start),
            Setting.of("epochs with the width moving", 75, settings.moving_epochs),
            Setting.of("epochs at the end width", 10, settings.epochs_at_end),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, growing=True),
        ]

    def _conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, {repeats(self.rows)} of each pair: "
            f"{counted(settings.epochs_at_start, 'epoch')} at the start width, {settings.moving_epochs} with the "
            f"width of every hidden layer moving linearly, {settings.epochs_at_end} at the end width, float32."
        )

    def _table_2(self) -> Table:
        final = select(self.rows, phase="final")
        groups = [
            group(select(final, measure=measure), measure, ROWS.measures[measure], self.widths, {})
            for measure in ("accuracy", "best_accuracy")
        ]
        return Table(
            name=f"{self.data.slug}-table-2",
            title="Counterpart of the paper’s Table 2",
            caption=(
                "Accuracy on the whole test set in percent after the last epoch, and the best of any epoch "
                "(whatever the width then was; chosen on the test set, so it flatters), mean ± standard deviation "
                "over repeats. " + self._conditions()
            ),
            row_name="hidden width at the start",
            column_name="hidden width at the end",
            columns=columns(self.widths),
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _squares(self) -> Plot:
        final = arrivals(self.rows)
        means = summarise(final, ["start", "end"])
        moved = [
            summarise(table.assign(start=start), ["start", "end"])
            for (start, _), table in against_static(final).items()
        ]
        panels = {f"accuracy after the last epoch (%),\nmean of {repeats(self.rows)}, {self.data.name}": means}
        if moved:
            panels["minus that of the network that\nalways had the end width (points)"] = pd.concat(moved)
        extremes = means.sort_values("mean").iloc[[0, -1]]
        words = [f"{write(r['mean']).plain} % from {r['start']} to {r['end']}" for _, r in extremes.iterrows()]
        return Plot(
            name=f"{self.data.slug}-pairs",
            title="Final accuracy by start and end width",
            caption=f"Mean over repeats; the difference is paired by repeat. {self._conditions()}",
            alt=f"Squares coloured by accuracy, start width against end width: {words[0]} is least, {words[1]} most.",
            figure=heat_map(panels, self.widths),
        )

    def _training(self) -> Plot:
        rows = select(self.rows, phase="training", measure="test_accuracy")
        start = "from " + rows["start"].astype("string")
        means = summarise(rows.assign(configuration=start), ["configuration", "end", "epoch"])
        panels = {f"to width {width}": means[means["end"] == width] for width in self.widths}
        series = styles(f"from {width}" for width in self.widths)
        legend = (
            f"{self.data.name}, {self.network}, {mean_of(self.rows)}\n"
            "hidden width at the start; dotted: the width begins to move, and has arrived"
        )
        across = len(panels) if len(panels) < 4 else -(-len(panels) // 2)
        measure = ROWS.measures["test_accuracy"]
        figure = lines(panels, series, measure, "epoch", "epochs trained", legend, across=across)
        begin = self.settings.epochs_at_start
        for ax in figure.axes:
            for at in (begin, begin + self.settings.moving_epochs):
                ax.axvline(at, color=COLOURS["ink"][0], linestyle=":", linewidth=0.8)
        return Plot(
            name=f"{self.data.slug}-training",
            title="Accuracy while the width moves",
            caption=f"Test accuracy after each epoch, mean over repeats with its 95% interval. {self._conditions()}",
            alt="Test accuracy over epochs, a panel for each end width and a line for each start width.",
            figure=figure,
        )
