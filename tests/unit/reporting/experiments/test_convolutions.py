"""Tables, figures and headlines of `convolutions`, from the rows of a small run."""

from __future__ import annotations

import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.convolutions import WAYS as WAYS_OF_ROWS
from pipeline.experiments.convolutions import WHOLE
from pipeline.reporting.experiments.convolutions import WAYS, headlines, present
from pipeline.reporting.figures import styled
from pipeline.reporting.presentation import Part
from pipeline.results.statistics import select


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made_rows.rows("convolutions", made_rows.settings("convolutions"))


@pytest.fixture(scope="module")
def part(rows: pd.DataFrame) -> Part:
    (only,) = present(rows, made_rows.settings("convolutions"), made_rows.described("digits")).parts
    return only


def test_every_way_of_the_experiment_has_words() -> None:
    assert set(WAYS) == set(WAYS_OF_ROWS) and len({words for words, _ in WAYS.values()}) == len(WAYS)


def test_tables_have_the_means_of_the_rows_of_each_way(part: Part, rows: pd.DataFrame) -> None:
    changed, controls = part.tables
    adapted = select(rows, phase="adapted", measure="epsilon_scaled")
    for group in [changed.groups[0], *controls.groups]:
        way = WHOLE if group is changed.groups[0] else group.key.removeprefix("epsilon_scaled ")
        for row in group.rows:
            for place, cell in zip(controls.columns, row.cells, strict=True):
                layer, precision = place.split()
                own = select(adapted, stand_in=way, layer=int(layer), precision=precision, change=int(row.key))
                assert cell is not None and cell.n == 4 and cell.mean == pytest.approx(own["value"].mean())
    assert [row.key for row in changed.groups[0].rows] == ["2", "0", "-1", "-2"]
    assert [row.key for row in controls.groups[0].rows] == ["-1", "-2"], "there is one way alone to grow"
    means = {tuple(cell.mean for row in group.rows for cell in row.cells if cell) for group in controls.groups}
    assert len(means) == len(WAYS)


def test_further_training_has_its_rows(part: Part, rows: pd.DataFrame) -> None:
    group = part.tables[0].groups[-1]
    assert group.heading == "test accuracy (%) after 1 further epoch" and [row.key for row in group.rows] == [
        "0",
        "-2",
    ]
    own = select(rows, phase="trained on", layer=2, change=-2)["value"]
    cells = dict(zip(part.tables[0].columns, group.rows[-1].cells, strict=True))
    assert cells["2 float32"] is not None and cells["2 float32"].mean == pytest.approx(own.mean())
    assert cells["2 float64"] is None


def test_the_figure_has_a_panel_for_each_layer_and_precision(part: Part) -> None:
    changed, training = part.plots
    titles = [ax.get_title(loc="left") for ax in changed.figure.axes]
    assert titles == [f"layer {layer}, {precision}" for layer in (1, 2) for precision in ("float32", "float64")]
    for ax in changed.figure.axes:
        drawn = sorted(len(np.asarray(line.get_xdata())) for line in ax.get_lines())
        assert drawn[-4:] == [2, 2, 2, 4] and ax.get_yscale() == "log"
    for plot in (changed, training):
        with styled():
            plot.figure.set_dpi(200)  # at which it is saved; text is a little narrower at others
            plot.figure.canvas.draw()
        legend = plot.figure.legends[0].get_window_extent()
        assert legend.x0 >= 0 and legend.x1 <= plot.figure.bbox.x1, "the legend is not cut off"


def test_headlines_are_of_the_most_channels_added_and_removed(rows: pd.DataFrame) -> None:
    found = headlines(rows)
    assert found["accuracy"] == round(select(rows, phase="baseline", precision="float32")["value"].mean(), 2)
    own = select(rows, phase="adapted", layer=1, measure="epsilon_scaled", stand_in=WHOLE, precision="float64")
    for name, change in (("grown", 2), ("pruned", -2)):
        mean = own[own["change"] == change]["value"].mean()
        assert found["layer_1_log10_epsilon_scaled"][name] == pytest.approx(np.log10(mean), abs=0.05)
    assert found["layer_1_log10_epsilon_scaled"]["grown"] < -11 < -1 < found["layer_1_log10_epsilon_scaled"]["pruned"]


def test_the_protocol_says_that_the_paper_has_no_such_experiment(part: Part) -> None:
    lines = {setting.name: setting for setting in part.protocol}
    assert lines["channels of the convolutions"].here == "6-4" and not lines["channels of the convolutions"].same
    assert lines["changes that are trained on"].here == "0, −2" and not part.basis.same_as_paper
