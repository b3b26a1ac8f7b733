"""Which test images a network had right: what is kept where, that it is what the rows say, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import made_rows
import numpy as np
import pandas as pd
import pytest
import torch
from small import PSI, noise

from pipeline.errors import InputError
from pipeline.experiments import experiment
from pipeline.experiments.plan import Member
from pipeline.experiments.plan.observations import Observations
from pipeline.experiments.plan.work import Work
from pipeline.results import correct
from pipeline.results.claims.criteria import CRITERIA
from pipeline.results.measures import TRAINING
from pipeline.results.rows import write
from pipeline.results.schema import Factor, Schema
from pipeline.results.statistics import select
from pipeline.training.engine import Epoch

SCHEMA = Schema({"training": "after an epoch"}, TRAINING, observations={"task": Factor("one of the tasks")})
IMAGES = 43  # no multiple of eight
JUDGED = sorted({criterion.experiment for criterion in CRITERIA if criterion.images})


@cache
def ran(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of an experiment's first job on noise, and its bits."""
    settings = made_rows.settings(name, repeats=2)
    (names, *_) = settings.datasets()
    first, *rest = settings.members()
    members = [first, *(each for each in rest if settings.stack_key(each) == settings.stack_key(first))]
    data = [noise(150, IMAGES, (1, 3, 4), 4, each, seed=seed) for seed, each in enumerate(names)]
    work = Work(settings, members, data, torch.device("cpu"))
    return experiment(name).run(work), work.correct()


def written(table: pd.DataFrame, folder: Path) -> Path:
    path = folder / "correct.parquet"
    write(table, path)
    return path


@pytest.mark.parametrize("name", JUDGED)
def test_bits_are_of_the_accuracies_in_the_rows(name: str, tmp_path: Path) -> None:
    rows, bits = ran(name)
    schema = experiment(name).ROWS
    found = correct.read(written(bits, tmp_path), rows, schema)
    assert found is not None
    pd.testing.assert_frame_equal(found, bits)
    both = correct.observed(found, rows)
    assert len(both) == len(found) > 0 and both["value"].nunique() > 1
    for said, packed, images in zip(both["value"], both["correct"], both["images"], strict=True):
        own = np.unpackbits(np.frombuffer(packed, np.uint8), count=images)  # as docs/rows.md has it
        assert len(own) == IMAGES and 100 * own.mean() == pytest.approx(said, abs=1e-12)


def test_they_are_kept_where_claims_are_about_accuracies_and_nowhere_else() -> None:
    kept = {name: ran(name)[1].groupby(["phase", "epoch"], observed=True).size().to_dict() for name in JUDGED}
    own = {name: made_rows.settings(name, repeats=2) for name in JUDGED}
    for name in {*JUDGED} - {"task_schedule", "invariance"}:
        assert list(kept[name]) == [("training", own[name].epochs)]
    schedule, invariance = own["task_schedule"], own["invariance"]
    ends = np.cumsum([phase.epochs for phase in schedule.schedule]).tolist()
    # Of both networks in every task; until accuracies are compared also of two controls of each.
    tests = {end: 2 * len(schedule.data) * (3 if end <= schedule.compared else 1) for end in ends}
    assert kept["task_schedule"] == {("training", end): count for end, count in tests.items()}
    networks, changes = len(ran("invariance")[0][["configuration", "repeat"]].drop_duplicates()), invariance.changes
    assert {phase: count for (phase, _), count in kept["invariance"].items()} == {
        "training": networks,
        "baseline": networks,
        "adapted": networks * (1 + len(changes)),
    }
    assert set(ran("invariance")[1]["precision"]) == {"float32"}


def observations(ends: tuple[int, ...] = (2,)) -> Observations:
    members = [Member(repeat=k, configuration=PSI) for k in range(3)]
    return Observations(SCHEMA, "test", "noise", members, [[6, 5, 4]] * 3, ends)


RIGHT = torch.rand(3, IMAGES, generator=torch.Generator().manual_seed(0)) < 0.7
END: dict[str, object] = {"phase": "training", "epoch": 2}


def epoch(number: int, diverged: torch.Tensor) -> Epoch:
    return Epoch(number, torch.zeros(3), torch.zeros(3), RIGHT, diverged)


def test_bits_are_of_members_that_are_alive() -> None:
    observed, none = observations(), torch.zeros(3, dtype=torch.bool)
    for number in range(3):
        observed.training(epoch(number, none if number < 2 else torch.tensor([False, True, False])))
    bits = observed.bits()
    assert bits["repeat"].tolist() == [0, 2] and set(bits["epoch"]) == {2}
    assert np.array_equal(correct.unpacked(bits), RIGHT[[0, 2]].numpy())
    accuracy = select(observed.frame(), measure="test_accuracy", epoch=2)
    assert accuracy["value"].tolist() == (100 * RIGHT[[0, 2]].double().mean(1)).tolist()


