"""A table of results, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers under a header.

    Attributes:
        title: a heading.
        note: how it was measured.
        header: of the columns.
        rows: a cell for each column; the numbers are rounded to three digits.
    """

    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]

    def markdown(self) -> str:
        """Text that can be pasted into a README."""
        lines = [self.header, ["---", *["---:"] * (len(self.header) - 1)]]
        lines += [[cell(value) for value in row] for row in self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{self.note}\n\n{table}\n"


def cell(value: str | int | float) -> str:
    """A number to three digits, never in powers of ten; text as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if abs(value) >= 1e-4 else f"{value:.7f}"


def name(widths: Sequence[int]) -> str:
    """A network as its widths, e.g. "3072-100-100-10"."""
    return "-".join(map(str, widths))


def signed(value: float) -> str:
    """A difference with its sign, to two decimals."""
    return f"{value:+.2f}".replace("-", "−")


def spread(values: Sequence[float]) -> str:
    """The least and the largest, e.g. "9.61 to 10.2"."""
    return f"{cell(min(values))} to {cell(max(values))}"
