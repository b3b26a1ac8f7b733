"""Rows as tables and files: types of columns, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.results.rows import frame, from_bytes, read, to_bytes, write
from pipeline.results.schema import Factor, Measure, Schema

SCHEMA = Schema(
    phases={"before": "at first", "after": "at last"},
    measures={"epsilon": Measure("change of logits ε")},
    observations={
        "power": Factor("of a proxy", float),
        "adaptive": Factor("whether widths change", bool),
        "basis": Factor("of a layer", levels=("neurons", "eigenbasis")),
        "task": Factor("any text"),
        "step": Factor("of the optimiser", int, many=True),
    },
)
_WHO = {"experiment": "made", "data": "d", "network": "4-3", "configuration": "c", "repeat": 0, "seed": 1, "epoch": 0}
OBSERVED: list[dict[str, object]] = [
    _WHO | {"phase": "after", "measure": "epsilon", "power": 0.5, "adaptive": False, "value": 1.0},
    _WHO | {"phase": "before", "measure": "epsilon", "basis": "neurons", "task": "t", "step": 3},
]


def table() -> pd.DataFrame:
    return frame(OBSERVED, SCHEMA)


def test_each_column_has_the_type_of_its_factor() -> None:
    made = table()
    assert list(made.columns) == list(SCHEMA.columns)
    kinds = {"power": "Float64", "adaptive": "boolean", "task": "string", "step": "Int64", "value": "Float64"}
    assert {column: str(made[column].dtype) for column in kinds} == kinds
    levels = {column: list(made[column].cat.categories) for column in ("phase", "basis", "measure")}
    assert levels == {
        "phase": ["before", "after", "diverged"],
        "basis": ["neurons", "eigenbasis"],
        "measure": ["epsilon", "diverged"],
    }
    assert made["phase"].tolist() == ["after", "before"] and made["basis"].isna().tolist() == [True, False]


def test_no_rows_have_the_same_types() -> None:
    pd.testing.assert_series_equal(frame([], SCHEMA).dtypes, table().dtypes)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"basis": "neuron"}, "rows: 'neuron' is not one of the levels of basis, neurons, eigenbasis"),
        ({"phase": "later"}, "rows: 'later' is not one of the levels of phase, before, after, diverged"),
        ({"index": 1}, "rows: 'index' is not one of the columns experiment, data, "),
    ],
)
def test_what_is_not_declared_does_not_become_missing(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        frame([*OBSERVED, OBSERVED[0] | wrong], SCHEMA)


def test_rows_come_back_from_a_file_and_from_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write(table(), path)
    pd.testing.assert_frame_equal(read(path, "made", SCHEMA), table())
    pd.testing.assert_frame_equal(from_bytes(to_bytes(table()), SCHEMA), table())


OTHER: dict[str, tuple[Any, str]] = {
    "another experiment": (lambda made: made.assign(experiment="other"), "rows of another experiment than made"),
    "a level more": (
        lambda made: made.assign(phase=made["phase"].astype("string").replace("before", "ahead")),
        "'ahead' is not one of the levels of phase, before, after, diverged",
    ),
    "a column less": (lambda made: made.drop(columns="basis"), "columns ['experiment'"),
    "text for numbers": (lambda made: made.assign(power="much"), "power has str, not numbers"),
    "numbers as text": (lambda made: made.assign(repeat="0"), "repeat has str, not numbers"),
    "truth for numbers": (lambda made: made.assign(epoch=True), "epoch has bool, not numbers"),
    "no repeats": (lambda made: made.assign(repeat=pd.NA).astype({"repeat": "Int64"}), "repeat is missing in 2 rows"),
    "some without a phase": (lambda made: made.assign(phase=made["phase"].mask(made.index == 0)), "in 1 rows"),
}


@pytest.mark.parametrize("name", OTHER)
def test_other_rows_are_refused_in_a_line_that_names_the_file(name: str, tmp_path: Path) -> None:
    path, (change, said) = tmp_path / "rows.parquet", OTHER[name]
    write(change(table()), path)
    with pytest.raises(InputError) as refused:
        read(path, "made", SCHEMA)
    line = str(refused.value)
    assert str(path) in line and said in line and line.endswith("`dvc repro` makes it again")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.parquet: no such file; `dvc repro` makes it"):
        read(tmp_path / "rows.parquet", "made", SCHEMA)
