"""The table and the figure of `learning_rates`, from rows of a run on noise of which some accuracies are set."""

from __future__ import annotations

from pathlib import Path

import made_rows
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from pipeline.reporting.experiments.learning_rates import QUIET, STRONG, headlines, present
from pipeline.reporting.presentation import Part

RATES = [0.32, 0.02, 0.08, 0.005]  # in another order than that of the table and the axis
ACTIVATIONS = ["isotropic-relu", "isotropic-tanh", "tanh", "isotropic-identity"]
SETTINGS = made_rows.settings("learning_rates", learning_rates=RATES, activations=ACTIVATIONS)
DATA = made_rows.described("digits")


def made() -> pd.DataFrame:
    """At 0.08 isotropic tanh is ahead by 4 points; each at its own best rate, 0.08 and 0.02, by 1 and 3 by turns."""
    rows = made_rows.rows("learning_rates", SETTINGS)
    best = {"isotropic-tanh": 0.08, "tanh": 0.02}
    tested = (rows["measure"] == "test_accuracy") & (rows["epoch"] == 1)
    validated = rows["measure"] == "validation_accuracy"
    value = rows["value"].astype(float).mask(tested, 80.0).mask(validated, 70.0)
    for activation, rate in best.items():
        value = value.mask(validated & (rows["activation"] == activation) & (rows["learning_rate"] == rate), 90.0)
    isotropic = tested & (rows["activation"] == "isotropic-tanh") & (rows["learning_rate"] == 0.08)
    standard = tested & (rows["activation"] == "tanh") & (rows["learning_rate"] == 0.02)
    value = value.mask(isotropic, 84.0).mask(standard, 81.0 + 2.0 * (rows["repeat"] % 2))
    low = tested & (rows["activation"] == "tanh") & (rows["learning_rate"] == 0.32)
    return rows.assign(value=value.mask(low, 20.0))


@pytest.fixture(scope="module")
def part() -> Part:
    (only,) = present(made(), SETTINGS, DATA).parts
    return only


def drawn(ax: Axes) -> dict[str, float]:
    """Colour -> width of the lines over all rates."""
    lines = (line for line in ax.get_lines() if len(np.asarray(line.get_xdata())) == len(RATES))
    return {to_hex(line.get_color()): line.get_linewidth() for line in lines if line.get_linestyle() != "None"}


def test_the_table_has_accuracy_at_the_papers_rate_the_best_rate_and_accuracy_there(part: Part) -> None:
    (table,) = part.tables
    assert [group.key for group in table.groups] == ["paper", "rate", "best"]
    assert list(table.columns.values()) == [("width 4",), ("width 8",)]
    cells = {(group.key, row.key): row.cells[0] for group in table.groups for row in group.rows}
    means = {key: cell.mean for key, cell in cells.items() if cell is not None}
    assert means["paper", "isotropic-tanh"] == 84.0 and means["paper", "tanh"] == 80.0
    assert means["paper", "difference"] == 4.0
    assert means["rate", "isotropic-tanh"] == 0.08 and means["rate", "tanh"] == 0.02
    assert means["rate", "isotropic-relu"] == 0.005, "all alike: the lowest"
    assert means["best", "isotropic-tanh"] == 84.0 and means["best", "tanh"] == 82.0
    pairs = cells["best", "difference"]
    assert pairs is not None and pairs.mean == 2.0 and pairs.n == 4 and pairs.low < 2.0 < pairs.high


def test_the_table_says_what_is_compared_in_words(part: Part) -> None:
    text = part.tables[0].markdown()
    assert "| isotropic tanh − standard tanh | +4.00 [4.00, 4.00] |" in text
    assert "| isotropic tanh − standard tanh | +2.00 [0.16, 3.84] |" in text
    assert "| standard tanh | 0.0200 | 0.0200 |" in text, "a rate is one number, without n and spread"
    assert "**test accuracy (%) at the paper’s rate, 0.08**" in text and "20% are held out" in text


def test_where_all_networks_diverged_there_is_a_dash(part: Part) -> None:
    """All of an activation at the paper’s rate: the rest is there."""
    rows = made()
    left = rows[~((rows["learning_rate"] == 0.08) & (rows["activation"] == "isotropic-tanh"))]
    (other,) = present(left, SETTINGS, DATA).parts
    text = other.tables[0].markdown()
    assert "| isotropic tanh | – | – |" in text and "| standard tanh | 80.00 ± 0.00 | 80.00 ± 0.00 |" in text
    assert part.tables[0].markdown() != text


def test_the_two_that_are_compared_stand_out_in_the_figure(part: Part, tmp_path: Path) -> None:
    (plot,) = part.plots
    axes = plot.figure.axes
    assert [ax.get_title(loc="left") for ax in axes] == ["width 4", "width 8"]
    strong = {line.light for line in STRONG.values()}
    for ax in axes:
        assert ax.get_xscale() == "log"
        assert [text.get_text() for text in ax.get_xticklabels()] == ["0.005", "0.02", "0.08", "0.32"]
        widths = drawn(ax)
        assert set(widths) == strong | {line.light for line in QUIET[:2]}
        assert min(widths[colour] for colour in strong) > max(widths[c] for c in set(widths) - strong)
        assert {to_hex(band.get_facecolor()) for band in ax.patches} == strong, "intervals of two are to be read"
        marks = [line for line in ax.get_lines() if np.asarray(line.get_xdata()).tolist() == [0.08, 0.08]]
        assert len(marks) == 1
    legend = [text.get_text() for text in plot.figure.legends[0].get_texts()]
    assert legend == ["isotropic tanh", "standard tanh", "isotropic relu", "isotropic identity"]
    plot.save(tmp_path)
    assert (tmp_path / "digits-accuracy.png").stat().st_size > 5000


def test_a_rate_that_is_far_too_high_does_not_set_the_scale(part: Part) -> None:
    """The lowest accuracy at 0.08 is 80, the highest of all 84; the control: with no rate at which it is 20."""
    assert [ax.get_ylim()[0] for ax in part.plots[0].figure.axes] == [76.0, 76.0]
    rows = made()
    (other,) = present(rows.assign(value=rows["value"].mask(rows["value"] == 20.0, 80.0)), SETTINGS, DATA).parts
    assert other.plots[0].figure.axes[0].get_ylim()[0] > 76.0


def test_headlines_are_both_at_their_best() -> None:
    found = headlines(made())
    assert list(found) == ["width_004", "width_008"]
    assert found["width_004"] == {
        "isotropic tanh": {"best_rate": 0.08, "accuracy": 84.0},
        "standard tanh": {"best_rate": 0.02, "accuracy": 82.0},
        "difference": 2.0,
    }


def test_the_protocol_is_that_of_width_transitions_and_says_what_the_paper_has_not(part: Part) -> None:
    lines = {setting.name: setting for setting in part.protocol}
    assert lines["learning rates"].paper == "no such experiment"
    assert lines["learning rates"].here == "0.005, 0.02, 0.08, 0.32"
    assert lines["learning rate"].same and lines["batch size"].same and lines["optimiser"].same
    assert not part.basis.same_as_paper
