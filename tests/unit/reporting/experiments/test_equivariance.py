"""The table and the figure of `equivariance`, from made-up rows."""

from __future__ import annotations

from pathlib import Path

import made_rows
import numpy as np
import pytest

from pipeline.reporting.experiments.equivariance import present
from pipeline.reporting.presentation import Part

NAMES = ["gradient descent", "momentum", "Adam", "AdamW"]


@pytest.fixture(scope="module")
def part() -> Part:
    settings = made_rows.settings("equivariance", epochs=4)
    rows = made_rows.rows("equivariance", settings)
    (only,) = present(rows, settings, made_rows.described("digits")).parts
    return only


def test_the_protocol_says_that_the_paper_has_no_such_experiment(part: Part) -> None:
    lines = {setting.name: setting for setting in part.protocol}
    decided = ["data", "hidden widths", "change of basis", "optimisers", "momentum", "repeats"]
    assert all(lines[name].paper == "no such experiment" and not lines[name].same for name in decided)
    assert lines["epochs before the change of basis"].here == "1" and lines["epochs after it"].here == "3"
    assert lines["optimiser"].here == "sgd, sgd, adam, adamw"
    assert lines["learning rate"].here == "0.05, 0.02, 0.001, 0.001"
    assert lines["batch size"].same and not part.basis.same_as_paper


def test_the_table_has_every_descent_right_after_the_change_and_at_the_end(part: Part) -> None:
    (table,) = part.tables
    assert list(table.columns) == ["float64 1", "float64 4", "float32 1", "float32 4"]
    assert [group.key for group in table.groups] == ["epsilon", "test_accuracy", "delta_accuracy"]
    for group in table.groups:
        assert [row.key for row in group.rows] == NAMES
        assert all(cell is not None and cell.n == 4 for row in group.rows for cell in row.cells)
    means = {row.key: [cell.mean for cell in row.cells if cell is not None] for row in table.groups[0].rows}
    assert means["momentum"][1] < 1e-12 < 1e-3 < means["Adam"][1] and means["Adam"][0] < 1e-12
    assert "The paper has no such experiment." in table.caption


def test_the_figure_has_a_line_for_every_descent_from_the_change_on(part: Part, tmp_path: Path) -> None:
    (plot,) = part.plots
    panels = plot.figure.axes
    assert [ax.get_title(loc="left") for ax in panels] == ["float64", "float32"]
    for ax in panels:
        drawn = [line for line in ax.get_lines() if len(np.asarray(line.get_xdata())) > 2]
        assert len(drawn) == 4 and ax.get_yscale() == "log"
        assert all(np.asarray(line.get_xdata()).tolist() == [0, 1, 2, 3] for line in drawn)
        assert len({line.get_color() for line in drawn}) == 4
    legend = [text.get_text() for text in plot.figure.legends[0].get_texts()]
    assert legend == NAMES
    assert "Float64, at 0: from " in plot.alt and "Float32, at 3: from " in plot.alt
    plot.save(tmp_path)
    assert (tmp_path / "digits-turned.png").stat().st_size > 5000


def test_claims_are_judged_on_all_networks(part: Part) -> None:
    assert part.basis.networks == 16 and part.basis.repeats == 4 and part.basis.epochs == 4
