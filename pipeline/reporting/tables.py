"""Tables of means over repeats, written as Markdown, LaTeX, HTML, and CSV with the raw numbers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from html import escape
from itertools import groupby
from pathlib import Path

import pandas as pd

from pipeline.paths import written
from pipeline.reporting.latex import escape as latex_text
from pipeline.reporting.numbers import MISSING, Written, write, write_bounds

# Box 0, as it is or shrunk to the width of the text; without graphicx centred, as wide as it is.
_FIT = r"""\ifdim\wd0>\textwidth
\ifdefined\resizebox\resizebox{\textwidth}{!}{\box0}\else\makebox[\textwidth][c]{\box0}\fi
\else\box0\fi"""


@dataclass(frozen=True)
class Quantity:
    """A mean over repeats with its uncertainty; the columns of `statistics.summarise`."""

    n: int
    mean: float
    sd: float
    se: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One line: `key` for the CSV, `label` for readers, a quantity (or None) per column.

    Differences are written with their sign and 95% interval, other quantities with their standard deviation.
    """

    key: str
    label: str
    cells: Sequence[Quantity | None]
    differences: bool = False


@dataclass(frozen=True)
class Group:
    """Lines of one measure, under a heading; `decimals` as in `schema.Measure`."""

    key: str
    heading: str
    decimals: int | None
    rows: Sequence[Row]


