"""Changing channels of a small convolutional network, on noise and on images in three colours from a folder."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from small import PSI, TRAINING, noise
from torch.utils.flop_counter import FlopCounterMode

from isotropic.networks.convolutional import IsotropicConvNet
from isotropic.surgery.widths import prune
from pipeline.config import Configuration, Data
from pipeline.data.dataset import Dataset
from pipeline.data.sources import fetch
from pipeline.experiments.convolutions import NO_LENGTH, NO_PSI, VECTOR, WAYS, WHOLE, Settings, one_vector, run
from pipeline.experiments.plan import FLOAT64_PASS, Size, Workload
from pipeline.experiments.plan.work import Work
from pipeline.results.statistics import select
from pipeline.seeds import seed
from pipeline.training import optimiser
from pipeline.training.autograd import train
from pipeline.training.engine import Epoch

CPU = torch.device("cpu")
BEYOND = 3  # channels of layer 1 beyond the 9 singular values of a kernel over one grey channel


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 2,
        "learning_rate": 2e-2,
        "channels": [9 + BEYOND, 4],
        "kernel": 3,
        "stride": 2,
        "layers": [1],
        "changes": [2, -1, -BEYOND, -BEYOND - 1],
        "columns": "normal",
        "trained_on": [0, -BEYOND - 1],
        "epochs_after": 1,
        "configuration": PSI,
    }
    return Settings.model_validate(values | changes)  # as a profile gives them


def ran(plan: Settings, data: Dataset, repeat: int = 0) -> pd.DataFrame:
    return run(Work(plan, [plan.members()[repeat]], [data], CPU))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return ran(settings(), noise(40, 20, (1, 6, 6)))


def epsilon(rows: pd.DataFrame, change: int, way: str = WHOLE, precision: str = "float64") -> float:
    (value,) = select(
        rows, phase="adapted", layer=1, change=change, stand_in=way, precision=precision, measure="epsilon_scaled"
    )["value"]
    return float(value)


@pytest.mark.parametrize("change", [0, 2, -1, -BEYOND])
def test_exact_changes_are_rounding_in_each_precision(rows: pd.DataFrame, change: int) -> None:
    assert 0 < epsilon(rows, change) < 1e-11
    assert 1e-7 < epsilon(rows, change, precision="float32") < 1e-3


@pytest.mark.parametrize("way", [NO_LENGTH, NO_PSI, VECTOR])
def test_less_than_length_and_psi_is_visible(rows: pd.DataFrame, way: str) -> None:
    """All channels without a singular value are pruned, so that what is lost does not depend on a basis."""
    exact, less = epsilon(rows, -BEYOND), epsilon(rows, -BEYOND, way)
    assert less > 1e-4 > 1e6 * exact
    assert less == pytest.approx(epsilon(rows, -BEYOND, way, "float32"), rel=1e-2), "the same network in both"
    others = [epsilon(rows, -BEYOND, other) for other in WAYS if other != way]
    assert all(abs(less - other) > 1e-3 * less for other in others), "each way is another network"


def test_one_channel_more_has_a_singular_value(rows: pd.DataFrame) -> None:
    assert epsilon(rows, -BEYOND - 1) > 1e-2


def test_rows_are_complete(rows: pd.DataFrame) -> None:
    assert set(rows["repeat"]) == {0} and set(rows["phase"]) == {"training", "baseline", "adapted", "trained on"}
    key = ["phase", "epoch", "precision", "layer", "change", "stand_in", "measure"]
    assert not rows[key].duplicated().any()
    adapted = select(rows, phase="adapted", measure="kl")
    found = set(zip(adapted["change"], adapted["stand_in"], adapted["precision"], strict=True))
    trials = [(0, WHOLE), (2, WHOLE), *((change, way) for change in (-1, -3, -4) for way in WAYS)]
    assert found == {(*trial, precision) for trial in trials for precision in ("float32", "float64")}
    further = select(rows, phase="trained on")
    assert further["change"].tolist() == [0, -4] and set(further["epoch"]) == {3}
    assert set(further["measure"]) == {"accuracy_after"}


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_what_is_trained_on_goes_on_from_the_trained_network_with_its_moments(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By descent, which does not see the basis, a diagonalised network goes on as one that was left as it is."""
    losses: list[list[float]] = []
    taken: list[float] = []  # steps of the optimiser, where a training begins

    def watched(net: Any, descent: Any, *args: Any) -> Iterator[Epoch]:
        losses.append([])
        taken.append(max((float(state["step"]) for state in descent.state.values() if "step" in state), default=0.0))
        for epoch in train(net, descent, *args):
            losses[-1].append(float(epoch.test_loss))
            yield epoch

    monkeypatch.setattr("pipeline.training.autograd.train", watched)
    plan, data = settings(changes=[2], trained_on=[0, 2], optimiser=kind), noise(40, 20, (1, 6, 6))
    ran(plan, data)
    assert [len(each) for each in losses] == [3, 2, 2]
    assert losses[1][0] == pytest.approx(losses[0][-1], rel=1e-5) == losses[2][0]
    if kind == "adamw":
        assert taken == [0, 2 * 5, 2 * 5], "the copies begin with the moments of the first training"
        return
    name = ("convolutions", "noise", 0)
    net = IsotropicConvNet(data.shape, plan.channels, data.classes, stride=plan.stride, seed=seed(*name))
    descent = optimiser.make(net, plan)
    for stream, epochs in ((name, 2), ((*name, "after"), 1)):
        *_, last = train(net, descent, data, epochs, plan.batch_size, stream)
    assert losses[1][1] == pytest.approx(float(last.test_loss), rel=1e-5)
    assert abs(losses[1][1] - losses[0][-1]) > 1e-4


