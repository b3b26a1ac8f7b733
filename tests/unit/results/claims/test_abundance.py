"""What is judged on `abundance`: numbers of made rows, and outcomes of made worlds."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.abundance import ROWS
from pipeline.results.claims.abundance import final_width, grown, outside, path, pruned, starts_alike
from pipeline.results.claims.base import Basis, Context, Verdict, judge
from pipeline.results.claims.criteria import of
from pipeline.results.claims.widths import GROWN, PRUNED
from pipeline.results.rows import frame

BASIS = Basis("CIFAR-10", "3072-n-n-10", networks=1, repeats=4, epochs=2, same_as_paper=False)
WIDTHS = (7, 25, 50, 100)
STATIC = {7: 40.0, 25: 46.0, 50: 48.0, 100: 50.0}
BEGUN = SimpleNamespace(epochs_at_start=1)
CONTEXT = Context(BEGUN, {"cifar10": "cifar10"}, chance=10.0)
PATH, WIDTH, OVER, *BEAT = of("abundance")
Path = Callable[[int, int], float]


def made(
    path: Path = lambda start, end: 0.0,
    static: dict[int, float] = STATIC,
    repeats: int = 4,
    noise: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Accuracies of the start width in epoch 1, and in epoch 2 of the end width plus `path`."""
    random, rows = np.random.default_rng(seed), []
    for repeat in range(repeats):
        luck = 3 * random.normal()  # what the networks of a repeat have in common
        for start in static:
            for end in static:
                who = {"data": "cifar10", "configuration": "a", "start": start, "end": end, "repeat": repeat}
                place = {"network": f"3072-{start}-{start}-10", "phase": "training", "measure": "test_accuracy"}
                last = static[end] + luck + (path(start, end) if start != end else 0) + noise * random.normal()
                rows += [who | place | {"epoch": e, "value": v} for e, v in ((1, static[start]), (2, last))]
    return frame(rows, ROWS)


def changed(rows: pd.DataFrame, by: float, **which: int) -> pd.DataFrame:
    """`by` added to the final accuracies of which the columns have these values."""
    mask = rows["epoch"] == 2
    for column, value in which.items():
        mask &= rows[column] == value
    return rows.assign(value=rows["value"].where(~mask, rows["value"] + by))


def diverging(rows: pd.DataFrame, **which: int) -> pd.DataFrame:
    """The networks of which the columns have these values diverged in epoch 2."""
    mask = rows["epoch"] == 2
    for column, value in which.items():
        mask &= rows[column] == value
    return rows.assign(
        phase=rows["phase"].mask(mask, "diverged"), measure=rows["measure"].mask(mask, "diverged")
    ).astype(rows.dtypes)


def numbers(values: pd.DataFrame) -> dict[tuple[str, int], float]:
    return {(cell, int(repeat)): round(float(value), 9) for cell, repeat, value in values.itertuples(index=False)}


def outcome(rows: pd.DataFrame, context: Context = CONTEXT) -> dict[str, Verdict]:
    return {criterion.part: judge(criterion, rows, context, BASIS) for criterion in (PATH, WIDTH, OVER)}


# estimands


def test_path_is_against_the_network_that_always_had_the_width() -> None:
    found = numbers(path(made(lambda start, end: (start - end) / 10, repeats=2), CONTEXT))
    grown = -(18 + 43 + 25 + 93 + 75 + 50) / 60
    assert found == pytest.approx({(GROWN, 0): grown, (GROWN, 1): grown, (PRUNED, 0): -grown, (PRUNED, 1): -grown})


def test_a_shift_of_a_repeat_or_a_width_cancels_and_one_of_a_network_does_not() -> None:
    rows = made(repeats=2)
    before = numbers(path(rows, CONTEXT))
    assert numbers(path(changed(rows, 5.0, repeat=1), CONTEXT)) == before
    assert numbers(path(changed(rows, 5.0, end=25), CONTEXT)) == before
    assert numbers(path(changed(rows, 6.0, repeat=1, start=100, end=25), CONTEXT)) == before | {(PRUNED, 1): 1.0}


def test_pruned_is_the_path_from_wider_starts() -> None:
    rows = made(lambda start, end: -1.0 if start < end else 2.0, repeats=2)
    assert numbers(pruned(rows, CONTEXT)) == {(PRUNED, 0): 2.0, (PRUNED, 1): 2.0}
    assert numbers(grown(rows, CONTEXT)) == {(GROWN, 0): -1.0, (GROWN, 1): -1.0}


def test_final_width_is_widest_minus_narrowest_of_one_start() -> None:
    rows = made(repeats=2)
    (cell,) = {name for name, _ in numbers(final_width(rows, CONTEXT))}
    assert numbers(final_width(rows, CONTEXT)) == {(cell, 0): 10.0, (cell, 1): 10.0}
    assert numbers(final_width(changed(rows, 5.0, start=25), CONTEXT)) == {(cell, 0): 10.0, (cell, 1): 10.0}
    moved = changed(rows, 4.0, start=25, end=100, repeat=1)
    assert numbers(final_width(moved, CONTEXT)) == {(cell, 0): 10.0, (cell, 1): 11.0}


