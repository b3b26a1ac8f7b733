"""The sweep over learning rates: what is held out, and what networks of a repeat have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import TRAINING, noise
from torch import Tensor

from pipeline.data.dataset import Dataset, Split
from pipeline.data.standardise import standardisation
from pipeline.experiments.learning_rates import AtRate, Settings, divided, run
from pipeline.experiments.plan.work import Work, stacked, streams
from pipeline.results.statistics import select

CPU = torch.device("cpu")
RATES = [1e-3, 1e-2, 1e-1]


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 2,
        "optimiser": "adam",
        "hidden_widths": [3, 5],
        "activations": ["isotropic-tanh", "tanh", "isotropic-relu"],
        "intrinsic_length": "trainable",
        "learning_rates": RATES,
        "validation": 0.25,
    }
    return Settings(**(values | changes))


def group(plan: Settings, rate: float = 1e-2, activation: str = "isotropic-tanh") -> list[AtRate]:
    return [m for m in plan.members() if plan.stack_key(m) == (activation, rate)]


def rows(data: Dataset, plan: Settings | None = None, **which: Any) -> pd.DataFrame:
    plan = plan or settings()
    return run(Work(plan, group(plan, **which), [data], CPU))


def held(data: Dataset, plan: Settings) -> Tensor:
    """Which training images are held out, boolean [N]; no two of `data` are equal."""
    _, validation = divided(data, plan)
    return (data.train.images[:, None] == validation.test.images).all(-1).any(-1)


def altered(data: Dataset, which: Tensor) -> Dataset:
    """Some of the training images inverted, and given another label."""
    images, labels = data.train.images.clone(), data.train.labels.clone()
    images[which], labels[which] = 255 - images[which], (labels[which] + 1) % data.classes
    return replace(data, train=Split(images, labels))


def test_members_are_every_activation_rate_width_and_repeat() -> None:
    plan = settings()
    members = plan.members()
    assert len(members) == len({str(member) for member in members}) == 3 * 3 * 2 * 2
    assert {tuple(plan.widths(member, 7, 3)) for member in members} == {(7, 3, 3), (7, 5, 3)}
    assert {member.label for member in members} == {
        "trainable, none",
        "standard tanh",
        "isotropic-relu, trainable, none",
    }


def test_training_images_are_divided_and_test_images_are_not(data: Dataset) -> None:
    left, validation = divided(data, settings())
    parts = torch.cat([validation.test.images, left.train.images])
    assert (len(data.train), len(validation.test), len(left.train)) == (41, 10, 31)
    assert sorted(parts.tolist()) == sorted(data.train.images.tolist())
    assert torch.equal(left.test.images, data.test.images)
    chosen = held(data, settings())
    assert torch.equal(data.train.labels[~chosen].sort().values, left.train.labels.sort().values)


def test_the_division_is_that_of_the_data_set_alone(data: Dataset) -> None:
    chosen = held(data, settings())
    assert torch.equal(
        held(data, settings(learning_rate=1e-1, repeats=1, activations=["isotropic-tanh", "tanh"])), chosen
    )
    assert not torch.equal(held(replace(data, name="other"), settings()), chosen), "the control: another data set"


def test_pixels_are_standardised_by_the_images_left(data: Dataset) -> None:
    left, validation = divided(data, settings())
    mean, _ = standardisation(left.train.images)
    assert torch.equal(left.mean, mean) and torch.equal(validation.mean, mean) and not torch.equal(data.mean, mean)


@pytest.mark.parametrize(("count", "share", "expected"), [(41, 0.25, 10), (3, 0.01, 1), (3, 0.99, 2), (2, 0.5, 1)])
def test_some_images_are_held_out_and_some_left(count: int, share: float, expected: int) -> None:
    assert settings(validation=share).held_out(count) == expected


def test_what_is_held_out_is_never_trained_on(data: Dataset) -> None:
    """Other images and labels in its place: the same training to the last bit. The control: one of those left."""
    plan, chosen = settings(), held(data, settings())
    first, other = rows(data), rows(altered(data, chosen))
    pd.testing.assert_frame_equal(select(first, phase="training"), select(other, phase="training"))
    assert select(first, phase="validation")["value"].tolist() != select(other, phase="validation")["value"].tolist()
    one = torch.zeros_like(chosen).index_fill(0, (~chosen).nonzero()[0], value=True)
    changed = select(rows(altered(data, one), plan), measure="train_loss")["value"]
    assert (changed != select(first, measure="train_loss")["value"]).any()


def test_validation_is_once_after_the_last_epoch_and_of_every_network(data: Dataset) -> None:
    found = select(rows(data), phase="validation")
    assert len(found) == 4 and set(found["epoch"]) == {2} and set(found["measure"]) == {"validation_accuracy"}
    assert ((found["value"] * 10 / 100 - (found["value"] * 10 / 100).round()).abs() < 1e-6).all(), "of ten images"


def test_a_network_has_its_own_learning_rate_not_the_paper_s(data: Dataset) -> None:
    losses = [
        select(rows(data, settings(learning_rate=paper), rate=own), measure="train_loss")["value"].tolist()
        for own, paper in ((1e-2, 1e-2), (1e-2, 1e-1), (1e-1, 1e-1))
    ]
    assert losses[0] == losses[1] != losses[2]


def test_networks_of_a_repeat_start_alike_and_see_the_same_batches(data: Dataset) -> None:
    plan = settings()
    groups = [group(plan), group(plan, rate=1e-1), group(plan, activation="tanh")]
    names = [streams("learning_rates", data.name, members) for members in groups]
    assert names[0] == names[1] == names[2]  # of which orders are drawn
    nets = [stacked(plan, own, each, 7, 3, CPU).tensors() for own, each in zip(groups, names, strict=True)]
    assert all(torch.equal(t, nets[1][name]) for name, t in nets[0].items())
    assert all(torch.equal(t, nets[0][name]) for name, t in nets[2].items())
    first, higher = rows(data), rows(data, rate=1e-1)
    assert first["seed"].tolist() == higher["seed"].tolist()
    assert select(first, epoch=0)["value"].tolist() == select(higher, epoch=0)["value"].tolist()


def test_a_member_alone_has_the_same_rows(data: Dataset) -> None:
    plan = settings()
    together = group(plan)
    alone = run(Work(plan, together[:1], [data], CPU))
    own = select(rows(data), hidden_width=together[0].hidden_width, repeat=together[0].repeat)
    assert (alone["value"].astype(float) - own["value"]).abs().max() < 1e-4


def test_a_rate_at_which_networks_diverge_leaves_no_validation(data: Dataset) -> None:
    plan = settings(learning_rates=[*RATES, 1e38])
    found = rows(data, plan, rate=1e38)
    assert len(select(found, phase="diverged")) == 4 and select(found, phase="validation").empty
    assert len(select(rows(data, plan), phase="validation")) == 4, "the control: at another rate"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 0.02}, "learning_rate: 0.02 must be one of learning_rates, 0.001, 0.01, 0.1"),
        ({"activations": ["isotropic-tanh", "isotropic-relu"]}, "activations: tanh must be there"),
        ({"activations": ["tanh"]}, "activations: isotropic-tanh must be there"),
        ({"learning_rates": [1e-2, 1e-2]}, "is there twice"),
        ({"learning_rates": [1e-2, 0.0]}, "greater than 0"),
        ({"validation": 0.0}, "greater than 0"),
        ({"validation": 1.0}, "less than 1"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**changes)


def test_noise_has_no_two_equal_images() -> None:
    """What `held` relies on."""
    assert len(noise().train.images.unique(dim=0)) == 41
