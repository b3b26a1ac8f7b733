"""The tables and figures of `components`, from rows of a small run."""

from __future__ import annotations

import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.components import BASES, COMPONENTS, DIMENSIONS, NEURONS, RANDOM
from pipeline.experiments.components import VARIANTS as REPRESENTED
from pipeline.reporting.experiments.components import BASES as LINES
from pipeline.reporting.experiments.components import INDEPENDENCE, VARIANTS, headlines, images, present
from pipeline.reporting.presentation import Part
from pipeline.reporting.tables import Quantity, Table
from pipeline.results.statistics import select

TRAININGS = ["as usual", "in the eigenbasis"]
SETTINGS = made_rows.settings("components")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made_rows.rows("components")


@pytest.fixture(scope="module")
def part(rows: pd.DataFrame) -> Part:
    (only,) = present(rows, SETTINGS, made_rows.described("digits")).parts
    return only


def cell(table: Table, group: str, row: str, column: str) -> Quantity:
    (lines,) = [each for each in table.groups if each.key == group]
    (line,) = [each for each in lines.rows if each.key == row]
    found = line.cells[list(table.columns).index(column)]
    assert found is not None
    return found


def test_every_basis_and_variant_of_the_rows_is_shown(rows: pd.DataFrame) -> None:
    own = select(rows, phase="represented")[["basis", "variant"]].drop_duplicates()
    assert set(own.itertuples(index=False, name=None)) == set(REPRESENTED)
    assert set(VARIANTS) == {f"{variant} {basis}" for basis, variant in REPRESENTED}
    assert set(select(rows, phase="basis")["basis"]) == set(BASES) == set(LINES)
    assert set(select(rows, phase="image")["dimension"]) == set(DIMENSIONS)


def test_tables_of_changes_have_each_variant_in_each_place(part: Part) -> None:
    tables = {table.name: table for table in part.tables}
    for name in ("as-usual", "in-the-eigenbasis"):
        table = tables[f"digits-changes-{name}"]
        assert list(table.columns) == [f"{p} {bits}" for p in ("1", "2", "all") for bits in ("float32", "float64")]
        for group in table.groups:
            for row in group.rows:
                known = [each is not None for each in row.cells]
                assert known == ([False] * 5 + [True] if row.key == "held" else [True] * 6)
        assert cell(table, "epsilon", f"exact {COMPONENTS}", "all float64").mean < 1e-12
        assert cell(table, "epsilon", f"exact {COMPONENTS}", "all float32").mean > 1e-9
        assert cell(table, "epsilon", f"diagonal {COMPONENTS}", "all float64").mean > 1e-2
    held = [
        cell(tables[f"digits-changes-{t.replace(' ', '-')}"], "epsilon", "held", "all float64") for t in TRAININGS
    ]
    assert held[0].mean > 1e-2 > 1e-4 > held[1].mean


def test_accuracy_is_of_all_layers(part: Part, rows: pd.DataFrame) -> None:
    (table,) = [each for each in part.tables if each.name == "digits-accuracy"]
    own = select(rows, phase="represented", measure="accuracy", precision="float64", configuration=TRAININGS[0])
    for basis, variant in REPRESENTED:
        known = select(own, layer=None, basis=basis, variant=variant)["value"].mean()
        assert cell(table, "accuracy", f"{variant} {basis}", TRAININGS[0]).mean == pytest.approx(known)
    assert [row.key for row in table.groups[0].rows] == ["trained", "held", *VARIANTS]


def test_differences_of_independence_are_paired_by_repeat(part: Part, rows: pd.DataFrame) -> None:
    (table,) = [each for each in part.tables if each.name == "digits-independence"]
    assert [group.key for group in table.groups] == list(INDEPENDENCE)
    own = select(rows, phase="basis", measure="negentropy", layer=2, configuration=TRAININGS[1])
    one, other = (
        select(own, basis=basis).sort_values("repeat")["value"].to_numpy(dtype=float)
        for basis in (COMPONENTS, RANDOM)
    )
    gap = cell(table, "negentropy", f"minus {RANDOM}", f"{TRAININGS[1]} 2")
    assert gap.mean == pytest.approx((one - other).mean()) and gap.sd == pytest.approx(np.std(one - other, ddof=1))
    neurons = cell(table, "negentropy", f"minus {NEURONS}", f"{TRAININGS[1]} 2")
    assert neurons.mean != gap.mean
    for group in table.groups:
        assert [row.key for row in group.rows if row.differences] == [f"minus {NEURONS}", f"minus {RANDOM}"]
        assert [row.key for row in group.rows if not row.differences] == list(LINES)


def test_pictures_are_of_both_and_have_the_values_in_place(part: Part) -> None:
    names = [plot.name for plot in part.plots]
    assert names == ["digits-negentropy", "digits-pictures-as-usual", "digits-pictures-in-the-eigenbasis"]
    (first, second, _) = part.plots[1].figure.axes
    assert [ax.get_title(loc="left") for ax in (first, second)] == [COMPONENTS, NEURONS]
    assert not np.array_equal(first.images[0].get_array(), second.images[0].get_array())


def test_images_are_by_picture_and_pixel_whatever_the_order_of_rows() -> None:
    places = [(index, pixel) for index in range(2) for pixel in range(6)]
    rows = pd.DataFrame({"rank": [p[0] for p in places], "pixel": [p[1] for p in places]})
    rows["value"] = rows["rank"] * 10.0 + rows["pixel"]
    found = images(rows.sample(frac=1, random_state=0), [1, 2, 3])
    assert found.shape == (2, 1, 2, 3) and found[1, 0].tolist() == [[10, 11, 12], [13, 14, 15]]


def test_headlines_name_what_each_variant_does(rows: pd.DataFrame) -> None:
    found = headlines(rows)
    assert list(found) == TRAININGS
    for own in found.values():
        assert own["log10_epsilon_exact"] < -12 and own["epsilon_scaled_diagonal"] > 1
        assert own["negentropy_components"] > own["negentropy_random"]
    assert found[TRAININGS[1]]["accuracy"] == found[TRAININGS[1]]["accuracy_held"]


def test_what_does_not_vary_is_a_dash_and_said(rows: pd.DataFrame, part: Part) -> None:
    said = "A dash: on the test set no neuron there varies, or one has the same value too often to tell."
    assert not any("A dash" in table.caption for table in part.tables), "the control"
    found = rows[rows["phase"].isin(["basis", "neuron", "picture"]) & (rows["basis"] != NEURONS)]
    (without,) = present(rows.drop(found.index), SETTINGS, made_rows.described("digits")).parts
    (table,) = [each for each in without.tables if each.name == "digits-independence"]
    assert said in table.caption and "nan" not in table.markdown()
    drawn = [plot for plot in without.plots if "pictures" in plot.name]
    assert len(drawn) == 2 and all(f"of {NEURONS} alone, since of the others none varies" in p.caption for p in drawn)
    neither = rows[~rows["phase"].isin(["basis", "neuron", "picture"])]
    (nothing,) = present(neither, SETTINGS, made_rows.described("digits")).parts
    assert nothing.plots == []
