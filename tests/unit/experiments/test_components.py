"""What the ICA representation is said to do, on mixtures whose sources are known, and what breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import TRAINING

from isotropic.networks.network import IsotropicMLP
from isotropic.normalise.ica import (
    hold_in_eigenbasis,
    independent_components,
    measure_whitening,
    represent_components,
)
from isotropic.normalise.normalised import NormalisedMLP
from isotropic.normalise.whitening import BatchNorm
from pipeline.config import Configuration
from pipeline.data.dataset import Dataset, Split, build
from pipeline.experiments.components import (
    COMPONENTS,
    EIGENBASIS,
    NEURONS,
    NOISE,
    RANDOM,
    Settings,
    Trained,
    random_rotation,
    run,
    varying,
    whitened,
)
from pipeline.experiments.plan.work import Work
from pipeline.results.statistics import select
from pipeline.training.activations import normalised
from pipeline.training.evaluation import Sample

CPU = torch.device("cpu")
USUAL, TURNED = "as usual", "in the eigenbasis"
HIDDEN = [6, 5]
TANH = {"activation": "tanh", "intrinsic_length": "none", "compensation": "none"}


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "data": ["sources"],
        "epochs": 3,
        "batch_size": 20,
        "hidden": HIDDEN,
        "trainings": [USUAL, TURNED],
        "configuration": Configuration(intrinsic_length="trainable", compensation="none"),
        "component_samples": 1000,
        "component_steps": 1000,
        "shown": 4,
    }
    return Settings.model_validate(values | changes)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Mixtures of eight sources of grey, of which most are dark most of the time."""
    draw = np.random.default_rng(0)
    mixing = np.linalg.qr(draw.normal(size=(8, 8)))[0]

    def split(count: int) -> Split:
        sources = draw.laplace(size=(count, 8))
        images = np.clip(128 + 16 * sources @ mixing, 0, 255).astype(np.uint8)
        labels = (sources[:, 0] > 0) + 2 * (sources[:, 1] > 0)
        return Split(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))

    return build("sources", split(1000), split(600), (1, 2, 4), 4, {"source": "laplace", "description": "sources"})


def observed(settings: Settings, members: Sequence[Trained], data: Dataset) -> pd.DataFrame:
    return run(Work(settings, members, [data], CPU))


@pytest.fixture(scope="module")
def rows(data: Dataset) -> pd.DataFrame:
    return observed(settings(), settings().members(), data)


def changed(rows: pd.DataFrame, variant: str, basis: str, precision: str = "float64") -> pd.Series[float]:
    own = select(rows, phase="represented", variant=variant, basis=basis, precision=precision)
    return select(own, measure="epsilon")["value"]


def test_exact_is_exact_to_rounding_and_diagonal_is_not(rows: pd.DataFrame) -> None:
    count = 2 * 2 * (len(HIDDEN) + 1)  # repeats, trainings, places
    exact = changed(rows, "exact", COMPONENTS)
    assert len(exact) == count and exact.max() < 1e-12
    single = changed(rows, "exact", COMPONENTS, "float32")
    assert len(single) == count and single.min() > 1e-9 and single.max() < 1e-4
    for basis in (COMPONENTS, RANDOM):
        for precision in ("float32", "float64"):
            moved = changed(rows, "diagonal", basis, precision)
            assert len(moved) == count and moved.min() > 1e-3


def test_accuracies_are_those_of_the_changes(rows: pd.DataFrame) -> None:
    """Of what is represented: that of the network held in the eigenbasis and the change."""
    rows = select(rows, precision="float64")
    held = select(rows, phase="held", measure="accuracy").set_index(["configuration", "repeat"])["value"]
    where = ["configuration", "repeat", "basis", "variant", "layer"]
    accuracy, delta = (
        select(rows, phase="represented", measure=measure).set_index(where)["value"]
        for measure in ("accuracy", "delta_accuracy")
    )
    for place, value in accuracy.items():
        assert value == pytest.approx(held[place[:2]] + delta[place])
    assert delta.abs().max() > 0


def test_holding_changes_only_networks_trained_on_the_diagonal(rows: pd.DataFrame) -> None:
    held = select(rows, phase="held", measure="epsilon")
    assert select(held, configuration=TURNED)["value"].max() < 1e-4, "statistics were kept in float32"
    assert select(held, configuration=USUAL)["value"].min() > 1e-2


def test_neurons_trained_in_the_eigenbasis_are_its_directions(rows: pd.DataFrame) -> None:
    for measure in ("kurtosis", "information", "energy_correlation"):
        own = select(rows, phase="basis", measure=measure)
        gaps = {
            training: (
                select(own, configuration=training, basis=NEURONS)["value"]
                - select(own, configuration=training, basis=EIGENBASIS)["value"]
            ).abs()
            for training in (USUAL, TURNED)
        }
        assert gaps[TURNED].max() < 1e-4 < gaps[USUAL].min()


def test_components_are_less_gaussian_than_random_directions_and_noise_is_gaussian(rows: pd.DataFrame) -> None:
    for layer in range(1, len(HIDDEN) + 1):
        for measure in ("negentropy", "kurtosis"):
            own = select(rows, phase="basis", measure=measure, layer=layer)
            means = own.groupby("basis")["value"].mean()
            assert means[COMPONENTS] > 1.3 * means[RANDOM]
        noise = select(rows, phase="basis", measure="negentropy", layer=layer, basis=NOISE)["value"]
        assert noise.abs().max() < 0.03


