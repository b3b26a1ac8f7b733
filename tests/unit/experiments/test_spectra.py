"""The experiment `spectra`: what it observes, on a data set of a few random images."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import network
from small import PSI, STANDARD, noise

from isotropic.networks.ensemble import Ensemble
from pipeline.data.dataset import Dataset
from pipeline.experiments.plan.work import Work
from pipeline.experiments.spectra import Settings, run, spectra
from pipeline.results.statistics import select

ISOTROPIC = PSI
SETTINGS = Settings(
    data=["random"],
    repeats=2,
    epochs=1,
    batch_size=16,
    optimiser="adamw",
    learning_rate=0.05,
    weight_decay=1e-3,
    psi_decay=0.1,
    hidden=[5, 4],
    configurations=[ISOTROPIC, STANDARD],
    threshold=0.95,
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return noise(40, 8, (1, 2, 3), name="random")


def test_every_value_of_every_map_at_every_epoch(data: Dataset) -> None:
    isotropic = [member for member in SETTINGS.members() if member.configuration == ISOTROPIC]
    rows = run(Work(SETTINGS, isotropic, [data], torch.device("cpu")))
    for measure in ("sigma", "bias"):
        some = select(rows, phase="spectrum", measure=measure)
        assert some.groupby(["repeat", "epoch", "layer"]).size().unstack().to_numpy().tolist() == [[5, 4, 3]] * 4
        falls = some.sort_values("index").groupby(["repeat", "epoch", "layer"])["value"]
        assert falls.apply(lambda values: values.is_monotonic_decreasing).all()
    start = select(rows, phase="spectrum", epoch=0)
    assert select(start, measure="sigma")["value"].to_numpy() == pytest.approx(1, abs=1e-6)
    assert (select(start, measure="bias")["value"] == 0).all()
    moved = select(rows, phase="spectrum", measure="sigma", epoch=1)["value"]
    assert (moved - 1).abs().max() > 0.01  # that it is 1 at the start is no accident of measuring


def test_members_of_one_activation_stand_together_and_repeats_are_paired() -> None:
    kinds = {member.configuration.label: SETTINGS.stack_key(member) for member in SETTINGS.members()}
    assert len(kinds) == len(set(kinds.values())) == 2
    assert sorted(member.repeat for member in SETTINGS.members()) == [0, 0, 1, 1]


def test_values_are_those_of_each_member() -> None:
    members = [network([6, 5, 3], seed=k, dtype=torch.float32) for k in range(2)]
    found = {
        (where["layer"], where["index"], *values): t
        for where, values in spectra(Ensemble(members))
        for t in values.values()
    }
    for k, member in enumerate(members):
        for layer, affine in enumerate(member.affine, start=1):
            expected = torch.linalg.svdvals(affine.weight.detach().double())
            for index, value in enumerate(expected.tolist()):
                assert found[layer, index, "sigma"][k].item() == pytest.approx(value, rel=1e-6)
