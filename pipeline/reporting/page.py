"""What presenters are written with: an experiment's results on one data set, with its tables and figures as they say.

A presenter declares which rows it shows, by which factors in lines, columns, panels and series, and what their levels
are called. The means, what a cell says, and the words for those who cannot see a figure follow from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.reporting.figures import Plot, lines, no_logarithm
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import FULL, basis, mean_of, precisions, repeats
from pipeline.reporting.style import COLOURS, Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.claims.base import Basis
from pipeline.results.measures import TRAINING
from pipeline.results.schema import Measure
from pipeline.results.statistics import geometric, select, summarise

__all__ = [  # and the types of what a presenter gives
    "Basis",
    "Block",
    "By",
    "DataSet",
    "Names",
    "Note",
    "Page",
    "Plot",
    "Presentation",
    "Setting",
    "Table",
]

Shown = TypeVar("Shown", Table, Plot)
Names = Mapping[str, str | tuple[str, ...]]
Series = Mapping[str, Line | tuple[str, Line]]


@dataclass(frozen=True)
class By:
    """What lines or columns of a table, or panels of a figure, are by.

    Attributes:
        columns: of rows; the values of several are joined by a space.
        words: what it is, for readers.
        names: value, as text -> its name, which selects the values, orders and names them. Of a table's columns
            several names from top to bottom; equal neighbours of an upper level are merged.
        missing: what stands for a value that is missing.
    """

    columns: str | tuple[str, ...]
    words: str
    names: Names
    missing: str = ""

    @classmethod
    def levels(cls, column: str, words: str, values: Iterable[object]) -> By:
        """Values that are called what they are."""
        return cls(column, words, {str(value): str(value) for value in values})

    def of(self, rows: pd.DataFrame) -> pd.Series[str]:
        """The value of each row, as text.

        Raises:
            ValueError: a name is of a level that the column does not have, where all are known.
        """
        columns = [self.columns] if isinstance(self.columns, str) else self.columns
        if len(columns) == 1:
            _known(rows[columns[0]], {*self.names} - {self.missing})
        first, *others = (rows[column].astype("string").fillna(self.missing) for column in columns)
        for other in others:
            first = first + " " + other
        return first


@dataclass(frozen=True)
class Block:
    """Lines of a table that are of one measure.

    Attributes:
        measure: its label is the heading, unless there is a `heading`.
        rows: observations, one for each network, line and column.
        heading: above the lines, where a table has several blocks.
        key: of the block in the CSV; by default the heading.
        names: of the lines, if they are others than those of the table.
        differences: whether values are written with their sign and interval.
        known: whether lines without a number are left out.
    """

    measure: Measure
    rows: pd.DataFrame
    heading: str = ""
    key: str = ""
    names: Names | None = None
    differences: bool = False
    known: bool = False

    def group(self, lines: By, columns: By) -> Group:
        """As tables hold it."""
        placed = self.rows.assign(line=lines.of(self.rows), column=columns.of(self.rows))
        found = quantities(summarise(placed, ["line", "column"]), "line", "column")
        names = lines.names if self.names is None else self.names
        rows = [
            Row(key, str(name), [found.get((key, column)) for column in columns.names], self.differences)
            for key, name in names.items()
        ]
        heading = self.heading or self.measure.label
        kept = [row for row in rows if any(row.cells) or not self.known]
        return Group(self.key or heading, heading, self.measure.decimals, kept)


class Page:
    """The results of an experiment on one data set. A presenter says at least `protocol`, `conditions` and `tables`.

    Args:
        rows: on the data set, of networks that did not diverge.
        settings: of the experiment.
        data: the data set.
    """

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data

    @classmethod
    def present(cls, rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
        """A page for each data set that there are rows of."""
        return Presentation([cls(own, settings, known).part() for own, known in each(rows, data)])

    def part(self) -> Part:
        """The page as the report has it."""
        protocol = self.protocol()
        tables, plots = self.captioned(self.tables()), self.captioned(self.plots())
        return Part.of(self.data, protocol, tables, plots, self.basis(protocol))

    def captioned(self, shown: Iterable[Shown]) -> list[Shown]:
        """Tables or figures, whose captions say with which products networks were trained if not with full ones."""
        matmul = self.settings.matmul
        said = "" if matmul == FULL else f" Trained with matrix products in {matmul}."
        return [replace(each, caption=f"{each.caption}{said}") for each in shown]

    def protocol(self) -> list[Setting]:
        """The settings beside the paper's."""
        raise NotImplementedError

    @property
    def conditions(self) -> str:
        """On what, at what scale: the end of every caption."""
        raise NotImplementedError

    def tables(self) -> Iterable[Table]:
        """In the order of the report."""
        return ()

    def plots(self) -> Iterable[Plot]:
        """In the order of the report."""
        return ()

    def basis(self, protocol: Sequence[Setting]) -> Basis:
        """What the claims are judged on."""
        return basis(self.rows, protocol, self.data.words, self.network)

    @cached_property
    def network(self) -> str:
        """The widths of its networks."""
        return "-".join(map(str, (self.data.features, *self.settings.hidden, self.data.classes)))

    @property
    def subject(self) -> str:
        """The data and the network, as the legends of figures name them."""
        return f"{self.data.name}, {self.network}"

    @property
    def precision(self) -> str:
        """In which its rows were computed, in words."""
        return precisions(self.rows)

    @property
    def repeats(self) -> str:
        """How many repeats there are, in words."""
        return repeats(self.rows)

    def table(
        self, name: str, title: str, caption: str, lines: By, columns: By, blocks: Iterable[Block], **more: Any
    ) -> Table:
        """A table of means over repeats.

        Args:
            name: stem of its files, after that of the data set.
            title, caption: the conditions are added to the caption.
            lines, columns: what they are by.
            blocks: from the top; one without lines is left out.
            more: of `Table`; `conditions` in place of those of the page.
        """
        conditions = more.pop("conditions", self.conditions)
        groups = [block.group(lines, columns) for block in blocks]
        return Table(
            name=f"{self.data.slug}-{name}",
            title=title,
            caption=f"{caption} {conditions}".strip(),
            row_name=lines.words,
            column_name=columns.words,
            columns={key: (name,) if isinstance(name, str) else name for key, name in columns.names.items()},
            groups=[group for group in groups if group.rows],
            **{"repeats": self.settings.repeats} | more,
        )

    def lines(
        self,
        name: str,
        title: str,
        caption: str,
        rows: pd.DataFrame,
        measure: Measure,
        series: Series,
        *,
        by: str = "configuration",
        x: str = "epoch",
        x_label: str = "epochs trained",
        panels: By | None = None,
        subject: str = "",
        legend: str = "",
        marks: Sequence[float] = (),
        means: Callable[[pd.DataFrame, Sequence[str]], pd.DataFrame] = summarise,
        conditions: str | None = None,
        **more: Any,
    ) -> Plot:
        """A figure of means over repeats with their intervals, a line for each of a series.

        Args:
            name, title, caption: as of `table`.
            rows: observations, one for each network, panel, line and `x`.
            measure: what is shown.
            series: value of the column `by` -> how it is drawn, or its name and that.
            x: column of the horizontal axis, which is called `x_label`.
            panels: by what, if there are several.
            subject: what it is of, above the legend; by default the page's and the repeats.
            legend: what is said beyond that: what the series are.
            marks: values of `x` with a dotted line.
            means: of rows by columns, `summarise` or `geometric`.
            conditions: in place of those of the page.
            more: of `figures.lines`.
        """
        labels = {key: line[0] if isinstance(line, tuple) else key for key, line in series.items()}
        _known(rows[by], labels)
        styles = {labels[key]: line[1] if isinstance(line, tuple) else line for key, line in series.items()}
        placed = rows.assign(
            panel=panels.of(rows) if panels else "", configuration=rows[by].astype("string").map(labels)
        )
        found = means(placed[placed["configuration"].notna()], ["panel", "configuration", x])
        titles = {key: str(name) for key, name in panels.names.items()} if panels else {"": ""}
        own = {title: found[found["panel"] == key] for key, title in titles.items()}
        mean = mean_of(self.rows).replace("mean", "geometric mean" if means is geometric else "mean")
        said = f"{subject or f'{self.subject}, {mean}'}\n{legend}".strip()
        figure = lines(own, styles, measure, x, x_label, said, **more)
        for ax in figure.axes:
            for at in marks:
                ax.axvline(at, color=COLOURS["ink"][0], linestyle=":", linewidth=0.8)
        unshown = no_logarithm(own.values()) if measure.log else ""
        end = self.conditions if conditions is None else conditions
        return Plot(
            name=f"{self.data.slug}-{name}",
            title=title,
            caption=f"{caption} {end} {unshown}".strip(),
            alt=told(own, measure, x, x_label),
            figure=figure,
        )

    def training(self, series: Series, title: str, legend: str = "", **more: Any) -> Plot:
        """The figure of test accuracy after each epoch."""
        rows = select(self.rows, phase="training", measure="test_accuracy")
        caption = "Test accuracy after each epoch, mean over repeats with its 95% interval as a band."
        return self.lines("training", title, caption, rows, TRAINING["test_accuracy"], series, legend=legend, **more)


