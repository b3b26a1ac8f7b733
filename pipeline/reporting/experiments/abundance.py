"""`abundance` in the report: the paper's Table 2, pictures of it, and the claims."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pandas as pd

from pipeline.experiments.abundance import ROWS
from pipeline.reporting.headlines import by_width, rounded
from pipeline.reporting.numbers import write
from pipeline.reporting.page import Block, Note, Plot, Setting, Table
from pipeline.reporting.pairs import Pairs, heat_map
from pipeline.reporting.protocol import TREATMENT, common, data_line
from pipeline.reporting.style import COOL, WARM
from pipeline.results.claims.widths import against_static, arrivals
from pipeline.results.statistics import select, summarise
from pipeline.results.text import counted

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


class _Page(Pairs):
    @cached_property
    def network(self) -> str:
        return "-".join(map(str, [self.data.features, *["n"] * self.settings.hidden_layers, self.data.classes]))

    def protocol(self) -> list[Setting]:
        settings = self.settings
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths, from and to", PAPER_WIDTHS, self.widths),
            Setting.of("hidden layers", 2, settings.hidden_layers),
            Setting.at_least("repeats of each pair", 4, settings.repeats),
            Setting.of("epochs at the start width", 15, settings.epochs_at_start),
            Setting.of("epochs with the width moving", 75, settings.moving_epochs),
            Setting.of("epochs at the end width", 10, settings.epochs_at_end),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, growing=True),
        ]

    @property
    def conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, {self.repeats} of each pair: "
            f"{counted(settings.epochs_at_start, 'epoch')} at the start width, {settings.moving_epochs} with the "
            f"width of every hidden layer moving linearly, {settings.epochs_at_end} at the end width, "
            f"{self.precision}."
        )

    def tables(self) -> Iterator[Table]:
        final = select(self.rows, phase="final")
        yield self.table(
            "table-2",
            "Counterpart of the paper’s Table 2",
            "Accuracy on the whole test set in percent after the last epoch, and the best of any epoch (whatever the "
            "width then was; chosen on the test set, so it flatters), mean ± standard deviation over repeats.",
            self.starts,
            self.ends,
            [
                Block(ROWS.measures[measure], select(final, measure=measure), key=measure)
                for measure in ("accuracy", "best_accuracy")
            ],
        )

    def plots(self) -> Iterator[Plot]:
        yield self._squares()
        begin, panels = self.settings.epochs_at_start, len(self.widths)
        yield self.training(
            self.series("start", [*COOL, *WARM]),
            "Accuracy while the width moves",
            "hidden width at the start; dotted: the width begins to move, and has arrived",
            by="start",
            panels=self.panels("end"),
            marks=(begin, begin + self.settings.moving_epochs),
            across=panels if panels < 4 else -(-panels // 2),
        )

    def _squares(self) -> Plot:
        final = arrivals(self.rows)
        means = summarise(final, ["start", "end"])
        moved = [
            summarise(table.assign(start=start), ["start", "end"])
            for (start, _), table in against_static(final).items()
        ]
        panels = {f"accuracy after the last epoch (%),\nmean of {self.repeats}, {self.data.name}": means}
        if moved:
            panels["minus that of the network that\nalways had the end width (points)"] = pd.concat(moved)
        extremes = means.sort_values("mean").iloc[[0, -1]]
        words = [f"{write(r['mean']).plain} % from {r['start']} to {r['end']}" for _, r in extremes.iterrows()]
        return Plot(
            name=f"{self.data.slug}-pairs",
            title="Final accuracy by start and end width",
            caption=f"Mean over repeats; the difference is paired by repeat. {self.conditions}",
            alt=f"Squares coloured by accuracy, start width against end width: {words[0]} is least, {words[1]} most.",
            figure=heat_map(panels, self.widths),
        )


present = _Page.present
