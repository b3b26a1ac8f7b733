"""`task_schedule` in the report: the paper's Figure 3 and Table 5, and the claims."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.task_schedule import ADAPTIVE, ROWS, STATIC
from pipeline.reporting.figures import Plot
from pipeline.reporting.headlines import rounded
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting
from pipeline.reporting.protocol import TREATMENT, basis, common, repeats
from pipeline.reporting.schedule import Panel, over_epochs
from pipeline.reporting.style import COOL, WARM
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.claims.task_schedule import Phase, fullest, judge, phases
from pipeline.results.statistics import select, summarise

PAPER_SOURCES = ["mnist", "fashion-mnist", "emnist-aj"]
PAPER_SCHEDULE = [(150, [0]), (150, [0, 1]), (150, [0, 1, 2]), (150, [1])]  # epochs, places of the active tasks
MEASURES = ROWS.measures
SERIES = {ADAPTIVE: WARM[0], STATIC: COOL[1]}
TITLE = "Widths following a schedule of tasks"
NOTE = Note(
    reading=(
        "`width` of each layer should rise when the schedule adds a task and fall when tasks are removed;"
        " accuracies of all tasks are recorded throughout, those of inactive ones too. *adaptive* networks keep"
        " a scaffold of neurons under the threshold after every epoch; *static* ones are their twins of the same"
        " initialisation and order of samples."
    ),
    columns=("width*", "test/accuracy*", "psi_norm*", "repeats"),
)


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Hidden neurons of adaptive networks at start and end, and the mean accuracy over tasks at the end."""
    widths = select(rows, measure="width", adaptive=True)
    total = widths.groupby(["epoch", "repeat"])["value"].sum().groupby("epoch").mean()
    last = select(rows, measure="test_accuracy", epoch=rows["epoch"].max())
    accuracy = last.groupby("configuration")["value"].mean()
    start, end = (total.iloc[0], total.iloc[-1]) if len(total) else (math.nan, math.nan)
    return {
        "width_start": rounded(start, 1),
        "width_end": rounded(end, 1),
        "accuracy_end": {str(kind): round(float(value), 2) for kind, value in accuracy.items()},
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Figure 3, Table 5, the widths and the verdicts."""
    return Presentation([_Part(rows, settings, data).part()] if len(rows) else [])


class _Part:
    """The results on the set of tasks."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> None:
        self.rows, self.settings = rows, settings
        self.tasks = [data[name] for name in settings.data]
        self.schedule = phases(settings.schedule)
        self.layers = range(1, settings.layers + 1)
        self.boundaries = {f"T{n}": phase.last for n, phase in enumerate(self.schedule[:-1], start=1)}
        ends = [str(sum(task.features for task in self.tasks)), str(sum(task.classes for task in self.tasks))]
        hidden = [f"h{layer}" for layer in self.layers]
        self.network = "-".join([ends[0], *hidden, ends[1]])

    def part(self) -> Part:
        protocol = self._protocol()
        words = "; ".join(task.words for task in self.tasks)
        network = f"{self.network} with hidden widths from {self.settings.narrowest} to {self.settings.widest}"
        return Part(
            name="-".join(task.slug for task in self.tasks),
            heading=" + ".join(task.name for task in self.tasks),
            data=[str(name) for name in self.rows["data"].unique()],  # all tasks are one set of data there
            protocol=protocol,
            tables=[self._table_5(), self._widths()],
            plots=[self._figure_3(), self._beside()],
            verdicts=judge(self.rows, self.schedule, basis(self.rows, protocol, words, network)),
        )

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        sources = [task.source for task in self.tasks]
        names = {task: place for place, task in enumerate(settings.data)}
        schedule = [(entry.epochs, [names[task] for task in entry.active]) for entry in settings.schedule]
        words = "; ".join(task.words for task in self.tasks)
        return [
            Setting("tasks", "MNIST, Fashion-MNIST, EMNIST A-J", words, sources == PAPER_SOURCES),
            Setting("schedule", _schedule(PAPER_SCHEDULE), _schedule(schedule), schedule == PAPER_SCHEDULE),
            Setting.of("hidden layers", 3, settings.layers),
            Setting.of("hidden widths drawn from", "500 to 2500", f"{settings.narrowest} to {settings.widest}"),
            Setting.of("training samples of a task", "as the shortest", settings.train_samples or "as the shortest"),
            Setting.of("test samples of a task", "as the shortest", settings.test_samples or "as the shortest"),
            Setting.of("threshold θ", 0.95, settings.threshold),
            Setting.of("scaffold neurons Ξ", 5, settings.scaffold),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            Setting.of("repeats", 25, settings.repeats),
            Setting.of("epochs", 600, settings.epochs),
            *common(settings, batch="batch size, of each task", growing=True),
        ]

    def _conditions(self) -> str:
        settings = self.settings
        return (
            f"Network {self.network}, hidden widths drawn from {settings.narrowest} to {settings.widest}; adaptive "
            f"ones adapted after every epoch (θ = {settings.threshold:g}, Ξ = {settings.scaffold}); "
            f"{repeats(self.rows)}, float32."
        )

    def _table_5(self) -> Table:
        """The schedule, with what it led to: a row's label says which tasks are active."""
        found = select(self.rows, measure="test_accuracy", epoch=[phase.last for phase in self.schedule])
        column = found["task"] + ", " + found["configuration"]
        pairs = [(task.name, kind) for task in self.tasks for kind in (ADAPTIVE, STATIC)]
        columns: dict[str, tuple[str, ...]] = {", ".join(pair): pair for pair in pairs}
        group = self._group(found.assign(column=column), columns, "test_accuracy", self.schedule)
        caption = (
            "The active tasks of each phase, and the accuracy on every task's test set at its end in percent, mean ± "
            f"standard deviation over repeats. {self._conditions()}"
        )
        return self._table("table-5", "Counterpart of the paper’s Table 5", caption, "task, kind", columns, group)

    def _widths(self) -> Table:
        start = Phase(0, 0, frozenset())
        ends = [0, *(phase.last for phase in self.schedule)]
        found = select(self.rows, measure="width", adaptive=True, epoch=ends)
        columns: dict[str, tuple[str, ...]] = {str(layer): (f"h{layer}",) for layer in self.layers}
        named = found.assign(column=found["layer"].astype("string"))
        group = self._group(named, columns, "width", [start, *self.schedule])
        caption = (
            "Widths of the hidden layers of the adaptive networks at the end of each phase, mean ± standard "
            f"deviation over repeats. {self._conditions()}"
        )
        return self._table("widths", "Widths at the end of each phase", caption, "layer", columns, group)

    def _table(
        self, name: str, title: str, caption: str, column_name: str, columns: dict[str, tuple[str, ...]], group: Group
    ) -> Table:
        return Table(
            name=name,
            title=title,
            caption=caption,
            row_name="epochs: active tasks",
            column_name=column_name,
            columns=columns,
            groups=[group],
            repeats=self.settings.repeats,
        )

    def _group(self, found: pd.DataFrame, columns: Iterable[str], measure: str, schedule: Sequence[Phase]) -> Group:
        cells = quantities(summarise(found, ["epoch", "column"]), "epoch", "column")
        rows = [
            Row(str(phase.last), self._label(phase), [cells.get((str(phase.last), column)) for column in columns])
            for phase in schedule
        ]
        return Group(measure, MEASURES[measure].label, MEASURES[measure].decimals, rows)

    def _label(self, phase: Phase) -> str:
        if phase.last == 0:
            return "start"
        active = " + ".join(task.name for task in self.tasks if task.name in phase.active)
        return f"{phase.first}–{phase.last - 1}: {active}"

    def _figure_3(self) -> Plot:
        adaptive = select(self.rows, measure="width", adaptive=True)
        accuracy = select(self.rows, measure="test_accuracy")
        grid = {
            MEASURES["width"].label: [
                Panel(f"hidden layer {n}", select(adaptive, layer=n), singly=True) for n in self.layers
            ],
            MEASURES["test_accuracy"].label: [Panel(t.name, select(accuracy, task=t.name)) for t in self.tasks],
        }
        marks = "; ".join(
            f"{name}, {self._label(after)}" for name, after in zip(self.boundaries, self.schedule[1:], strict=True)
        )
        return Plot(
            name="figure-3",
            title="Counterpart of the paper’s Figure 3",
            caption=(
                "Above: widths of the hidden layers of adaptive networks, a thin line per repeat and their mean. "
                "Below: test accuracy on each task, mean with its 95% interval as a band, of adaptive networks and "
                f"of their static twins, active or not. First {self._label(self.schedule[0])}; then {marks}. "
                f"{self._conditions()}"
            ),
            alt=self._alt(adaptive),
            figure=over_epochs(
                grid, SERIES, self.boundaries, self._legend("thin lines: repeats; bands: 95% interval")
            ),
        )

    def _alt(self, adaptive: pd.DataFrame) -> str:
        means = adaptive.pivot_table("value", "epoch", "repeat", aggfunc="sum").mean(axis=1)
        means = means.reindex([0, *(phase.last for phase in self.schedule)])
        ends = [f"{write(means[phase.last]).plain} at {phase.last} epochs" for phase in self.schedule]
        return (
            "Widths and accuracies over epochs. The hidden widths of adaptive networks together are on average "
            f"{write(means[0]).plain} at the start, {', '.join(ends)}."
        )

    def _beside(self) -> Plot:
        """What is behind the widths: singular values, loss and psi."""
        rows = self.rows
        grid = {
            "singular values above θ": [
                Panel(f"hidden layer {n}", select(rows, measure="sigma_above", layer=n)) for n in self.layers
            ],
            MEASURES["sigma_median"].label: [
                Panel(f"hidden layer {n}", select(rows, measure="sigma_median", layer=n)) for n in self.layers
            ],
            MEASURES["test_loss"].label: [
                Panel(t.name, select(rows, measure="test_loss", task=t.name)) for t in self.tasks
            ],
            MEASURES["psi_norm"].label: [Panel("all maps", select(rows, measure="psi_norm"))],
        }
        full = fullest(self.schedule)
        counts = select(rows, measure="sigma_above", epoch=full.last)
        means = summarise(counts, ["configuration"]).set_index("configuration")["mean"]
        return Plot(
            name="behind-the-widths",
            title="Behind the widths",
            caption=(
                f"Mean over repeats with its 95% interval as a band. {self._conditions()} Adaptive networks are "
                "observed after adaptation."
            ),
            alt=(
                f"Singular values, losses and ψ over epochs. After {full.last} epochs a layer has on average "
                + " and ".join(f"{write(mean).plain} ({kind})" for kind, mean in means.items())
                + " singular values above the threshold."
            ),
            figure=over_epochs(grid, SERIES, self.boundaries, self._legend("bands: 95% interval")),
        )

    def _legend(self, more: str) -> str:
        tasks = " + ".join(task.name for task in self.tasks)
        return f"{tasks}, {self.network}, mean of {repeats(self.rows)}; {more}"


def _schedule(schedule: Sequence[tuple[int, list[int]]]) -> str:
    return "; ".join(
        f"{epochs} epochs of {' + '.join(f'task {n + 1}' for n in active)}" for epochs, active in schedule
    )
