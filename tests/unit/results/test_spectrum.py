"""Numbers of spectra, on spectra whose numbers are known."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.spectra import ROWS
from pipeline.results.rows import frame
from pipeline.results.spectrum import NUMBERS, course, likeness, numbers
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
