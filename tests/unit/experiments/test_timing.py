"""The timing of epochs: which parts are timed in which case, and that the cases do what they say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from small import PSI, TRAINING, noise

from pipeline.config import Configuration
from pipeline.data.dataset import Dataset
from pipeline.experiments import timing
from pipeline.experiments.plan.work import Work
from pipeline.experiments.timing import Settings, run
from pipeline.results.statistics import select
from pipeline.training import engine

CPU = torch.device("cpu")
PARTS = {"training_seconds", "testing_seconds", "adapting_seconds"}


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "repeats": 1,
        "epochs": 3,
        "warm_up": 2,
        "learning_rate": 0.08,
        "hidden": [5, 7],
        "layer": 2,
        "testing": [False, True],
        "adaptations": ["none", "prune", "grow"],
        "neurons": 1,
        "columns": "normal",
        "configuration": PSI,
    }
    return Settings(**(values | changes))


@pytest.fixture(scope="module")
def data() -> Dataset:
    return noise(40, 20, (1, 1, 6))


def test_each_case_has_its_parts_at_every_timed_epoch(data: Dataset) -> None:
    rows = run(Work(settings(), settings().members(), [data], CPU))
    seconds = select(rows, measure=sorted(PARTS))
    assert (seconds["value"] > 0).all() and set(seconds["epoch"]) == {3, 4, 5}
    found = {case: set(some["measure"]) for case, some in seconds.groupby("configuration")}
    assert found == {
        "train, none": {"training_seconds"},
        "train, prune": {"training_seconds", "adapting_seconds"},
        "train, grow": {"training_seconds", "adapting_seconds"},
        "train+test, none": {"training_seconds", "testing_seconds"},
        "train+test, prune": PARTS,
        "train+test, grow": PARTS,
    }
    assert not seconds[["configuration", "epoch", "measure"]].duplicated().any()
    factors = seconds[["configuration", "testing", "adaptation"]].drop_duplicates().itertuples(index=False, name=None)
    assert list(factors) == [(case.label, case.testing, case.adaptation) for case in settings().cases()]


def test_widths_move_by_one_per_epoch_and_only_where_they_should(data: Dataset) -> None:
    widths = {}
    for case in settings().cases():
        network = timing._Network(Work(settings(), [case], [data], CPU))
        for number in (1, 2, 3):
            network.epoch(number)
        widths[case.adaptation] = network.net.widths
    assert widths == {"none": [6, 5, 7, 3], "prune": [6, 5, 4, 3], "grow": [6, 5, 10, 3]}


def test_seconds_are_those_of_the_part_that_took_them(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))  # a second passes with every look
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr("isotropic.surgery.widths.prune", lambda *a, **k: [next(clock) for _ in range(100)])
    rows = run(Work(settings(testing=[True], adaptations=["prune"]), settings().members(), [data], CPU))
    means = rows.groupby("measure")["value"].mean()
    assert (means["training_seconds"], means["testing_seconds"], means["adapting_seconds"]) == (1, 1, 101)


def test_training_is_that_of_the_engine(data: Dataset) -> None:
    plan = settings(testing=[False], adaptations=["none"])
    network = timing._Network(Work(plan, [plan.cases()[0]], [data], CPU))
    for number in (1, 2):
        network.epoch(number)
    start = timing._Network(Work(plan, [plan.cases()[0]], [data], CPU))
    list(engine.train(start.net, start.descent, data, 2, plan.batch_size, start.names))
    other = start.net.tensors()
    assert all(torch.equal(t, other[name]) for name, t in network.net.tensors().items())


def test_all_cases_are_one_job() -> None:
    assert len(settings().members()) == 1 and len(settings().cases()) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"repeats": 2},
        {"layer": 3},
        {"hidden": [5, 5]},  # five epochs prune it away
        {"configuration": Configuration(intrinsic_length="trainable", compensation="expectation")},
        {"adaptations": ["shrink"]},
    ],
)
def test_settings_that_cannot_be_timed_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


def test_a_width_that_is_only_grown_may_be_small() -> None:
    assert settings(hidden=[5, 1], adaptations=["grow"]).hidden == [5, 1]
