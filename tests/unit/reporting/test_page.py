"""What presenters are written with: sides of tables, blocks of lines, figures, and what is told of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline.reporting.page import Block, By, Page, told
from pipeline.reporting.presentation import Setting
from pipeline.reporting.style import COOL, WARM
from pipeline.results.schema import Measure
from pipeline.results.statistics import summarise

LENGTH = Measure("length of a line", "m", 1)


def rows(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


class _Page(Page):
    def protocol(self) -> list[Setting]:
        return []

    @property
    def conditions(self) -> str:
        return "On paper."


@pytest.fixture
def page() -> _Page:
    settings = SimpleNamespace(hidden=[8, 4], repeats=2)
    table = rows(
        data="d",
        configuration=["a", "a", "b", "b"] * 2,
        repeat=[0, 1] * 4,
        epoch=[0] * 4 + [1] * 4,
        width=[3] * 8,
        value=[1.0, 3.0, 10.0, 30.0, 2.0, 4.0, 20.0, 40.0],
    )
    return _Page(table, settings, made_rows.described("d")["d"])


def test_a_side_is_by_one_column_or_by_several() -> None:
    table = rows(layer=pd.array([1, None], dtype="Int64"), precision=["float32", "float64"])
    assert By("layer", "layer", {}, missing="all").of(table).tolist() == ["1", "all"]
    assert By(("layer", "precision"), "place", {}, missing="all").of(table).tolist() == ["1 float32", "all float64"]
    assert By.levels("layer", "layer", [2, 1]).names == {"2": "2", "1": "1"}


def test_a_block_selects_orders_and_renames() -> None:
    table = rows(place=["x", "x", "y", "z"], column=["1", "1", "1", "2"], value=[1.0, 2.0, 5.0, 7.0])
    lines, columns = By("place", "place", {"y": "Y", "x": "X", "w": "W"}), By.levels("column", "column", [1, 2])
    group = Block(LENGTH, table).group(lines, columns)
    assert [(row.key, row.label) for row in group.rows] == [("y", "Y"), ("x", "X"), ("w", "W")]
    assert [[cell and (cell.n, cell.mean) for cell in row.cells] for row in group.rows] == [
        [(1, 5.0), None], [(2, 1.5), None], [None, None],
    ]  # fmt: skip
    assert (group.heading, group.key, group.decimals) == ("length of a line (m)", "length of a line (m)", 1)
    assert [row.key for row in Block(LENGTH, table, known=True).group(lines, columns).rows] == ["y", "x"]
    assert [row.key for row in Block(LENGTH, table, names={"z": "Z"}).group(lines, columns).rows] == ["z"]


def test_a_table_says_its_conditions_and_has_no_empty_block(page: _Page) -> None:
    lines, columns = By.levels("configuration", "kind", ["a", "b"]), By.levels("epoch", "epoch", [0, 1])
    nothing = Block(LENGTH, page.rows, "none", names={})
    table = page.table("t", "Title", "Caption.", lines, columns, [Block(LENGTH, page.rows, "some"), nothing])
    assert (table.name, table.caption) == ("d-t", "Caption. On paper.")
    assert [group.heading for group in table.groups] == ["some"]
    assert [[cell and cell.mean for cell in row.cells] for row in table.groups[0].rows] == [[2.0, 3.0], [20.0, 30.0]]


def test_a_figure_has_the_means_of_its_series_alone(page: _Page) -> None:
    plot = page.lines("f", "Title", "Caption.", page.rows, LENGTH, {"b": ("B", WARM[0])}, marks=[1])
    (axes,) = plot.figure.axes
    drawn = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert any(np.array_equal(values, [20.0, 30.0]) for values in drawn)
    assert not any(np.array_equal(values, [2.0, 3.0]) for values in drawn), "a is not among the series"
    assert any(line.get_xdata()[0] == line.get_xdata()[-1] == 1 for line in axes.lines), "the mark"
    assert plot.alt == "Length of a line (m) against epochs trained. At 0: 20.0 (B). At 1: 30.0 (B)."
    assert plot.caption == "Caption. On paper."


def test_the_legend_says_what_the_figure_is_of(page: _Page) -> None:
    series = {"a": COOL[0], "b": WARM[0]}
    own = page.lines("f", "Title", "Caption.", page.rows, LENGTH, series, legend="kind").figure.legends[0]
    assert own.get_title().get_text() == "d, 64-8-4-10, mean of 2 repeats with 95% interval\nkind"
    other = page.lines("f", "Title", "Caption.", page.rows, LENGTH, series, subject="of nothing").figure.legends[0]
    assert other.get_title().get_text() == "of nothing"


def summaries(*values: tuple[str, int, float]) -> pd.DataFrame:
    names, at, numbers = zip(*values, strict=True)
    return summarise(rows(configuration=names, x=at, value=numbers), ["configuration", "x"])


def test_what_is_told_of_a_figure() -> None:
    few = summaries(("a", -6, 1.0), ("a", 0, 5.0), ("a", 2, 2.0), ("b", -6, 0.5), ("b", 2, 2.5))
    assert told({"": few}, LENGTH, "x", "x") == (
        "Length of a line (m) against x. At −6: 0.500 (b), 1.00 (a). At 2: 2.00 (a), 2.50 (b)."
    )
    many = summaries(*((name, 1, float(number)) for number, name in enumerate("abcde", start=1)))
    assert told({"map 1": many}, LENGTH, "x", "x").endswith("Map 1, at 1: from 1.00 (a) to 5.00 (e).")
    same = summaries(*((name, 1, 0.0) for name in "abcde"))
    assert told({"": same}, LENGTH, "x", "x").endswith("At 1: 0 for all.")
    assert told({"": few[:0]}, LENGTH, "x", "x") == "Length of a line (m) against x."
    missing = same.assign(mean=np.where(same["configuration"] == same["configuration"].iloc[0], np.nan, 2.0))
    assert "nan" not in told({"": missing}, LENGTH, "x", "x") and "–" not in told({"": missing}, LENGTH, "x", "x")
    assert told({"": same.assign(mean=np.nan)}, LENGTH, "x", "x").endswith("At 1: no mean.")
