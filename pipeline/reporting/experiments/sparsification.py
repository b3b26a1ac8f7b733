"""`sparsification` in the report: the paper's Table 6, sizes and latencies of the sparse form, and the claim."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from pipeline.experiments.sparsification import ROWS
from pipeline.reporting.architectures import Architectures
from pipeline.reporting.headlines import magnitude, mean
from pipeline.reporting.page import Block, By, Note, Plot, Setting, Table
from pipeline.reporting.protocol import TREATMENT, common, data_line, precisions
from pipeline.reporting.style import COOL, WARM, styles
from pipeline.reporting.tables import Group, Quantity
from pipeline.results.statistics import select
from pipeline.results.text import counted

Lines = dict[str, tuple[str, str, str]]
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
MEASURES = ROWS.measures
PRECISIONS = ["float32", "float64"]
PHASES = {"before": "baseline", "after": "adapted"}
FORMS = {"diagonalised": "epsilon", "sparse form": "epsilon_form"}


def _phases(measure: str) -> Lines:
    return {f"{words}, {p}": (phase, measure, p) for p in PRECISIONS for words, phase in PHASES.items()}


# Heading -> label of a line -> its phase, measure and precision; the first has the decimals of all.
TABLE_6: dict[str, Lines] = {
    "test accuracy (%)": _phases("accuracy"),
    "change of logits ε, after − before": {
        f"{words}, {p}": ("adapted", measure, p) for words, measure in FORMS.items() for p in PRECISIONS
    },
    "parameters": _phases("parameters")
    | {f"{words}, exact": (phase, "parameters_exact", "float32") for words, phase in PHASES.items()},
    "parameters removed (%)": {f"measured, {p}": ("adapted", "percent_removed", p) for p in PRECISIONS}
    | {"exact, from the widths": ("adapted", "percent_exact", "float32")},
    "bytes stored, float32": {
        "dense": ("baseline", "bytes", "float32"),
        "sparse form": ("adapted", "bytes", "float32"),
    },
}
LATENCIES = {form: ("latency", f"latency_{form}", "float32") for form in ("dense", "sparse")}
REMOVED = {"percent_removed": ("measured, float32", COOL[0]), "percent_exact": ("exact, from the widths", WARM[0])}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By network: accuracy, percent of parameters removed, measured and exact, and log10 of the largest epsilon."""
    found: dict[str, Any] = {}
    for network, own in rows.groupby("network"):
        adapted = select(own, phase="adapted", precision="float32")
        epsilon = select(own, phase="adapted", measure="epsilon", precision="float64")
        means = {name: mean(adapted, 2, measure=name) for name in ("accuracy", "percent_removed", "percent_exact")}
        found[str(network)] = means | {"log10_epsilon_float64": magnitude(epsilon.nlargest(1, "value"))}
    return found


class _Block(Block):
    """One in which what is the same in all repeats is written without a spread."""

    def group(self, lines: By, columns: By) -> Group:
        found = super().group(lines, columns)
        return replace(found, rows=[replace(row, cells=[*map(_written, row.cells)]) for row in found.rows])


def _written(cell: Quantity | None) -> Quantity | None:
    return replace(cell, sd=math.nan) if cell is not None and cell.sd == 0 else cell


class _Page(Architectures):
    def protocol(self) -> list[Setting]:
        settings = self.settings
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("width of the hidden layers", [500, 1000], sorted(settings.hidden_widths)),
            Setting.of("number of hidden layers", [2, 3, 4, 5, 6], sorted(settings.hidden_layers)),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configurations[0].label),
            Setting.of("present: absolute value above", 1e-4, settings.present_above),
            Setting.at_least("repeats", 5, settings.repeats),
            Setting.of("epochs", 25, settings.epochs),
            *common(settings),
        ]

    @property
    def conditions(self) -> str:
        data, epochs = self.data, counted(self.settings.epochs, "epoch")
        return f"Data {data.name}, {data.features} inputs, {data.classes} outputs, {self.repeats} of {epochs}."

    def tables(self) -> Iterator[Table]:
        settings = self.settings
        yield self._table(
            "table-6",
            "Counterpart of the paper’s Table 6",
            "Before and after full diagonalisation of maps 2, 4, 6, … but not the last, without retraining; mean ± "
            "standard deviation over repeats. Parameters are W, b, ψ and o; measured ones have an absolute value "
            f"above {settings.present_above:g}, exact ones are counted from the widths alone.",
            [self._block(heading, lines) for heading, lines in TABLE_6.items()],
        )
        yield self._table(
            "latency",
            "Latency of the sparse form",
            f"Milliseconds of a forward pass in float32, median of {settings.latency_passes} passes in which the "
            "dense and the sparse network take turns; mean ± standard deviation over repeats. They depend on the "
            "machine and on what else it does.",
            [
                self._block(f"latency of batch {size} (ms)", LATENCIES, size, f"batch {size}")
                for size in settings.latency_batches
            ],
        )

    def _table(self, name: str, title: str, caption: str, blocks: list[Block]) -> Table:
        return self.table(name, title, caption, By("quantity", "quantity", {}), self.columns, blocks)

    def _block(self, heading: str, lines: Lines, batch: int | None = None, key: str = "") -> Block:
        """Of lines without a batch, or with one; the keys of the lines begin with that of the block."""
        names = {f"{key} {label}".strip(): label for label in lines}
        rows = [
            select(self.rows, phase=phase, measure=measure, precision=precision, batch=batch).assign(quantity=name)
            for name, (phase, measure, precision) in zip(names, lines.values(), strict=True)
        ]
        _, first, _ = next(iter(lines.values()))
        return _Block(MEASURES[first], pd.concat(rows), heading, key, names)

    def plots(self) -> Iterator[Plot]:
        settings = self.settings
        yield self.against(
            "hidden_layers",
            "removed",
            "Parameters removed without a change of function",
            "Percentage of W, b, ψ and o removed by full diagonalisation of every second map: those with an absolute "
            f"value above {settings.present_above:g}, mean over repeats with its 95% interval, beside the count from "
            "the widths.",
            select(self.rows, phase="adapted", precision="float32", measure=list(REMOVED)),
            MEASURES["percent_removed"],
            REMOVED,
            by="measure",
        )
        ratios = select(self.rows, phase="latency", measure="latency_ratio")
        batches = styles(settings.latency_batches)
        yield self.against(
            "hidden_layers",
            "latency",
            "Time of a pass, sparse form beside dense",
            f"Ratio of medians of {settings.latency_passes} passes in turns, {precisions(ratios)}; mean over repeats "
            "with its 95% interval. Below 1 the sparse form is faster.",
            ratios,
            MEASURES["latency_ratio"],
            {str(size): (f"batch {size}", line) for size, line in batches.items()},
            by="batch",
        )


present = _Page.present
