"""The table and the figures of `scaffolds`: the numbers that the presenter computes, and that no kind is mixed up."""

from __future__ import annotations

import math

import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.scaffolds import CONTROL, ROWS
from pipeline.reporting.experiments.scaffolds import GAINED, headlines, present, until_active
from pipeline.reporting.presentation import Part
from pipeline.reporting.tables import Row
from pipeline.results.rows import frame
from pipeline.results.statistics import select

SETTINGS = made_rows.settings("scaffolds")
OPTIMISERS = ["AdamW", "gradient descent"]
KINDS = ["normal", "semi-orthogonal", "combination", "zero"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made_rows.rows("scaffolds", SETTINGS)


@pytest.fixture(scope="module")
def part(rows: pd.DataFrame) -> Part:
    (only,) = present(rows, SETTINGS, made_rows.described("digits")).parts
    return only


def group(part: Part, heading: str) -> dict[str, Row]:
    (found,) = [group for group in part.tables[0].groups if group.heading.startswith(heading)]
    return {row.key: row for row in found.rows}


@pytest.mark.parametrize(
    ("heading", "phase", "measure", "epoch", "kinds"),
    [
        ("scaled change of the logits by growing", "grown", "epsilon_scaled", 1, KINDS),
        ("new neurons that are active", "new", "active", 3, KINDS),
        ("length of a new row", "new", "row_norm", 3, KINDS),
        ("length of a new column", "new", "column_norm", 3, KINDS),
        ("scaled change of the logits without", "without", "epsilon_scaled", 3, KINDS),
        ("test accuracy", "training", "test_accuracy", 3, [*KINDS, CONTROL]),
    ],
)
def test_the_table_has_every_kind_at_its_place(
    part: Part, rows: pd.DataFrame, heading: str, phase: str, measure: str, epoch: int, kinds: list[str]
) -> None:
    lines = group(part, heading)
    assert list(lines) == kinds and list(part.tables[0].columns) == OPTIMISERS
    for kind, line in lines.items():
        for cell, descent in zip(line.cells, OPTIMISERS, strict=True):
            own = select(rows, phase=phase, measure=measure, epoch=epoch, columns=kind, configuration=descent)[
                "value"
            ]
            assert cell is not None and cell.n == len(own) == 4 and cell.mean == pytest.approx(own.mean())


def test_what_is_gained_is_paired_by_repeat(rows: pd.DataFrame) -> None:
    last = (rows["phase"] == "training") & (rows["epoch"] == 3) & (rows["measure"] == "test_accuracy")
    accuracy = 80.0 + rows["repeat"].astype(float) + 1.5 * (rows["columns"] == "normal").fillna(False).astype(float)
    (only,) = present(rows.assign(value=rows["value"].mask(last, accuracy)), SETTINGS, described()).parts
    lines = group(only, GAINED)
    assert list(lines) == KINDS and all(line.differences for line in lines.values())
    for kind, gain in (("normal", 1.5), ("zero", 0.0)):
        for cell in lines[kind].cells:
            assert cell is not None and (cell.mean, cell.sd) == pytest.approx((gain, 0.0))


def described() -> dict[str, made_rows.DataSet]:
    return made_rows.described("digits")


def test_until_half_are_active_is_counted_from_growing() -> None:
    place = {"phase": "new", "measure": "active", "configuration": "AdamW"}
    active = {("normal", 0): [0, 1, 2, 4], ("normal", 1): [0, 2, 1, 3], ("zero", 0): [0, 1, 1, 1]}
    table = frame(
        (
            place | {"columns": kind, "repeat": repeat, "epoch": 5 + number, "value": float(value)}
            for (kind, repeat), values in active.items()
            for number, value in enumerate(values)
        ),
        ROWS,
    )
    found = until_active(table, 2).set_index(["columns", "repeat"])["value"]
    assert found["normal", 0] == 2 and found["normal", 1] == 1 and math.isnan(found["zero", 0])
    assert until_active(table, 1.5).set_index(["columns", "repeat"])["value"]["normal", 1] == 1


def test_what_never_becomes_active_has_a_dash(part: Part) -> None:
    markdown = part.tables[0].markdown()
    section = markdown[markdown.index("epochs until half") : markdown.index("new neurons that are active")]
    (zero,) = [line for line in section.splitlines() if line.startswith("| zero")]
    assert zero == "| zero | – | – |"


def test_figures_have_a_panel_for_each_descent_and_a_line_for_each_kind(part: Part, rows: pd.DataFrame) -> None:
    assert [plot.name for plot in part.plots] == [
        "digits-row-norm-since",
        "digits-active-since",
        "digits-row-norm-step",
    ]
    for plot, points in zip(part.plots, (3, 3, 4), strict=True):
        assert [ax.get_title(loc="left") for ax in plot.figure.axes] == OPTIMISERS
        for ax in plot.figure.axes:
            assert sum(len(np.asarray(line.get_xdata())) == points for line in ax.get_lines()) >= len(KINDS)
        assert [text.get_text() for text in plot.figure.legends[0].get_texts()] == KINDS
        assert all(f"{name[0].upper()}{name[1:]}, at {points - 1}: " in plot.alt for name in OPTIMISERS)
    norms = select(rows, phase="new", measure="row_norm", columns="normal", configuration="gradient descent", epoch=3)
    (line, *_) = [each for each in part.plots[0].figure.axes[1].get_lines() if len(np.asarray(each.get_xdata())) == 3]
    assert np.asarray(line.get_ydata())[2] == pytest.approx(norms["value"].mean())
    assert "hollow marks" in part.plots[0].caption


def test_what_is_said_of_the_first_epoch_is_a_ratio_of_means(rows: pd.DataFrame) -> None:
    first = (rows["phase"] == "new") & (rows["measure"] == "row_norm") & (rows["epoch"] == 2)
    lengths = {"normal": 0.1, "semi-orthogonal": 0.3, "combination": 0.05, "zero": 0.0}
    changed = rows.assign(value=rows["value"].mask(first, rows["columns"].astype("string").map(lengths)))
    (only,) = present(changed, SETTINGS, described()).parts
    said = "with AdamW 3 (semi-orthogonal), 0.5 (combination); with gradient descent 3 (semi-orthogonal), 0.5 (comb"
    assert f"rows are so many times as long as with normal columns: {said}" in only.tables[0].caption
    (only,) = present(rows.assign(value=rows["value"].mask(first, 0.0)), SETTINGS, described()).parts
    assert "so many times" not in only.tables[0].caption, "there is no ratio"


def test_headlines_are_of_the_last_epoch(rows: pd.DataFrame) -> None:
    found = headlines(rows)
    assert list(found) == OPTIMISERS and all(list(found[name]) == [CONTROL, *KINDS] for name in OPTIMISERS)
    accuracy = select(rows, configuration="AdamW", columns="combination", measure="test_accuracy", epoch=3)["value"]
    assert found["AdamW"]["combination"]["test_accuracy"] == pytest.approx(accuracy.mean(), abs=0.01)
    assert found["AdamW"]["zero"]["row_norm"] == 0 and "row_norm" not in found["AdamW"][CONTROL]


def test_the_protocol_says_what_is_the_papers(part: Part) -> None:
    lines = {setting.name: setting for setting in part.protocol}
    assert lines["columns of new neurons"].paper == "normal"
    assert lines["columns of new neurons"].here == ", ".join(KINDS) and not lines["columns of new neurons"].same
    assert lines["optimiser"].here == "adamw, sgd" and lines["learning rate"].here == "0.001, 0.1"
    assert lines["epochs before growing"].here == "1" and lines["epochs after it"].here == "2"
