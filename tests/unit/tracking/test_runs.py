from __future__ import annotations

from typing import Any

import made_rows
import pandas as pd

from pipeline.experiments import EXPERIMENTS
from pipeline.reporting.presenters import presenter
from pipeline.tracking.metrics import padded
from pipeline.tracking.runs import plan


def test_names_do_not_depend_on_which_rows_are_there_yet(rows: pd.DataFrame, settings: dict[str, Any]) -> None:
    settings = settings | {"repeats": 20}
    last = rows[(rows["configuration"] == "trainable, trainable") & (rows["repeat"] == 1)]
    everything = {run.key: run.name for run in plan(rows, "p", settings, None)}
    some = {run.key: run.name for run in plan(last, "p", settings, None)}
    assert some.items() <= everything.items()
    assert "2 repeat 01, trainable, trainable" in some.values()


def test_text_order_is_the_order_of_size(rows: pd.DataFrame, settings: dict[str, Any]) -> None:
    names = {name for name, _, _ in plan(rows, "p", settings, None)[1].metrics if name.startswith("epsilon/")}
    assert sorted(names) == [
        f"epsilon/{words}" for words in ("diagonalised", "grown 02", "grown 10", "pruned 02", "pruned 10")
    ]
    assert sorted(["2", "10"]) == ["10", "2"]  # what it would be without
    assert padded(2, 10) == "02"


def test_what_differs_has_another_content_and_what_does_not_the_same(
    rows: pd.DataFrame, settings: dict[str, Any]
) -> None:
    first, again = plan(rows, "p", settings, None), plan(rows.copy(), "p", settings, None)
    assert [run.content for run in first] == [run.content for run in again]
    other = plan(rows, "p", settings | {"optimiser": "sgd"}, None)
    assert [run.key for run in first] == [run.key for run in other]
    assert not {run.content for run in first} & {run.content for run in other}


def test_a_network_that_diverged_shows_when_and_is_in_no_mean(rows: pd.DataFrame, settings: dict[str, Any]) -> None:
    stopped = made_rows.diverged(rows, 2, repeat=1, configuration="trainable, none")
    early = made_rows.diverged(stopped, 1, repeat=1, configuration="trainable, trainable")  # another epoch
    whole, found = ({run.name: run for run in plan(table, "p", settings, None)} for table in (rows, early))
    child = found["1 repeat 1, trainable, none"]
    assert ("diverged/in epoch", 0, 2.0) in child.metrics
    assert [step for name, step, _ in child.metrics if name == "test/accuracy"] == [0, 1]
    other = "1 repeat 0, trainable, none"
    assert found[other].content == whole[other].content
    parent = {(name, step): value for name, step, value in found["1 trainable, none"].metrics}
    alone = {(name, step): value for name, step, value in found[other].metrics}
    assert parent.pop(("repeats", 0)) == 1 and parent.pop(("diverged/repeats", 0)) == 1
    assert parent == alone, "the mean of one repeat"
    assert not any(name.startswith("diverged") for run in whole.values() for name, _, _ in run.metrics)


def test_a_configuration_of_which_every_repeat_diverged(rows: pd.DataFrame, settings: dict[str, Any]) -> None:
    stopped = made_rows.diverged(rows, 1, configuration="trainable, none")
    parent = next(run for run in plan(stopped, "p", settings, None) if run.name == "1 trainable, none")
    assert parent.metrics == (("repeats", 0, 0.0), ("diverged/repeats", 0, 2.0))


def test_every_experiment_has_a_note() -> None:
    assert all(len(presenter(name).NOTE.reading) > 60 for name in EXPERIMENTS)


def test_training_in_both_precisions_makes_two_curves() -> None:
    rows, settings = made_rows.rows("equivariance"), made_rows.SETTINGS["equivariance"].model_dump()
    runs = plan(rows, "p", settings, None)
    for run in runs:
        assert len({(name, step) for name, step, _ in run.metrics}) == len(run.metrics)
    found = {name for name, _, _ in runs[0].metrics}
    assert {"test/accuracy", "test/accuracy float64", "turned/epsilon", "turned float64/epsilon"} <= found
    assert [run.tags["configuration"] for run in runs if run.tags["kind"] == "configuration"] == [
        "gradient descent",
        "momentum",
        "Adam",
        "AdamW",
    ]
