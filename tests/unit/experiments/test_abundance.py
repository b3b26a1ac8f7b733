"""Widths on a schedule: which width in which epoch, and that descent goes on as if nothing else had happened."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import PSI, TRAINING

from isotropic.surgery.widths import grow, prune
from pipeline.data.dataset import Dataset
from pipeline.experiments.abundance import Pair, Settings, run
from pipeline.experiments.plan.work import Work, stacked, streams
from pipeline.results.statistics import select
from pipeline.training import engine, optimiser

CPU = torch.device("cpu")


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 6,
        "epochs_at_start": 1,
        "epochs_at_end": 2,
        "columns": "normal",
        "hidden_widths": [3, 6],
        "hidden_layers": 2,
        "configuration": PSI,
    }
    return Settings(**(values | changes))


def pair(plan: Settings, start: int, end: int) -> list[Pair]:
    return [member for member in plan.members() if (member.start, member.end) == (start, end)]


def values(rows: pd.DataFrame, measure: str, **wanted: Any) -> list[float]:
    return select(rows, measure=measure, **wanted)["value"].tolist()


def test_the_papers_schedule() -> None:
    plan = settings(hidden_widths=[7, 100], epochs=100, epochs_at_start=15, epochs_at_end=10)
    up = [plan.scheduled(7, 100, epoch) for epoch in range(1, 101)]
    assert up[:15] == [7] * 15 and up[15:18] == [8, 9, 11]  # 7 + 1.24 k
    assert up[88] == 99 and up[89:] == [100] * 11  # arrives in the last of the 75 epochs
    down = [plan.scheduled(100, 7, epoch) for epoch in range(1, 101)]
    assert all(abs(a + b - 107) <= 1 for a, b in zip(up, down, strict=True))
    assert {plan.scheduled(50, 50, epoch) for epoch in range(1, 101)} == {50}


def test_members_are_all_pairs_and_a_pair_stays_together() -> None:
    plan = settings()
    assert len(plan.members()) == 2 * 2 * 2
    assert [plan.stack_key(m) for m in plan.members()] == [p for p in ((3, 3), (3, 6), (6, 3), (6, 6)) for _ in "ab"]


@pytest.mark.parametrize(("start", "end"), [(3, 6), (6, 3)])
def test_rows_say_every_width_and_the_end(data: Dataset, start: int, end: int) -> None:
    plan = settings()
    rows = run(Work(plan, pair(plan, start, end), [data], CPU))
    step = 1 if end > start else -1
    expected = [start, start, start + step, start + 2 * step, end, end, end]  # epochs 0 to 6
    for layer in (1, 2):
        assert values(rows, "width", layer=layer, repeat=0) == expected
    assert (set(rows["start"]), set(rows["end"])) == ({start}, {end})
    assert set(rows["network"]) == {f"7-{start}-{start}-3"}
    accuracies = values(rows, "test_accuracy", repeat=1)
    assert values(rows, "accuracy", phase="final", repeat=1) == accuracies[-1:]
    assert values(rows, "best_accuracy", phase="final", repeat=1) == [max(accuracies)]


def test_members_change_as_if_alone(data: Dataset) -> None:
    plan = settings()
    members = pair(plan, 6, 3)
    together = run(Work(plan, members, [data], CPU))
    alone = run(Work(plan, members[1:], [data], CPU))
    own = values(alone, "test_loss")
    assert values(together, "test_loss", repeat=1) == pytest.approx(own, rel=1e-4)
    assert values(together, "test_loss", repeat=0) != pytest.approx(own, rel=1e-2)


def trained_by_hand(plan: Settings, data: Dataset, change: Any) -> list[float]:
    """Test losses of repeat 0 from width 3, where `change` is called after each epoch."""
    members = pair(plan, 3, 3)[:1]
    names = streams("abundance", data.name, members)
    ensemble = stacked(plan, members, names, 7, 3, CPU)
    descent = optimiser.make(ensemble, plan)
    losses = []
    for epoch in engine.train(ensemble, descent, data, plan.epochs, plan.batch_size, names):
        losses.append(float(epoch.test_loss))
        change(ensemble, descent)
    return losses


def test_a_static_pair_is_plain_training(data: Dataset) -> None:
    plan = settings(repeats=1)
    plain = trained_by_hand(plan, data, lambda *_: None)
    assert values(run(Work(plan, pair(plan, 3, 3), [data], CPU)), "test_loss") == plain
    assert values(run(Work(plan, pair(plan, 3, 6), [data], CPU)), "test_loss")[-1] != pytest.approx(
        plain[-1], rel=1e-4
    )


def test_the_engine_takes_up_every_changed_tensor(data: Dataset) -> None:
    """Between epochs all shapes change; the next epoch must train what is there then, the new neurons included."""
    seen: list[list[int]] = []

    def change(ensemble: Any, descent: Any) -> None:
        if seen:
            assert all(p.grad is not None and p.grad.shape == p.shape for p in ensemble.parameters())
            assert all(descent.state[p]["exp_avg"].shape == p.shape for p in ensemble.parameters())
            assert ensemble.affine[1].weight[:, -2:].abs().min() > 0, "the neurons grown before this epoch"
        seen.append(ensemble.widths)
        grow(ensemble, 2, 2, optimiser=descent, generator=[torch.Generator().manual_seed(len(seen))])
        prune(ensemble, 1, 1, optimiser=descent) if ensemble.widths[1] > 2 else None

    losses = trained_by_hand(settings(epochs=4), data, change)
    assert seen == [[7, 3, 3, 3], [7, 2, 5, 3], [7, 2, 7, 3], [7, 2, 9, 3], [7, 2, 11, 3]]
    assert all(loss == pytest.approx(1.1, abs=0.5) for loss in losses)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 3}, "leave none for the width to move"),
        ({"hidden_widths": [3, 3]}, "3 is there twice"),
        ({"hidden_widths": [0, 3]}, "greater than or equal to 1"),
        ({"configuration": PSI.model_copy(update={"compensation": "expectation"})}, "widths do not move"),
    ],
)
def test_impossible_settings(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**changes)
