"""`scaffolds` in the report: columns of new neurons compared, for which the paper has no experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.scaffolds import CONTROL, ROWS
from pipeline.reporting.figures import Plot, lines, no_logarithm
from pipeline.reporting.headlines import rounded
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, common, mean_of, repeats
from pipeline.reporting.style import COOL, WARM
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.schema import Measure
from pipeline.results.statistics import differences, select, summarise
from pipeline.results.words import counted

TITLE = "Scaffold initialisations"
NOTE = Note(
    reading=(
        "A run is a descent. After some epochs copies of its networks gain neurons with each kind of columns, and are"
        " trained on beside a control that is `not grown`. `new/row_norm` and `new/column_norm` (step = epoch) are"
        " the lengths of what goes into a new neuron and out of it, `new/active` how many have a row that is no"
        " longer small beside the others'; `without/epsilon_scaled` is how far the logits move if the new neurons"
        " are taken away. Neurons of `zero` columns never move."
    ),
    columns=("new/active *", "test/accuracy *", "without/epsilon_scaled *", "grown/epsilon *", "repeats"),
    logarithmic=("row_norm", "epsilon", "epsilon_scaled", "kl"),
    together=(
        "test/accuracy *",
        "test/loss *",
        "train/loss *",
        "new/active *",
        "new/row_norm *",
        "without/epsilon_scaled *",
    ),
)
NONE = "no such experiment"
MEASURES = ROWS.measures
KINDS = {"normal": WARM[0], "semi-orthogonal": COOL[0], "combination": COOL[1], "zero": COOL[3]}
UNTIL_ACTIVE = Measure("until half of the new neurons are active", "epochs", 1)
# Headings of the table.
GROWN = "scaled change of the logits by growing (%)"
OWED = "scaled change of the logits without the new neurons, at the end (%)"
MOVED = {
    "active": "new neurons that are active at the end",
    "row_norm": "length of a new row of W at the end",
    "column_norm": "length of a new column of the next W at the end",
}


def until_active(rows: pd.DataFrame, half: float) -> pd.DataFrame:
    """For each network and kind the epochs from growing until `half` or more new neurons are active; NaN if never."""
    active = select(rows, phase="new", measure="active")
    since = active["epoch"] - active["epoch"].min()
    reached = active.assign(value=since.where(active["value"] >= half).astype(float))
    keys = ["configuration", "columns", "repeat"]
    return reached.groupby(keys, sort=False)["value"].min().reset_index()


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By descent and kind, after the last epoch: length of the new rows, active neurons, accuracy."""
    last = select(rows, epoch=rows["epoch"].max())
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for measure, digits in (("test_accuracy", 2), ("row_norm", 4), ("active", 2)):
        means = summarise(select(last, measure=measure), ["configuration", "columns"])
        for descent, kind, mean in zip(means["configuration"], means["columns"], means["mean"], strict=True):
            found.setdefault(descent, {}).setdefault(kind, {})[measure] = rounded(mean, digits)
    return found


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """A table and figures of the new neurons, for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.descents = {descent.name: settings.trained_by(descent) for descent in settings.descents}
        self.network = "-".join(str(width) for width in (data.features, *settings.hidden, data.classes))

    def part(self) -> Part:
        steps = select(self.rows, phase="steps", measure="row_norm")
        new = select(self.rows, phase="new")
        new = new.assign(since=new["epoch"] - self.settings.epochs_before)
        plots = [
            self._plot("row_norm", select(new, measure="row_norm"), "since", "epochs since growing"),
            self._plot("active", select(new, measure="active"), "since", "epochs since growing"),
            self._plot("row_norm", steps, "step", "steps since growing"),
        ]
        return Part.of(self.data, self._protocol(), [self._table()], plots, [])

    def _protocol(self) -> list[Setting]:
        settings, trainings = self.settings, self.descents.values()
        own = {
            "optimiser": ", ".join(training.optimiser for training in trainings),
            "learning rate": ", ".join(f"{training.learning_rate:g}" for training in trainings),
            "columns of new neurons": ", ".join(settings.columns),
        }
        decided = {
            "data": self.data.words,
            "hidden widths": ", ".join(map(str, settings.hidden)),
            "hidden layer that grows": str(settings.layer),
            "neurons that it gains": str(settings.neurons),
            "active: row longer than this share of the median of the others": f"{settings.active_above:g}",
            "descents": ", ".join(self.descents),
            "repeats": str(settings.repeats),
            "epochs before growing": str(settings.epochs_before),
            "epochs after it": str(settings.epochs - settings.epochs_before),
        }
        return [
            *(Setting(name, NONE, here, False) for name, here in decided.items()),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *(
                Setting(line.name, line.paper, own[line.name], False) if line.name in own else line
                for line in common(settings, growing=True)
            ),
        ]

    @property
    def _conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, hidden layer {settings.layer} gains "
            f"{counted(settings.neurons, 'neuron')} after {counted(settings.epochs_before, 'epoch')}, "
            f"{settings.epochs - settings.epochs_before} more after it, {repeats(self.rows)}, float32. All kinds "
            "grow from the same networks with the moments carried along, and see the same batches."
        )

    def _table(self) -> Table:
        settings, last = self.settings, self.settings.epochs
        share = f"{settings.active_above:g}"
        ends = {measure: select(self.rows, phase="new", measure=measure, epoch=last) for measure in MOVED}
        accuracy = select(self.rows, phase="training", measure="test_accuracy", epoch=last)
        accuracy = accuracy[accuracy["columns"].notna()]
        gained = pd.concat([self._gained(accuracy, kind) for kind in settings.columns])
        until = until_active(self.rows, settings.neurons / 2)
        grown = select(self.rows, phase="grown", measure="epsilon_scaled")
        owed = select(self.rows, phase="without", measure="epsilon_scaled", epoch=last)
        until_half = f"epochs until half of the new neurons are active (row above {share} of median)"
        control = "that minus the control’s (percentage points)"
        groups = [
            self._group(MEASURES["epsilon_scaled"], grown, GROWN),
            self._group(UNTIL_ACTIVE, until, until_half),
            *(self._group(MEASURES[measure], ends[measure], heading) for measure, heading in MOVED.items()),
            self._group(MEASURES["epsilon_scaled"], owed, OWED),
            self._group(MEASURES["test_accuracy"], accuracy, "test accuracy at the end (%)"),
            self._group(MEASURES["delta_accuracy"], gained, control, True),
        ]
        return Table(
            name=f"{self.data.slug}-scaffolds",
            title="New neurons by their columns",
            caption=(
                "On the whole test set, mean ± standard deviation over repeats; differences, paired by repeat, with "
                "their 95% interval. A dash: some repeat never got there. The control is in the same basis, so that "
                f"growing is all that differs. {self._first_epoch()}{self._conditions}"
            ),
            row_name="columns of the new neurons",
            column_name="descent",
            columns={name: (name,) for name in self.descents},
            groups=groups,
            repeats=settings.repeats,
        )

    def _first_epoch(self) -> str:
        """How long rows are one epoch after growing, in words: those of every kind beside those of the first."""
        rows = select(self.rows, phase="new", measure="row_norm", epoch=self.settings.epochs_before + 1)
        first, *others = [kind for kind in self.settings.columns if kind != "zero"] or [""]
        sentences = []
        for descent in self.descents:
            means = select(rows, configuration=descent).groupby("columns")["value"].mean()
            if means.get(first, 0) > 0:
                ratios = ", ".join(f"{means[kind] / means[first]:.2g} ({kind})" for kind in others)
                sentences.append(f"with {descent} {ratios}")
        if not sentences or not others:
            return ""
        return (
            f"One epoch after growing, rows are so many times as long as with {first} columns: "
            f"{'; '.join(sentences)}. At first the gradient of a new row is proportional to its column; an adaptive "
            "descent divides by its size. "
        )

    def _gained(self, accuracy: pd.DataFrame, kind: str) -> pd.DataFrame:
        """Accuracy of a kind minus the control's, by descent and repeat."""
        by_kind = accuracy.assign(descent=accuracy["configuration"], configuration=accuracy["columns"])
        found = differences(by_kind, kind, CONTROL, ["descent"])
        return found.rename(columns={"descent": "configuration"}).assign(columns=kind)

    def _group(self, measure: Measure, rows: pd.DataFrame, heading: str, paired: bool = False) -> Group:
        found = quantities(summarise(rows, ["columns", "configuration"]), "columns", "configuration")
        kinds = [kind for kind in (*self.settings.columns, CONTROL) if any((kind, d) in found for d in self.descents)]
        lines_ = [
            Row(kind, kind, [found.get((kind, descent)) for descent in self.descents], paired) for kind in kinds
        ]
        return Group(heading, heading, measure.decimals, lines_)

    def _plot(self, measure: str, rows: pd.DataFrame, x: str, x_label: str) -> Plot:
        means = summarise(
            rows.assign(descent=rows["configuration"], configuration=rows["columns"]), ["descent", "configuration", x]
        )
        panels = {name: means[means["descent"] == name] for name in self.descents}
        label = MEASURES[measure].label
        unshown = no_logarithm(panels.values()) if MEASURES[measure].log else ""
        return Plot(
            name=f"{self.data.slug}-{measure.replace('_', '-')}-{x}",
            title=f"{label[0].upper()}{label[1:]}, by {x_label}",
            caption=(
                "Mean over repeats with its 95% interval as a band; a panel for each descent. "
                f"{self._conditions} {unshown}"
            ).strip(),
            alt=f"{label} against {x_label}. {self._ends(panels, x)}",
            figure=lines(
                panels,
                {kind: KINDS[kind] for kind in self.settings.columns},
                MEASURES[measure],
                x,
                x_label,
                f"{self.data.name}, {self.network}, {mean_of(self.rows)}\ncolumns of the new neurons",
            ),
        )

    def _ends(self, panels: Mapping[str, pd.DataFrame], x: str) -> str:
        """The last means, in words."""
        sentences = []
        for name, means in panels.items():
            last = means[means[x] == means[x].max()]
            values = ", ".join(
                f"{write(mean).plain} ({kind})"
                for kind, mean in zip(last["configuration"], last["mean"], strict=True)
            )
            sentences.append(f"At the end with {name}: {values}.")
        return " ".join(sentences)
