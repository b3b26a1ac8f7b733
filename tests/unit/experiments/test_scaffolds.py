"""New neurons by the columns that they are given: which stall, which start, and what is measured of them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import PSI, TRAINING

from isotropic.networks.ensemble import Ensemble
from isotropic.networks.network import IsotropicMLP
from isotropic.surgery.widths import grow
from pipeline.data.dataset import Dataset
from pipeline.experiments.plan.optimisers import Optimised
from pipeline.experiments.plan.work import Work
from pipeline.experiments.scaffolds import CONTROL, Settings, new_neurons, run, without
from pipeline.results.statistics import select

CPU = torch.device("cpu")
KINDS = ["normal", "semi-orthogonal", "combination", "zero"]
ADAM, PLAIN = "AdamW", "gradient descent"
STEPS = 3  # those of an epoch: 41 samples in batches of 16


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 4,
        "epochs_before": 2,
        "batch_size": 16,
        "hidden": [5, 16],
        "layer": 1,
        "neurons": 2,
        "columns": KINDS,
        "steps": STEPS,
        "active_above": 0.01,
        "optimisers": [{"name": ADAM}, {"name": PLAIN, "optimiser": "sgd", "learning_rate": 0.2}],
        "configuration": PSI,
    }
    return Settings.model_validate(values | changes)


def group(plan: Settings, name: str) -> list[Optimised]:
    return [member for member in plan.members() if member.label == name]


@pytest.fixture(scope="module")
def rows(data: Dataset) -> dict[str, pd.DataFrame]:
    plan = settings()
    return {name: run(Work(plan, group(plan, name), [data], CPU)) for name in (ADAM, PLAIN)}


def values(rows: pd.DataFrame, phase: str, kind: str, measure: str, **more: object) -> pd.Series:
    return select(rows, phase=phase, columns=kind, measure=measure, **more)["value"]


@pytest.mark.parametrize("name", [ADAM, PLAIN])
def test_growing_changes_no_function_with_any_columns(rows: dict[str, pd.DataFrame], name: str) -> None:
    for kind in KINDS:
        change = values(rows[name], "grown", kind, "epsilon")
        assert len(change) == 2 and (change < 1e-5).all()
        assert (values(rows[name], "without", kind, "epsilon", epoch=2) < 1e-6).all(), "nothing is owed to them yet"


@pytest.mark.parametrize("name", [ADAM, PLAIN])
def test_neurons_of_zero_columns_never_move_and_all_others_do(rows: dict[str, pd.DataFrame], name: str) -> None:
    for phase in ("steps", "new"):
        for measure in ("row_norm", "column_norm", "active"):
            stalled = values(rows[name], phase, "zero", measure)
            assert len(stalled) == (2 * (STEPS + 1) if phase == "steps" else 2 * 3) and (stalled == 0).all()
    assert (values(rows[name], "without", "zero", "epsilon") == 0).all()
    for kind in KINDS[:3]:
        by_step = [values(rows[name], "steps", kind, "row_norm", step=step) for step in range(STEPS + 1)]
        assert (by_step[0] == 0).all() and (by_step[1] > 0).all() and (by_step[STEPS] > by_step[1]).all()
        assert (values(rows[name], "without", kind, "epsilon", epoch=4) > 1e-6).all()


@pytest.mark.parametrize("name", [ADAM, PLAIN])
def test_a_network_with_stalled_neurons_is_the_control(rows: dict[str, pd.DataFrame], name: str) -> None:
    losses = {kind: values(rows[name], "training", kind, "test_loss") for kind in (CONTROL, *KINDS)}
    assert losses["zero"].to_list() == pytest.approx(losses[CONTROL].to_list(), rel=1e-5)
    grown = {kind: abs(losses[kind] - losses[CONTROL]).max() for kind in KINDS}
    assert grown["semi-orthogonal"] > 1e-4 and grown["combination"] > 1e-4, "negative control: these do take part"


def test_each_kind_has_columns_of_its_length(rows: dict[str, pd.DataFrame]) -> None:
    lengths = {kind: values(rows[ADAM], "steps", kind, "column_norm", step=0) for kind in KINDS}
    assert lengths["normal"].between(0.02, 0.06).all(), "0.01 times the root of 16"
    assert lengths["semi-orthogonal"].to_list() == pytest.approx([1, 1], rel=1e-5)
    assert lengths["combination"].between(0.2, 4).all() and (abs(lengths["combination"] - 1) > 1e-3).all()
    assert (lengths["zero"] == 0).all()


def test_a_first_step_is_as_long_as_the_columns_with_gradient_descent_and_not_with_adam(
    rows: dict[str, pd.DataFrame],
) -> None:
    """dL/dw_i is linear in the column u_i as long as the new neurons do nothing; Adam divides by its size."""
    for name, low, high in ((PLAIN, 8, 80), (ADAM, 0.5, 2)):
        first = {kind: values(rows[name], "steps", kind, "row_norm", step=1).mean() for kind in KINDS}
        assert low < first["semi-orthogonal"] / first["normal"] < high


@pytest.mark.parametrize("name", [ADAM, PLAIN])
def test_the_first_steps_are_those_of_the_first_epoch(rows: dict[str, pd.DataFrame], name: str) -> None:
    for kind in KINDS:
        for measure in ("row_norm", "column_norm", "active"):
            last = values(rows[name], "steps", kind, measure, step=STEPS)
            assert last.to_list() == values(rows[name], "new", kind, measure, epoch=3).to_list()


def test_a_kind_does_not_depend_on_which_others_there_are(rows: dict[str, pd.DataFrame], data: Dataset) -> None:
    plan = settings(columns=["combination"])
    alone = run(Work(plan, group(plan, ADAM), [data], CPU))
    own, again = (select(table, columns="combination") for table in (rows[ADAM], alone))
    assert len(own) == 90
    pd.testing.assert_frame_equal(again, own, check_exact=True)


def test_rows_are_complete(rows: dict[str, pd.DataFrame]) -> None:
    for name, own in rows.items():
        assert set(own["configuration"]) == {name} and set(own["network"]) == {"7-5-16-3"}
        assert not own[["repeat", "phase", "epoch", "step", "columns", "measure"]].duplicated().any()
        trained = select(own, phase="training", measure="test_accuracy", repeat=0)
        assert trained[trained["columns"].isna()]["epoch"].tolist() == [0, 1, 2]
        for kind in (CONTROL, *KINDS):
            assert select(trained, columns=kind)["epoch"].tolist() == [2, 3, 4]
        assert CONTROL not in set(own[own["phase"] != "training"]["columns"].dropna())


def net() -> Ensemble:
    """Two networks of which every number is something."""
    made = Ensemble([IsotropicMLP([4, 5, 3], "isotropic-tanh", "trainable", "trainable", seed=k) for k in range(2)])
    draw = torch.Generator().manual_seed(1)
    made.assign({name: torch.randn(t.shape, generator=draw) for name, t in made.tensors().items()})
    return made


def test_new_neurons_are_the_last() -> None:
    some = net()
    rows = torch.tensor([[3.0, 2.0, 1.0, 0.7, 0.2]]).T * torch.eye(5, 4)[[0, 1, 2, 3, 3]]
    some.assign({"maps.0.weight": torch.stack([rows, 2 * rows])})
    columns = torch.linalg.vector_norm(some.affine[1].weight[..., 3:], dim=-2).mean(-1)
    for above, active in ((0.09, 2), (0.2, 1), (0.34, 1), (0.36, 0)):  # of the median 2, or 4
        measured = new_neurons(some, 1, 2, above)
        assert measured["active"].tolist() == [active, active]
        assert measured["row_norm"].tolist() == pytest.approx([0.45, 0.9])
        torch.testing.assert_close(measured["column_norm"], columns)


def test_without_the_new_neurons_is_the_network_of_the_others() -> None:
    some = net()
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))
    before, z = {name: t.clone() for name, t in some.tensors().items()}, without(some, 1, 2)(x)
    for k in range(2):
        narrow = some.member(k)
        own = narrow.tensors()
        narrow.assign(
            {
                "maps.0.weight": own["maps.0.weight"][:3],
                "maps.0.bias": own["maps.0.bias"][:3],
                "maps.1.weight": own["maps.1.weight"][:, :3],
            }
        )
        torch.testing.assert_close(z[k], narrow(x))
    assert (z - some(x)).abs().max() > 0.1
    assert all(torch.equal(t, before[name]) for name, t in some.tensors().items())
    untouched = without(some, 1, 2)
    grow(untouched, 1, 1)
    assert some.widths == [4, 5, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layer": 3}, "layer: layer 3 is no hidden layer; hidden has 2"),
        ({"epochs": 2}, r"epochs: 2 leave none after the change \(after 2\)"),
        ({"columns": ["normal", "normal"]}, "'normal' is there twice"),
        ({"active_above": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**changes)


def test_no_more_first_steps_than_an_epoch_has() -> None:
    assert [settings(steps=steps).first_steps(41) for steps in (1, 3, 100)] == [1, 3, 3]
