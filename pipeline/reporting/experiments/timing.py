"""`timing` in the report: seconds of training, testing and adapting, and the share that an adaptation takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.experiments.timing import DONE, ROWS
from pipeline.reporting.figures import styled
from pipeline.reporting.headlines import nested
from pipeline.reporting.numbers import write
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.protocol import TREATMENT, common, data_line
from pipeline.reporting.style import COLOURS
from pipeline.results.claims.timing import shares
from pipeline.results.schema import Measure
from pipeline.results.statistics import select, summarise
from pipeline.results.text import counted

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
    names = {part: part.replace("_seconds", "_ms") for part in PARTS}
    parts = seconds.assign(value=1000 * seconds["value"], measure=seconds["measure"].map(names))
    return nested(parts, ["configuration", "measure"], 2)


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.steps = -(-data.train_count // settings.batch_size)
        seconds = select(rows, measure=list(PARTS))
        whole = seconds.groupby([*ROWS.networks, "epoch"], sort=False)["value"].sum().reset_index()
        found = pd.concat([seconds, whole.assign(measure=WHOLE), shares(rows).assign(measure=SHARE)])
        self.found = found.assign(done=found["testing"].map(DONE))

    def protocol(self) -> list[Setting]:
        settings = self.settings
        testing = "with and without" if len(settings.testing) > 1 else "with" if settings.testing[0] else "without"
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths", [500, 500], settings.hidden),
            Setting.of("adapted map", 2, settings.layer),
            Setting.of("adaptations", list(ADAPTATIONS), settings.adaptations),
            Setting.of("neurons per epoch", 1, settings.neurons),
            Setting.of("testing", "with and without", testing),
            Setting.of("epochs of warming up", 5, settings.warm_up),
            Setting.of("epochs timed", 25, settings.epochs),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, learning_rate=0.08, growing=True),
        ]

    @property
    def conditions(self) -> str:
        settings = self.settings
        counts = sorted({int(count) for count in select(self.rows, measure="threads")["value"]})
        threads = " or ".join([*map(str, counts[:-1]), counted(counts[-1], "CPU thread")])
        return (
            f"Data {self.data.name}, network {self.network} at the start, {self.steps} steps of "
            f"{settings.batch_size} an epoch; {counted(settings.neurons, 'neuron')} of map {settings.layer} per "
            f"adaptation; {counted(settings.epochs, 'epoch')} timed after {settings.warm_up} of warming up, "
            f"{self.precision}, {threads}, one network at a time, an epoch of each case in turn. "
            "Seconds are those of the machine at hand."
        )

    def tables(self) -> Iterator[Table]:
        yield self.table(
            "seconds",
            "Seconds per epoch",
            "Wall-clock time, mean ± standard deviation over epochs.",
            By.levels("done", "an epoch has", (DONE[testing] for testing in self.settings.testing)),
            By("adaptation", "adaptation", {a: ADAPTATIONS[a] for a in self.settings.adaptations}),
            [
                Block(measure, self.found[self.found["measure"] == key], key=key, known=True)
                for key, measure in MEASURES.items()
            ],
            repeats=None,
        )

    def plots(self) -> Iterator[Plot]:
        means = summarise(self.found, ["measure", "done", "adaptation"])
        case = means["done"] + ", " + means["adaptation"].astype("string").map(ADAPTATIONS)
        cases = {str(key): own.set_index("measure") for key, own in means.groupby(case, sort=False)}
        wholes = ", ".join(f"{write(own['mean'][WHOLE]).plain} ({key})" for key, own in cases.items())
        yield Plot(
            f"{self.data.slug}-seconds",
            "Where the time goes",
            "Seconds of an epoch by what is done in them, mean over epochs, and the standard deviation of the whole "
            f"as a line at its end; beside it what adapting takes, as a percentage of training. {self.conditions}",
            f"Stacked bars, one per case, of what takes time in an epoch; seconds of a whole epoch: {wholes}.",
            _bars(cases, f"{self.data.name}, {self.network}, {counted(self.settings.epochs, 'epoch')}"),
        )


present = _Page.present


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
        handles = [
            ax.barh(0, 0, color=COLOURS[colour][0], label=MEASURES[part].name) for part, colour in PARTS.items()
        ]
        figure.legend(handles=handles, title=legend, loc="outside lower center", ncols=len(PARTS))
    return figure
