"""`sparsification` in the report: the paper's Table 6, sizes and latencies of the sparse form, and the claim."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.sparsification import ROWS
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import by_name, rounded
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, architectures, basis, common, data_line, mean_of, repeats
from pipeline.reporting.style import COOL, WARM, Line, styles
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.claims.sparsification import judge
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

TITLE = "Exact sparsification"
NOTE = Note(
    reading=(
        "`adapted` is after full diagonalisation of every second map, `baseline` before. `epsilon` should be at"
        " rounding level, and `percent_removed`, of parameters above a threshold, close to `percent_exact`, from"
        " the widths alone. `epsilon_form` is of the network that stores and multiplies only what is left;"
        " `latency` is its time in milliseconds beside the dense one's."
    ),
    columns=(
        "test/accuracy",
        "adapted/percent_*",
        "adapted/epsilon",
        "adapted float64/epsilon",
        "latency/latency_ratio*",
        "repeats",
    ),
)
PAPER_SOURCES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "caltech256": "Caltech-256"}
PHASES = {"baseline": "before", "adapted": "after"}
PRECISIONS = ["float32", "float64"]
MEASURES = ROWS.measures
MEASURED, EXACT = "measured, float32", "exact, from the widths"
# Heading -> measure for its unit and decimals, and the lines: (phase, measure, precision, label).
_BOTH = [(phase, precision) for precision in PRECISIONS for phase in PHASES]
TABLE_6 = {
    "test accuracy (%)": (
        "accuracy",
        [(phase, "accuracy", precision, f"{PHASES[phase]}, {precision}") for phase, precision in _BOTH],
    ),
    "change of logits ε, after − before": (
        "epsilon",
        [
            ("adapted", measure, precision, f"{words}, {precision}")
            for measure, words in (("epsilon", "diagonalised"), ("epsilon_form", "sparse form"))
            for precision in PRECISIONS
        ],
    ),
    "parameters": (
        "parameters",
        [(phase, "parameters", precision, f"{PHASES[phase]}, {precision}") for phase, precision in _BOTH]
        + [(phase, "parameters_exact", "float32", f"{PHASES[phase]}, exact") for phase in PHASES],
    ),
    "parameters removed (%)": (
        "percent_removed",
        [("adapted", "percent_removed", precision, f"measured, {precision}") for precision in PRECISIONS]
        + [("adapted", "percent_exact", "float32", "exact, from the widths")],
    ),
    "bytes stored, float32": (
        "bytes",
        [("baseline", "bytes", "float32", "dense"), ("adapted", "bytes", "float32", "sparse form")],
    ),
}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By network: accuracy, percent of parameters removed, measured and exact, and log10 of the largest epsilon."""
    adapted = select(rows, phase="adapted", precision="float32")
    means: Any = adapted.groupby(["network", "measure"])["value"].mean()
    largest = select(rows, phase="adapted", measure="epsilon", precision="float64").groupby("network")["value"].max()
    return {
        str(network): {
            **{name: rounded(means[network, name], 2) for name in ("accuracy", "percent_removed", "percent_exact")},
            "log10_epsilon_float64": rounded(math.log10(value), 1) if value > 0 else None,
        }
        for network, value in by_name(largest)
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Table 6, the sparse form's latencies, figures of both and the verdict, for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.settings, self.data = settings, data
        self.batches = {size: f"batch {size}" for size in settings.latency_batches}
        self.columns: dict[str, tuple[str, ...]] = {
            f"{width}x{layers}": (f"width {width}", counted(layers, "hidden layer"))
            for width in settings.hidden_widths
            for layers in settings.hidden_layers
        }
        named = rows["hidden_width"].astype(str) + "x" + rows["hidden_layers"].astype(str)
        self.rows = rows.assign(architecture=named)

    def part(self) -> Part:
        protocol = self._protocol()
        network = architectures(self.settings)
        verdicts = judge(self.rows, basis(self.rows, protocol, self.data.words, network))
        tables = [self._table_6(), *([self._latencies()] if self.batches else [])]
        plots = [self._removed(), *([self._faster()] if self.batches else [])]
        return Part.of(self.data, protocol, tables, plots, verdicts)

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("width of the hidden layers", [500, 1000], sorted(settings.hidden_widths)),
            Setting.of("number of hidden layers", [2, 3, 4, 5, 6], sorted(settings.hidden_layers)),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configurations[0].label),
            Setting.of("present: absolute value above", 1e-4, settings.present_above),
            Setting.of("repeats", 5, settings.repeats),
            Setting.of("epochs", 25, settings.epochs),
            *common(settings),
        ]

    @property
    def _conditions(self) -> str:
        data, epochs = self.data, counted(self.settings.epochs, "epoch")
        return f"Data {data.name}, {data.features} inputs, {data.classes} outputs, {repeats(self.rows)} of {epochs}."

    def _table_6(self) -> Table:
        groups = []
        for heading, (unit, wanted) in TABLE_6.items():
            found = [
                Row(label, label, self._cells(phase, measure, precision))
                for phase, measure, precision, label in wanted
            ]
            groups.append(Group(heading, heading, MEASURES[unit].decimals, found))
        caption = (
            "Before and after full diagonalisation of maps 2, 4, 6, … but not the last, without retraining; mean ± "
            "standard deviation over repeats. Parameters are W, b, ψ and o; measured ones have an absolute value "
            f"above {self.settings.present_above:g}, exact ones are counted from the widths alone. {self._conditions}"
        )
        return self._table("table-6", "Counterpart of the paper’s Table 6", caption, groups)

    def _latencies(self) -> Table:
        groups = []
        for size, batch in self.batches.items():
            found = [
                Row(f"{batch} {words}", words, self._cells("latency", measure, "float32", size))
                for measure, words in (("latency_dense", "dense"), ("latency_sparse", "sparse"))
            ]
            groups.append(Group(batch, f"latency of {batch} (ms)", MEASURES["latency_dense"].decimals, found))
        caption = (
            f"Milliseconds of a forward pass in float32, median of {self.settings.latency_passes} passes in which "
            "the dense and the sparse network take turns; mean ± standard deviation over repeats. They depend on the "
            f"machine and on what else it does. {self._conditions}"
        )
        return self._table("latency", "Latency of the sparse form", caption, groups)

    def _table(self, name: str, title: str, caption: str, groups: list[Group]) -> Table:
        return Table(
            name=f"{self.data.slug}-{name}",
            title=title,
            caption=caption,
            row_name="quantity",
            column_name="architecture",
            columns=self.columns,
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _cells(self, phase: str, measure: str, precision: str, batch: int | None = None) -> list[Any]:
        rows = select(self.rows, phase=phase, measure=measure, precision=precision, batch=batch)
        means = summarise(rows, ["architecture"])
        means["sd"] = means["sd"].where(means["sd"] > 0)  # counts are written without a spread
        found = quantities(means.assign(row=""), "row", "architecture")
        return [found.get(("", column)) for column in self.columns]

    def _removed(self) -> Plot:
        names = {"percent_removed": MEASURED, "percent_exact": EXACT}
        rows = select(self.rows, phase="adapted", precision="float32", measure=list(names))
        series = {MEASURED: COOL[0], EXACT: WARM[0]}
        means = self._means(rows.assign(configuration=rows["measure"].astype("string").map(names)))
        ends = means[means["configuration"] == MEASURED]["mean"]
        return Plot(
            name=f"{self.data.slug}-removed",
            title="Parameters removed without a change of function",
            caption=(
                "Percentage of W, b, ψ and o removed by full diagonalisation of every second map: those with an "
                f"absolute value above {self.settings.present_above:g}, mean over repeats with its 95% interval, "
                f"beside the count from the widths. {self._conditions}"
            ),
            alt=f"Percentage removed against number of hidden layers: from {ends.min():.1f} to {ends.max():.1f}.",
            figure=self._lines(means, series, "percent_removed"),
        )

    def _faster(self) -> Plot:
        rows = select(self.rows, phase="latency", measure="latency_ratio")
        series = styles(self.batches.values())
        means = self._means(rows.assign(configuration=rows["batch"].map(self.batches)))
        return Plot(
            name=f"{self.data.slug}-latency",
            title="Time of a pass, sparse form beside dense",
            caption=(
                f"Ratio of medians of {self.settings.latency_passes} passes in turns, float32; mean over repeats "
                f"with its 95% interval. Below 1 the sparse form is faster. {self._conditions}"
            ),
            alt=(
                "Latency of the sparse form relative to the dense one against number of hidden layers: from "
                f"{means['mean'].min():.2f} to {means['mean'].max():.2f}."
            ),
            figure=self._lines(means, series, "latency_ratio"),
        )

    def _means(self, rows: pd.DataFrame) -> pd.DataFrame:
        return summarise(rows, ["configuration", *ROWS.networks])

    def _lines(self, means: pd.DataFrame, series: Mapping[str, Line], measure: str) -> Any:
        panels = {f"width {width}": means[means["hidden_width"] == width] for width in self.settings.hidden_widths}
        legend = f"{self.data.name}, {mean_of(self.rows)}"
        x = "hidden_layers"
        return lines(panels, series, MEASURES[measure], x, ROWS.networks[x].words, legend)
