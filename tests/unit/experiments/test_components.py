"""`components`: the exact variant keeps the function, and components are less Gaussian than other white bases."""

from __future__ import annotations

from functools import cache

import made_rows
import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.config import Data, validate
from pipeline.data.sources import fetch
from pipeline.errors import InputError
from pipeline.experiments.components import (
    COMPONENTS,
    EIGENBASIS,
    NEURONS,
    NOISE,
    RANDOM,
    Settings,
    random_rotation,
    run,
)
from pipeline.reporting.experiments.components import DIAGONAL, EXACT, headlines, present
from pipeline.reporting.images import sheet
from pipeline.results.statistics import select
from pipeline.training.checkpoint import Checkpoints


@cache
def rows() -> pd.DataFrame:
    return made_rows.rows("components")


def represented(task: str, precision: str = "float64") -> pd.DataFrame:
    return select(rows(), phase="represented", measure="epsilon_scaled", precision=precision, task=task)


def test_only_the_exact_variant_keeps_the_function() -> None:
    assert represented(EXACT)["value"].max() < 1e-9
    assert represented(EXACT, "float32")["value"].max() < 1e-2
    assert represented(DIAGONAL)["value"].min() > 1, "negative control"


def test_a_network_trained_in_the_eigenbasis_is_there_already() -> None:
    held = select(rows(), phase="held", measure="epsilon_scaled")
    usual, turned = (held[held["configuration"] == each]["value"] for each in ("as usual", "in the eigenbasis"))
    assert turned.max() < 1 < usual.min()


def test_components_of_real_images_are_less_gaussian_than_other_white_bases() -> None:
    settings = made_rows.settings("components", repeats=1, trainings=["as usual"], hidden=[32, 32], epochs=8)
    data = fetch("digits", Data(source="digits"))
    found = run(settings, settings.members(), [data], torch.device("cpu"), Checkpoints())
    means = select(found, phase="basis", measure="negentropy").groupby(["layer", "task"])["value"].mean()
    for layer in (1, 2):
        assert means[layer, COMPONENTS] > means[layer, EIGENBASIS] + 0.01
        assert means[layer, COMPONENTS] > means[layer, RANDOM] + 0.01
        assert abs(means[layer, NOISE]) < 0.02


def test_pictures_are_of_the_first_repeat_and_are_correlations() -> None:
    pictures = select(rows(), phase="picture", measure="pixel_correlation")
    assert set(pictures["repeat"]) == {0} and set(pictures["task"]) == {COMPONENTS, NEURONS}
    assert pictures["value"].abs().max() <= 1 + 1e-9 and pictures["value"].abs().max() > 0.1
    assert set(pictures["index"]) == set(range(64))


def test_a_random_rotation_leaves_alone_what_has_no_variance() -> None:
    white = torch.tensor([True, False, True, True])
    rotation = random_rotation(white, torch.Generator().manual_seed(0))
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(4, dtype=torch.float64))
    assert rotation[1].tolist() == [0, 1, 0, 0] and abs(rotation[0, 2]) > 1e-3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"configuration": {"intrinsic_length": "trainable", "compensation": "trainable"}},
            "cannot have normalisers",
        ),
        ({"matmul": "bf16"}, "matmul: bf16 is of ensembles"),
        ({"trainings": ["now and then"]}, "'now and then' is not one of as usual, in the eigenbasis"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, object], said: str) -> None:
    known = made_rows.SETTINGS["components"].model_dump()
    with pytest.raises(InputError, match=said):
        validate(Settings, known | change, "made")


def test_the_tables_say_what_the_rows_say() -> None:
    settings = made_rows.SETTINGS["components"]
    (part,) = present(rows(), settings, made_rows.described("digits")).parts
    changes, independence = part.tables
    group = changes.groups[0]
    diagonal = next(row for row in group.rows if row.key == DIAGONAL)
    place = list(changes.columns).index("as usual|1")
    own = represented(DIAGONAL)
    expected = own[(own["configuration"] == "as usual") & (own["layer"] == 1)]["value"].mean()
    cell = diagonal.cells[place]
    assert cell is not None and cell.mean == pytest.approx(expected)
    assert [row.key for row in independence.groups[0].rows][:2] == [COMPONENTS, NEURONS]
    assert len(part.plots) == 3
    found = headlines(rows())
    assert found["as usual"]["log10_epsilon_scaled_exact"] < -9 and found["as usual"]["epsilon_scaled_diagonal"] > 1


def test_images_are_laid_out_from_the_top_left_with_a_gap() -> None:
    grid = sheet(np.arange(3)[:, None, None] * np.ones((3, 2, 2)), across=2)
    assert grid.shape == (5, 5) and grid[0, 0] == 0 and grid[0, 3] == 1 and grid[3, 0] == 2
    assert grid.mask[2].all() and grid.mask[:, 2].all() and grid.mask[3, 3], "gaps, and what is not there"
