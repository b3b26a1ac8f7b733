"""Which optimisers commute with a change of basis, on noise: what the claim says, and what breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import PSI, STANDARD, TRAINING
from torch import Tensor
from torch.optim import Optimizer

from isotropic.networks.base import MLP
from pipeline.data.dataset import Dataset
from pipeline.experiments import equivariance
from pipeline.experiments.equivariance import Settings, bases, run, turn
from pipeline.experiments.plan.optimisers import NamedOptimiser, Optimised
from pipeline.experiments.plan.work import Work, stacked, streams
from pipeline.results.claims.equivariance import COMMUTES, DEPENDS
from pipeline.results.statistics import select
from pipeline.training import engine, optimiser

CPU = torch.device("cpu")
OPTIMISERS: list[dict[str, Any]] = [
    {"name": "gradient descent", "optimiser": "sgd", "learning_rate": 0.05},
    {"name": "momentum", "optimiser": "sgd", "learning_rate": 0.02, "momentum": 0.9},
    {"name": "Adam", "optimiser": "adam", "learning_rate": 1e-3},
    {"name": "AdamW"},
]
EXACT, ADAPTIVE = ["gradient descent", "momentum"], ["Adam", "AdamW"]
CHANGE = {"epsilon", "epsilon_scaled", "kl", "delta_accuracy"}


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 5,
        "epochs_before": 2,
        "learning_rate": 2e-3,
        "hidden": [6, 5],
        "optimisers": OPTIMISERS,
        "configuration": PSI,
    }
    # As a profile gives them.
    return Settings.model_validate(values | changes)


def group(plan: Settings, name: str) -> list[Optimised]:
    return [member for member in plan.members() if member.label == name]


def turned(rows: pd.DataFrame, precision: str = "float64") -> pd.Series:
    """The largest epsilon over repeats, by epoch."""
    return select(rows, phase="turned", measure="epsilon", precision=precision).groupby("epoch")["value"].max()


@pytest.fixture(scope="module")
def rows(data: Dataset) -> dict[str, pd.DataFrame]:
    plan = settings()
    return {each["name"]: run(Work(plan, group(plan, each["name"]), [data], CPU)) for each in OPTIMISERS}


@pytest.mark.parametrize("name", EXACT)
def test_descent_commutes(rows: dict[str, pd.DataFrame], name: str) -> None:
    assert (turned(rows[name]) <= 1e-4 * COMMUTES).all()
    assert turned(rows[name], "float32").between(1e-9, 1e-4).all(), "rounding of a float32 is seen"


@pytest.mark.parametrize("name", ADAPTIVE)
def test_adam_does_not(rows: dict[str, pd.DataFrame], name: str) -> None:
    for precision, rounding in (("float64", 1e-4 * COMMUTES), ("float32", 1e-4)):
        epsilon = turned(rows[name], precision)
        assert epsilon[2] <= rounding, "the change of basis itself changes nothing"
        assert (epsilon[[3, 4, 5]] >= 10 * DEPENDS).all()
    assert turned(rows[name], "float32").to_list()[1:] == pytest.approx(turned(rows[name]).to_list()[1:], rel=1e-2)


@pytest.mark.parametrize(("name", "kept"), [("gradient descent", True), ("momentum", False)])
def test_momentum_must_turn_with_the_network(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, name: str, kept: bool
) -> None:
    """Negative control: with the moments left in the old basis, momentum is no longer equivariant."""

    def forgetful(net: MLP, descent: Optimizer, turns: Sequence[Tensor]) -> None:
        old = {key: dict(descent.state[p]) for key, p in net.named_parameters()}
        turn(net, descent, turns)
        for key, p in net.named_parameters():
            if old[key]:
                descent.state[p] = old[key]

    monkeypatch.setattr(equivariance, "turn", forgetful)
    plan = settings()
    epsilon = turned(run(Work(plan, group(plan, name), [data], CPU)))
    assert epsilon[2] <= 1e-4 * COMMUTES
    assert (epsilon[[3, 4, 5]] <= 1e-4 * COMMUTES).all() if kept else (epsilon[[3, 4, 5]] >= 10 * DEPENDS).all()


@pytest.mark.parametrize("name", [*EXACT, *ADAPTIVE])
def test_rows_are_complete(rows: dict[str, pd.DataFrame], name: str) -> None:
    own = rows[name]
    assert set(own["configuration"]) == {name} and set(own["repeat"]) == {0, 1}
    assert set(own["network"]) == {"7-6-5-3"} and set(own["phase"]) == {"training", "turned"}
    assert not own[["repeat", "precision", "phase", "epoch", "measure"]].duplicated().any()
    for precision in ("float32", "float64"):
        for repeat in (0, 1):
            one = own[(own["precision"] == precision) & (own["repeat"] == repeat)]
            found = {measure: part["epoch"].tolist() for measure, part in one.groupby("measure")}
            expected = {measure: [2, 3, 4, 5] for measure in CHANGE} | {"train_loss": [1, 2, 3, 4, 5]}
            assert found == expected | {measure: [0, 1, 2, 3, 4, 5] for measure in ("test_loss", "test_accuracy")}


@pytest.mark.parametrize("name", ["momentum", "AdamW"])
def test_the_network_that_is_not_turned_goes_on_undisturbed(
    rows: dict[str, pd.DataFrame], data: Dataset, name: str
) -> None:
    plan = settings()
    members = group(plan, name)
    names = streams("equivariance", data.name, members)
    ensemble = stacked(plan, members, names, 7, 3, CPU)
    descent = optimiser.make(ensemble, plan.trained_by(members[0].optimiser), members[0].optimiser.momentum)
    losses: list[float] = []
    for epochs, orders in ((2, names), (3, [(*each, "turned") for each in names])):
        course = engine.train(ensemble, descent, data, epochs, plan.batch_size, orders)
        losses += [float(epoch.test_loss[1]) for epoch in course if epoch.number or not losses]
    assert select(rows[name], measure="test_loss", precision="float32", repeat=1)["value"].tolist() == losses


def test_descents_of_a_repeat_begin_alike_and_then_part(rows: dict[str, pd.DataFrame]) -> None:
    losses = [select(own, measure="test_loss", precision="float64", repeat=0)["value"] for own in rows.values()]
    assert len({values[0] for values in losses}) == 1 and len({values[5] for values in losses}) == 4


def test_bases_are_orthogonal_and_each_repeat_and_layer_has_its_own() -> None:
    first, second = bases([4, 4], [("some", 0), ("some", 1)])
    (again, _) = bases([4, 4], [("some", 1), ("some", 2)])
    assert first.shape == (2, 4, 4) and first.dtype == torch.float64
    assert (first.mT @ first - torch.eye(4)).abs().max() <= 1e-14
    assert torch.equal(first[1], again[0]), "of the stream, whatever it is stacked with"
    others = [first[1], second[0], torch.eye(4)]
    assert all((first[0] - other).abs().max() > 0.1 for other in others)


def test_a_network_that_diverges_is_said_to_once(data: Dataset) -> None:
    wild = [{"name": "wild", "optimiser": "sgd", "learning_rate": 1e300}]
    plan = settings(optimisers=wild)
    own = run(Work(plan, plan.members(), [data], CPU))
    said = select(own, phase="diverged")
    assert said["repeat"].tolist() == [0, 1] and set(said["epoch"]) == {1} and set(own["precision"]) == {"float32"}


def test_what_a_descent_leaves_open_is_as_in_the_settings() -> None:
    plan = settings()
    trained = [plan.trained_by(descent) for descent in plan.optimisers]
    assert [each.optimiser for each in trained] == ["sgd", "sgd", "adam", "adamw"]
    assert [each.learning_rate for each in trained] == [0.05, 0.02, 1e-3, 2e-3]
    assert len(plan.members()) == 8 and len({plan.stack_key(member) for member in plan.members()}) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 2}, r"epochs: 2 leave none after the change \(after 2\)"),
        ({"epochs_before": 0}, "epochs_before"),
        ({"optimisers": []}, "optimisers"),
        ({"optimisers": [{"name": "a"}, {"name": "a", "optimiser": "adam"}]}, "a, a are not different names"),
        ({"optimisers": [{"name": "a", "momentum": 0.9}]}, "optimisers: a: momentum 0.9 is for sgd alone"),
        ({"optimisers": [{"name": "a", "optimiser": "lion"}]}, "optimiser"),
        ({"optimisers": [{"name": "a", "optimiser": "sgd", "momentum": 1.0}]}, "momentum"),
        (
            {"configuration": STANDARD},
            "standard tanh does not commute",
        ),
        ({"matmul": "bf16"}, "matmul: bf16"),
    ],
)
def test_impossible_settings(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**changes)


@pytest.mark.parametrize("name", ["AdamW", "größer", "Импульс", "λ-1"])
def test_names_that_figures_can_show(name: str) -> None:
    assert NamedOptimiser(name=name).name == name
    with pytest.raises(ValidationError):
        NamedOptimiser(name=f"{name}動量")  # boxes, in the font of figures
