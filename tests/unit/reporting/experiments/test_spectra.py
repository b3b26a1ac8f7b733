"""The table and the figures of `spectra`, from made-up rows."""

from __future__ import annotations

import made_rows
import numpy as np
import pytest

from pipeline.reporting.experiments.spectra import present
from pipeline.reporting.presentation import Part
from pipeline.results.spectrum import NUMBERS

LABELS = ["trainable, trainable+decay", "standard tanh"]


@pytest.fixture(scope="module")
def part() -> Part:
    settings = made_rows.settings("spectra", epochs=2)
    rows = made_rows.rows("spectra", settings)
    rows.loc[(rows["measure"] == "sigma") & (rows["epoch"] == 0), "value"] = 1.0  # as isotropic networks begin
    (only,) = present(rows, settings, made_rows.described("digits")).parts
    return only


def test_the_table_has_every_map_before_and_after_training(part: Part) -> None:
    (table,) = part.tables
    places = [f"map {layer}, epoch {epoch}" for layer in (1, 2, 3) for epoch in (0, 2)]
    assert list(table.columns) == LABELS and [group.key for group in table.groups] == list(NUMBERS)
    for group in table.groups:
        assert [row.key for row in group.rows] == places
        assert all(cell is not None and cell.n == 4 for row in group.rows for cell in row.cells)


def test_there_are_ridges_for_each_configuration_and_a_figure_of_each_number(part: Part) -> None:
    names = ["figure-2-4", "figure-5", *(measure.replace("_", "-") for measure in NUMBERS), "training"]
    assert [plot.name for plot in part.plots] == [f"digits-{name}" for name in names]
    ridges = part.plots[0].figure.axes
    assert [ax.get_title(loc="left") for ax in ridges] == [f"map {n}" for n in (1, 2, 3) for _ in "sb"]
    for plot in part.plots[2:-1]:
        assert [ax.get_title(loc="left") for ax in plot.figure.axes] == ["map 1", "map 2", "map 3"]


def test_likeness_has_no_point_where_all_values_are_equal(part: Part) -> None:
    plots = {plot.name: plot for plot in part.plots}
    for name, epochs in (("likeness", [1, 2]), ("effective-rank", [0, 1, 2])):
        axes = plots[f"digits-{name}"].figure.axes
        drawn = [np.asarray(line.get_xdata()).tolist() for ax in axes for line in ax.get_lines()]
        assert [at for at in drawn if at] == [epochs] * 6
