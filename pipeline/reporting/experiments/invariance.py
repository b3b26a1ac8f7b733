"""`invariance` in the report: the paper's Tables 1 and 4, a figure of each measure, and the claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from pipeline.experiments.invariance import NEITHER, NO_LENGTH, NO_PSI, ROWS
from pipeline.reporting.headlines import magnitude, mean
from pipeline.reporting.numbers import signed
from pipeline.reporting.page import (
    Block,
    By,
    DataSet,
    Note,
    Page,
    Plot,
    Presentation,
    Setting,
    Table,
)
from pipeline.reporting.protocol import common, data_line, mean_gain, precisions
from pipeline.reporting.style import COOL, WARM
from pipeline.results.claims import invariance as claims
from pipeline.results.claims.invariance import BOTH, COMPENSATED
from pipeline.results.measures import FUNCTION_CHANGE
from pipeline.results.schema import Measure
from pipeline.results.statistics import geometric, select, summarise
from pipeline.results.text import counted

MEASURES = ROWS.measures
TITLE = "Invariance under adaptation"
NOTE = Note(
    reading=(
        "`epsilon` is the mean distance between the logits before and after. Diagonalising and growing"
        " should leave it at rounding level (about 1e-6 in float32, below 1e-10 in float64); `diagonalised` means"
        " fully, on both sides. Pruning"
        " should change least where the network has both an intrinsic length and a compensatory vector;"
        " `epsilon no length`, `no psi` and `neither` are those of the same pruned network with what either"
        " or both took over taken back."
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
    headlines=("epsilon", "delta_accuracy"),
    together=tuple(
        f"by change in width{precision}/{measure} *" for precision in ("", " float64") for measure in FUNCTION_CHANGE
    ),
)
PAPER_SOURCES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "caltech256": "Caltech-256"}
PAPER_CHANGES = [75, 50, 25, 5, 1, 0, -1, -5, -25, -50, -75]
PAPER_LABELS = {*COMPENSATED, claims.NO_LENGTH, claims.NO_PSI, claims.EXPECTATION}
# What is taken back of a pruning -> in words.
ABLATIONS = {NO_LENGTH: "what o gained", NO_PSI: "what ψ gained", NEITHER: "both"}
MOVED = Measure("change of ε", "%", 2)
BASELINE = {"baseline": "before adapting"}
PRECISIONS = ["float32", "float64"]
# Measure -> the precisions worth showing: both where that tells exact from small.
FIGURES = {measure: PRECISIONS for measure in ("epsilon", "epsilon_scaled", "kl")}
NORMS = ("epsilon", "epsilon_scaled")  # never negative; repeats differ by factors, and criteria too take their log10
FIGURES |= {measure: PRECISIONS[:1] for measure in ("delta_accuracy", "delta_sigma")}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy, and log10 of the mean epsilon at the most neurons added and at the most removed."""
    adapted = select(rows, phase="adapted", measure="epsilon", ablation=None)

    def epsilon(label: str, change: int, precision: str = "float32") -> float | None:
        return magnitude(adapted, 3, configuration=label, change=change, precision=precision)

    most, least = int(adapted["change"].max()), int(adapted["change"].min())
    return {
        "accuracy": mean(rows, 2, phase="baseline", measure="accuracy", precision="float32"),
        "log10_epsilon": {
            "grown_float32": epsilon(BOTH, most),
            "grown_float64": epsilon(BOTH, most, "float64"),
            "pruned": epsilon(BOTH, least),
            "pruned_without_length": epsilon(claims.NO_LENGTH, least),
            "pruned_without_psi": epsilon(claims.NO_PSI, least),
        },
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Tables 1 and 4 and the figures, for each data set; curves for `dvc plots`."""
    return Presentation(_Page.present(rows, settings, data).parts, _curves(rows, settings))


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.labels = [configuration.label for configuration in settings.configurations]
        self.changes = {
            str(change): signed(change) + " (full diagonalisation)" * (change == 0)
            for change in sorted({0, *settings.changes}, reverse=True)
        }
        cool, warm = cycle(COOL), cycle(WARM)
        self.whole = select(rows, ablation=None)
        self.series = {label: next(cool if label in COMPENSATED else warm) for label in self.labels}

    def protocol(self) -> list[Setting]:
        settings, papers = self.settings, set(self.labels) == PAPER_LABELS
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths", [100, 100], settings.hidden),
            Setting.of("adapted map", 2, settings.layer),
            Setting.of("changes of width", PAPER_CHANGES, [int(change) for change in self.changes]),
            # Version 2, I.1, says so of the row of 0; the published notebooks, and this, diagonalise fully.
            Setting("diagonalisation, alone (0) and before each change", "partial", "full: both sides", False),
            Setting("configurations: intrinsic length, ψ", "7", "7" if papers else "; ".join(self.labels), papers),
            Setting.at_least("repeats", 20, settings.repeats),
            Setting.of("epochs", 50, settings.epochs),
            mean_gain(settings.expectation_samples),
            *common(settings, growing=True),
        ]

    @property
    def conditions(self) -> str:
        epochs = counted(self.settings.epochs, "epoch")
        return (
            f"Data {self.data.name}, network {self.network}, map {self.settings.layer} adapted without retraining, "
            f"{self.repeats} of {epochs}"
        )

    def tables(self) -> Iterator[Table]:
        sigma = f"sum of singular values of map {self.settings.layer}"
        for precision in PRECISIONS:
            yield self._table(
                f"table-1-{precision}",
                f"Counterpart of the paper’s Table 1, {precision}",
                "Change of the logits and sum of singular values",
                precision,
                ("epsilon", "mean change of the logits, ε", self.changes),
                ("sigma_sum", sigma, BASELINE | self.changes),
            )
        yield self._table(
            "table-4",
            "Counterpart of the paper’s Table 4",
            "Accuracy on the whole test set in percent",
            "float32",
            ("accuracy", "", BASELINE | self.changes),
        )
        if self.rows["ablation"].notna().any():
            yield self._ablations()

    def _ablations(self) -> Table:
        """What each correction does within a pruned network."""
        keys = ["configuration", "repeat", "change"]
        epsilon = select(self.rows, phase="adapted", measure="epsilon", precision="float32")
        whole = select(epsilon, ablation=None).set_index(keys)["value"]

        def moved(ablation: str) -> pd.DataFrame:
            own = select(epsilon, ablation=ablation).set_index(keys)
            return own.assign(value=100 * (own["value"] / whole.reindex(own.index) - 1)).reset_index()

        pruned = epsilon[epsilon["ablation"].isna() & (epsilon["change"] < 0)]
        return self.table(
            "ablations",
            "What intrinsic length and ψ correct within the same pruned network",
            "Change of the logits by pruning, mean ± standard deviation over repeats; and by how much more those of "
            "the same pruned network change where what its intrinsic length o, ψ or both gained by it is taken back, "
            "mean over repeats with its 95% interval. Table 1 compares networks that were trained without.",
            By("change", "change of width", {key: name for key, name in self.changes.items() if int(key) < 0}),
            By("configuration", "configuration", self._columns(set(COMPENSATED))),
            [
                Block(MEASURES["epsilon"], pruned, "mean change of the logits, ε", "epsilon"),
                *(
                    Block(MOVED, moved(key), f"without {words}, change of ε (%)", key, differences=True)
                    for key, words in ABLATIONS.items()
                ),
            ],
            conditions=f"{self.conditions}, float32.",
        )

    def _columns(self, labels: set[str]) -> dict[str, tuple[str, str]]:
        return {
            c.label: (f"intrinsic length: {c.intrinsic_length}", f"ψ: {c.compensation}")
            for c in self.settings.configurations
            if c.label in labels
        }

    def _table(
        self, name: str, title: str, what: str, precision: str, *blocks: tuple[str, str, Mapping[str, str]]
    ) -> Table:
        rows = select(self.whole, phase=["baseline", "adapted"], precision=precision)
        return self.table(
            name,
            title,
            f"{what}, mean ± standard deviation over repeats.",
            By("change", "change of width", self.changes, missing="baseline"),
            By("configuration", "configuration", self._columns(set(self.labels))),
            [
                Block(MEASURES[measure], select(rows, measure=measure), heading, measure, lines)
                for measure, heading, lines in blocks
            ],
            conditions=f"{self.conditions}, {precision}.",
        )

    def plots(self) -> Iterator[Plot]:
        legend = "configuration: intrinsic length, ψ"
        trained = precisions(select(self.rows, phase="training"))
        yield self.training(
            self.series, "Training, before any adaptation", legend, conditions=f"{self.conditions}, {trained}."
        )
        for measure, shown in FIGURES.items():
            mean, means = ("Geometric mean", geometric) if measure in NORMS else ("Mean", summarise)
            yield self.lines(
                measure.replace("_", "-"),
                MEASURES[measure].title,
                f"{mean} over repeats with its 95% interval. Changes are placed evenly, configurations side by side; "
                "at 0 the map is fully diagonalised, and no more.",
                select(self.whole, phase="adapted", measure=measure),
                MEASURES[measure],
                self.series,
                x="change",
                x_label="change of width (neurons)",
                panels=By.levels("precision", "precision", shown),
                categories=[int(change) for change in reversed(self.changes)],
                legend=legend,
                means=means,
                conditions=f"{self.conditions}, {' and '.join(shown)}.",
            )


def _curves(rows: pd.DataFrame, settings: Any) -> dict[str, pd.DataFrame]:
    """Mean test accuracy per epoch and log10 of epsilon per change, a line of the table each.

    The configurations of the first data set have their own names; those of others begin with that of the data set.
    """
    other = rows["data"] != settings.data[0]
    named = rows.assign(configuration=rows["configuration"].mask(other, rows["data"] + ": " + rows["configuration"]))
    accuracy = select(named, phase="training", measure="test_accuracy")
    epsilon = _means(
        select(named, phase="adapted", measure="epsilon", precision="float32", ablation=None), "change", "epsilon"
    )
    # An epsilon of 0 has no logarithm and is left out.
    epsilon = epsilon[epsilon["epsilon"] > 0].assign(log10_epsilon=lambda table: np.log10(table.pop("epsilon")))
    return {"accuracy": _means(accuracy, "epoch", "test_accuracy"), "log10-epsilon": epsilon}


def _means(rows: pd.DataFrame, index: str, name: str) -> pd.DataFrame:
    """Mean of the value per `index` and configuration."""
    means = rows.groupby([index, "configuration"], observed=True)["value"].mean()
    return means.rename(name).reset_index()