def test_a_network_that_diverged_is_at_chance() -> None:
    rows = made(repeats=2)
    own = (rows["epoch"] == 2) & (rows["repeat"] == 1) & (rows["start"] == 25) & (rows["end"] == 50)
    lost = float(rows.loc[own, "value"].iloc[0]) - CONTEXT.chance
    found = path(diverging(rows, repeat=1, start=25, end=50), CONTEXT)
    assert numbers(found) == pytest.approx(numbers(path(rows, CONTEXT)) | {(GROWN, 1): -lost / 6})


@pytest.mark.parametrize("estimand", [path, pruned, grown, final_width])
def test_one_width_alone_gives_nothing(estimand: Callable[[pd.DataFrame, Context], pd.DataFrame]) -> None:
    assert estimand(made(static={25: 46.0}), CONTEXT).empty
    assert estimand(made().iloc[:0], CONTEXT).empty


def test_other_widths_are_unfit() -> None:
    assert outside(made(), CONTEXT) == ""
    found = outside(made(static={25: 46.0, 50: 48.0}), CONTEXT)
    assert found == "out of scope: the claim is of hidden widths from 7 to 100; here: 25, 50"
    assert starts_alike(made(static={25: 46.0, 50: 48.0}), CONTEXT) == found


def test_widths_that_made_no_difference_before_are_unfit() -> None:
    assert starts_alike(made(), CONTEXT) == ""
    found = starts_alike(made(static={7: 45.0, 100: 46.5}), CONTEXT)
    assert found == (
        "too alike at the start: before widths move, those of 100 neurons are 1.5 points ahead of those of 7; "
        "under 2 no path from one to the other could show"
    )


# outcomes


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("path", "static", "expected"),
    [
        (lambda start, end: 0.2, STATIC, ("reproduced", "reproduced", "reproduced")),
        (lambda start, end: 1.0, STATIC, ("inconclusive", "reproduced", "reproduced")),  # on the bound
        (lambda start, end: (start > end) * 4.0, STATIC, ("contradicted", "reproduced", "reproduced")),
        (lambda start, end: (start > end) * -4.0, STATIC, ("contradicted", "reproduced", "contradicted")),
        (lambda start, end: (start < end) * -4.0, STATIC, ("contradicted", "reproduced", "reproduced")),
    ],
)
def test_made_worlds(path: Path, static: dict[int, float], expected: tuple[str, ...], seed: int) -> None:
    rows = made(path, static, repeats=PATH.repeats(2), noise=0.3, seed=seed)
    assert tuple(each.outcome for each in outcome(rows).values()) == expected


@pytest.mark.parametrize(("gap", "expected"), [(2.0, "inconclusive"), (0.0, "contradicted"), (8.0, "reproduced")])
def test_a_final_width_that_does_not_matter(gap: float, expected: str) -> None:
    rows = made(static={7: 40.0, 100: 40.0 + gap}, noise=0.3)
    assert judge(WIDTH, rows, CONTEXT, BASIS).outcome == expected


def test_other_data_is_out_of_scope() -> None:
    found = outcome(made(noise=0.3), Context(BEGUN, {"digits": "digits"}, chance=10.0)).values()
    reason = "out of scope: the claim is of CIFAR-10, hidden widths from 7 to 100; here: digits"
    assert {(each.outcome, each.reason) for each in found} == {("not judged", reason)}


def test_more_than_a_tenth_diverged_or_too_few_repeats() -> None:
    found = outcome(diverging(made(noise=0.3), start=25)).values()
    assert {(each.outcome, each.reason) for each in found} == {("not judged", "16 of 64 networks diverged")}
    few = outcome(made(noise=0.3, repeats=2))["the path does not matter"]
    assert (few.outcome, few.reason) == ("not judged", "2 repeats; 5 are needed to tell")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (lambda start, end: 2.0, ("yes", "yes")),
        (lambda start, end: -2.0, ("no", "no")),  # moved and static networks exchanged
        (lambda start, end: 2.0 if start < end else -2.0, ("yes", "no")),
        (lambda start, end: 0.1, ("inconclusive", "inconclusive")),  # on the bound
    ],
)
def test_whether_moving_beats_staying_is_asked_of_growing_and_pruning_on_any_data(
    path: Path, expected: tuple[str, str], seed: int
) -> None:
    other = Context(BEGUN, {"digits": "digits"}, chance=10.0)
    rows = made(path, {3: 40.0, 8: 45.0, 16: 50.0}, repeats=5, noise=0.3, seed=seed)
    assert tuple(judge(criterion, rows, other, BASIS).outcome for criterion in BEAT) == expected
    assert [criterion.part for criterion in BEAT] == ["grown", "pruned"]