def test_repeats_differ_and_a_repeat_is_the_same_again(rows: pd.DataFrame) -> None:
    plan, data = settings(), noise(40, 20, (1, 6, 6))
    again, other = (select(ran(plan, data, repeat), phase="training")["value"].tolist() for repeat in (0, 1))
    assert select(rows, phase="training")["value"].tolist() == again != other


def test_images_in_three_colours_from_a_folder(tmp_path: Path) -> None:
    """A kernel over three colours has 27 singular values of 29 channels: two can go, not three."""
    for split, count in (("train", 12), ("test", 5)):
        for number in range(count):
            for label, mean in enumerate((60, 180)):
                path = tmp_path / split / f"class{label}" / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                draw = np.random.default_rng([label, number, len(split)])
                pixels = draw.normal(mean, 50, (7, 5, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(path)
    data = fetch("colours", Data(source="image-folder", root=str(tmp_path)))
    plan = settings(data=["colours"], channels=[29, 4], changes=[1, -2, -3], trained_on=[])
    rows = ran(plan, data)
    assert epsilon(rows, 1) < 1e-11 and epsilon(rows, -2) < 1e-11
    assert epsilon(rows, -3) > 1e-3 and epsilon(rows, -2, NO_PSI) > 1e-5
    assert set(rows["network"]) == {"105-29-4-2"}


def test_a_network_that_diverges_is_said_to_once() -> None:
    plan = settings(learning_rate=1e30, optimiser="sgd")
    said = select(ran(plan, noise(40, 20, (1, 6, 6))), phase="diverged")
    assert said["epoch"].tolist() == [1]


def test_one_vector_keeps_the_sum_over_positions() -> None:
    net, before = (IsotropicConvNet((1, 6, 6), [4, 3], 3, seed=0, dtype=torch.float64) for _ in range(2))
    for each in (net, before):
        each.affine[0].bias.data.fill_(0.3)
        each.affine[1].psi.data.normal_(generator=torch.Generator().manual_seed(1))  # type: ignore[union-attr]
    prune(net, 1, 2)
    exact = net.affine[1].psi.detach().clone()  # type: ignore[union-attr]
    one_vector(net, before, 1)
    gained = net.affine[1].psi.detach() - before.affine[1].psi.detach()  # type: ignore[union-attr]
    assert (gained - gained[0, 0]).abs().max() < 1e-14 < 1e-3 < (exact - exact[0, 0]).abs().max()
    assert torch.allclose(gained.sum((0, 1)), (exact - before.affine[1].psi).sum((0, 1)))  # type: ignore[operator]


# What a run costs


@pytest.mark.parametrize("channels", [[16, 16], [8, 24], [5]])
def test_the_dense_network_multiplies_as_often(channels: list[int]) -> None:
    plan = settings(channels=channels, changes=[1], trained_on=[])
    widths = plan.dense(Size(256, 10, 50, 20), channels)
    net = IsotropicConvNet((1, 16, 16), channels, 10, plan.kernel, plan.stride)
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 256))
    multiplied = counter.get_total_flops() / 2
    assert sum(a * b for a, b in pairwise(widths)) == pytest.approx(multiplied, rel=0.02)


def test_workloads_by_hand() -> None:
    plan, size = settings(), Size(36, 3, 41, 20)
    steps = 6  # over 41 samples in batches of 8
    trials = 1 + 1 + 1 + 3 * len(WAYS)  # the network itself, diagonalised, grown, and three prunings in every way
    made = 1 + 2 + 2 * 3 * len(WAYS)  # diagonalised, and all but the first then changed; in both precisions
    whole, pruned = plan.dense(size, [12, 4]), plan.dense(size, [8, 4])
    assert pruned[1] < whole[1]
    assert plan.workloads(plan.members()[0], [size]) == [
        Workload(whole, 2, steps, 8, 36, (3 + (1 + FLOAT64_PASS) * trials) * 20, (2 * made,)),
        Workload(whole, 1, steps, 8, 36, 2 * 20, (1,)),
        Workload(pruned, 1, steps, 8, 36, 2 * 20, (2,)),
    ]


# Settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers": [3]}, "layers: layer 3 is no hidden layer; channels has 2"),
        ({"layers": [0]}, "layers"),
        ({"changes": [0]}, "changes: 0 of 12 channels; valid are -11 to"),
        ({"changes": [-12]}, "changes: -12 of 12 channels"),
        ({"trained_on": [5]}, "trained_on: 5 is not one of 0, 2, -1, -3, -4, or is there twice"),
        ({"trained_on": [0, 0]}, "trained_on: 0 is not one of"),
        ({"matmul": "bf16"}, "matmul: bf16 is for dense networks"),
        ({"batch_size": 1}, "batch_size: 1: batches of one are left out; valid are 2 or more"),
        ({"kernel": 0}, "kernel"),
        ({"stride": 0}, "stride"),
        (
            {"configuration": Configuration(intrinsic_length="none", compensation="trainable")},
            "lacks an intrinsic length or psi",
        ),
        (
            {"configuration": Configuration(intrinsic_length="trainable", compensation="expectation")},
            "lacks an intrinsic length or psi",
        ),
    ],
)
def test_impossible_settings(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**changes)
