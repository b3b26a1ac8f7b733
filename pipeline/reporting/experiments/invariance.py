"""`invariance` in the report: the paper's Tables 1 and 4, a figure of each measure, and the claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.invariance import ROWS
from pipeline.reporting.figures import Plot, lines, no_logarithm
from pipeline.reporting.numbers import signed, write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import basis, common, data_line, mean_of, repeats
from pipeline.reporting.style import COOL, WARM, Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.claims.invariance import COMPENSATED, EXPECTATION, NO_LENGTH, NO_PSI, judge
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

MEASURES = ROWS.measures
TITLE = "Invariance under adaptation"
NOTE = Note(
    reading=(
        "`epsilon` is the mean distance between the logits before and after. Diagonalising and growing"
        " should leave it at rounding level (about 1e-6 in float32, below 1e-10 in float64); pruning"
        " should change least where the network has both an intrinsic length and a compensatory vector."
        " A configuration is named by its treatment of the two: *intrinsic length, compensation*."
    ),
    columns=(
        "test/accuracy",
        "epsilon/diag*",
        "epsilon/pruned*",
        "epsilon/grown*",
        "epsilon float64/diag*",
        "repeats",
    ),
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
    headlines=("epsilon", "delta_accuracy"),
)
PAPER_SOURCES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "caltech256": "Caltech-256"}
PAPER_CHANGES = [75, 50, 25, 5, 1, 0, -1, -5, -25, -50, -75]
PAPER_LABELS = {*COMPENSATED, NO_LENGTH, NO_PSI, EXPECTATION}
PRECISIONS = ["float32", "float64"]
# Measure -> the precisions worth showing: both where that tells exact from small.
FIGURES = {measure: PRECISIONS for measure in ("epsilon", "epsilon_scaled", "kl")}
FIGURES |= {measure: PRECISIONS[:1] for measure in ("delta_accuracy", "delta_sigma")}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy, and log10 of the mean epsilon at the most neurons added and at the most removed."""
    baseline = select(rows, phase="baseline", measure="accuracy", precision="float32")
    adapted = select(rows, phase="adapted", measure="epsilon")

    def epsilon(label: str, change: int, precision: str) -> float | None:
        some = select(adapted, configuration=label, change=change, precision=precision)["value"]
        return round(math.log10(some.mean()), 3) if some.mean() > 0 else None

    most, least = int(adapted["change"].max()), int(adapted["change"].min())
    both = "trainable, trainable+decay"
    return {
        "accuracy": round(float(baseline["value"].mean()), 2),
        "log10_epsilon": {
            "grown_float32": epsilon(both, most, "float32"),
            "grown_float64": epsilon(both, most, "float64"),
            "pruned": epsilon(both, least, "float32"),
            "pruned_without_length": epsilon("none, trainable+decay", least, "float32"),
            "pruned_without_psi": epsilon("trainable, none", least, "float32"),
        },
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Tables 1 and 4, the figures and the verdicts, for each data set."""
    parts = [_Part(own, settings, known).part() for own, known in each(rows, data)]
    return Presentation(parts, _curves(rows, settings))


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.configurations = [configuration.label for configuration in settings.configurations]
        self.changes = sorted({0, *settings.changes}, reverse=True)
        self.network = "-".join(str(width) for width in (data.features, *settings.hidden, data.classes))

    def part(self) -> Part:
        protocol = self._protocol()
        width = self.settings.hidden[self.settings.layer - 1]
        verdicts = judge(self.rows, width, basis(self.rows, protocol, self.data.words, self.network))
        tables = [*(self._table_1(precision) for precision in PRECISIONS), self._table_4()]
        plots = [self._training(), *(self._plot(measure, shown) for measure, shown in FIGURES.items())]
        return Part.of(self.data, protocol, tables, plots, verdicts)

    def _protocol(self) -> list[Setting]:
        settings, labels = self.settings, self.configurations
        papers = set(labels) == PAPER_LABELS
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths", [100, 100], settings.hidden),
            Setting.of("adapted map", 2, settings.layer),
            Setting.of("changes of width", PAPER_CHANGES, self.changes),
            Setting("configurations: intrinsic length, ψ", "7", "7" if papers else "; ".join(labels), papers),
            Setting.of("repeats", 20, settings.repeats),
            Setting.of("epochs", 50, settings.epochs),
            *common(settings, growing=True),
        ]

    def _conditions(self, precision: str) -> str:
        return (
            f"Data {self.data.name}, network {self.network}, map {self.settings.layer} adapted without retraining, "
            f"{repeats(self.rows)} of {counted(self.settings.epochs, 'epoch')}, {precision}."
        )

    def _table_1(self, precision: str) -> Table:
        changes = {str(change): _label(change) for change in self.changes}
        epsilon = self._group("epsilon", precision, changes, "mean change of the logits, ε")
        heading = f"sum of singular values of map {self.settings.layer}"
        sigma = self._group("sigma_sum", precision, {"baseline": "before adapting", **changes}, heading)
        caption = "Change of the logits and sum of singular values, mean ± standard deviation over repeats. "
        title = f"Counterpart of the paper’s Table 1, {precision}"
        return self._table(f"table-1-{precision}", title, caption, precision, [epsilon, sigma])

    def _table_4(self) -> Table:
        places = {"baseline": "before adapting", **{str(change): _label(change) for change in self.changes}}
        accuracy = self._group("accuracy", "float32", places, MEASURES["accuracy"].label)
        caption = "Accuracy on the whole test set in percent, mean ± standard deviation over repeats. "
        return self._table("table-4", "Counterpart of the paper’s Table 4", caption, "float32", [accuracy])

    def _table(self, name: str, title: str, caption: str, precision: str, groups: list[Group]) -> Table:
        columns: dict[str, tuple[str, ...]] = {
            c.label: (f"intrinsic length: {c.intrinsic_length}", f"ψ: {c.compensation}")
            for c in self.settings.configurations
        }
        caption += self._conditions(precision)
        return Table(
            name=f"{self.data.slug}-{name}",
            title=title,
            caption=caption,
            row_name="change of width",
            column_name="configuration",
            columns=columns,
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _group(self, measure: str, precision: str, places: Mapping[str, str], heading: str) -> Group:
        found = quantities(self._means(measure, precision), "place", "configuration")
        lines = [
            Row(key, label, [found.get((key, configuration)) for configuration in self.configurations])
            for key, label in places.items()
        ]
        return Group(measure, heading, MEASURES[measure].decimals, lines)

    def _means(self, measure: str, precision: str) -> pd.DataFrame:
        """Means of a measure by configuration and place: a change of width as text, or "baseline"."""
        rows = select(self.rows, phase=["baseline", "adapted"], measure=measure, precision=precision)
        place = rows["change"].astype("string").fillna("baseline")
        return summarise(rows.assign(place=place), ["place", "configuration"])

    def _plot(self, measure: str, precisions: Sequence[str]) -> Plot:
        label = MEASURES[measure].label
        tables = {precision: self._means(measure, precision) for precision in precisions}
        panels = {
            precision: table[table["place"] != "baseline"].astype({"place": int})
            for precision, table in tables.items()
        }
        order = self.changes[::-1]
        unshown = no_logarithm(panels.values()) if MEASURES[measure].log else ""
        figure = lines(
            panels, self._series(), MEASURES[measure], "place", "change of width (neurons)", self._legend(), order
        )
        return Plot(
            name=f"{self.data.slug}-{measure.replace('_', '-')}",
            title=label[0].upper() + label[1:],
            caption=(
                f"Mean over repeats with its 95% interval. {self._conditions(' and '.join(precisions))} Changes are "
                f"placed evenly, configurations side by side. {unshown}"
            ),
            alt=f"{label} against change of width, one line per configuration. {self._extremes(measure)}",
            figure=figure,
        )

    def _extremes(self, measure: str) -> str:
        """The smallest and the largest mean at the ends and at diagonalisation, in words."""
        means = self._means(measure, "float32")
        sentences = []
        for change in (self.changes[0], 0, self.changes[-1]):
            at = means[means["place"] == str(change)].sort_values("mean")
            ends = [f"{write(row['mean']).plain} ({row['configuration']})" for _, row in at.iloc[[0, -1]].iterrows()]
            sentences.append(f"At {signed(change)} in float32: from {ends[0]} to {ends[1]}.")
        return " ".join(sentences)

    def _training(self) -> Plot:
        rows = select(self.rows, phase="training", measure="test_accuracy")
        means = summarise(rows, ["configuration", "epoch"])
        measure = MEASURES["test_accuracy"]
        last = means[means["epoch"] == means["epoch"].max()]["mean"]
        return Plot(
            name=f"{self.data.slug}-training",
            title="Training, before any adaptation",
            caption=(
                f"Test accuracy after each epoch, mean over repeats with its 95% interval as a band. Data "
                f"{self.data.name}, network {self.network}, {repeats(self.rows)}, float32."
            ),
            alt=f"Test accuracy over epochs; it ends between {last.min():.1f} and {last.max():.1f} percent.",
            figure=lines({"": means}, self._series(), measure, "epoch", "epochs trained", self._legend()),
        )

    def _legend(self) -> str:
        return f"{self.data.name}, {self.network}, {mean_of(self.rows)}\nconfiguration: intrinsic length, ψ"

    def _series(self) -> dict[str, Line]:
        cool, warm = cycle(COOL), cycle(WARM)
        return {c: next(cool if c in COMPENSATED else warm) for c in self.configurations}


def _label(change: int) -> str:
    return f"{signed(change)} (diagonalisation)" if change == 0 else signed(change)


def _curves(rows: pd.DataFrame, settings: Any) -> dict[str, pd.DataFrame]:
    """Mean test accuracy per epoch and log10 of epsilon per change, a line of the table each.

    The configurations of the first data set have their own names; those of others begin with that of the data set.
    """
    other = rows["data"] != settings.data[0]
    named = rows.assign(configuration=rows["configuration"].mask(other, rows["data"] + ": " + rows["configuration"]))
    accuracy = select(named, phase="training", measure="test_accuracy")
    epsilon = _mean(select(named, phase="adapted", measure="epsilon", precision="float32"), "change", "epsilon")
    # An epsilon of 0 has no logarithm and is left out.
    epsilon = epsilon[epsilon["epsilon"] > 0].assign(log10_epsilon=lambda table: np.log10(table.pop("epsilon")))
    return {"accuracy": _mean(accuracy, "epoch", "test_accuracy"), "log10-epsilon": epsilon}


def _mean(rows: pd.DataFrame, index: str, name: str) -> pd.DataFrame:
    """Mean of the value per `index` and configuration."""
    means = rows.groupby([index, "configuration"], observed=True)["value"].mean()
    return means.rename(name).reset_index()
