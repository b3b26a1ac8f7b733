"""What is measured of a change of width: each from the trained networks, in both precisions, as done by hand."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small import PSI, TRAINING

from isotropic.networks.network import IsotropicMLP
from isotropic.surgery.diagonalise import diagonalise
from isotropic.surgery.widths import prune
from isotropic.training import measures
from pipeline.config import Configuration
from pipeline.data.dataset import Dataset
from pipeline.experiments.invariance import Settings, run
from pipeline.experiments.plan.work import Work
from pipeline.results.claims import invariance as claims
from pipeline.results.statistics import select
from pipeline.training import evaluation

CPU = torch.device("cpu")
NO_PSI = Configuration(intrinsic_length="trainable", compensation="none")
EXPECTATION = Configuration(intrinsic_length="trainable", compensation="expectation")


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = TRAINING | {
        "epochs": 3,
        "hidden": [6, 5],
        "layer": 2,
        "changes": [2, -1, -3],
        "columns": "normal",
        "expectation_samples": 30,
        "configurations": [PSI, NO_PSI, EXPECTATION],
    }
    return Settings.model_validate(values | changes)


def work(data: Dataset, **changes: Any) -> Work[Any, Any]:
    own = settings(**changes)
    return Work(own, own.members(), [data], CPU)


@pytest.fixture(scope="module")
def ran(data: Dataset) -> tuple[pd.DataFrame, list[Any]]:
    """Rows, and the networks that are kept."""
    own = work(data)
    return run(own), own.kept


def test_every_change_is_measured_in_both_precisions(ran: tuple[pd.DataFrame, list[Any]]) -> None:
    rows = select(ran[0], phase="adapted", measure="epsilon", ablation=None)
    assert len(rows) == 2 * 3 * 2 * 4, "repeats, configurations, precisions, changes with diagonalisation alone"
    assert sorted(rows["change"].unique()) == [-3, -1, 0, 2] and set(rows["epoch"]) == {3}
    exact = rows[rows["change"] >= 0].groupby("precision")["value"].max()
    assert exact["float64"] < 1e-12 < exact["float32"] < 1e-4
    assert rows[rows["change"] < 0]["value"].min() > 1e-6, "the control: pruned neurons did something"


def test_networks_are_left_unless_the_settings_say_not(ran: tuple[pd.DataFrame, list[Any]], data: Dataset) -> None:
    """Which networks are left changes no row."""
    own = work(data, keep_networks=False)
    pd.testing.assert_frame_equal(run(own), ran[0])
    assert own.kept == [] and len(ran[1]) == 3, "of the first repeat, one a configuration"


def test_a_change_does_not_depend_on_those_before_it(ran: tuple[pd.DataFrame, list[Any]], data: Dataset) -> None:
    alone = run(work(data, changes=[-3]))
    keys = ["configuration", "repeat", "precision", "change", "ablation", "measure"]
    one, all_of_them = (
        select(rows, phase="adapted")
        .astype({"ablation": "string"})
        .fillna({"ablation": "whole"})
        .set_index(keys)["value"]
        for rows in (alone, ran[0])
    )
    assert len(one) == 2 * 3 * 2 * 2 * 7 + 2 * 2 * 3 * 4, "and of one configuration three ablations, four measures"
    pd.testing.assert_series_equal(all_of_them.loc[one.index], one)


def test_configurations_of_which_one_leaves_out_a_correction_are_one_network_before_pruning(data: Dataset) -> None:
    """What the claims compare after pruning; a psi that is trained is the control."""

    def distance(one: str, other: str) -> float:
        labels = [one.split(", "), other.split(", ")]
        two = [Configuration.model_validate({"intrinsic_length": o, "compensation": psi}) for o, psi in labels]
        own = work(data, configurations=two, learning_rate=0.01)
        run(own)
        first, second = ({each.where["configuration"]: each for each in own.kept}[label] for label in (one, other))
        logits = []
        for network in (first, second):
            net = network.module().double()
            assert isinstance(net, IsotropicMLP)
            logits.append(evaluation.logits(net, data))
        return float((logits[0] - logits[1]).abs().max())

    assert distance(claims.NO_PSI, claims.CONSTANT_PSI) < 1e-4
    assert distance(claims.NO_LENGTH, claims.CONSTANT_LENGTH) < 1e-3
    assert distance(claims.TRAINABLE_PSI, claims.CONSTANT_PSI) > 1e-2


@pytest.mark.parametrize("configuration", [PSI, NO_PSI, EXPECTATION], ids=lambda each: each.compensation)
def test_it_is_what_the_library_does(
    ran: tuple[pd.DataFrame, list[Any]], data: Dataset, configuration: Configuration
) -> None:
    rows, kept = ran
    (network,) = [each for each in kept if each.where["configuration"] == configuration.label]
    net = network.module().double()
    assert isinstance(net, IsotropicMLP)
    before = evaluation.logits(net, data)
    diagonalise(net, 2, "full")
    prune(net, 2, 3, inputs=evaluation.Sample(data, 30, torch.float64))
    expected = measures.function_change(before, evaluation.logits(net, data), data.test.labels)
    own = select(
        rows,
        phase="adapted",
        change=-3,
        ablation=None,
        precision="float64",
        repeat=0,
        configuration=configuration.label,
    )
    found = own.set_index("measure")["value"]
    for measure, value in expected.items():
        assert found[measure] == pytest.approx(float(value), rel=1e-6, abs=1e-9), measure
    assert found["epsilon"] > 1e-3
    assert found["delta_sigma"] == pytest.approx(
        select(rows, phase="baseline", precision="float64", repeat=0, configuration=configuration.label).set_index(
            "measure"
        )["value"]["sigma_sum"]
        - float(measures.sigma_sum(net, 2))
    )


@pytest.mark.parametrize(
    ("ablation", "length", "compensation"),
    [
        ("no length", "none", "trainable+decay"),
        ("no psi", "trainable", "none"),
        ("neither", "none", "none"),
    ],
)
def test_an_ablation_is_pruning_by_the_library_without_the_correction(
    ran: tuple[pd.DataFrame, list[Any]], data: Dataset, ablation: str, length: str, compensation: str
) -> None:
    """As if this network had none to take over what is pruned, while what it was trained to have stays."""
    rows, kept = ran
    (network,) = [each for each in kept if each.where["configuration"] == PSI.label]
    net = network.module().double()
    assert isinstance(net, IsotropicMLP)
    before, whole = evaluation.logits(net, data), copy.deepcopy(net)
    diagonalise(net, 2, "full")
    net.treatment = replace(net.treatment, intrinsic_length=length, compensation=compensation)
    prune(net, 2, 3)
    expected = measures.function_change(before, evaluation.logits(net, data), data.test.labels)
    place = {"phase": "adapted", "change": -3, "precision": "float64", "repeat": 0, "configuration": PSI.label}
    found = select(rows, ablation=ablation, **place).set_index("measure")["value"]
    assert dict(found) == pytest.approx({key: float(value) for key, value in expected.items()}, rel=1e-6, abs=1e-9)
    prune(whole, 2, 3)
    corrected = measures.function_change(before, evaluation.logits(whole, data), data.test.labels)
    assert abs(found["epsilon"] / float(corrected["epsilon"]) - 1) > 1e-4, "the control: it does something"


def test_only_networks_that_have_both_corrections_are_ablated(ran: tuple[pd.DataFrame, list[Any]]) -> None:
    ablated = ran[0][ran[0]["ablation"].notna()]
    assert {*ablated["configuration"]} == {PSI.label} and {*ablated["change"]} == {-1, -3}
    assert {*ablated["measure"]} == {"epsilon", "epsilon_scaled", "kl", "delta_accuracy"}
    assert len(ablated) == 2 * 2 * 2 * 3 * 4, "repeats, precisions, prunings, ablations, measures"


def test_a_network_that_diverged_is_not_ablated(data: Dataset) -> None:
    own = work(data, configurations=[PSI], learning_rate=1e30)
    rows = run(own)
    assert {*rows["phase"]} >= {"diverged"} and rows["ablation"].isna().all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layer": 3}, "layer 3 is no hidden layer"),
        ({"changes": [0]}, "0 of 5 neurons"),
        ({"changes": [-5]}, "-5 of 5 neurons; valid are -4 to 99995, but not 0"),
        ({"changes": [-1], "hidden": [5, 1]}, "-1 of 1 neurons; valid are 1 to 99999 \\["),
        ({"changes": [1], "hidden": [5, 100_000]}, "1 of 100000 neurons; valid are -99999 to -1 \\["),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**changes)
