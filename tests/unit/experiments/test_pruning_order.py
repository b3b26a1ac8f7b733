"""Which neurons are pruned in which way, and with what correction: against the same done by hand."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import PSI, STANDARD, TRAINING
from torch import Tensor

from isotropic.networks.ensemble import Ensemble
from isotropic.surgery.diagonalise import diagonalise
from isotropic.surgery.widths import prune
from isotropic.training import measures
from isotropic.training.gradient import backward
from pipeline.config import Configuration
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset, Split, build
from pipeline.experiments.plan.work import Work, stacked, streams
from pipeline.experiments.pruning_order import RANDOM, WAYS, Settings, Way, loss_gradient, orders, run
from pipeline.results.statistics import select
from pipeline.seeds import generator
from pipeline.training import engine, evaluation, optimiser

CPU = torch.device("cpu")
COUNTS = [1, 4, 8]
WIDTH, DRAWS = 12, 2
MEASURES = {"epsilon", "epsilon_scaled", "kl", "delta_accuracy"}


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "data": ["clusters"],
        "repeats": 3,
        "epochs": 25,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "hidden": [10, WIDTH],
        "layer": 2,
        "configuration": PSI,
        "counts": COUNTS,
        "draws": DRAWS,
        "correction_samples": 1000,
    }
    return Settings.model_validate(values | changes)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Four classes about means of their own, so that some directions matter and others do not."""
    draw = torch.Generator().manual_seed(0)
    means = torch.randint(60, 196, (4, 16), generator=draw)

    def split(count: int) -> Split:
        labels = torch.arange(count) % 4
        images = (means[labels] + 40 * torch.randn(count, 16, generator=draw)).clamp(0, 255)
        return Split(images.to(torch.uint8), labels)

    return build("clusters", split(150), split(100), (1, 4, 4), 4, {"source": "clusters", "description": "clusters"})


@pytest.fixture(scope="module")
def rows(data: Dataset) -> pd.DataFrame:
    plan = settings()
    return run(Work(plan, plan.members(), [data], CPU))


@pytest.fixture(scope="module")
def trained(data: Dataset) -> Ensemble:
    """The networks that the experiment prunes."""
    plan = settings()
    names = streams("pruning_order", data.name, plan.members())
    net = stacked(plan, plan.members(), names, data.features, data.classes, CPU)
    for _ in engine.train(net, optimiser.make(net, plan), data, plan.epochs, plan.batch_size, names):
        pass
    return net


def found(rows: pd.DataFrame, choice: str, correction: str, white: bool = False) -> Tensor:
    """epsilon of a way, [counts, repeats]."""
    way = Way(choice, correction, white)
    own = select(rows, phase="adapted", **asdict(way), measure="epsilon")
    table = own.pivot_table("value", "change", "repeat").loc[[-count for count in COUNTS]]
    return torch.tensor(table.to_numpy())


def by_hand(net: Ensemble, data: Dataset, choice: Any, correction: str, inputs: Any = None) -> Tensor:
    """epsilon after pruning, [counts, repeats]; `choice` is the library's, or an order [K, n]."""
    z, changes = evaluation.logits(net, data), []
    for count in COUNTS:
        pruned = copy.deepcopy(net)
        for affine, original in zip(pruned.affine, net.affine, strict=True):
            affine.weight.grad = original.weight.grad
        chosen = choice if isinstance(choice, str) else choice[:, :count]
        prune(pruned, 2, count, optimiser=None, inputs=inputs, side="left", choice=chosen, correction=correction)
        changes.append(measures.function_change(z, evaluation.logits(pruned, data), data.test.labels)["epsilon"])
    return torch.stack(changes)


def drawn(data: Dataset, choice: str, draw: int) -> Tensor:
    names = [("pruning_order", data.name, repeat, choice, draw) for repeat in range(3)]
    return torch.stack([torch.randperm(WIDTH, generator=generator(*name)) for name in names])


