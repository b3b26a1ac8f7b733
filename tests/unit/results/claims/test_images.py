"""What test images add to an interval: as much as drawing them again shows, for every criterion that counts them."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from functools import cache

import made_bits
import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.experiments import experiment
from pipeline.results import correct
from pipeline.results.claims.base import Basis, Context, Criterion, Values, intervals, judge
from pipeline.results.claims.criteria import CRITERIA
from pipeline.results.claims.images import Sampling, _of_images, sampling
from pipeline.results.divergence import completed
from pipeline.results.statistics import LEVEL, select

COUNTED = [each for each in CRITERIA if each.images]
BASIS = Basis("made", "some network", networks=16, repeats=4, epochs=2, same_as_paper=False)
IMAGES, DRAWS = 120, 500


@cache
def made(name: str, lost: bool = False) -> tuple[pd.DataFrame, Context]:
    """Rows of an experiment on data of every source that its criteria name, and its bits; one network `lost`."""
    settings = made_rows.settings(name, **({"data": ["cifar10", "mnist"]} if name == "tanh_comparison" else {}))
    rows, schema = made_rows.rows(name, settings), experiment(name).ROWS
    if lost:
        which = rows[rows["repeat"] == 1].iloc[-1]
        rows = made_rows.diverged(rows, 1, repeat=1, configuration=which["configuration"], network=which["network"])
    rows, bits = made_bits.with_bits(rows, schema, settings.ends, IMAGES)
    other = {"digits-permuted": "fashion-mnist", "digits-turned": "emnist-aj"}  # independent images
    sources = {name: other.get(name, name) for name in settings.data}
    return rows, Context(settings, sources, 10.0, bits)


def given(criterion: Criterion, lost: bool = False) -> tuple[pd.DataFrame, Context, Values]:
    """What the judge gives to the estimand, and what that gives."""
    rows, context = made(criterion.experiment, lost)
    own = rows if criterion.at_chance else completed(rows)
    return own, context, criterion.values(own, context)


def drawn(criterion: Criterion, rows: pd.DataFrame, context: Context, together: bool = False) -> pd.Series[float]:
    """Variance of the mean of each cell over draws of images, each a table of its own: nothing is taken as linear.

    Of all test sets by themselves, or the same draw of all of them `together`.
    """
    assert context.correct is not None
    random, number = np.random.default_rng(0), int(rows["repeat"].max()) + 1
    own = correct.observed(context.correct, rows)
    bits = correct.unpacked(own)
    sets = own.groupby([name for name in ("data", "task") if name in own], sort=False).ngroup().to_numpy()
    sets = 0 * sets if together else sets
    often = random.multinomial(IMAGES, [1 / IMAGES] * IMAGES, size=(DRAWS, sets.max() + 1))
    tables = []
    for k in range(DRAWS):
        again = own.assign(value=100 * (bits * often[k][sets]).sum(1) / IMAGES)[list(rows.columns)]
        tables += [again.assign(repeat=again["repeat"] + k * number)]
        others = rows[rows["measure"].isin(["diverged", "validation_accuracy"])]
        tables += [others.assign(repeat=others["repeat"] + k * number)]
    table = made_bits.changes(pd.concat([*tables, *_changed(rows, number)], ignore_index=True))
    values = criterion.values(table, context)
    means = values.assign(draw=values["repeat"] // number).groupby(["cell", "draw"])["value"].mean()
    return means.astype(float).groupby("cell").var()


def _changed(rows: pd.DataFrame, number: int) -> list[pd.DataFrame]:
    own = rows[(rows["measure"] == "delta_accuracy") & (rows["precision"] == "float32")]
    return [own.assign(repeat=own["repeat"] + k * number) for k in range(DRAWS)] if len(own) else []


@pytest.mark.parametrize("criterion", COUNTED, ids=lambda each: each.id)
def test_as_much_as_drawing_images_again_shows(criterion: Criterion) -> None:
    rows, context, values = given(criterion)
    found = sampling(criterion, rows, context, values)
    assert set(found) == set(values["cell"].astype(str))
    if not found:
        assert criterion.part in ("CIFAR-100", "Caltech-256", "EMNIST A-J", "Fashion-MNIST"), "no such data was made"
        return
    known = drawn(criterion, rows, context)
    for cell, its in found.items():
        assert its.variance == pytest.approx(known[cell], rel=0.25)  # of 500 draws, four standard errors
        assert its.variance > 0


@pytest.mark.parametrize("criterion", COUNTED, ids=lambda each: each.id)
def test_networks_that_diverged_are_no_hindrance(criterion: Criterion) -> None:
    rows, context, values = given(criterion, lost=True)
    assert (rows["phase"] == "diverged").any() == criterion.at_chance
    found = sampling(criterion, rows, context, values)
    assert set(found) == set(values["cell"].astype(str)) and all(
        math.isfinite(own.variance) for own in found.values()
    )


def test_the_same_images_in_another_form_are_one_test_set() -> None:
    """Digits, permuted and turned: what one network has right of them is no independent sample."""
    (criterion,) = (each for each in COUNTED if each.part == "twins of the same first widths")
    rows, context, values = given(criterion)
    digits = replace(context, sources={name: name for name in context.sources})
    (one,), (three,) = (sampling(criterion, rows, each, values).values() for each in (digits, context))
    assert (one.images, three.images) == (IMAGES, 3 * IMAGES)
    known = drawn(criterion, rows, context, together=True)
    assert one.variance == pytest.approx(float(known.iloc[0]), rel=0.25)


def test_images_are_those_of_the_test_sets_that_a_cell_is_of() -> None:
    counts = {}
    for criterion in COUNTED:
        rows, context, values = given(criterion)
        counts[criterion.id] = {own.images for own in sampling(criterion, rows, context, values).values()}
    tasks = len(made_rows.SETTINGS["task_schedule"].data)
    assert counts["adaptive-beats-static: twins of the same first widths"] == {tasks * IMAGES}
    assert (
        counts["harder-favours-isotropic: CIFAR-10"]
        == counts["final-width-only: the final width matters"]
        == {IMAGES}
    )
    assert counts["depth-hurts-standard: standard loses with depth"] == {2 * IMAGES}
    assert counts["harder-favours-isotropic: CIFAR-100"] == set(), "no such data"


def single(criterion: Criterion) -> Criterion:
    """The accuracies of standard tanh alone: what a mean over images is can be said at once."""
    return replace(criterion, values=lambda rows, context: _standard(rows))


def _standard(rows: pd.DataFrame) -> Values:
    own = select(rows, phase="training", measure="test_accuracy", hidden_layers=2, hidden_width=8, data="mnist")
    last = own[(own["epoch"] == own["epoch"].max()) & (own["activation"] == "tanh")]
    return last.assign(cell="standard tanh")[["cell", "repeat", "value"]]


def test_of_one_accuracy_it_is_the_variance_of_an_image_over_their_number() -> None:
    (first, *_) = (each for each in COUNTED if each.experiment == "tanh_comparison")
    rows, context = made("tanh_comparison")
    values = _standard(rows)
    found = sampling(single(first), rows, context, values)["standard tanh"]
    assert context.correct is not None
    own = context.correct.query(
        "hidden_layers == 2 and hidden_width == 8 and data == 'mnist' and activation == 'tanh'"
    )
    assert len(own) == len(values) == 4
    each = 100 * correct.unpacked(own).mean(0)
    assert found == Sampling(pytest.approx(each.var(ddof=1) / IMAGES), IMAGES - 1, IMAGES)


def test_what_is_not_linear_or_has_no_bits_is_refused() -> None:
    (criterion, *_) = (each for each in COUNTED if each.id == "final-width-only: the path does not matter")
    rows, context, values = given(criterion)
    sampling(criterion, rows, context, values)
    squared = values.assign(value=values["value"] ** 2)
    other = replace(criterion, values=lambda r, c: (v := criterion.values(r, c)).assign(value=v["value"] ** 2))
    with pytest.raises(ValueError, match=r"final-width-only: the path .* with `images` an estimand is linear"):
        sampling(other, rows, context, squared)
    assert context.correct is not None
    with pytest.raises(InputError, match=r"correct.parquet: .* are missing; delete it, and `dvc repro` makes it"):
        sampling(criterion, rows, replace(context, correct=context.correct.iloc[1:]), values)


def test_the_judge_counts_images_where_it_knows_them() -> None:
    criterion = next(each for each in COUNTED if each.id == "overabundance: no worse than constant width")
    rows, context = made("abundance")
    (repeats,) = judge(criterion, rows, replace(context, correct=None), BASIS).cells
    (both,) = judge(criterion, rows, context, BASIS).cells
    (alone,) = judge(replace(criterion, images=False), rows, context, BASIS).cells
    assert repeats == alone and repeats.images == 0, "rows made before bits were kept"
    assert both.images == IMAGES and both.n == repeats.n and both.estimate == repeats.estimate
    assert both.high - both.low > repeats.high - repeats.low


def test_no_images_leave_the_interval_as_it_was_and_the_parts_add_as_squares() -> None:
    values = pd.DataFrame({"cell": "a", "repeat": range(4), "value": [1.0, 2.0, 3.0, 5.0]})
    (alone,), (both,) = intervals(values), intervals(values, {"a": Sampling(0.25, 99, 100)})
    assert intervals(values, {"another": Sampling(0.25, 99, 100)}) == [alone]
    t = 1.98421695  # Student's, of 99 degrees of freedom, at 97.5 %
    assert LEVEL == 0.95
    assert (both.high - both.estimate) ** 2 == pytest.approx((alone.high - alone.estimate) ** 2 + (0.5 * t) ** 2)
    equal = values.assign(value=2.0)
    assert intervals(equal, {"a": Sampling(0.25, 99, 100)})[0].high == pytest.approx(2 + 0.5 * t)
    assert math.isnan(intervals(values.iloc[:1], {"a": Sampling(0.25, 99, 100)})[0].low), "one repeat has no interval"


def test_of_one_image_there_is_no_interval() -> None:
    """Nor a warning of numpy's, of a variance of nothing; of two there is one."""
    values = pd.DataFrame({"cell": "a", "repeat": range(4), "value": [1.0, 2.0, 3.0, 5.0]})
    own = pd.DataFrame({"test_set": "a", "images": 1, "correct": [bytes([128])], "before": None})
    two = own.assign(images=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone, both = (_of_images(np.ones(1), each) for each in (own, two))
        (without,) = intervals(values, {"a": alone})
        (given,) = intervals(values, {"a": both})
    assert alone.df == 1 and alone.images == 1 and math.isnan(without.low) and without.estimate == 2.75
    assert both.variance > 0 and math.isfinite(given.low), "the control"
