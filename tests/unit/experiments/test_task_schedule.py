"""task_schedule: the schedule is checked, twins share their start, and members do not depend on each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from small import TRAINING

from pipeline.config import Data, validate
from pipeline.data.dataset import Dataset
from pipeline.data.sources import fetch
from pipeline.errors import InputError
from pipeline.experiments import task_schedule
from pipeline.experiments.plan.work import Work
from pipeline.experiments.task_schedule import ADAPTIVE, EQUAL_COST, EQUAL_SIZE, STATIC, Member, Settings, scaled
from pipeline.results.statistics import select
from pipeline.seeds import generator

TASKS = ["digits", "digits-permuted", "digits-turned"]


def settings(**changes: object) -> Settings:
    content = TRAINING | {
        "data": TASKS,
        "epochs": 3,
        "batch_size": 24,
        "learning_rate": 0.01,
        "weight_decay": 0.1,
        "configuration": {"intrinsic_length": "trainable", "compensation": "trainable+decay"},
        "layers": 2,
        "narrowest": 6,
        "widest": 12,
        "schedule": [
            {"epochs": 1, "active": TASKS[:1]},
            {"epochs": 1, "active": TASKS},
            {"epochs": 1, "active": TASKS[1:2]},
        ],
        "train_samples": 192,
        "test_samples": 60,
        "threshold": 0.95,
        "scaffold": 3,
        "columns": "normal",
    }
    return validate(Settings, content | changes, "here")


WRONG = {
    "never active": ({"schedule": [{"epochs": 3, "active": TASKS[:2]}]}, "task 'digits-turned' is never active"),
    "unknown task": ({"schedule": [{"epochs": 3, "active": [*TASKS, "mnist"]}]}, "'mnist' is not one of the tasks"),
    "epochs": ({"epochs": 4}, "epochs: 4, but those of the schedule are 3"),
    "widths": ({"widest": 5}, "widest: 5 is less than narrowest, 6"),
    "twice": (
        {"data": [*TASKS, "digits"]},
        "data: ['digits', 'digits-permuted', 'digits-turned', 'digits']: 'digits' is there twice",
    ),
    "no task": ({"schedule": [{"epochs": 3, "active": []}]}, "schedule.0.active"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_schedules_give_one_line(case: str) -> None:
    changes, expected = WRONG[case]
    with pytest.raises(InputError) as caught:
        settings(**changes)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_schedule_epoch_by_epoch() -> None:
    assert [settings().active(epoch) for epoch in (1, 2, 3)] == [TASKS[:1], TASKS, TASKS[1:2]]


def test_widths_are_drawn_uniformly_and_shared_by_twins() -> None:
    some = settings(repeats=300)
    drawn = {(m.repeat, m.widths): some.widths(m, 192, 30) for m in some.members()}
    assert all(drawn[repeat, ADAPTIVE] == drawn[repeat, STATIC] for repeat in range(300))
    hidden = np.array([drawn[repeat, ADAPTIVE][1:-1] for repeat in range(300)])
    assert hidden.shape == (300, 2)
    counts = np.bincount(hidden.ravel(), minlength=13)
    assert counts[:6].sum() == 0
    assert (counts[6:] > 50).all(), "each of 7 widths about 86 times"
    assert settings().members()[0].label == "adaptive"


@pytest.mark.parametrize("widest", [7, 12, 100_000])  # none of the ranges but the first divides 2**32
def test_widths_are_those_that_torch_draws(widest: int) -> None:
    some = settings(repeats=50, layers=20, widest=widest)
    for member in some.members():
        draw = generator("task_schedule", " + ".join(TASKS), member.repeat, "widths")
        hidden = torch.randint(6, widest + 1, (20,), generator=draw)
        assert some.widths(member, 192, 30) == [192, *hidden.tolist(), 30]


@pytest.fixture(scope="module")
def data() -> list[Dataset]:
    return [fetch(name, Data(source=name)) for name in TASKS]  # type: ignore[arg-type]


def rows_of(some: Settings, data: list[Dataset], widths: str, repeats: set[int]) -> pd.DataFrame:
    members = [m for m in some.members() if m.widths == widths and m.repeat in repeats]
    return task_schedule.run(Work(some, members, data, torch.device("cpu")))


@pytest.fixture(scope="module")
def together(data: list[Dataset]) -> pd.DataFrame:
    """Adaptive networks and their controls."""
    return rows_of(settings(), data, ADAPTIVE, {0, 1})


@pytest.fixture(scope="module")
def adaptive(together: pd.DataFrame) -> pd.DataFrame:
    return together[together["widths"] == ADAPTIVE]


@pytest.fixture(scope="module")
def static(data: list[Dataset]) -> pd.DataFrame:
    return rows_of(settings(), data, STATIC, {0, 1})


def values(rows: pd.DataFrame, measure: str, **where: object) -> list[float]:
    return select(rows, measure=measure, **where).sort_values(["epoch", "repeat"])["value"].tolist()


def test_twins_start_alike_and_only_one_changes_its_widths(adaptive: pd.DataFrame, static: pd.DataFrame) -> None:
    for measure, where in (
        ("test_loss", {"task": "digits"}),
        ("width", {"layer": 1}),
        ("sigma_median", {"layer": 2}),
    ):
        assert values(adaptive, measure, epoch=0, **where) == values(static, measure, epoch=0, **where)
    assert values(static, "width", layer=1) == values(static, "width", layer=1, epoch=0) * 4
    assert values(adaptive, "width", layer=1) != values(static, "width", layer=1)
    assert set(static["widths"]) == set(static["configuration"]) == {STATIC}
    # All differs after the first adaptation, the training before it was the same.
    assert values(adaptive, "train_loss", epoch=1) == pytest.approx(values(static, "train_loss", epoch=1), rel=1e-5)


def test_rows_are_complete(adaptive: pd.DataFrame) -> None:
    counts = adaptive.groupby("measure").size().to_dict()
    members = epochs = 2
    points = members * (epochs + 2)  # epochs 0 to 3
    assert counts == {
        "test_accuracy": 3 * points,
        "test_loss": 3 * points,
        "train_loss": points - members,
        "width": 2 * points,
        "sigma_largest": 2 * points,
        "sigma_median": 2 * points,
        "sigma_above": 2 * points,
        "psi_norm": points,
        "multiply_adds": members,
    }
    assert set(adaptive["network"]) == {"192-6..12-6..12-30"}
    assert set(adaptive["data"]) == {"digits + digits-permuted + digits-turned"}
    assert adaptive["value"].notna().all()


def test_the_scaffold_is_kept_after_every_epoch(adaptive: pd.DataFrame) -> None:
    """Widths less the values above the threshold: adapting a layer leaves the values of those before it alone."""
    for layer in (1, 2):
        widths, above = (values(adaptive[adaptive["epoch"] > 0], m, layer=layer) for m in ("width", "sigma_above"))
        assert [w - a for w, a in zip(widths, above, strict=True)] == [3.0] * len(widths)
        width, above_start = (values(adaptive, m, layer=layer, epoch=0)[0] for m in ("width", "sigma_above"))
        assert width - above_start != 3, "at the start there is none"


def test_a_member_is_what_it_is_alone(data: list[Dataset]) -> None:
    """In float64: Adam depends on the basis, and float32's rounding turns that of nearly equal singular values."""
    torch.set_default_dtype(torch.float64)
    try:
        together, alone = (rows_of(settings(), data, ADAPTIVE, repeats) for repeats in ({0, 1}, {1}))
    finally:
        torch.set_default_dtype(torch.float32)
    beside = together[together["repeat"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.drop(columns="value"), beside.drop(columns="value"))
    np.testing.assert_allclose(alone["value"].astype(float), beside["value"].astype(float), atol=1e-6)
    other = together[together["repeat"] == 0]
    assert values(alone, "test_loss", task="digits") != pytest.approx(
        values(other, "test_loss", task="digits"), rel=1e-3
    )


def test_an_inactive_task_is_not_learnt(static: pd.DataFrame) -> None:
    before, after, both = (np.mean(values(static, "test_loss", task="digits-turned", epoch=n)) for n in (0, 1, 2))
    assert abs(after - before) < 0.15
    assert both < before - 0.15


def test_controls_are_static_networks_of_the_size_and_cost_that_adaptive_ones_have_with_all_tasks(
    together: pd.DataFrame, data: list[Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is what a static twin of the repeat would be with these widths: the same seed, samples and schedule."""
    assert settings().compared == 2
    size, cost = (together[together["widths"] == kind] for kind in (EQUAL_SIZE, EQUAL_COST))
    assert set(size["configuration"]) == {EQUAL_SIZE} and set(size["epoch"]) == set(cost["epoch"]) == {0, 1, 2}
    for layer in (1, 2):
        own = values(together[together["widths"] == ADAPTIVE], "width", layer=layer, epoch=2)
        assert values(size, "width", layer=layer) == own * 3
    for control in (size, cost):
        first = [values(control, "width", layer=layer, epoch=0) for layer in (1, 2)]

        def widths(
            _: Settings, member: Member, features: int, classes: int, first: list[list[float]] = first
        ) -> list[int]:
            return [features, *(int(layer[member.repeat]) for layer in first), classes]

        with monkeypatch.context() as patch:
            patch.setattr(Settings, "widths", widths)
            alone = rows_of(settings(), data, STATIC, {0, 1})
        same = [column for column in alone if column not in ("configuration", "widths")]
        until = alone[alone["epoch"] <= 2].reset_index(drop=True)
        pd.testing.assert_frame_equal(until[same], control[same].reset_index(drop=True), check_exact=True)


def test_multiply_adds_are_those_of_all_products_until_accuracies_are_compared(together: pd.DataFrame) -> None:
    for kind in (ADAPTIVE, EQUAL_SIZE, EQUAL_COST):
        own = together[together["widths"] == kind]
        for repeat in (0, 1):
            expected = 0.0
            for epoch, tasks in ((1, 1), (2, 3)):
                h1, h2 = (values(own, "width", layer=layer, epoch=epoch - 1)[repeat] for layer in (1, 2))
                # 8 steps of 24 samples of each active task: outputs; gradients of weights; of inputs but the first.
                expected += 8 * 24 * tasks * (2 * 64 * h1 + 3 * (h1 * h2 + h2 * 30))
            assert values(own, "multiply_adds", epoch=2)[repeat] == expected
    spent = {kind: values(together[together["widths"] == kind], "multiply_adds") for kind in (ADAPTIVE, EQUAL_COST)}
    assert spent[EQUAL_COST] == pytest.approx(spent[ADAPTIVE], rel=0.03)


def test_the_twins_are_no_controls(together: pd.DataFrame, static: pd.DataFrame) -> None:
    """Negative control: drawn widths cost otherwise, by more than whole neurons explain."""
    ratio = np.divide(
        values(static, "multiply_adds"), values(together[together["widths"] == ADAPTIVE], "multiply_adds")
    )
    assert (np.abs(np.log(ratio)) > 0.05).any()


@pytest.mark.parametrize("factor", [0.4, 0.99, 1.0, 1.01, 3.7])
@pytest.mark.parametrize("widths", [[20, 20, 20], [7, 31, 12], [500]])
def test_scaled_widths_keep_their_proportions_and_come_near_the_price(widths: list[int], factor: float) -> None:
    def price(hidden: torch.Tensor) -> torch.Tensor:
        every = torch.cat([torch.tensor([[64]]), hidden, torch.tensor([[10]])], dim=1).double()
        return (every[:, 1:] * every[:, :-1]).sum(-1)

    target = factor * float(price(torch.tensor([widths])))
    found = scaled(widths, price, target)
    costs = float(price(torch.tensor([found])))
    others = [
        [width + by * (n == layer) for n, width in enumerate(found)] for layer in range(len(found)) for by in (-1, 1)
    ]
    assert abs(costs - target) <= max(abs(float(price(torch.tensor([each]))) - costs) for each in others) / 2
    assert np.ptp(np.divide(found, widths)) <= 1.01 / min(widths), "in proportion, to a neuron"
    if factor == 1:
        assert found == widths


def test_a_network_that_diverged_has_no_controls(data: list[Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def stopped(*_: object) -> torch.Tensor:
        calls.append(1)
        return torch.tensor([False, len(calls) == 3])  # after accuracies are compared

    monkeypatch.setattr("pipeline.training.divergence.stop_diverged", stopped)
    rows = rows_of(settings(), data, ADAPTIVE, {0, 1})
    assert select(rows, phase="diverged")[["widths", "repeat", "epoch"]].values.tolist() == [[ADAPTIVE, 1, 3]]
    repeats = rows.groupby("widths", observed=True)["repeat"].unique().map(sorted).to_dict()
    assert repeats == {ADAPTIVE: [0, 1], EQUAL_SIZE: [0], EQUAL_COST: [0]}


def test_diverged_networks_end_with_a_record(data: list[Dataset]) -> None:
    rows = rows_of(settings(learning_rate=1e30, optimiser="sgd"), data, ADAPTIVE, {0, 1})
    last = select(rows, phase="diverged")
    assert last["repeat"].tolist() == [0, 1]
    assert last["epoch"].tolist() == [1, 1]
    assert set(rows["epoch"]) == {0, 1}
    assert set(rows["measure"][rows["epoch"] == 1]) == {"diverged"}
