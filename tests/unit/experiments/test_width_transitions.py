"""Trained once, taken to every end: the copies go on exactly as the original would have, whatever the others do."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import TRAINING

from pipeline.config import Configuration
from pipeline.data.dataset import Dataset
from pipeline.experiments.plan.work import Work, stacked, streams
from pipeline.experiments.width_transitions import CONTROL, Settings, Start, run
from pipeline.results.statistics import select
from pipeline.training import engine, optimiser

CPU = torch.device("cpu")
EXPECTING = Configuration(intrinsic_length="trainable", compensation="expectation")


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 6,
        "epochs_before": 2,
        "neurons_per_epoch": 1,
        "optimiser": "adam",
        "weight_decay": 0.0,
        "columns": "normal",
        "expectation_samples": 20,
        "hidden_widths": [5, 3, 6, 4],
        "configuration": EXPECTING,
    }
    return Settings(**(values | changes))


def group(plan: Settings, start: int, control: bool = False) -> list[Start]:
    label = (CONTROL if control else EXPECTING).label
    return [m for m in plan.members() if m.start == start and m.configuration.label == label]


def values(rows: pd.DataFrame, measure: str, **wanted: Any) -> list[float]:
    return select(rows, measure=measure, **wanted)["value"].tolist()


def uninterrupted(
    plan: Settings, members: list[Start], data: Dataset, forget: bool = False
) -> tuple[list[float], list[float]]:
    """Test losses of the first member before and after the point where copies are made, without any copy."""
    names = streams("width_transitions", data.name, members)
    ensemble = stacked(plan, members, names, 7, 3, CPU)
    descent = optimiser.make(ensemble, plan)
    first = engine.train(ensemble, descent, data, plan.epochs_before, plan.batch_size, names)
    before = [float(epoch.test_loss[0]) for epoch in first]
    descent = optimiser.make(ensemble, plan) if forget else descent
    orders = [(*name, "transition") for name in names]
    left = plan.epochs - plan.epochs_before
    then = engine.train(ensemble, descent, data, left, plan.batch_size, orders)
    return before, [float(epoch.test_loss[0]) for epoch in then]


@pytest.mark.parametrize("start", [5, 4])  # the first and the last of the ends
def test_a_static_copy_goes_on_as_the_original(data: Dataset, start: int) -> None:
    plan = settings()
    rows = run(Work(plan, group(plan, start), [data], CPU))
    before, after = uninterrupted(plan, group(plan, start), data)
    assert values(rows, "test_loss", end=None, repeat=0) == before
    assert values(rows, "test_loss", end=start, repeat=0) == after
    _, forgetful = uninterrupted(plan, group(plan, start), data, forget=True)
    assert forgetful[-1] != pytest.approx(after[-1], rel=1e-4), "the moments matter"


def test_ends_share_their_beginning_and_then_part(data: Dataset) -> None:
    plan = settings()
    rows = run(Work(plan, group(plan, 5), [data], CPU))
    parted = {end: values(rows, "test_loss", end=end, repeat=1) for end in plan.hidden_widths}
    assert len({losses[0] for losses in parted.values()}) == 1
    assert len({losses[-1] for losses in parted.values()}) == 4
    shared = values(rows, "test_loss", end=None, repeat=1)
    assert shared[-1] == parted[3][0] and len(shared) == plan.epochs_before + 1


def test_widths_move_one_neuron_an_epoch(data: Dataset) -> None:
    plan = settings()
    rows = run(Work(plan, group(plan, 5), [data], CPU))
    assert values(rows, "width", end=3, repeat=0) == [5, 4, 3, 3, 3]  # epochs 2 to 6
    assert values(rows, "width", end=6, repeat=0) == [5, 6, 6, 6, 6]
    assert select(rows, measure="width", end=6, repeat=0)["epoch"].tolist() == [2, 3, 4, 5, 6]


def test_the_papers_schedule() -> None:
    plan = settings(hidden_widths=[8, 32], epochs=72, epochs_before=24)
    up, down = ([plan.scheduled(*ends, epoch) for epoch in range(1, 73)] for ends in ((8, 32), (32, 8)))
    assert up[:26] == [8] * 24 + [9, 10] and up[46:] == [31] + [32] * 25
    assert [a + b for a, b in zip(up, down, strict=True)] == [40] * 72


def test_controls_stay_at_their_width(data: Dataset) -> None:
    plan = settings()
    rows = run(Work(plan, group(plan, 3, control=True), [data], CPU))
    assert set(rows["configuration"]) == {"standard tanh"}
    assert set(rows["start"]) == set(rows["end"].dropna()) == {3} and set(values(rows, "width")) == {3.0}
    assert values(rows, "test_loss", end=3, repeat=0) == uninterrupted(plan, group(plan, 3, control=True), data)[1]


def test_members_change_as_if_alone(data: Dataset) -> None:
    plan = settings()
    together, alone = (run(Work(plan, members, [data], CPU)) for members in (group(plan, 6), group(plan, 6)[1:]))
    own = values(alone, "test_loss", end=3)
    assert values(together, "test_loss", end=3, repeat=1) == pytest.approx(own, rel=1e-4)
    assert values(together, "test_loss", end=3, repeat=0) != pytest.approx(own, rel=1e-2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 4}, "before every width"),
        ({"hidden_widths": [3, 3]}, "3 is there twice"),
        ({"configuration": CONTROL}, "standard tanh is the control"),
    ],
)
def test_impossible_settings(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**changes)
