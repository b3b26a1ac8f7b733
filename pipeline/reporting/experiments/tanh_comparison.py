"""`tanh_comparison` in the report: the paper's Table 7, accuracy against depth and width, and the claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import pandas as pd

from pipeline.experiments.tanh_comparison import ROWS, STANDARD
from pipeline.reporting.architectures import Architectures
from pipeline.reporting.headlines import mean
from pipeline.reporting.page import Block, By, DataSet, Note, Plot, Presentation, Setting, Table
from pipeline.reporting.presentation import Part
from pipeline.reporting.protocol import basis, common
from pipeline.reporting.style import Line
from pipeline.reporting.tables import Group
from pipeline.results.claims.tanh_comparison import DATA, final
from pipeline.results.statistics import differences, select
from pipeline.results.text import counted

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
FIGURES = {"hidden_layers": "depth", "hidden_width": "width"}  # factor on the horizontal axis -> a word for it


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Final accuracy of both activations, averaged over architectures, and their difference within repeats."""
    last = final(rows)
    named = last.assign(configuration=last["configuration"].where(last["configuration"] == STANDARD, ISOTROPIC))
    return {
        "accuracy": {
            "standard": mean(named, 2, configuration=STANDARD),
            "isotropic": mean(named, 2, configuration=ISOTROPIC),
            "difference": mean(differences(named, ISOTROPIC, STANDARD, ["network"]), 2),
        }
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Table 7 over all data sets, and a figure for each against depth, and against width if there are several."""
    sets = [data[name] for name in sorted(data, key=_place)]
    return Presentation([_Page(rows, settings, *sets).part()] if len(rows) else [])


class _Block(Block):
    """Both activations and, in pairs, their difference."""

    def group(self, lines: By, columns: By) -> Group:
        both = super().group(lines, columns)
        ahead = differences(self.rows, ISOTROPIC, STANDARD, ["architecture"]).assign(configuration="difference")
        names = {"difference": "isotropic − standard"}
        pairs = Block(self.measure, ahead, names=names, differences=True).group(lines, columns)
        return replace(both, rows=[*both.rows, *pairs.rows])


class _Page(Architectures):
    """On several data sets, or on one of them."""

    def __init__(self, rows: pd.DataFrame, settings: Any, *sets: DataSet) -> None:
        super().__init__(rows, settings, sets[0])
        self.sets = sets
        self.isotropic = next(str(c.label) for c in settings.configurations if c.isotropic)
        accuracy = final(self.rows)
        named = accuracy["configuration"].replace({self.isotropic: ISOTROPIC})
        self.accuracy = accuracy.assign(configuration=named)

    @cached_property
    def pages(self) -> list[_Page]:
        """One for each data set."""
        return [_Page(select(self.rows, data=own.name), self.settings, own) for own in self.sets]

    def part(self) -> Part:
        protocol = self.protocol()
        on = basis(self.rows, protocol, "; ".join(own.words for own in self.sets), self.network)
        return Part(
            name="comparison",
            heading="All data sets",
            data=[own.name for own in self.sets],
            protocol=protocol,
            tables=self.captioned([self._table_7()]),
            plots=self.captioned(plot for page in self.pages if len(page.rows) for plot in page.plots()),
            basis=on,
        )

    def protocol(self) -> list[Setting]:
        settings = self.settings
        paper = [own.source for own in self.sets] == list(DATA)
        treatments = [(c.intrinsic_length, c.compensation) for c in settings.configurations]
        none = set(treatments) == {("none", "none")}
        return [
            Setting("data", ", ".join(DATA.values()), self.subject, paper),
            Setting.of("width of the hidden layers", [500, 1000], sorted(settings.hidden_widths)),
            Setting.of("number of hidden layers", [2, 3, 4, 5], sorted(settings.hidden_layers)),
            Setting("intrinsic length, ψ", "none, none", ", ".join(treatments[0]), none),
            Setting.at_least("repeats", 4, settings.repeats),
            Setting.of("epochs", 50, settings.epochs),
            *common(settings, psi=any(psi == "trainable+decay" for _, psi in treatments)),
        ]

    @property
    def subject(self) -> str:
        return ", ".join(DATA.get(own.name, own.name) for own in self.sets)

    @property
    def conditions(self) -> str:
        return f"Data {self.subject}, {self.repeats} of {counted(self.settings.epochs, 'epoch')}, {self.precision}."

    def _table_7(self) -> Table:
        wanted, there = self.settings.data, [own.name for own in self.sets]
        missing = {
            "Not in this profile": [words for name, words in DATA.items() if name not in wanted],
            "Not available": [DATA.get(name, name) for name in sorted(wanted, key=_place) if name not in there],
        }
        notes = "".join(f" {why}: {', '.join(names)}." for why, names in missing.items() if names)
        table = self.table(
            "table-7",
            "Counterpart of the paper’s Table 7",
            "Accuracy on the whole test set after the last epoch in percent, mean ± standard deviation over repeats, "
            "and the difference, isotropic − standard, in percentage points: its mean over pairs of networks with "
            "the same initialisation and the same batches, with its 95% interval.",
            By.levels("configuration", "activation", SERIES),
            replace(self.columns, words="hidden layers"),
            [_Block(ACCURACY, page.accuracy, page.subject, page.data.name) for page in self.pages],
            conditions=self.conditions + notes,
        )
        return replace(table, name="table-7")

    def plots(self) -> Iterator[Plot]:
        for x, word in FIGURES.items():
            if word == "width" and self.accuracy[x].nunique() == 1:
                continue  # points without a line, that the other figure has as well
            plot = self.against(
                x,
                word,
                f"{self.subject}: accuracy against {word}",
                "Test accuracy after the last epoch, mean over repeats with its 95% interval as a band.",
                self.accuracy,
                ACCURACY,
                SERIES,
            )
            for ax in plot.figure.axes:
                ax.set_xticks(sorted(self.accuracy[x].unique()))
            yield plot


def _place(name: str) -> tuple[int, str]:
    """The paper's order of data sets; others after them."""
    known = list(DATA)
    return (known.index(name) if name in known else len(known)), name
