"""`timing` in the report: seconds of training, testing and adapting, and the share that an adaptation takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.timing import DONE, ROWS
from pipeline.reporting.figures import Plot, styled
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, basis, common, data_line
from pipeline.reporting.style import COLOURS
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.claims.timing import judge, shares
from pipeline.results.schema import Measure
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The cost of adapting"
NOTE = Note(
    reading=(
        "`timed/training_seconds`, `.../testing_seconds` and `.../adapting_seconds` are wall-clock seconds of"
        " the parts of an epoch; step = epoch. A run is a case: whether it tests, and how it adapts after every"
        " epoch. Compare adapting with training within a case. All cases took turns on the same machine."
    ),
    columns=("timed/training_seconds", "timed/testing_seconds", "timed/adapting_seconds"),
)
PAPER_SOURCES = {"cifar10": "CIFAR-10"}
PARTS = {"training_seconds": "blue", "testing_seconds": "sky", "adapting_seconds": "vermilion"}
ADAPTATIONS = {"none": "no adaptation", "prune": "prune", "grow": "grow"}
WHOLE, SHARE = "epoch_seconds", "adapting_share"
MEASURES = {measure: ROWS.measures[measure] for measure in PARTS} | {
    WHOLE: Measure("whole epoch", "s"),
    SHARE: Measure("adapting, share of training", "%"),
}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Milliseconds of each part of an epoch, mean over epochs, in each case."""
    seconds = select(rows, measure=list(PARTS))
    found: dict[str, dict[str, float]] = {}
    for case, measure in seconds[["configuration", "measure"]].drop_duplicates().itertuples(index=False):
        some = select(seconds, configuration=case, measure=measure)["value"]
        found.setdefault(case, {})[measure.replace("_seconds", "_ms")] = round(1000 * float(some.mean()), 2)
    return found


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """A table, a figure and the verdict, for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.network = "-".join(str(width) for width in (data.features, *settings.hidden, data.classes))
        self.steps = -(-data.train_count // settings.batch_size)
        seconds = select(rows, measure=list(PARTS))
        whole = seconds.groupby([*ROWS.networks, "epoch"], sort=False)["value"].sum().reset_index()
        found = pd.concat([seconds, whole.assign(measure=WHOLE), shares(rows).assign(measure=SHARE)])
        self.means = summarise(found.assign(done=found["testing"].map(DONE)), ["measure", "done", "adaptation"])

    def part(self) -> Part:
        protocol = self._protocol()
        verdicts = judge(self.rows, self.steps, basis(self.rows, protocol, self.data.words, self.network))
        return Part.of(self.data, protocol, [self._table()], [self._plot()], verdicts)

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        testing = ["with and without" if len(settings.testing) > 1 else "with" if settings.testing[0] else "without"]
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths", [500, 500], settings.hidden),
            Setting.of("adapted map", 2, settings.layer),
            Setting.of("adaptations", ["none", "prune", "grow"], settings.adaptations),
            Setting.of("neurons per epoch", 1, settings.neurons),
            Setting.of("testing", ["with and without"], testing),
            Setting.of("epochs of warming up", 5, settings.warm_up),
            Setting.of("epochs timed", 25, settings.epochs),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, learning_rate=0.08, growing=True),
        ]

    def _conditions(self) -> str:
        settings = self.settings
        counts = sorted({int(count) for count in select(self.rows, measure="threads")["value"]})
        threads = (
            counted(counts[0], "CPU thread") if len(counts) == 1 else f"{' or '.join(map(str, counts))} CPU threads"
        )
        return (
            f"Data {self.data.name}, network {self.network} at the start, {self.steps} steps of "
            f"{settings.batch_size} an epoch; {counted(settings.neurons, 'neuron')} of map {settings.layer} per "
            f"adaptation; {counted(settings.epochs, 'epoch')} timed after {settings.warm_up} of warming up, float32, "
            f"{threads}, one network "
            "at a time, an epoch of each case in turn. Seconds are those of the machine at hand."
        )

    def _table(self) -> Table:
        columns: dict[str, tuple[str, ...]] = {a: (ADAPTATIONS[a],) for a in self.settings.adaptations}
        done = list(dict.fromkeys(self.means["done"]))
        groups = []
        for key, measure in MEASURES.items():
            found = quantities(self.means[self.means["measure"] == key], "done", "adaptation")
            rows = [Row(words, words, [found.get((words, column)) for column in columns]) for words in done]
            shown = [row for row in rows if any(row.cells)]
            groups.append(Group(key, measure.label, measure.decimals, shown))
        return Table(
            name=f"{self.data.slug}-seconds",
            title="Seconds per epoch",
            caption=f"Wall-clock time, mean ± standard deviation over epochs. {self._conditions()}",
            row_name="an epoch has",
            column_name="adaptation",
            columns=columns,
            groups=[group for group in groups if group.rows],
        )

    def _plot(self) -> Plot:
        return Plot(
            name=f"{self.data.slug}-seconds",
            title="Where the time goes",
            caption=(
                "Seconds of an epoch by what is done in them, mean over epochs, and the standard deviation of the "
                "whole as a line at its end; beside it what adapting takes, as a percentage of training. "
                + self._conditions()
            ),
            alt="Stacked bars, one per case: " + "; ".join(self._words()) + ".",
            figure=_bars(
                self._cases(), f"{self.data.name}, {self.network}, {counted(self.settings.epochs, 'epoch')}"
            ),
        )

    def _cases(self) -> dict[str, pd.DataFrame]:
        """Case in words -> mean and sd by measure."""
        groups = self.means.groupby(["done", "adaptation"], sort=False)
        return {
            f"{done}, {ADAPTATIONS[str(adaptation)]}": part.set_index("measure")
            for (done, adaptation), part in groups
        }

    def _words(self) -> list[str]:
        return [
            f"{case}: " + ", ".join(f"{write(part['mean'][m]).plain} s {_verb(m)}" for m in PARTS if m in part.index)
            for case, part in self._cases().items()
        ]


def _bars(cases: Mapping[str, pd.DataFrame], legend: str) -> Figure:
    """A stacked horizontal bar per case, from the top, with the share of adapting at its end."""
    with styled():
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(7.2, 0.8 + 0.36 * len(cases)), layout="constrained")
        ax = figure.subplots()
        reach = max(part["mean"][WHOLE] + part["sd"].fillna(0)[WHOLE] for part in cases.values())
        for place, part in enumerate(cases.values()):
            mean, sd, end = part["mean"], part["sd"][WHOLE], 0.0
            for measure in (measure for measure in PARTS if measure in part.index):
                ax.barh(place, mean[measure], left=end, color=COLOURS[PARTS[measure]][0], height=0.62)
                end += mean[measure]
            ax.hlines(place, end - sd, end + sd, color=COLOURS["ink"][0], linewidth=0.9)
            if SHARE in part.index:
                text = f"adapting: {write(mean[SHARE]).plain} % of training"
                ax.annotate(text, (reach, place), (6, 0), textcoords="offset points", va="center")
        ax.set_yticks(range(len(cases)), list(cases))
        ax.set_xlim(0, 1.5 * reach)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("seconds per epoch")
        handles = [ax.barh(0, 0, color=COLOURS[colour][0], label=_verb(measure)) for measure, colour in PARTS.items()]
        figure.legend(handles=handles, title=legend, loc="outside lower center", ncols=len(PARTS))
    return figure


def _verb(measure: str) -> str:
    return measure.removesuffix("_seconds")
