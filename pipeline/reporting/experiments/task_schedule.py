"""`task_schedule` in the report: the paper's Figure 3 and Table 5, and the claims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from pipeline.experiments.plan import joint_name
from pipeline.experiments.task_schedule import ADAPTIVE, EQUAL_COST, EQUAL_SIZE, ROWS, STATIC
from pipeline.reporting.headlines import mean, nested
from pipeline.reporting.page import (
    Basis,
    Block,
    By,
    DataSet,
    Note,
    Page,
    Plot,
    Presentation,
    Setting,
    Table,
    told,
)
from pipeline.reporting.protocol import TREATMENT, common
from pipeline.reporting.schedule import Panel, over_epochs
from pipeline.reporting.style import COOL, WARM
from pipeline.results.claims.task_schedule import costs, fullest, over_tasks, phases
from pipeline.results.schema import Measure
from pipeline.results.statistics import differences, select, summarise

PAPER_SOURCES = ["mnist", "fashion-mnist", "emnist-aj"]
PAPER_SCHEDULE = [(150, [0]), (150, [0, 1]), (150, [0, 1, 2]), (150, [1])]  # epochs, places of the active tasks
MEASURES = ROWS.measures
LINES = "epochs: active tasks"
SERIES = {ADAPTIVE: WARM[0], STATIC: COOL[1]}
KINDS = {ADAPTIVE: ADAPTIVE, STATIC: "static, same first widths", EQUAL_SIZE: EQUAL_SIZE, EQUAL_COST: EQUAL_COST}
MEAN = "mean over tasks"
AHEAD = Measure("adaptive − static", "percentage points", 2)
SPENT = Measure("multiply-adds of training", "", 3)
TITLE = "Widths following a schedule of tasks"
NOTE = Note(
    reading=(
        "`width` of each layer should rise when the schedule adds a task and fall when tasks are removed;"
        " accuracies of all tasks are recorded throughout, those of inactive ones too. *adaptive* networks keep"
        " a scaffold of neurons under the threshold after every epoch; *static* ones are their twins of the same"
        " initialisation and order of samples; *equal size* and *equal cost* are static networks with the widths"
        " that the adaptive ones have once all tasks are there, or at which they cost as much until then."
    ),
    columns=("width*", "test/accuracy*", "psi_norm*", "repeats"),
)


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Hidden neurons of adaptive networks at start and end; of twins too, mean accuracy over tasks at the end."""
    first, last = rows["epoch"].min(), rows["epoch"].max()
    widths = select(rows, measure="width", widths=ADAPTIVE)
    total = widths.groupby(["epoch", "repeat"])["value"].sum().reset_index()
    return {
        "width_start": mean(total, 1, epoch=first),
        "width_end": mean(total, 1, epoch=last),
        "accuracy_end": nested(select(rows, measure="test_accuracy", epoch=last, widths=list(SERIES)), ["widths"], 2),
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Figure 3, Table 5 and the widths, on all tasks at once."""
    return Presentation([_Page(rows, settings, [data[name] for name in settings.data]).part()] if len(rows) else [])


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, tasks: Sequence[DataSet]) -> None:
        super().__init__(rows, settings, _together(tasks))
        self.twins = select(rows, widths=list(SERIES))
        self.tasks = tasks
        self.schedule = phases(settings.schedule)
        self.layers = range(1, settings.layers + 1)
        hidden = [f"h{layer}" for layer in self.layers]
        self.network = "-".join([str(self.data.features), *hidden, str(self.data.classes)])
        # Epochs trained when a phase ends -> its epochs as the paper counts them, from 0, and its tasks.
        self.ends: dict[str, str] = {}
        for phase in self.schedule:
            active = joint_name([name for name in settings.data if name in phase.active])
            self.ends[str(phase.last)] = f"{phase.first}–{phase.last - 1}: {active}"
        self.drawn = f"{settings.narrowest} to {settings.widest}"

    def protocol(self) -> list[Setting]:
        settings, shortest = self.settings, "as the shortest"
        sources = [task.source for task in self.tasks]
        places = {task: place for place, task in enumerate(settings.data)}
        schedule = [(entry.epochs, [places[task] for task in entry.active]) for entry in settings.schedule]
        return [
            Setting("tasks", "MNIST, Fashion-MNIST, EMNIST A-J", self.data.description, sources == PAPER_SOURCES),
            Setting("schedule", _schedule(PAPER_SCHEDULE), _schedule(schedule), schedule == PAPER_SCHEDULE),
            Setting.of("hidden layers", 3, settings.layers),
            Setting.of("hidden widths drawn from", "500 to 2500", self.drawn),
            Setting.of("training samples of a task", shortest, settings.train_samples or shortest),
            Setting.of("test samples of a task", shortest, settings.test_samples or shortest),
            Setting.of("threshold θ", 0.95, settings.threshold),
            Setting.of("scaffold neurons Ξ", 5, settings.scaffold),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            Setting.at_least("repeats", 25, settings.repeats),
            Setting.of("epochs", 600, settings.epochs),
            *common(settings, batch="batch size, of each task", growing=True),
        ]

    @property
    def conditions(self) -> str:
        return (
            f"Network {self.network}, hidden widths drawn from {self.drawn}; adaptive ones adapted after every epoch "
            f"(θ = {self.settings.threshold:g}, Ξ = {self.settings.scaffold}); {self.repeats}, {self.precision}."
        )

    def tables(self) -> Iterable[Table]:
        found = select(self.twins, measure="test_accuracy")
        accuracy = found.assign(column=found["task"] + ", " + found["configuration"])
        pairs = [(task.name, kind) for task in self.tasks for kind in SERIES]
        table_5 = self.table(
            "table-5",
            "Counterpart of the paper’s Table 5",
            "The active tasks of each phase, and the accuracy on every task's test set at its end in percent, mean ± "
            "standard deviation over repeats.",
            By("epoch", LINES, self.ends),
            By("column", "task, kind", {", ".join(pair): pair for pair in pairs}),
            [Block(MEASURES["test_accuracy"], accuracy, key="test_accuracy")],
        )
        widths = self.table(
            "widths",
            "Widths at the end of each phase",
            "Widths of the hidden layers of the adaptive networks at the end of each phase, mean ± standard deviation"
            " over repeats.",
            By("epoch", LINES, {"0": "start", **self.ends}),
            By("layer", "layer", {str(layer): f"h{layer}" for layer in self.layers}),
            [Block(MEASURES["width"], select(self.rows, measure="width", widths=ADAPTIVE), key="width")],
        )
        # There is one page, so its files need no name of a data set.
        tables = {"table-5": table_5, "widths": widths, "controls": self._controls()}
        return [replace(table, name=name) for name, table in tables.items()]

    def _controls(self) -> Table:
        """Adaptive networks beside static ones of equal first widths, of equal size and of equal cost."""
        end = fullest(self.schedule)
        accuracy = select(self.rows, measure="test_accuracy", epoch=end.last)
        means = over_tasks(self.rows, self.schedule)
        widths = select(self.rows, measure="width", epoch=end.last)
        total = widths.groupby(["widths", "repeat"], observed=True)["value"].sum().reset_index()
        static = [kind for kind in KINDS if kind != ADAPTIVE]
        ahead = pd.concat([differences(means, ADAPTIVE, kind, []).assign(widths=kind) for kind in static])
        spent = pd.concat([costs(self.rows, kind).assign(widths=kind) for kind in static])
        tasks = [task.name for task in self.tasks if task.name in end.active]

        def block(measure: Measure, rows: pd.DataFrame, line: str, **more: Any) -> Block:
            return Block(measure, rows.assign(line=line), names={line: line}, **more)

        return self.table(
            "controls",
            "Adapting, size and cost",
            f"At the end of {end.words}, when all tasks are active, mean ± standard deviation over repeats; "
            "differences, paired by repeat, with their 95% interval. Of equal size: the hidden widths that the "
            "adaptive network of the repeat then has. Of equal cost: widths in proportion to these, as near as whole "
            "neurons come to its multiply-adds of training until then, backward passes included, adapting not.",
            By("line", "of", {}),
            By("widths", "hidden widths", KINDS),
            [
                Block(
                    MEASURES["test_accuracy"],
                    pd.concat([accuracy.assign(line=accuracy["task"]), means.assign(line=MEAN)]),
                    names={line: line for line in [*tasks, MEAN]},
                ),
                block(AHEAD, ahead, MEAN, differences=True),
                block(MEASURES["width"], total, "sum over hidden layers"),
                block(SPENT, spent, "over those of the adaptive network"),
            ],
        )

    def plots(self) -> Iterator[Plot]:
        first, *others = self.ends.values()
        marks = "; ".join(f"T{n}, {label}" for n, label in enumerate(others, start=1))
        yield self._plot(
            "figure-3",
            "Counterpart of the paper’s Figure 3",
            "Above: widths of the hidden layers of adaptive networks, a thin line per repeat and their mean. Below: "
            "test accuracy on each task, mean with its 95% interval as a band, of adaptive networks and of their "
            f"static twins, active or not. First {first}; then {marks}. {self.conditions}",
            {
                MEASURES["width"]: self._by_layer("width", singly=True, widths=ADAPTIVE),
                MEASURES["test_accuracy"]: self._by_task("test_accuracy"),
            },
            "thin lines: repeats; bands: 95% interval",
        )
        yield self._plot(
            "behind-the-widths",
            "Behind the widths",
            f"Mean over repeats with its 95% interval as a band. {self.conditions} Adaptive networks are observed "
            "after adaptation.",
            {
                replace(MEASURES["sigma_above"], name="singular values above θ"): self._by_layer("sigma_above"),
                MEASURES["sigma_median"]: self._by_layer("sigma_median"),
                MEASURES["test_loss"]: self._by_task("test_loss"),
                MEASURES["psi_norm"]: [Panel("all maps", select(self.twins, measure="psi_norm"))],
            },
            "bands: 95% interval",
        )

    def _by_layer(self, measure: str, singly: bool = False, **where: object) -> list[Panel]:
        rows = select(self.twins, measure=measure, **where)
        return [Panel(f"hidden layer {n}", select(rows, layer=n), singly) for n in self.layers]

    def _by_task(self, measure: str) -> list[Panel]:
        rows = select(self.twins, measure=measure)
        return [Panel(task.name, select(rows, task=task.name)) for task in self.tasks]

    def _plot(
        self, name: str, title: str, caption: str, grid: Mapping[Measure, Sequence[Panel]], legend: str
    ) -> Plot:
        """A row of panels for each measure, with the ends of phases marked."""
        ends = {f"T{n}": phase.last for n, phase in enumerate(self.schedule[:-1], start=1)}
        labelled = {measure.label: panels for measure, panels in grid.items()}
        said = f"{self.data.name}, {self.network}, mean of {self.repeats}; {legend}"
        alt = []
        for measure, panels in grid.items():
            means = {panel.title: summarise(panel.rows, ["configuration", "epoch"]) for panel in panels}
            alt.append(told(means, measure, "epoch", "epochs trained"))
        return Plot(name, title, caption, " ".join(alt), over_epochs(labelled, SERIES, ends, said))

    def basis(self, protocol: Sequence[Setting]) -> Basis:
        network = f"{self.network} with hidden widths from {self.drawn}"
        return replace(super().basis(protocol), data=self.data.description, network=network)


def _together(tasks: Sequence[DataSet]) -> DataSet:
    """All tasks as the one set of data that they are in the rows."""
    return DataSet(
        name=joint_name([task.name for task in tasks]),
        source=", ".join(task.source for task in tasks),
        description="; ".join(task.words for task in tasks),
        train_count=sum(task.train_count for task in tasks),
        test_count=sum(task.test_count for task in tasks),
        features=sum(task.features for task in tasks),
        classes=sum(task.classes for task in tasks),
        checksum=", ".join(task.checksum for task in tasks),
    )


def _schedule(schedule: Sequence[tuple[int, list[int]]]) -> str:
    return "; ".join(
        f"{epochs} epochs of {' + '.join(f'task {n + 1}' for n in active)}" for epochs, active in schedule
    )