def assert_same(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("correction", ["none", "linear", "isometric"])
def test_each_way_is_what_its_name_says(
    rows: pd.DataFrame, trained: Ensemble, data: Dataset, correction: str
) -> None:
    net, inputs = copy.deepcopy(trained), evaluation.Sample(data, 1000, torch.float32)
    x, y = next(iter(Standardiser(data, CPU, torch.float32, rows=150).in_order("train")))
    backward(net, x.expand(3, -1, -1), y.expand(3, -1))  # in closed form, all at once
    turned = copy.deepcopy(trained)
    diagonalise(turned, 2, "left")
    expected = {
        "singular value": by_hand(net, data, "singular-value", correction, inputs),
        "gradient": by_hand(net, data, "gradient", correction, inputs),
    }
    for choice, base in (("random direction", turned), ("random neuron", trained)):
        each = [by_hand(base, data, drawn(data, choice, draw), correction, inputs) for draw in range(DRAWS)]
        expected[choice] = torch.stack(each).mean(0)
    for choice, epsilon in expected.items():
        assert_same(found(rows, choice, correction), epsilon)
        others = [other for name, other in expected.items() if name != choice]
        assert all((epsilon - other).abs().max() > 1e-3 for other in others), "they can be told apart"
    if correction != "none":
        white = [by_hand(trained, data, drawn(data, "random neuron", draw), correction) for draw in range(DRAWS)]
        assert_same(found(rows, "random neuron", correction, white=True), torch.stack(white).mean(0))


def test_what_is_expected_of_the_orders_and_of_the_corrections(rows: pd.DataFrame) -> None:
    least, direction, neuron = (found(rows, name, "none").mean(1) for name in ("singular value", *RANDOM))
    assert (least < direction / 2).all() and (least < neuron / 2).all()
    linear, isometric = (found(rows, "random neuron", name).mean(1) for name in ("linear", "isometric"))
    assert (isometric < linear).all() and (linear < neuron).all()


def test_the_smallest_singular_values_change_less_than_the_largest(
    rows: pd.DataFrame, trained: Ensemble, data: Dataset
) -> None:
    turned = copy.deepcopy(trained)
    diagonalise(turned, 2, "left")
    ascending = torch.arange(WIDTH).flip(0).expand(3, -1)
    smallest, largest = (by_hand(turned, data, order, "none") for order in (ascending, ascending.flip(1)))
    assert_same(found(rows, "singular value", "none"), smallest)
    assert (smallest < largest / 2).all()


def test_rows_are_complete(rows: pd.DataFrame) -> None:
    adapted = select(rows, phase="adapted")
    assert len(WAYS) == 14 and len(adapted) == 14 * len(COUNTS) * len(MEASURES) * 3
    assert not adapted[["choice", "correction", "white", "change", "measure", "repeat"]].duplicated().any()
    ways = adapted[["choice", "correction", "white"]].drop_duplicates()
    assert [Way(*each) for each in ways.itertuples(index=False)] == WAYS
    assert set(adapted["measure"]) == MEASURES and set(adapted["epoch"]) == {25}
    assert set(adapted["change"]) == {-count for count in COUNTS} and adapted["value"].notna().all()
    base = select(rows, phase="baseline", measure="accuracy")["value"]
    assert base.tolist() == select(rows, phase="training", measure="test_accuracy", epoch=25)["value"].tolist()


def test_the_gradient_is_that_of_the_whole_training_set(trained: Ensemble, data: Dataset) -> None:
    net = copy.deepcopy(trained)
    loss_gradient(net, data)
    x, y = next(iter(Standardiser(data, CPU, torch.float32, rows=150).in_order("train")))
    for k in range(3):
        alone = net.member(k)
        (measures.cross_entropy(alone(x), y)).backward()
        torch.testing.assert_close(net.affine[1].weight.grad[k], alone.affine[1].weight.grad, rtol=1e-3, atol=1e-6)
    before = net.affine[1].weight.grad.clone()
    loss_gradient(net, data)
    assert torch.equal(net.affine[1].weight.grad, before), "it replaces what was there"


def test_an_order_is_a_repeats_own() -> None:
    first, second = orders(40, [("a", 0), ("a", 1)])
    (again,) = orders(40, [("a", 1)])
    assert torch.equal(second, again) and not torch.equal(first, second)
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(40))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layer": 3}, "layer: layer 3 is no hidden layer; hidden has 2"),
        ({"counts": [1, 12]}, "counts: 12 of 12 neurons; valid are 1 to 11"),
        ({"counts": [1], "hidden": [1], "layer": 1}, "counts: 1 of 1 neuron; layer 1 has none to spare"),
        ({"counts": [0]}, "greater than or equal to 1"),
        (
            {"configuration": STANDARD},
            "configuration: standard tanh cannot be diagonalised",
        ),
        (
            {"configuration": Configuration(intrinsic_length="trainable", compensation="expectation")},
            "configuration: expectation needs data",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**changes)
