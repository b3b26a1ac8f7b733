"""`scaffolds` in the report: columns of new neurons compared, for which the paper has no experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pandas as pd

from pipeline.config import Columns
from pipeline.experiments.scaffolds import CONTROL, ROWS
from pipeline.reporting.headlines import nested
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.presentation import words
from pipeline.reporting.protocol import TREATMENT, common, decided
from pipeline.reporting.style import COOL, WARM
from pipeline.results.schema import Measure
from pipeline.results.statistics import differences, select
from pipeline.results.text import counted

MEASURES = ROWS.measures
TITLE = "Scaffold initialisations"
NOTE = Note(
    reading=(
        "A run is an optimiser. After some epochs copies of its networks gain neurons with each kind of columns, and"
        " are trained on beside a control that is `not grown`. `new/row_norm` and `new/column_norm` (step = epoch)"
        " are the lengths of what goes into a new neuron and out of it, `new/active` how many have a row that is no"
        " longer small beside the others'; `without/epsilon_scaled` is how far the logits move if the new neurons"
        " are taken away. Neurons of `zero` columns never move."
    ),
    columns=("new/active *", "test/accuracy *", "without/epsilon_scaled *", "grown/epsilon *", "repeats"),
    together=(
        "test/accuracy *",
        "test/loss *",
        "train/loss *",
        "new/active *",
        "new/row_norm *",
        "without/epsilon_scaled *",
    ),
)
LINES = dict(zip(get_args(Columns), (WARM[0], COOL[0], COOL[1], COOL[3]), strict=True))
UNTIL_ACTIVE = Measure("until half of the new neurons are active", "epochs", 1)
GAINED = "that minus the control’s (percentage points)"


def until_active(rows: pd.DataFrame, half: float) -> pd.DataFrame:
    """For each network and kind the epochs from growing until `half` or more new neurons are active; NaN if never."""
    active = select(rows, phase="new", measure="active")
    since = active["epoch"] - active["epoch"].min()
    reached = active.assign(value=since.where(active["value"] >= half).astype(float))
    keys = ["configuration", "columns", "repeat"]
    return reached.groupby(keys, sort=False, observed=True)["value"].min().reset_index()


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By optimiser and kind, after the last epoch: length of the new rows, active neurons, accuracy."""
    last = select(rows, epoch=rows["epoch"].max())
    found: dict[str, Any] = {}
    for measure, digits in (("test_accuracy", 2), ("row_norm", 4), ("active", 2)):
        for optimiser, kinds in nested(select(last, measure=measure), ["configuration", "columns"], digits).items():
            for kind, value in kinds.items():
                found.setdefault(optimiser, {}).setdefault(kind, {})[measure] = value
    return found


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.trainings = {optimiser.name: settings.trained_by(optimiser) for optimiser in settings.optimisers}
        self.optimisers = By.levels("configuration", "optimiser", self.trainings)

    def protocol(self) -> list[Setting]:
        settings, trainings = self.settings, self.trainings.values()
        lines = {
            "data": self.data.words,
            "hidden widths": settings.hidden,
            "hidden layer that grows": settings.layer,
            "neurons that it gains": settings.neurons,
            "active: row longer than this share of the median of the others": settings.active_above,
            "first steps of which norms are taken": settings.steps,
            "optimisers": list(self.trainings),
            "momentum": [optimiser.momentum for optimiser in settings.optimisers],
            "repeats": settings.repeats,
            "epochs before growing": settings.epochs_before,
            "epochs after it": settings.epochs - settings.epochs_before,
        }
        own = {
            "optimiser": words([training.optimiser for training in trainings]),
            "learning rate": words([training.learning_rate for training in trainings]),
            "columns of new neurons": words(settings.columns),
        }
        return [
            *decided(lines),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, own=own, growing=True),
        ]

    @property
    def conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, hidden layer {settings.layer} gains "
            f"{counted(settings.neurons, 'neuron')} after {counted(settings.epochs_before, 'epoch')}, "
            f"{settings.epochs - settings.epochs_before} more after it, {self.repeats}, {self.precision}. All kinds "
            "grow from the same networks with the moments carried along, and see the same batches."
        )

    def tables(self) -> Iterator[Table]:
        def block(measure: str, rows: pd.DataFrame, heading: str) -> Block:
            return Block(MEASURES[measure], select(rows, measure=measure), heading, known=True)

        settings, grown = self.settings, select(self.rows, phase="grown")
        last = select(self.rows, epoch=settings.epochs)
        accuracy = select(last, measure="test_accuracy")
        gained = [
            differences(accuracy, kind, CONTROL, ["configuration"], of="columns").assign(columns=kind)
            for kind in settings.columns
        ]
        half = f"epochs until half of the new neurons are active (row above {settings.active_above:g} of median)"
        yield self.table(
            "scaffolds",
            "New neurons by their columns",
            "On the whole test set, mean ± standard deviation over repeats; differences, paired by repeat, with "
            "their 95% interval. A dash: some repeat never got there. The control is in the same basis, so that "
            f"growing is all that differs. {self.first_epoch()}".strip(),
            By.levels("columns", "columns of the new neurons", [*settings.columns, CONTROL]),
            self.optimisers,
            [
                block("epsilon_scaled", grown, "scaled change of the logits by growing (%)"),
                Block(UNTIL_ACTIVE, until_active(self.rows, settings.neurons / 2), half, known=True),
                block("active", last, "new neurons that are active at the end"),
                block("row_norm", last, "length of a new row of W at the end"),
                block("column_norm", last, "length of a new column of the next W at the end"),
                block("epsilon_scaled", last, "scaled change of the logits without the new neurons, at the end (%)"),
                block("test_accuracy", last, "test accuracy at the end (%)"),
                Block(MEASURES["delta_accuracy"], pd.concat(gained), GAINED, differences=True, known=True),
            ],
        )

    def first_epoch(self) -> str:
        """How long rows are one epoch after growing: of every kind that moves, beside those of the first."""
        rows = select(self.rows, phase="new", measure="row_norm", epoch=self.settings.epochs_before + 1)
        means = rows.pivot_table("value", "columns", "configuration", observed=True).reindex(self.settings.columns)
        moved = means[(means > 0).all(axis=1)]
        if len(moved) < 2:
            return ""
        first, *others = moved.index
        ratios = moved / moved.loc[first]
        said = [
            f"with {optimiser} " + ", ".join(f"{ratios.loc[kind, optimiser]:.2g} ({kind})" for kind in others)
            for optimiser in self.trainings
            if optimiser in ratios
        ]
        return (
            f"One epoch after growing, rows are so many times as long as with {first} columns: {'; '.join(said)}. "
            "At first the gradient of a new row is proportional to its column; an adaptive optimiser divides by its "
            "size."
        )

    def plots(self) -> Iterator[Plot]:
        rows = self.rows.assign(since=self.rows["epoch"] - self.settings.epochs_before)
        for phase, measure, x, x_label in (
            ("new", "row_norm", "since", "epochs since growing"),
            ("new", "active", "since", "epochs since growing"),
            ("steps", "row_norm", "step", "steps since growing"),
        ):
            yield self.lines(
                f"{measure.replace('_', '-')}-{x}",
                f"{MEASURES[measure].title}, by {x_label}",
                "Mean over repeats with its 95% interval as a band; a panel for each optimiser.",
                select(rows, phase=phase, measure=measure),
                MEASURES[measure],
                {kind: LINES[kind] for kind in self.settings.columns},
                by="columns",
                x=x,
                x_label=x_label,
                panels=self.optimisers,
                legend="columns of the new neurons",
            )


present = _Page.present
