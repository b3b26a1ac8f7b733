"""The table and the figure of `timing`, from made-up seconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config import Configuration
from pipeline.experiments.timing import DONE, ROWS, Settings
from pipeline.reporting.experiments.timing import present
from pipeline.reporting.presentation import Part
from pipeline.results.provenance import DataSet
from pipeline.results.rows import frame

DATA = {"cifar10": DataSet("cifar10", "cifar10", "images", 4800, 5, 64, 10, "sha256:0")}


def settings(epochs: int) -> Settings:
    return Settings(
        data=["cifar10"],
        repeats=1,
        epochs=epochs,
        warm_up=1,
        batch_size=48,
        optimiser="adamw",
        learning_rate=0.08,
        weight_decay=1e-3,
        psi_decay=0.1,
        hidden=[50, 50],
        layer=2,
        testing=[False, True],
        adaptations=["none", "prune"],
        neurons=1,
        columns="normal",
        configuration=Configuration(intrinsic_length="trainable", compensation="trainable+decay"),
    )


def made(epochs: int, threads: Sequence[int] = (1,)) -> pd.DataFrame:
    """A training of 1, 2, ... seconds, a test of 0.5, an adaptation of 1 % of the training."""
    rows: list[dict[str, object]] = []
    for testing, adaptation in product((False, True), ("none", "prune")):
        for epoch in range(1, epochs + 1):  # of those timed
            values: dict[str, float] = {"training_seconds": 1.0 * epoch, "threads": threads[epoch % len(threads)]}
            values |= {"testing_seconds": 0.5} if testing else {}
            values |= {"adapting_seconds": 0.01 * epoch} if adaptation == "prune" else {}
            who: dict[str, object] = {"data": "cifar10", "configuration": f"{DONE[testing]}, {adaptation}"}
            who |= {"testing": testing, "adaptation": adaptation, "epoch": 1 + epoch, "phase": "timed", "repeat": 0}
            who |= {"precision": "float32"}
            rows += [who | {"measure": measure, "value": value} for measure, value in values.items()]
    return frame(rows, ROWS)


def part(epochs: int) -> Part:
    (only,) = present(made(epochs), settings(epochs), DATA).parts
    return only


def test_every_part_of_an_epoch_has_its_lines() -> None:
    table = part(3).tables[0]
    cells = {(group.key, row.key): row.cells for group in table.groups for row in group.rows}
    assert set(cells) == {
        ("training_seconds", "train"),
        ("training_seconds", "train+test"),
        ("testing_seconds", "train+test"),
        ("adapting_seconds", "train"),
        ("adapting_seconds", "train+test"),
        ("epoch_seconds", "train"),
        ("epoch_seconds", "train+test"),
        ("adapting_share", "train"),
        ("adapting_share", "train+test"),
    }
    none, prune = cells["epoch_seconds", "train+test"]
    assert none is not None and none.mean == pytest.approx(2.5) and none.sd == pytest.approx(1)
    assert prune is not None and prune.mean == pytest.approx(2.52)
    none, prune = cells["adapting_share", "train"]
    assert none is None and prune is not None and (prune.mean, prune.n) == (pytest.approx(1), 3)
    assert "100 steps of 48 an epoch" in table.caption and "1 CPU thread," in table.caption


def test_the_caption_says_how_many_threads_there_were() -> None:
    (only,) = present(made(3, threads=(2, 4)), settings(3), DATA).parts
    assert "float32, 2 or 4 CPU threads," in only.tables[0].caption


@pytest.mark.parametrize("epochs", [1, 3])  # one epoch has no standard deviation
def test_the_figure_is_drawn(tmp_path: Path, epochs: int) -> None:
    (plot,) = part(epochs).plots
    plot.save(tmp_path)
    assert (tmp_path / "cifar10-seconds.png").stat().st_size > 5000
    assert "(train, prune), " in plot.alt


def test_the_claim_is_judged_on_epochs_of_another_network() -> None:
    basis = part(3).basis
    assert not basis.same_as_paper and basis.networks == 4 and basis.epochs == 4
