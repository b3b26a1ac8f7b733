"""The tables and figures of `pruning_order`: the numbers that the presenter computes, and that no way is mixed up."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.pruning_order import CORRECTIONS, WAYS, Way
from pipeline.reporting.experiments.pruning_order import CHOICES, headlines, present
from pipeline.reporting.experiments.pruning_order import CORRECTIONS as HEADINGS
from pipeline.reporting.presentation import Part
from pipeline.results.statistics import select

SETTINGS = made_rows.settings("pruning_order")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made_rows.rows("pruning_order", SETTINGS)


@pytest.fixture(scope="module")
def part(rows: pd.DataFrame) -> Part:
    (only,) = present(rows, SETTINGS, made_rows.described("digits")).parts
    return only


def mean(rows: pd.DataFrame, way: Way, measure: str, count: int) -> float:
    return float(select(rows, **asdict(way), measure=measure, change=-count)["value"].mean())


@pytest.mark.parametrize("measure", ["epsilon_scaled", "delta_accuracy"])
def test_the_tables_have_every_way_at_its_place(part: Part, rows: pd.DataFrame, measure: str) -> None:
    (table,) = [each for each in part.tables if each.name == f"digits-{measure.replace('_', '-')}"]
    assert list(table.columns) == ["1", "4", "7"]
    assert [group.key for group in table.groups] == [f"{measure}, {correction}" for correction in CORRECTIONS]
    for group, correction in zip(table.groups, CORRECTIONS, strict=True):
        words = {words: choice for choice, (words, _) in CHOICES.items()}
        assert len(group.rows) == (4 if correction == "none" else 5)
        for row in group.rows:
            choice, white = words[row.key]
            way = Way(choice, correction, white)
            for cell, count in zip(row.cells, (1, 4, 7), strict=True):
                assert cell is not None and cell.n == 4
                assert cell.mean == pytest.approx(mean(rows, way, measure, count))


def test_figures_draw_geometric_means_where_the_axis_is_logarithmic(part: Part, rows: pd.DataFrame) -> None:
    scaled, accuracy = (plot.figure.axes for plot in part.plots)
    assert [ax.get_yscale() for ax in (*scaled, *accuracy)] == ["log"] * 3 + ["linear"] * 3
    values = select(rows, choice="singular value", correction="none", measure="epsilon_scaled", change=-4)["value"]
    first = scaled[0].get_lines()[0]
    assert np.asarray(first.get_xdata()).tolist() == [1, 4, 7]
    assert np.asarray(first.get_ydata())[1] == pytest.approx(math.exp(np.log(values).mean()))
    assert "geometric mean of 4 repeats" in part.plots[0].figure.legends[0].get_title().get_text()
    assert "geometric" not in part.plots[1].figure.legends[0].get_title().get_text()
    assert all(
        f"{heading[0].upper()}{heading[1:]}, at {count}: " in plot.alt
        for plot in part.plots
        for heading in HEADINGS.values()
        for count in (1, 7)
    )


def test_how_often_the_gradient_misjudges_is_counted_by_repeat(rows: pd.DataFrame) -> None:
    here = (rows["measure"] == "epsilon_scaled") & (rows["change"] == -4)
    by_gradient = here & (rows["choice"] == "gradient") & (rows["correction"] == "none") & (rows["repeat"] >= 1)
    changed = rows.assign(value=rows["value"].mask(here, 1.0).mask(by_gradient, 10.5))
    (only,) = present(changed, SETTINGS, made_rows.described("digits")).parts
    assert "moves the logits more than 10 times as far as that of σ in 3 of 4 repeats." in only.tables[0].caption


def test_headlines_are_of_the_middle_count(rows: pd.DataFrame) -> None:
    found = headlines(rows)
    assert found.pop("removed") == 4
    ways = {f"{way.choice}{' without data' if way.white else ''}: {way.correction}": way for way in WAYS}
    assert found.keys() == ways.keys() and len(ways) == 14
    for name, numbers in found.items():
        way = ways[name]
        assert numbers["epsilon_scaled"] == pytest.approx(mean(rows, way, "epsilon_scaled", 4), abs=1e-3)
        assert numbers["delta_accuracy"] == pytest.approx(mean(rows, way, "delta_accuracy", 4), abs=1e-2)


def test_a_table_of_many_counts_shows_some(rows: pd.DataFrame) -> None:
    counts = list(range(1, 8))
    more = [rows.assign(change=rows["change"].mask(rows["change"] == -4, -count)) for count in counts]
    table = pd.concat(more).drop_duplicates(
        ["phase", "epoch", "choice", "white", "correction", "change", "measure", "repeat"]
    )
    settings = SETTINGS.model_copy(update={"counts": counts})
    (only,) = present(table, settings, made_rows.described("digits")).parts
    assert list(only.tables[0].columns) == ["1", "3", "5", "7"]
    assert "With 4 removed and no correction" in only.plots[0].caption


def test_the_protocol_says_that_the_paper_has_no_such_experiment(part: Part) -> None:
    lines = {setting.name: setting for setting in part.protocol}
    assert lines["pruned hidden layer"] == replace(lines["data"], name="pruned hidden layer", here="2")
    assert lines["neurons removed"].here == "1, 4, 7" and lines["random orders of each repeat"].here == "2"
    assert all(not lines[name].same for name in ("data", "neurons removed", "repeats", "epochs"))


def test_a_value_of_0_is_a_gap_of_the_geometric_mean_and_said(rows: pd.DataFrame, part: Part) -> None:
    still = rows.assign(value=rows["value"].mask(rows["measure"] == "epsilon_scaled", 0.0))
    (only,) = present(still, SETTINGS, made_rows.described("digits")).parts
    for plots, gaps in ((only.plots, True), (part.plots, False)):
        (plot,) = [each for each in plots if each.name == "digits-curve-epsilon-scaled"]
        assert ("A gap: a value is 0." in plot.caption) == gaps and "nan" not in plot.alt
