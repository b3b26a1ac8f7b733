"""The tables and figures of `other_methods`: every number at its place, paired with what it is compared with."""

from __future__ import annotations

import made_rows
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from pipeline.reporting.experiments.other_methods import (
    FROM_SCRATCH,
    GROWING,
    PRUNING,
    UNCHANGED,
    headlines,
    present,
)
from pipeline.reporting.presentation import Part
from pipeline.reporting.style import COLOURS
from pipeline.reporting.tables import Quantity, Row
from pipeline.results.statistics import select

SETTINGS = made_rows.settings("other_methods", epochs=4, epochs_before=3)  # width 8, changes +4 and -4
WIDTHS = {"growing": "12", "pruning": "4"}
METHODS = {"growing": GROWING, "pruning": PRUNING}
# Test accuracy at the end is, in repeat r: 80 + r, of isotropic networks, or 90 + 3 r, plus these points.
POINTS = {
    "isotropic growing": 2.0,
    "Net2Wider": 1.5,
    "Net2Wider with noise": 2.0,
    "random neurons": 2.25,
    "isotropic pruning": 9.5,
    "magnitude": -8.0,
    "magnitude with mean": -5.0,
    "merging": -1.0,
    "isotropic, from scratch": 0.5,
    "tanh, from scratch": -0.5,
}


def accuracy(label: str, repeat: int) -> float:
    base = 80 + repeat if label.startswith("isotropic") else 90 + 3 * repeat
    return base + POINTS.get(label, 0.0)


@pytest.fixture(scope="module")
def run() -> pd.DataFrame:
    """Rows of networks that were trained."""
    return made_rows.rows("other_methods", SETTINGS)


@pytest.fixture(scope="module")
def rows(run: pd.DataFrame) -> pd.DataFrame:
    """The same with the accuracies above at the end."""
    last = (run["phase"] == "training") & (run["measure"] == "test_accuracy") & (run["epoch"] == SETTINGS.epochs)
    made = [accuracy(*pair) for pair in zip(run["configuration"], run["repeat"], strict=True)]
    return run.assign(value=run["value"].mask(last, pd.Series(made, index=run.index)))


def shown(rows: pd.DataFrame, settings: object = SETTINGS) -> Part:
    (only,) = present(rows, settings, made_rows.described("digits")).parts
    return only


@pytest.fixture(scope="module")
def part(rows: pd.DataFrame) -> Part:
    return shown(rows)


def lines(part: Part, way: str, key: str) -> dict[str, Row]:
    (table,) = [table for table in part.tables if table.name == f"digits-{way}"]
    assert list(table.columns) == [WIDTHS[way]]
    (found,) = [group for group in table.groups if group.key == key]
    return {row.key: row for row in found.rows}


def only_cell(row: Row) -> Quantity:
    (cell,) = row.cells
    assert cell is not None and cell.n == 4
    return cell


@pytest.mark.parametrize("way", METHODS)
@pytest.mark.parametrize(
    ("measure", "precision"),
    [("epsilon_scaled", "float32"), ("epsilon_scaled", "float64"), ("accuracy", "float32")],
)
def test_what_a_method_does_at_once(part: Part, rows: pd.DataFrame, way: str, measure: str, precision: str) -> None:
    found = lines(part, way, f"{measure}_{precision}")
    assert tuple(found) == METHODS[way]
    for label, row in found.items():
        own = select(rows, phase="adapted", configuration=label, measure=measure, precision=precision)["value"]
        assert only_cell(row).mean == pytest.approx(own.mean()) and len(own) == 4


@pytest.mark.parametrize("way", METHODS)
def test_accuracies_at_the_end(part: Part, way: str) -> None:
    found = lines(part, way, "test_accuracy")
    assert tuple(found) == (*METHODS[way], *UNCHANGED, *FROM_SCRATCH)
    for label, row in found.items():
        assert only_cell(row).mean == pytest.approx(np.mean([accuracy(label, repeat) for repeat in range(4)])), label


@pytest.mark.parametrize("way", METHODS)
def test_gains_are_over_the_unchanged_network_of_the_same_kind_and_repeat(part: Part, way: str) -> None:
    """Paired by repeat they have no spread; over the other kind's, or unpaired, they would."""
    found = lines(part, way, "gain")
    assert tuple(found) == (*METHODS[way], *FROM_SCRATCH)
    for label, row in found.items():
        cell = only_cell(row)
        assert row.differences and (cell.mean, cell.sd) == pytest.approx((POINTS[label], 0.0)), label


