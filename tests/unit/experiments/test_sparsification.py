"""The experiment `sparsification` on random images."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from small import PSI, noise

from isotropic.surgery.sparsify import parameter_count
from pipeline.experiments.plan.work import Work
from pipeline.experiments.sparsification import Settings, interleaved, run
from pipeline.results.statistics import select

SETTINGS = Settings(
    data=["random"],
    repeats=3,
    epochs=1,
    batch_size=16,
    optimiser="adamw",
    learning_rate=1e-2,
    weight_decay=1e-3,
    psi_decay=0.1,
    hidden_widths=[8],
    hidden_layers=[3, 4],
    configurations=[PSI],
    present_above=1e-5,
    latency_batches=[1, 4],
    latency_passes=2,
)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    data = noise(40, 8, (1, 2, 3), name="random")
    groups: dict[Any, list[Any]] = {}
    for member in SETTINGS.members():
        groups.setdefault(SETTINGS.stack_key(member), []).append(member)
    assert [len(group) for group in groups.values()] == [3, 3]
    return pd.concat([run(Work(SETTINGS, group, [data], torch.device("cpu"))) for group in groups.values()])


def test_what_is_left_is_what_the_widths_say(rows: pd.DataFrame) -> None:
    for network, diagonal in (("6-8-8-8-3", [2]), ("6-8-8-8-8-3", [2, 4])):
        widths = [int(width) for width in network.split("-")]
        for phase, exact in (("baseline", parameter_count(widths)), ("adapted", parameter_count(widths, diagonal))):
            for precision, size in (("float32", 4), ("float64", 8)):
                some = select(rows, network=network, phase=phase, precision=precision)
                assert set(select(some, measure="parameters_exact")["value"]) == {exact}
                assert set(select(some, measure="bytes")["value"]) == {size * exact}
                # o starts at 1e-6, and few weights are that small.
                assert select(some, measure="parameters")["value"].between(exact - 12, exact).all()


def test_percentages_are_of_what_there_was(rows: pd.DataFrame) -> None:
    keys = ["network", "repeat", "precision"]
    for measure, percent in (("parameters", "percent_removed"), ("parameters_exact", "percent_exact")):
        before, after = (
            select(rows, phase=phase, measure=measure).set_index(keys)["value"] for phase in ("baseline", "adapted")
        )
        found = select(rows, phase="adapted", measure=percent).set_index(keys)["value"]
        pd.testing.assert_series_equal(found, 100 * (before - after) / before)
        assert len(found) == 12 and found.between(5, 45).all()


def test_the_function_stays(rows: pd.DataFrame) -> None:
    for measure in ("epsilon", "epsilon_form"):
        assert (select(rows, measure=measure, precision="float64")["value"] < 1e-12).all()
        assert (select(rows, measure=measure, precision="float32")["value"] > 1e-12).any()  # it was computed


def test_latencies_of_every_batch(rows: pd.DataFrame) -> None:
    found = select(rows, phase="latency")
    assert found.groupby(["batch", "measure"]).size().tolist() == [6] * 6 and (found["value"] > 0).all()


def test_networks_take_turns() -> None:
    calls: list[str] = []

    class Net(torch.nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(self.name)
            return x

    assert len(interleaved([Net("a"), Net("b")], torch.zeros(1), 3)) == 2
    assert calls == ["a", "b"] * 5  # two turns to warm up
