"""What rows may say: the columns and levels that are declared; and that nothing else can be observed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch
from small import PSI, STANDARD

from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.experiments.plan import Member
from pipeline.experiments.plan.observations import Observations
from pipeline.results.measures import TRAINING
from pipeline.results.rows import frame
from pipeline.results.schema import CHANGE, INDEX, Factor, Measure, Schema, configurations, networks
from pipeline.seeds import seed

SCHEMA = Schema(
    phases={"training": "after an epoch", "held": "held in a basis"},
    measures=TRAINING | {"epsilon": Measure("change of logits ε")},
    networks={"start": Factor("hidden width at the start", int), "end": Factor("hidden width at the end", int)},
    observations={"basis": Factor("of a layer", levels=("neurons", "eigenbasis")), "change": CHANGE, "index": INDEX},
)
COLUMNS = ["experiment", "data", "network", "configuration", "start", "end", "repeat", "seed", "phase", "epoch"]
COLUMNS += ["basis", "change", "index", "layer", "precision", "measure", "value"]
# What is not declared -> the line that names what would be valid.
WRONG: list[tuple[dict[str, object], str]] = [
    ({"bases": "neurons"}, f"rows: 'bases' is not one of the columns {', '.join(COLUMNS)}"),
    ({"task": None}, f"rows: 'task' is not one of the columns {', '.join(COLUMNS)}"),
    ({"basis": "neuron"}, "rows: 'neuron' is not one of the levels of basis, neurons, eigenbasis"),
    ({"phase": "hold"}, "rows: 'hold' is not one of the levels of phase, training, held, diverged"),
    ({"precision": "float16"}, "rows: 'float16' is not one of the levels of precision, float32, float64"),
    (
        {"measure": "epsilon_"},
        "rows: 'epsilon_' is not one of the levels of measure, "
        "train_loss, test_loss, test_accuracy, epsilon, diverged",
    ),
]


def refused(said: str) -> Any:
    return pytest.raises(ValueError, match=f"^{re.escape(said)}$")


def test_columns_are_in_order() -> None:
    assert list(SCHEMA.columns) == COLUMNS
    assert networks(COLUMNS) == ["data", "network", "configuration", "start", "end", "repeat"]
    assert configurations(COLUMNS) == ["data", "network", "configuration", "start", "end"]
    assert SCHEMA.places == ["basis", "change"]


@pytest.mark.parametrize(("row", "said"), WRONG)
def test_what_is_not_declared_is_refused_with_what_would_be_valid(row: dict[str, object], said: str) -> None:
    with refused(said):
        SCHEMA.check({"experiment": "any text", "repeat": 0} | row)


def test_all_that_is_declared_may_be_said() -> None:
    for column, factor in SCHEMA.columns.items():
        for level in (*factor.levels, None):
            SCHEMA.check({column: level})


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_factor_has_the_name_of_another_column(name: str) -> None:
    """One of two of the same name would be lost."""
    schema = experiment(name).ROWS
    shared = Schema(phases={}, measures={}).columns
    assert len(schema.columns) == len(shared) + len(schema.networks) + len(schema.observations)
    assert not {"diverged"} & {*schema.phases, *schema.measures}


def test_a_single_number_is_on_no_curve() -> None:
    rows = frame(
        [{"index": 3, "value": 1.0}, {"basis": "neurons", "value": 2.0}, {"change": 1, "value": 3.0}], SCHEMA
    )
    assert SCHEMA.single(rows)["value"].tolist() == [2.0, 3.0]
    assert len(Schema({}, {}).single(frame([{"value": 1.0}], Schema({}, {})))) == 1


class Started(Member):
    """A member with one of the factors by which networks differ."""

    start: int


MEMBERS = [Started(repeat=0, configuration=PSI, start=4), Started(repeat=1, configuration=STANDARD, start=8)]
TWO = torch.tensor([1.0, 2.0])
HELD: dict[str, object] = {"phase": "held", "epoch": 0}


def observations() -> Observations:
    return Observations(SCHEMA, "spectra", "noise", MEMBERS, [[7, 4, 3], [7, 8, 3]])


def test_what_members_differ_in_is_written_from_their_fields() -> None:
    observed = observations()
    observed.branch(end=6)
    observed.add({"phase": "held", "epoch": 2, "basis": "eigenbasis", "precision": "float64"}, {"epsilon": TWO})
    table = observed.frame()
    assert list(table.columns) == COLUMNS
    known = table[["network", "configuration", "start", "repeat", "basis", "value"]].to_numpy().tolist()
    assert known == [
        ["7-4-3", PSI.label, 4, 0, "eigenbasis", 1.0],
        ["7-8-3", STANDARD.label, 8, 1, "eigenbasis", 2.0],
    ]
    assert table["seed"].tolist() == [seed("spectra", "noise", repeat) for repeat in (0, 1)]
    assert table["end"].isna().all() and table["layer"].isna().all(), "of a branch that was not observed; no place"


def test_a_branch_has_its_own_factors_and_leaves_those_of_the_members() -> None:
    observed = observations()
    branch = observed.branch(end=6)
    for each in (observed, branch):
        each.add(HELD, {"epsilon": TWO})
    table = observed.frame()
    assert table["end"].fillna(-1).tolist() == [-1, -1, 6, 6] and table["start"].tolist() == [4, 8, 4, 8]
    assert observed.where(1) == {
        "data": "noise",
        "network": "7-8-3",
        "configuration": STANDARD.label,
        "start": 8,
        "repeat": 1,
    }
    assert list(branch.where(1)) == networks(COLUMNS) and branch.where(1)["end"] == 6


WAYS: dict[str, Callable[[Observations, dict[str, object]], object]] = {
    "a place": lambda observed, row: observed.add({"phase": "held", "epoch": 0} | row, {"epsilon": TWO}),
    "a branch": lambda observed, row: observed.branch(**row),
    "the last row": lambda observed, row: observed.stop(torch.tensor([True, False]), row),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("row", "said"), WRONG)
def test_what_is_not_declared_cannot_be_observed(way: str, row: dict[str, object], said: str) -> None:
    observed = observations()
    with refused(said):
        WAYS[way](observed, row)
    assert observed.rows == []
    WAYS[way](observed, {"basis": "neurons"})  # the control


@pytest.mark.parametrize("lacking", ["phase", "epoch"])
def test_a_place_says_when(lacking: str) -> None:
    place = {column: value for column, value in HELD.items() if column != lacking}
    with pytest.raises(ValueError, match=f"has no {lacking}: it says when"):
        observations().add(place, {"epsilon": TWO})


@pytest.mark.parametrize("shape", [(), (3,), (2, 1)])
def test_a_measure_is_a_number_a_member(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"epsilon is \[.*; one number a member is \[2\]"):
        observations().add(HELD, {"epsilon": torch.zeros(shape)})


def test_what_was_observed_twice_at_one_place_is_refused() -> None:
    observed = observations()
    observed.branch(end=6)
    for change in (1, 2):
        observed.add(HELD | {"change": change}, {"epsilon": TWO})
    assert len(observed.frame()) == 4
    observed.add(HELD | {"change": 2}, {"epsilon": TWO})
    with pytest.raises(ValueError, match=r"2 observed twice at one place, the first: .*'change': 2"):
        observed.frame()


def test_a_factor_of_networks_that_none_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no network has the factor 'end'"):
        observations().frame()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"change": "1"}, "rows: '1' is no int, as change is"),
        ({"change": 1.5}, "rows: 1.5 is no int"),
        ({"change": True}, "rows: True is no int"),
        ({"basis": 3}, "rows: 3 is no str"),
    ],
)
def test_a_value_of_another_kind_is_refused(row: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        SCHEMA.check(row)
    SCHEMA.check({"change": 1, "basis": "neurons", "value": 1})


def test_a_factor_is_no_common_column_and_not_there_twice() -> None:
    for more in ({"networks": {"layer": CHANGE}}, {"networks": {"a": CHANGE}, "observations": {"a": CHANGE}}):
        with pytest.raises(ValueError, match="name it otherwise"):
            Schema({}, {}, **more)


def test_a_column_means_the_same_in_all_experiments() -> None:
    """But that channels are changed where there are no neurons."""
    meanings: dict[str, set[tuple[str, type, str]]] = {}
    for name in EXPERIMENTS:
        for column, factor in experiment(name).ROWS.columns.items():
            unit = factor.unit if (name, column) != ("convolutions", "change") else "neurons"
            meanings.setdefault(column, set()).add((factor.words, factor.kind, unit))
    assert {column: found for column, found in meanings.items() if len(found) > 1} == {}


def test_a_measure_means_the_same_in_all_experiments() -> None:
    meanings: dict[str, set[Measure]] = {}
    for name in EXPERIMENTS:
        for measure, each in experiment(name).ROWS.measures.items():
            meanings.setdefault(measure, set()).add(each)
    assert {measure: found for measure, found in meanings.items() if len(found) > 1} == {}


def test_a_measure_that_is_not_declared_cannot_be_observed() -> None:
    observed = observations()
    with refused(WRONG[-1][1]):
        observed.add(HELD, {"epsilon_": TWO})
    assert observed.rows == []


def test_observed_rows_come_back_as_what_they_were() -> None:
    observed = observations()
    observed.branch(end=6)
    observed.add({"phase": "training", "epoch": 1, "precision": "float32"}, {"test_loss": TWO})
    observed.stop(torch.tensor([False, True]), {"epoch": 2})
    observed.add({"phase": "training", "epoch": 2, "precision": "float32"}, {"test_loss": TWO})
    table = observed.frame()
    assert table["phase"].tolist() == ["training", "training", "diverged", "training"]
    assert table["measure"].tolist() == ["test_loss", "test_loss", "diverged", "test_loss"]
    assert table["repeat"].tolist() == [0, 1, 1, 0]
    assert observed.history("test_loss").nan_to_num(-1).tolist() == [[1, 1], [2, -1]]
    assert isinstance(table["phase"].dtype, pd.CategoricalDtype)
