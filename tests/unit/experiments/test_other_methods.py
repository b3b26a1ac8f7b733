"""Each method does to a network what its name says, all from the same networks, and all train on alike."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import PSI, STANDARD, TRAINING
from torch import Tensor

from isotropic.networks.ensemble import Ensemble
from pipeline.data.dataset import Dataset
from pipeline.experiments import other_methods
from pipeline.experiments.other_methods import Settings, run
from pipeline.experiments.plan.methods import METHODS, Means, methods
from pipeline.experiments.plan.work import Work, network
from pipeline.reporting.experiments.other_methods import FROM_SCRATCH, GROWING, PRUNING, UNCHANGED
from pipeline.results.statistics import select
from pipeline.seeds import generator
from pipeline.training import engine

CPU = torch.device("cpu")
KINDS = ["isotropic", "tanh"]
EXACT = ["isotropic growing", "Net2Wider", "random neurons"]


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 5,
        "epochs_before": 2,
        "hidden": [7, 6],
        "layer": 2,
        "changes": [3, -2, -4],
        "columns": "normal",
        "noise": 0.1,
        "expectation_samples": 100,
        "configurations": [
            PSI,
            STANDARD,
        ],
    }
    return Settings.model_validate(values | changes)


def of(plan: Settings, kind: str) -> list[other_methods.Member]:
    return [member for member in plan.members() if member.kind == kind]


@pytest.fixture(scope="module")
def rows(data: Dataset) -> pd.DataFrame:
    plan = settings()
    return pd.concat([run(Work(plan, of(plan, kind), [data], CPU)) for kind in KINDS])


def test_rows_have_the_names_that_the_report_looks_for(rows: pd.DataFrame) -> None:
    assert set(rows["configuration"]) == {*GROWING, *PRUNING, *UNCHANGED, *FROM_SCRATCH} and len(METHODS) == 8
    for labels, grows in ((GROWING, True), (PRUNING, False)):
        assert [METHODS[label].kind for label in labels] == ["isotropic", "tanh", "tanh", "tanh"]
        assert {METHODS[label].grows for label in labels} == {grows}
        assert [name for kind in KINDS for name in methods(kind, 1 if grows else -1)] == list(labels)


def test_every_network_is_observed_to_the_end(rows: pd.DataFrame) -> None:
    accuracy = select(rows, phase="training", measure="test_accuracy")
    ends = accuracy["end"].astype("string").fillna("")
    epochs = accuracy.groupby(["configuration", ends, "repeat"])["epoch"].agg(list)
    for (label, end, _), own in epochs.items():  # type: ignore[misc]
        whole = label in UNCHANGED or label in FROM_SCRATCH
        assert own == (list(range(6)) if whole else [2, 3, 4, 5]), f"{label}, {end}"
    assert Counter(end for _, end, _ in epochs.index) == {"": 4, "9": 12, "4": 12, "2": 12}
    scratch = accuracy[accuracy["configuration"].isin(FROM_SCRATCH)]
    assert set(scratch["network"]) == {"7-7-9-3", "7-7-4-3", "7-7-2-3"}
    assert set(accuracy[~accuracy["configuration"].isin(FROM_SCRATCH)]["network"]) == {"7-7-6-3"}


@pytest.mark.parametrize(("precision", "rounding"), [("float64", 1e-11), ("float32", 1e-3)])
def test_growing_but_for_noise_is_exact_and_pruning_is_not(
    rows: pd.DataFrame, precision: str, rounding: float
) -> None:
    moved = select(rows, phase="adapted", measure="epsilon_scaled", precision=precision)  # percent
    largest, least = (moved.groupby("configuration")["value"].agg(how) for how in ("max", "min"))
    for name in METHODS:
        assert largest[name] < rounding if name in EXACT else least[name] > 0.1, name


def test_accuracy_right_after_the_change_is_that_of_the_changed_function(rows: pd.DataFrame) -> None:
    """As the engine tests it, and as its change from the unchanged network's says."""
    accuracy = select(rows, phase="training", measure="test_accuracy", epoch=2)
    unchanged = {
        (label, repeat): value
        for label, repeat, value in accuracy[["configuration", "repeat", "value"]].itertuples(index=False)
        if label in UNCHANGED
    }
    keys = ["configuration", "end", "repeat"]
    moved = select(rows, phase="adapted", measure="delta_accuracy", precision="float32")
    both = moved.merge(accuracy[[*keys, "value"]], on=keys, suffixes=("", "_after"), validate="one_to_one")
    assert len(both) == 2 * (4 + 2 * 4)
    for _, row in both.iterrows():
        before = unchanged[f"{METHODS[row['configuration']].kind}, unchanged", row["repeat"]]
        assert before + row["value"] == pytest.approx(row["value_after"])


def applied(name: str, count: int, data: Dataset) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A network's tensors before and after a method."""
    plan = settings()
    member = of(plan, METHODS[name].kind)[0]
    net = network(plan, member, [7, 7, 6, 3], 1).double()
    draw = torch.Generator().manual_seed(3)
    net.assign(
        {
            n: t + 0.5 * torch.randn(t.shape, generator=draw, dtype=torch.float64)
            for n, t in net.tensors().items()
            if n.endswith(("weight", "bias"))
        }
    )
    before = net.tensors()
    inputs = torch.randn(50, 7, generator=draw, dtype=torch.float64)
    means = Means(None, [generator("draw")], inputs, "normal", 0.1)
    METHODS[name].apply(net, 2, count, means)
    return before, net.tensors()


