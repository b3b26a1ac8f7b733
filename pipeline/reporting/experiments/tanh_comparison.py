"""`tanh_comparison` in the report: the paper's Table 7, accuracy against depth and width, and the claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.tanh_comparison import ROWS
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import rounded
from pipeline.reporting.presentation import Note, Part, Presentation, Setting
from pipeline.reporting.protocol import architectures, basis, common, mean_of, repeats
from pipeline.reporting.style import Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.claims.tanh_comparison import DATA, STANDARD, final, judge
from pipeline.results.statistics import differences, paired, select, summarise
from pipeline.results.words import counted

TITLE = "Isotropic against standard tanh"
NOTE = Note(
    reading=(
        "`test/accuracy` at the last epoch is what is compared. Networks of one size and repeat differ in their"
        " activation alone: same initial weights, same batches. A run is named by its widths and its"
        " configuration: *none, none* is isotropic tanh without intrinsic length and compensation, *standard"
        " tanh* the elementwise one. Table 7 in `0 summary` has the differences in pairs."
    ),
    columns=("test/accuracy", "test/loss", "train/loss", "repeats"),
    logarithmic=("train_loss", "test_loss"),
)
ISOTROPIC = "isotropic tanh"
SERIES = {STANDARD: Line("vermilion", "D", "--"), ISOTROPIC: Line("blue", "o")}
ACCURACY = ROWS.measures["test_accuracy"]
# Factor on the horizontal axis -> a word for it, the factor of the panels, their titles.
FIGURES = {
    "hidden_layers": ("depth", "hidden_width", "width {}"),
    "hidden_width": ("width", "hidden_layers", "{} hidden layers"),
}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Final accuracy of both activations, averaged over architectures, and their difference within repeats."""
    accuracy = select(rows, phase="training", measure="test_accuracy")
    last = accuracy[accuracy["epoch"] == accuracy["epoch"].max()]
    named = last.assign(configuration=last["configuration"].where(last["configuration"] == STANDARD, "isotropic"))
    means = {
        "standard": named[named["configuration"] == STANDARD]["value"].mean(),
        "isotropic": named[named["configuration"] != STANDARD]["value"].mean(),
        "difference": differences(named, "isotropic", STANDARD, ["network"])["value"].mean(),
    }
    return {"accuracy": {name: rounded(value, 2) for name, value in means.items()}}


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Table 7 over all data sets, two figures for each, and the verdicts."""
    return Presentation([_Comparison(rows, settings, data).part()] if len(rows) else [])


class _Comparison:
    """The results on all data sets that are there."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> None:
        self.rows, self.settings = rows, settings
        self.data = [data[name] for name in sorted(data, key=_place)]
        self.isotropic = next(c.label for c in settings.configurations if c.isotropic)
        accuracy = final(rows)
        named = accuracy["configuration"].replace({self.isotropic: ISOTROPIC})
        architecture = accuracy["hidden_width"].astype(str) + "x" + accuracy["hidden_layers"].astype(str)
        self.accuracy = accuracy.assign(configuration=named, architecture=architecture)
        self.left_out = [words for name, words in DATA.items() if name not in settings.data]
        self.absent = [DATA.get(name, name) for name in sorted(settings.data, key=_place) if name not in data]

    def part(self) -> Part:
        protocol = self._protocol()
        words = "; ".join(each.words for each in self.data)
        on = basis(self.rows, protocol, words, architectures(self.settings))
        plots = [self._plot(each, x) for each in self.data if len(self._on(each)) for x in FIGURES]
        return Part(
            name="comparison",
            heading="All data sets",
            data=[each.name for each in self.data],
            protocol=protocol,
            tables=[self._table_7()],
            plots=plots,
            verdicts=judge(self.rows, self.isotropic, on),
        )

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        sources = [each.source for each in self.data]
        here = ", ".join(DATA.get(each.name, each.name) for each in self.data)
        treatments = [(c.intrinsic_length, c.compensation) for c in settings.configurations]
        return [
            Setting("data", ", ".join(DATA.values()), here, sources == list(DATA)),
            Setting.of("width of the hidden layers", [500, 1000], sorted(settings.hidden_widths)),
            Setting.of("number of hidden layers", [2, 3, 4, 5], sorted(settings.hidden_layers)),
            Setting(
                "intrinsic length, ψ", "none, none", ", ".join(treatments[0]), set(treatments) == {("none",) * 2}
            ),
            Setting.of("repeats", 4, settings.repeats),
            Setting.of("epochs", 50, settings.epochs),
            *common(settings, psi=False),
        ]

    def _conditions(self, data: str, rows: pd.DataFrame) -> str:
        return f"Data {data}, {repeats(rows)} of {counted(self.settings.epochs, 'epoch')}, float32."

    def _table_7(self) -> Table:
        columns: dict[str, tuple[str, ...]] = {
            f"{width}x{layers}": (f"width {width}", counted(layers, "hidden layer"))
            for width in self.settings.hidden_widths
            for layers in self.settings.hidden_layers
        }
        missing = {"Not in this profile": self.left_out, "Not available": self.absent}
        notes = "".join(f" {why}: {', '.join(names)}." for why, names in missing.items() if names)
        return Table(
            name="table-7",
            title="Counterpart of the paper’s Table 7",
            caption=(
                "Accuracy on the whole test set after the last epoch in percent, mean ± standard deviation over "
                "repeats, and the difference, isotropic − standard, in percentage points: its mean over pairs of "
                "networks with the same initialisation and the same batches, with its 95% interval. "
                + self._conditions(", ".join(DATA.get(each.name, each.name) for each in self.data), self.rows)
                + notes
            ),
            row_name="activation",
            column_name="hidden layers",
            columns=columns,
            groups=[self._group(each, list(columns)) for each in self.data],
            repeats=self.settings.repeats,
        )

    def _group(self, data: DataSet, columns: list[str]) -> Group:
        accuracy = self._on(data)
        found = quantities(summarise(accuracy, ["configuration", "architecture"]), "configuration", "architecture")
        ahead = paired(accuracy, ISOTROPIC, STANDARD, ["architecture"]).assign(configuration="difference")
        found |= quantities(ahead, "configuration", "architecture")
        keys = {STANDARD: STANDARD, ISOTROPIC: ISOTROPIC, "difference": "isotropic − standard"}
        group = [
            Row(key, label, [found.get((key, column)) for column in columns], differences=key == "difference")
            for key, label in keys.items()
        ]
        return Group(data.name, DATA.get(data.name, data.name), ACCURACY.decimals, group)

    def _plot(self, data: DataSet, x: str) -> Plot:
        against, panel, title = FIGURES[x]
        x_label = ROWS.networks[x].words
        means = summarise(self._on(data), ["configuration", *ROWS.networks])
        panels = {
            title.format(value): means[means[panel] == value].sort_values(x)
            for value in sorted(means[panel].unique())
        }
        name = DATA.get(data.name, data.name)
        rows = select(self.rows, data=data.name)
        legend = f"{name}, {mean_of(rows)}"
        figure = lines(panels, SERIES, ACCURACY, x, x_label, legend)
        for ax in figure.axes:
            ax.set_xticks(sorted(means[x].unique()))
        return Plot(
            name=f"{data.slug}-{against}",
            title=f"{name}: accuracy against {against}",
            caption=(
                "Test accuracy after the last epoch, mean over repeats with its 95% interval as a band. "
                + self._conditions(name, rows)
            ),
            alt=f"Test accuracy on {name} against the {x_label}, one line per activation. {_ends(means, x)}",
            figure=figure,
        )

    def _on(self, data: DataSet) -> pd.DataFrame:
        return self.accuracy[self.accuracy["data"] == data.name].reset_index(drop=True)


def _ends(means: pd.DataFrame, x: str) -> str:
    """The accuracy of both activations at the smallest and at the largest value, averaged over the others."""
    ends = means.groupby(["configuration", x])["mean"].mean()
    words = []
    for label in (label for label in SERIES if label in ends.index.unique("configuration")):
        own = ends[label]
        words.append(
            f"{label}: from {own.iloc[0]:.2f} % at {own.index[0]} to {own.iloc[-1]:.2f} % at {own.index[-1]}"
        )
    return "; ".join(words) + "."


def _place(name: str) -> tuple[int, str]:
    """The paper's order of data sets; others after them."""
    known = list(DATA)
    return (known.index(name) if name in known else len(known)), name
