"""Numbers of spectra, on spectra whose numbers are known."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.random import Generator, default_rng

from pipeline.experiments.spectra import ROWS
from pipeline.results.rows import frame
from pipeline.results.spectrum import NUMBERS, TWO_GROUPS, course, likeness, numbers, valley
from pipeline.results.statistics import select


def rows(spectra: list[list[float]], epoch: int = 1) -> pd.DataFrame:
    """A spectrum per repeat, of map 1."""
    who = {"configuration": "a", "phase": "spectrum", "measure": "sigma", "epoch": epoch, "layer": 1}
    made = (
        who | {"repeat": repeat, "index": index, "value": value}
        for repeat, values in enumerate(spectra)
        for index, value in enumerate(values)
    )
    return frame(made, ROWS)


def number(table: pd.DataFrame, measure: str) -> list[float]:
    return [float(value) for value in select(table, measure=measure)["value"]]


def test_by_hand() -> None:
    found = numbers(rows([[1, 1, 1, 1], [8, 2, 1, 0.5], [3, 0, 0, 0]]), threshold=0.95)
    assert found["measure"].unique().tolist() == list(NUMBERS)
    p = np.array([8, 2, 1, 0.5]) / 11.5
    assert number(found, "effective_rank") == pytest.approx([4, math.exp(-(p * np.log(p)).sum()), 1])
    assert number(found, "share_below") == [0, 25, 75]
    assert number(found, "largest_to_median")[:2] == pytest.approx([1, 8 / math.sqrt(2)])
    assert number(found, "separation")[:2] == pytest.approx([1, 4])


def test_a_gap_among_the_smaller_half_is_no_separation() -> None:
    found = numbers(rows([[2, 2, 1.9, 1.9, 1.8, 0.01]]), threshold=1)
    assert number(found, "separation") == pytest.approx([2 / 1.9])


def test_likeness() -> None:
    falling = np.linspace(1, -1, 9)
    assert likeness(np.stack([falling, falling, falling])) == pytest.approx([1, 1, 1])
    assert (likeness(np.stack([falling, falling, -falling])) < 0.5).all()  # the mean of the others misses each
    assert likeness(np.stack([falling, falling + 1]))[0] < 0  # a correlation would be 1
    assert np.isnan(likeness(falling[None])).all() and np.isnan(likeness(np.zeros((3, 4)))).all()


def test_the_course_is_without_the_start() -> None:
    start, end = rows([[1, 1, 1]] * 2, epoch=0), rows([[4, 2, 1]] * 2)
    assert number(course(pd.concat([start, end])), "likeness") == pytest.approx([1, 1])
    assert course(start).empty


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_has_no_numbers_and_does_no_harm(bad: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = numbers(rows([[bad, 2, 1], [4, 2, 1]]), threshold=0.95)
    for measure in ("effective_rank", "share_below", "largest_to_median", "separation"):
        first, second = number(found, measure)
        assert math.isnan(first) and math.isfinite(second), measure


def test_no_rows() -> None:
    assert numbers(rows([]), 1.0).empty


# --- valley: one bulk is not called two groups, and two groups are found

WORLDS = 1000
SIZES = (32, 100)
Made = Callable[[Generator, tuple[int, int]], np.ndarray]  # log10 sigma [worlds, n]


def _normal(random: Generator, shape: tuple[int, int]) -> np.ndarray:
    return random.normal(size=shape)


def _skew_normal(random: Generator, shape: tuple[int, int]) -> np.ndarray:
    """Of shape 4: skewness 0.78."""
    return (4 * np.abs(random.normal(size=shape)) + random.normal(size=shape)) / math.sqrt(17)


def _gamma(random: Generator, shape: tuple[int, int]) -> np.ndarray:
    """Of shape 3: skewness 1.15."""
    return random.gamma(3, size=shape) / math.sqrt(3)


def _uniform(random: Generator, shape: tuple[int, int]) -> np.ndarray:
    return random.uniform(size=shape)


def _random_matrix(random: Generator, shape: tuple[int, int]) -> np.ndarray:
    """Of square matrices of independent normal entries, some near singular; a tenth of the worlds."""
    worlds, n = shape
    return np.log10(np.linalg.svd(random.normal(size=(worlds // 10, n, n)), compute_uv=False))


def _left(made: Made) -> Made:
    return lambda random, shape: -made(random, shape)


BULKS: dict[str, Made] = {
    "normal": _normal,
    "skew-normal": _skew_normal,
    "skew-normal to the left": _left(_skew_normal),
    "gamma": _gamma,
    "gamma to the left": _left(_gamma),
    "uniform": _uniform,
    "random matrix": _random_matrix,
}


def two_groups(logs: np.ndarray) -> float:
    """The share of worlds that are said to have two groups."""
    return float((valley(logs) >= TWO_GROUPS).mean())


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("bulk", BULKS)
def test_one_bulk_is_seldom_two_groups(bulk: str, n: int) -> None:
    assert two_groups(BULKS[bulk](default_rng(0), (WORLDS, n))) <= 0.05


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("sd", [0.1, 0.2])
@pytest.mark.parametrize("bulk", ["normal", "skew-normal", "skew-normal to the left", "gamma", "gamma to the left"])
def test_a_tenth_of_the_values_a_factor_of_three_above_the_rest_is_found(bulk: str, sd: float, n: int) -> None:
    random, few = default_rng(0), round(n / 10)
    rest = sd * BULKS[bulk](random, (WORLDS, n - few))
    above = rest.max(-1, keepdims=True) + math.log10(3) + 0.1 * np.abs(random.normal(size=(WORLDS, few)))
    assert two_groups(np.concatenate([rest, above], -1)) >= 0.8


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("factor", "least", "most"), [(3.0, 0.8, 1.0), (1.3, 0.0, 0.05)])
def test_a_tenth_of_the_values_whose_middle_is_above_that_of_the_rest(
    factor: float, least: float, most: float, n: int
) -> None:
    """By a factor of three they are found; the control: by a factor of 1.3 they lie within the others."""
    random, few = default_rng(0), round(n / 10)
    rest, above = 0.1 * random.normal(size=(WORLDS, n - few)), 0.05 * random.normal(size=(WORLDS, few))
    assert least <= two_groups(np.concatenate([rest, above + math.log10(factor)], -1)) <= most


def test_unequal_groups_of_every_share() -> None:
    random = default_rng(0)
    for few in (8, 15, 25, 40):
        rest = 0.1 * random.normal(size=(WORLDS, 100 - few))
        above = 0.1 * random.normal(size=(WORLDS, few))
        assert two_groups(np.concatenate([rest, above + math.log10(5)], -1)) >= 0.8, few


def test_valley_by_hand() -> None:
    logs = np.array([1.2, 0.0, 1.0, 0.2])
    h = 1.5 * math.sqrt(4 * 0.1**2 / 2) * 4**-0.2  # of the two groups, each 0.1 about its mean; less than of all

    def f(x: float) -> float:
        return sum(math.exp(-((x - each) ** 2) / (2 * h**2)) for each in logs)

    assert valley(logs) == pytest.approx(1 - f(0.6) / f(0.2))
    assert valley(3 * logs - 5) == pytest.approx(valley(logs))  # of no unit


def test_two_groups_far_apart_have_nothing_between_them() -> None:
    """Whatever share of the values is in which: the spread of all would smear the one into the other."""
    for few in (3, 9, 16):
        logs = np.concatenate([np.linspace(0, 0.4, 32 - few), 0.4 + math.log10(3.5) + np.linspace(0, 0.2, few)])
        assert valley(logs) > 0.9


def test_few_values_below_the_rest_or_one_above_it_are_no_group_of_large_values() -> None:
    bulk = np.linspace(0, 1, 40)
    assert valley(np.concatenate([bulk, [3, 3.1, 3.2, 3.3]])) > 0.9
    assert valley(np.concatenate([bulk, [-3, -3.1, -3.2, -3.3]])) < 0.1
    assert valley(np.concatenate([bulk, [3]])) < 0.1


def test_valleys_of_what_has_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert valley(np.zeros((2, 32))).tolist() == [0, 0] and valley(np.ones((2, 1))).tolist() == [0, 0]
        assert np.isnan(valley(np.array([[1.0, np.nan, 2.0], [1.0, 0.0, 2.0]]))).tolist() == [True, False]