@dataclass(frozen=True)
class Table:
    """A table of quantities.

    Attributes:
        name: stem of its files.
        title: a few words, e.g. "Table 1, float32".
        caption: what is shown, on what data, at what scale.
        row_name, column_name: what rows and columns are, e.g. "change of width" and "configuration".
        columns: key -> heading, as levels from top to bottom; equal neighbours of an upper level are merged.
        groups: the lines.
        repeats: how many values a quantity is the mean of if nothing is missing; those of fewer say of how many.
            None where that is not the same for all.
    """

    name: str
    title: str
    caption: str
    row_name: str
    column_name: str
    columns: dict[str, tuple[str, ...]]
    groups: Sequence[Group]
    repeats: int | None = None

    def markdown(self) -> str:
        """A pipe table with its caption above."""
        heads = [self.row_name, *(", ".join(levels) for levels in self.columns.values())]
        lines = [heads, ["---", *["---:"] * len(self.columns)]]
        for group in self.groups:
            if len(self.groups) > 1:
                lines.append([f"**{group.heading}**", *[""] * len(self.columns)])
            lines += [[row.label, *(cell.plain for cell in self._cells(row, group))] for row in group.rows]
        body = "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
        return f"**{self.title}.** {self._caption}\n\n{body}\n"

    def latex(self) -> str:
        """A `table*` that needs the package booktabs; one wider than the text is shrunk if graphicx is loaded."""
        lines = [self._latex_header(level) for level in range(self._levels)]
        for group in self.groups:
            lines.append(r"\midrule")
            if len(self.groups) > 1:
                heading = latex_text(group.heading)
                lines.append(rf"\multicolumn{{{len(self.columns) + 1}}}{{l}}{{\emph{{{heading}}}}} \\")
            for row in group.rows:
                lines.append(
                    " & ".join([latex_text(row.label), *(c.latex for c in self._cells(row, group))]) + r" \\"
                )
        body = "\n".join(lines)
        return (
            "% needs \\usepackage{booktabs}, and \\usepackage{graphicx} to be shrunk to the width of the text\n"
            "\\begin{table*}\n\\centering\n"
            f"\\caption{{{latex_text(self.title)}. {latex_text(self._caption)}}}\n\\label{{tab:{self.name}}}\n"
            "\\vspace{0.8ex}\n\\scriptsize\n\\setlength{\\tabcolsep}{3pt}\n\\setbox0=\\hbox{%\n"
            f"\\begin{{tabular}}{{l{'r' * len(self.columns)}}}\n\\toprule\n{body}\n\\bottomrule\n"
            f"\\end{{tabular}}}}\n{_FIT}\n\\end{{table*}}\n"
        )

    def html(self) -> str:
        """A `table` element, with its caption and with the scope of every heading."""
        head = "".join(self._html_header(level) for level in range(self._levels))
        bodies = []
        for group in self.groups:
            lines = [self._html_row(row, group) for row in group.rows]
            if len(self.groups) > 1:
                span = len(self.columns) + 1
                title = f'<th scope="rowgroup" colspan="{span}">{escape(group.heading)}</th>'
                lines.insert(0, f'<tr class="group">{title}</tr>')
            bodies.append(f"<tbody>{''.join(lines)}</tbody>")
        caption = f"<caption><span><b>{escape(self.title)}.</b> {escape(self._caption)}</span></caption>"
        return f'<table class="wide">{caption}<thead>{head}</thead>{"".join(bodies)}</table>'

    def csv(self) -> str:
        """One line per quantity with n, mean, sd, se, low and high in full precision; missing ones are empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["measure", self.row_name, self.column_name, *(f.name for f in fields(Quantity))])
        for group in self.groups:
            for row in group.rows:
                for key, cell in zip(self.columns, row.cells, strict=True):
                    if cell is not None:
                        values = ["" if value != value else value for value in astuple(cell)]
                        writer.writerow([group.key, row.key, key, *values])
        return out.getvalue()

    def save(self, folder: Path) -> None:
        """Write NAME.md, NAME.tex and NAME.csv."""
        for suffix, text in (("md", self.markdown()), ("tex", self.latex()), ("csv", self.csv())):
            with written(folder / f"{self.name}.{suffix}") as path:
                path.write_text(text, encoding="utf-8")

    @property
    def _caption(self) -> str:
        """The caption; if quantities are of fewer values than the others, with a word on that."""
        cells = (cell for group in self.groups for row in group.rows for cell in row.cells)
        few = any(cell is not None and self._few(cell) for cell in cells)
        return (
            f"{self.caption} Where fewer than {self.repeats} repeats are left, n says how many."
            if few
            else self.caption
        )

    def _few(self, cell: Quantity) -> bool:
        return self.repeats is not None and cell.n < self.repeats and math.isfinite(cell.mean)

    def _cells(self, row: Row, group: Group) -> list[Written]:
        return [Written(MISSING) if cell is None else self._cell(cell, row, group) for cell in row.cells]

    def _cell(self, cell: Quantity, row: Row, group: Group) -> Written:
        if row.differences:
            decimals = 2 if group.decimals is None else group.decimals
            number = write_bounds(cell.mean, cell.low, cell.high, decimals)
        else:
            number = write(cell.mean, cell.sd, group.decimals)
        return replace(number, n=cell.n) if self._few(cell) else number

    @property
    def _levels(self) -> int:
        return max(len(levels) for levels in self.columns.values())

    def _spans(self, level: int) -> list[tuple[str, int]]:
        """Headings of a level and how many columns each spans; the lowest level is never merged."""
        headings = [levels[: level + 1] for levels in self.columns.values()]
        if level == self._levels - 1:
            return [(heading[-1], 1) for heading in headings]
        return [(heading[-1], len(list(run))) for heading, run in groupby(headings)]

    def _latex_header(self, level: int) -> str:
        spans = self._spans(level)
        last = level == self._levels - 1
        cells = [
            latex_text(text) if last else rf"\multicolumn{{{span}}}{{c}}{{{latex_text(text)}}}"
            for text, span in spans
        ]
        rules, start = "", 2
        for _, span in spans:
            rules += "" if last else rf" \cmidrule(lr){{{start}-{start + span - 1}}}"
            start += span
        return " & ".join([latex_text(self.row_name) if last else "", *cells]) + rf" \\{rules}"

    def _html_header(self, level: int) -> str:
        last = level == self._levels - 1
        corner = f'<th scope="col" rowspan="{self._levels}">{escape(self.row_name)}</th>' if level == 0 else ""
        cells = "".join(
            f'<th scope="{"col" if last else "colgroup"}" colspan="{span}">{escape(text)}</th>'
            for text, span in self._spans(level)
        )
        return f"<tr>{corner}{cells}</tr>"

    def _html_row(self, row: Row, group: Group) -> str:
        cells = "".join(f"<td>{cell.html}</td>" for cell in self._cells(row, group))
        return f'<tr><th scope="row">{escape(row.label)}</th>{cells}</tr>'


def quantities(means: pd.DataFrame, row: str, column: str) -> dict[tuple[str, str], Quantity]:
    """(row key, column key) -> quantity, from a table of `statistics.summarise` by these two columns."""
    names = [field.name for field in fields(Quantity)]
    keys = zip(means[row].astype(str), means[column].astype(str), strict=True)
    return {key: Quantity(*values) for key, values in zip(keys, means[names].itertuples(index=False), strict=True)}