def kept(before: dict[str, Tensor], after: dict[str, Tensor], name: str = "maps.1.weight") -> list[list[int]]:
    """For each row of a map after a change, which rows before it are the same."""
    same = (after[name][:, None] == before[name][None]).all(-1)
    return [row.nonzero().flatten().tolist() for row in same]


def test_methods_are_told_apart_by_what_they_do(data: Dataset) -> None:
    """By rows of the changed map that are old ones, the columns that follow them, and the next bias."""
    before, after = applied("Net2Wider", 3, data)
    assert all(len(rows) == 1 for rows in kept(before, after))
    before, after = applied("Net2Wider with noise", 3, data)
    assert [len(rows) for rows in kept(before, after)] == [1] * 6 + [0] * 3
    near = torch.cdist(after["maps.1.weight"][6:], before["maps.1.weight"]).min(dim=1).values
    assert (near < 0.2 * after["maps.1.weight"][6:].norm(dim=1)).all()
    before, after = applied("random neurons", 3, data)
    assert [len(rows) for rows in kept(before, after)] == [1] * 6 + [0] * 3
    assert not after["maps.2.weight"][:, 6:].any()
    before, after = applied("isotropic growing", 3, data)
    assert not after["maps.1.weight"][6:].abs().max() > 1e-12 and after["maps.2.weight"][:, 6:].all()
    outgoing = {}
    for name in ("magnitude", "magnitude with mean", "merging"):
        before, after = applied(name, 2, data)
        (*rows,) = (index for (index,) in kept(before, after))
        assert len(rows) == 4
        outgoing[name] = torch.equal(after["maps.2.weight"], before["maps.2.weight"][:, rows])
        moved = not torch.equal(after["maps.2.bias"], before["maps.2.bias"])
        assert moved == (name == "magnitude with mean")
    assert outgoing == {"magnitude": True, "magnitude with mean": True, "merging": False}
    before, after = applied("isotropic pruning", 2, data)
    values = torch.linalg.svdvals(before["maps.1.weight"])
    torch.testing.assert_close(torch.linalg.svdvals(after["maps.1.weight"]), values[:4])


def test_all_train_on_in_the_same_batches_with_the_moments_they_had(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[tuple[object, ...]], int, list[int], float]] = []
    train = engine.train

    def watched(
        ensemble: Ensemble, optimiser: Any, some: Any, epochs: int, size: int, orders: Any, *rest: Any
    ) -> Any:
        steps = {float(state["step"]) for state in optimiser.state.values()}
        second = [t["exp_avg_sq"] for t in optimiser.state.values()]
        assert all(t.shape == p.shape for t, p in zip(second, optimiser.state, strict=True))
        seen.append((list(orders), epochs, ensemble.widths, steps.pop() if steps else 0.0))
        return train(ensemble, optimiser, some, epochs, size, orders, *rest)

    monkeypatch.setattr(engine, "train", watched)
    plan = settings(changes=[3, -2])
    by_kind = {}
    for kind in KINDS:
        run(Work(plan, of(plan, kind), [data], CPU))
        by_kind[kind], seen = seen, []
    steps = 2 * 6  # epochs before, of 41 samples in batches of 8
    for kind, trainings in by_kind.items():
        before = [each for each in trainings if each[1] == 2]
        after = [each for each in trainings if each[1] == 3]
        assert len(before) == 3 and {taken for *_, taken in before} == {0.0}
        assert len(after) == 3 + (2 if kind == "isotropic" else 6) and {taken for *_, taken in after} == {steps}
        assert len({str(orders) for orders, *_ in before}) == len({str(orders) for orders, *_ in after}) == 1
        assert before[0][0] != after[0][0], "an order of its own for each epoch"
        assert Counter(widths[2] for _, _, widths, _ in after) == Counter(
            [6, *[9, 4] * (2 if kind == "isotropic" else 4)]
        )
    assert by_kind["isotropic"][0][0] == by_kind["tanh"][0][0], "both kinds in the same batches"


def test_both_kinds_of_a_repeat_start_from_the_same_weights() -> None:
    plan = settings()
    isotropic, tanh = (network(plan, of(plan, kind)[0], [7, 7, 6, 3], 5).tensors() for kind in KINDS)
    assert all(torch.equal(isotropic[name], t) for name, t in tanh.items())


def test_a_repeat_alone_has_the_rows_that_it_has_beside_others(data: Dataset, rows: pd.DataFrame) -> None:
    plan = settings()
    alone = run(Work(plan, [of(plan, "tanh")[1]], [data], CPU))
    tanh = rows["configuration"].isin(set(alone["configuration"])) & (rows["repeat"] == 1)
    both = rows[tanh].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.drop(columns="value"), both.drop(columns="value"))
    losses = alone["measure"].isin(["train_loss", "test_loss"])
    ours, theirs = (table["value"][losses].astype(float) for table in (alone, both))
    assert (ours - theirs).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"changes": [0]}, "changes: 0 of 6 neurons; valid are -5 to 99994, but not 0"),
        ({"changes": [-6]}, "changes: -6 of 6 neurons"),
        ({"layer": 3}, "layer: layer 3 is no hidden layer; hidden has 2"),
        ({"epochs_before": 5}, "epochs: 5 leave none after the change"),
        ({"configurations": []}, "configurations: isotropic-tanh and then tanh are compared; found none"),
        ({"noise": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**changes)
