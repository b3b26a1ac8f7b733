"""The comparison of activations: what is paired, and what each member's rows depend on."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import STANDARD, TRAINING, noise

from pipeline.config import Configuration
from pipeline.data.dataset import Dataset
from pipeline.experiments.plan.work import Work, stacked, streams
from pipeline.experiments.tanh_comparison import Settings, run
from pipeline.results.statistics import select
from pipeline.training import engine

ISOTROPIC = Configuration(intrinsic_length="none", compensation="none")
CPU = torch.device("cpu")


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 2,
        "hidden_widths": [5, 7],
        "hidden_layers": [2, 3],
        "configurations": [ISOTROPIC, STANDARD],
    }
    return Settings(**(values | changes))


@pytest.fixture(scope="module")
def data() -> Dataset:
    return noise(40, 20, (1, 1, 6))


def ensembles(plan: Settings) -> list[list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for member in plan.members():
        groups.setdefault(plan.stack_key(member), []).append(member)
    return list(groups.values())


def test_members_are_every_architecture_activation_and_repeat() -> None:
    members = settings().members()
    assert len(members) == 2 * 2 * 2 * 2
    assert {tuple(settings().widths(m, 6, 3)) for m in members} == {
        (6, 5, 5, 3), (6, 5, 5, 5, 3), (6, 7, 7, 3), (6, 7, 7, 7, 3)
    }  # fmt: skip


def test_rows_hold_every_network_at_every_epoch(data: Dataset) -> None:
    plan = settings()
    rows = pd.concat([run(Work(plan, members, [data], CPU)) for members in ensembles(plan)])
    accuracy = select(rows, measure="test_accuracy")
    keys = ["hidden_width", "hidden_layers", "configuration", "repeat", "epoch"]
    assert len(accuracy) == 16 * 3 and not accuracy[keys].duplicated().any()
    assert set(rows["configuration"]) == {"none, none", "standard tanh"}
    assert rows["value"].notna().all()


def test_both_activations_share_initialisation_and_order_and_then_differ(data: Dataset) -> None:
    plan = settings(repeats=1, hidden_widths=[5], hidden_layers=[2])
    first, second = ensembles(plan)
    starts = []
    for members in (first, second):
        names = streams("tanh_comparison", data.name, members)
        net = stacked(plan, members, names, data.features, data.classes, CPU)
        starts.append((net.member(0).tensors(), engine.shuffled(data, names, 1)))
    (isotropic, order_a), (standard, order_b) = starts
    assert torch.equal(order_a, order_b)
    assert all(torch.equal(t, isotropic[name]) for name, t in standard.items())
    a, b = (run(Work(plan, members, [data], CPU)) for members in (first, second))
    assert (a["seed"] == b["seed"]).all()
    assert (a["value"] != b["value"]).any()  # control: the activation does matter


def test_repeats_start_from_different_networks(data: Dataset) -> None:
    rows = run(Work(settings(), ensembles(settings())[0], [data], CPU))
    start = select(rows, epoch=0, measure="test_loss")["value"]
    assert start.nunique() == len(start) == 4  # two repeats of two widths


def test_a_member_alone_has_the_same_rows(data: Dataset) -> None:
    plan = settings()
    together = ensembles(plan)[0]
    both, alone = run(Work(plan, together, [data], CPU)), run(Work(plan, together[1:], [data], CPU))
    without = (both["repeat"] != together[0].repeat) | (both["hidden_width"] != together[0].hidden_width)
    expected = both[without]["value"].to_numpy(dtype=float)
    assert abs(alone["value"].to_numpy(dtype=float) - expected).max() < 1e-4


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_widths": [5, 5]},
        {"hidden_layers": [0]},
        {"configurations": [ISOTROPIC]},
        {"configurations": [STANDARD, ISOTROPIC]},
    ],
)
def test_settings_that_compare_nothing_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)