def test_a_place_has_its_bits_once() -> None:
    observed = observations()
    observed.correct(END, RIGHT)
    observed.correct(END | {"task": "another"}, RIGHT)
    observed.branch(configuration="another").correct(END, RIGHT)
    assert len(observed.bits()) == 9
    observed.correct(END, ~RIGHT)
    with pytest.raises(ValueError, match=r"3 observed twice at one place, the first: .*'epoch': 2"):
        observed.bits()


@pytest.mark.parametrize(
    ("place", "right", "said"),
    [
        ({"phase": "training"}, RIGHT, "has no epoch"),
        (END | {"where": 1}, RIGHT, "'where' is not one of the columns"),
        (END, RIGHT[:2], r"correct is torch.bool \[2, 43\]; valid is torch.bool \[3, images\]"),
        (END, RIGHT.all(1), r"correct is torch.bool \[3\]"),
        (END, RIGHT.float(), r"correct is torch.float32 \[3, 43\]"),
        (END | {"epoch": 1}, RIGHT.float(), r"correct is torch.float32"),
    ],
)
def test_what_is_no_observation_of_images_is_refused(
    place: dict[str, object], right: torch.Tensor, said: str
) -> None:
    observed = observations()
    with pytest.raises(ValueError, match=said):
        observed.correct(place, right)
    assert observed.rows == []


def test_no_bits_are_an_empty_table(tmp_path: Path) -> None:
    schema = experiment("timing").ROWS
    empty = correct.concatenated([], schema)
    assert list(empty.columns) == correct.columns(schema) and empty.empty
    found = correct.read(written(empty, tmp_path), made_rows.rows("timing"), schema)
    assert found is not None and found.dtypes.equals(empty.dtypes) and found.empty
    with pytest.raises(InputError, match=r"none.parquet: no such file; `dvc repro` makes it"):
        correct.read(tmp_path / "none.parquet", made_rows.rows("timing"), schema)


def test_the_same_bits_are_the_same_bytes() -> None:
    _, bits = ran("abundance")
    content = correct.to_bytes(bits)
    again = correct.from_bytes(content, experiment("abundance").ROWS)
    pd.testing.assert_frame_equal(again, bits)
    assert correct.to_bytes(again) == content


def flipped(bits: pd.DataFrame) -> pd.DataFrame:
    first, *rest = bits["correct"]
    return bits.assign(correct=[bytes([first[0] ^ 1, *first[1:]]), *rest])


Change = Callable[[pd.DataFrame], pd.DataFrame]
WRONG: dict[str, tuple[Change, str]] = {
    "one bit": (flipped, r"1 accuracies in the rows are not those of the bits, the first .* % for \d+ of 43 images"),
    "a byte less": (lambda b: b.assign(correct=b["correct"].map(lambda own: own[:-1])), "43 images have 5 bytes"),
    "no bytes": (lambda b: b.assign(correct=None), "43 images have no bytes"),
    "no images": (lambda b: b.assign(images=pd.array([pd.NA] * len(b), "Int64")), "<NA> images have 6 bytes"),
    "twice": (lambda b: pd.concat([b, b.iloc[:1]]), "1 places are there twice"),
    "other epochs": (lambda b: b.assign(epoch=b["epoch"] + 1), r"2 of 2 places have no accuracy in the rows"),
    "another experiment": (lambda b: b.assign(experiment="other"), r"2 of 2 places have no accuracy"),
    "columns": (lambda b: b.drop(columns="seed"), r"columns \['experiment', .* instead of"),
    "text": (lambda b: b.assign(epoch="last"), "Failed to parse string"),
}


@pytest.mark.parametrize("what", WRONG)
def test_another_file_is_refused(what: str, tmp_path: Path) -> None:
    rows, bits = ran("abundance")
    change, said = WRONG[what]
    path = written(change(bits.reset_index(drop=True)), tmp_path)
    with pytest.raises(
        InputError, match=rf"correct\.parquet: .*({said}).*; delete it, and `dvc repro` makes it again"
    ):
        correct.read(path, rows, experiment("abundance").ROWS)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    rows, bits = ran("abundance")
    path = written(bits, tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"correct\.parquet: not a readable parquet file"):
        correct.read(path, rows, experiment("abundance").ROWS)