@pytest.mark.parametrize("way", METHODS)
def test_advantages_are_isotropic_minus_the_other_in_pairs(part: Part, way: str) -> None:
    isotropic, *others = METHODS[way]
    plain, relative = (lines(part, way, key) for key in ("advantage", "advantage_in_gain"))
    assert list(plain) == list(relative) == others
    for other in others:
        points = POINTS[isotropic] - POINTS[other]
        cell = only_cell(relative[other])
        assert (cell.mean, cell.sd) == pytest.approx((points, 0.0)), other
        differences = [points - 10 - 2 * repeat for repeat in range(4)]
        cell = only_cell(plain[other])
        assert (cell.mean, cell.sd) == pytest.approx((np.mean(differences), np.std(differences, ddof=1))), other
        assert cell.low < cell.mean < cell.high


def test_the_caption_says_where_isotropic_is_ahead_and_where_behind(part: Part) -> None:
    """Means of the differences are points - 13, and their intervals reach 4.1 to each side."""
    growing, pruning = (table.caption for table in part.tables)
    assert (
        "isotropic growing ends behind Net2Wider (to 12), Net2Wider with noise (to 12), random neurons (to 12) in "
        "test accuracy; relative to unchanged networks of the same kind, ahead of Net2Wider (to 12) and behind "
        "random neurons (to 12)." in growing
    )
    assert (
        "isotropic pruning ends ahead of magnitude (to 4) in test accuracy; relative to unchanged networks of the "
        "same kind, ahead of magnitude (to 4), magnitude with mean (to 4), merging (to 4)." in pruning
    )


def test_equal_accuracies_are_neither_ahead_nor_behind(rows: pd.DataFrame) -> None:
    equal = rows.assign(value=rows["value"].mask(rows["measure"] == "test_accuracy", 90.0))
    for table in shown(equal).tables:
        assert table.caption.count("neither ahead of nor behind any other") == 2


def test_without_intervals_nothing_is_said_to_be_ahead(rows: pd.DataFrame) -> None:
    one = shown(rows[rows["repeat"] == 0], SETTINGS.model_copy(update={"repeats": 1}))
    for table in one.tables:
        assert "ahead" not in table.caption and "  " not in table.caption


def test_headlines(rows: pd.DataFrame) -> None:
    found = headlines(rows)
    assert found["unchanged"] == {"isotropic": 81.5, "tanh": 94.5}
    assert list(found["isotropic_minus"]) == ["grown_004", "pruned_004"]
    for name, labels in (("grown_004", GROWING), ("pruned_004", PRUNING)):
        isotropic, *others = labels
        means = {other: numbers["mean"] for other, numbers in found["isotropic_minus"][name].items()}
        assert means == {other: pytest.approx(POINTS[isotropic] - POINTS[other] - 13) for other in others}


def test_curves_begin_at_the_change_and_gains_stand_alone(part: Part) -> None:
    """In curves the unchanged networks are drawn from before it; in gains no line joins different widths' means."""
    plots = {plot.name: plot.figure.axes for plot in part.plots}
    assert list(plots) == [f"digits-{way}-{kind}" for way in METHODS for kind in ("curves", "gains")]
    for way, labels in METHODS.items():
        (curves,), (gains,) = plots[f"digits-{way}-curves"], plots[f"digits-{way}-gains"]
        courses = [line for line in curves.lines if line.get_xdata()[0] < line.get_xdata()[-1]]
        assert [line.get_xdata()[-1] for line in courses] == [4] * 6
        assert [line.get_xdata()[0] for line in courses] == [3] * 4 + [1] * 2
        ends = [
            accuracy(label, 0) + (1.5 if label.startswith("isotropic") else 4.5) for label in (*labels, *UNCHANGED)
        ]
        assert [line.get_ydata()[-1] for line in courses] == pytest.approx(ends)
        (marks,) = [each for each in gains.collections if isinstance(each, PathCollection)]
        assert {line.get_color() for line in gains.lines} <= {COLOURS["ink"][0], COLOURS["grid"][0]}, (
            "none of a series"
        )
        assert marks.get_offsets()[:, 1].tolist() == pytest.approx(
            [POINTS[label] for label in (*labels, *FROM_SCRATCH)]
        )