def _known(column: pd.Series[Any], values: Iterable[str]) -> None:
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [str(level) for level in column.cat.categories]
        for value in values:
            if value not in levels:
                raise ValueError(f"{value!r} is not one of the levels of {column.name}, {', '.join(levels)}")


def told(panels: Mapping[str, pd.DataFrame], measure: Measure, x: str, x_label: str) -> str:
    """What a figure of lines shows, for those who cannot see it: the means at both ends of each panel.

    Of more than three lines the least and the most; of lines that are one to the digits shown, once; of a line
    without a mean, none.
    """
    sentences = [f"{measure.title} against {x_label}."]
    for title, means in panels.items():
        where = f"{title[:1].upper()}{title[1:]}, at" if title else "At"
        for at in dict.fromkeys((means[x].min(), means[x].max())) if len(means) else ():
            own = means[(means[x] == at) & means["mean"].notna()].sort_values("mean", kind="stable")
            said = {
                name: write(float(mean)).plain for name, mean in zip(own["configuration"], own["mean"], strict=True)
            }
            each = [f"{number} ({name})" for name, number in said.items()]
            values = ", ".join(each) if len(each) < 4 else f"from {each[0]} to {each[-1]}"
            if len(each) > 1 and len({*said.values()}) == 1:
                values = f"{said.popitem()[1]} for all"
            values = values or "no mean"
            sentences.append(f"{where} {f'{at:g}'.replace('-', '−')}: {values}.")
    return " ".join(sentences)