@pytest.mark.parametrize("layer", [1, 2])
def test_what_is_measured_is_what_the_represented_network_computes(layer: int, data: Dataset) -> None:
    """Of components, the activations of the network with R absorbed. Negative control: R^T for R."""
    net = NormalisedMLP(IsotropicMLP([8, *HIDDEN, 4], compensation="none").double(), BatchNorm).eval()
    x = next(iter(Sample(data, 1000, torch.float64)))
    for each in range(1, len(HIDDEN) + 1):
        measure_whitening(net, each, x)
        hold_in_eigenbasis(net, each)
    rotation = independent_components(net, layer, x)
    z = whitened(net, layer, {COMPONENTS: rotation, RANDOM: rotation.mT}, data)
    assert z[EIGENBASIS].shape == (600, HIDDEN[layer - 1])
    represent_components(net, layer, rotation, "exact")
    represented = normalised(net, layer, data)
    torch.testing.assert_close(z[COMPONENTS], represented, rtol=1e-9, atol=1e-9)
    assert (z[RANDOM] - represented).abs().max() > 0.1


def test_of_each_neuron_in_descending_order(rows: pd.DataFrame) -> None:
    each = select(rows, phase="neuron", measure="negentropy", layer=1)
    each = select(each, basis=COMPONENTS, repeat=0, configuration=USUAL)
    values = each.sort_values("rank")["value"]
    assert len(values) == HIDDEN[0] and (values.diff().dropna() <= 0).all()
    whole = select(
        rows, phase="basis", measure="negentropy", layer=1, basis=COMPONENTS, repeat=0, configuration=USUAL
    )
    assert values.mean() == pytest.approx(whole["value"].item())


def test_pictures_are_correlations_with_every_pixel_of_the_first_repeat(rows: pd.DataFrame, data: Dataset) -> None:
    pictures = select(rows, phase="picture", measure="pixel_correlation")
    assert set(pictures["repeat"]) == {0} and set(pictures["basis"]) == {COMPONENTS, NEURONS}
    assert len(pictures) == 2 * 2 * 4 * data.features
    sides = {"channels": 1, "height": 2, "width": 4}
    assert 0.1 < pictures["value"].abs().max() <= 1
    assert select(rows, phase="image", configuration=USUAL).set_index("dimension")["value"].to_dict() == sides


def test_what_does_not_vary_is_left_out() -> None:
    y = torch.tensor([[1.0, 2.0, 0.0], [1.0, 3.0, 1e-8], [1.0, 4.0, 0.0]])
    assert varying(y).tolist() == [[2.0], [3.0], [4.0]]
    assert varying(y[:, 1:2]).shape == (3, 1) and varying(y[:, :1]).shape == varying(y[:, :0]).shape == (3, 0)


def test_images_without_variance_have_no_rows_of_independence_and_no_pictures(data: Dataset) -> None:
    alike = Split(data.test.images[:1].expand(50, -1).contiguous(), data.test.labels[:50])
    own = settings(epochs=1, repeats=1)
    same = build("alike", alike, alike, data.shape, 4, data.provenance)
    rows = observed(own, own.members(), same)
    assert {"represented", "found"} <= set(rows["phase"]) and rows["value"].notna().all()
    assert not set(rows["phase"]) & {"basis", "neuron", "picture"}


def test_repeats_and_ways_of_training_do_not_depend_on_each_other(rows: pd.DataFrame, data: Dataset) -> None:
    (member,) = [each for each in settings().members() if each.repeat == 1 and each.label == TURNED]
    alone = observed(settings(), [member], data)
    together = select(rows, repeat=1, configuration=TURNED)
    pd.testing.assert_frame_equal(select(alone), together)


def test_both_trainings_of_a_repeat_begin_alike(rows: pd.DataFrame) -> None:
    start = select(rows, phase="training", measure="test_loss", epoch=0)
    values = [select(start, configuration=training)["value"].tolist() for training in (USUAL, TURNED)]
    assert values[0] == values[1] and values[0][0] != values[0][1]
    first = select(rows, phase="training", measure="test_loss", epoch=2)
    assert (
        select(first, configuration=USUAL)["value"].tolist() != select(first, configuration=TURNED)["value"].tolist()
    )


def test_a_search_cut_short_is_said(data: Dataset) -> None:
    (member, *_) = settings().members()
    found = {
        steps: select(observed(settings(component_steps=steps), [member], data), measure="converged")["value"]
        for steps in (1, 1000)
    }
    assert set(found[1]) == {0.0} and set(found[1000]) == {100.0}


def test_random_rotations_leave_what_has_no_variance() -> None:
    white = torch.tensor([True, True, False, True])
    rotation = random_rotation(white, torch.Generator().manual_seed(0))
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(4, dtype=torch.float64))
    assert rotation[2].tolist() == rotation[:, 2].tolist() == [0.0, 0.0, 1.0, 0.0]
    assert rotation[0, 0].abs() < 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"configuration": {"activation": "tanh", "intrinsic_length": "none", "compensation": "none"}},
            "isotropic-tanh",
        ),
        (
            {"configuration": {"intrinsic_length": "trainable", "compensation": "trainable"}},
            "compensation none or expectation",
        ),
        ({"matmul": "bf16"}, "valid here is float32"),
        ({"batch_size": 1}, "batch_size: 1 sample has no variance; valid are 2 or more"),
        ({"component_samples": 1}, "component_samples: 1 sample has no variance; valid are 2 or more"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**changes)
