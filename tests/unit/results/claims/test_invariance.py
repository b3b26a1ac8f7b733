"""Each claim with rows made to give each verdict: a test that cannot fail would prove nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.results.claims.base import Basis, Interval, Verdict
from pipeline.results.claims.invariance import judge

Made = Callable[..., pd.DataFrame]
BASIS = Basis("digits", "64-16-16-10", networks=21, repeats=3, epochs=2, same_as_paper=False)
BOTH, NO_PSI = "trainable, trainable+decay", "trainable, none"


def verdict(rows: pd.DataFrame, claim: str, width: int = 16) -> Verdict:
    (found,) = [found for found in judge(rows, width, BASIS) if found.id == claim]
    return found


def where(rows: pd.DataFrame, **wanted: Any) -> pd.Series:
    mask = pd.Series(True, index=rows.index)
    for column, value in wanted.items():
        mask &= (rows[column] == value).fillna(False)
    return mask.astype(bool)


def altered(rows: pd.DataFrame, values: Any, **wanted: Any) -> pd.DataFrame:
    """Rows with `values`, one or as many as there are, in those that are wanted."""
    changed = rows.copy()
    mask = where(rows, **wanted)
    assert mask.any()
    changed.loc[mask, "value"] = values
    return changed


@pytest.fixture(scope="module")
def rows(invariance_rows: Made) -> pd.DataFrame:
    return invariance_rows()


def test_all_four_reproduced_on_rows_made_so(rows: pd.DataFrame) -> None:
    verdicts = judge(rows, 16, BASIS)
    assert [v.id for v in verdicts] == ["exact-growth", "close-pruning", "constant-as-trainable", "accuracy-kept"]
    assert {v.verdict for v in verdicts} == {"reproduced"}
    assert all(v.basis is BASIS and v.numbers and v.criterion and v.statement for v in verdicts)


def test_no_rows_are_inconclusive(rows: pd.DataFrame) -> None:
    assert {v.verdict for v in judge(rows.iloc[:0], 16, BASIS)} == {"inconclusive"}


# exact-growth


@pytest.mark.parametrize("bad", [1.1e-10, math.nan])
@pytest.mark.parametrize("change", [0, 8])
def test_one_growth_that_is_not_exact_in_float64(rows: pd.DataFrame, bad: float, change: int) -> None:
    place = {"measure": "epsilon", "precision": "float64", "change": change, "configuration": NO_PSI, "repeat": 1}
    found = verdict(altered(rows, bad, **place), "exact-growth")
    assert found.verdict == "not reproduced"
    assert found.numbers["of these above 1e-10 (float64)"] == 1
    assert found.numbers["largest ε in float64 is at"] == f"{NO_PSI}; {'+8' if change else '0'}; repeat 1"


def test_one_growth_that_is_not_exact_in_float32(rows: pd.DataFrame) -> None:
    place = {"measure": "epsilon_scaled", "precision": "float32", "change": 1, "repeat": 0}
    assert verdict(altered(rows, 1.1e-3, **place), "exact-growth").verdict == "not reproduced"
    assert verdict(altered(rows, 1e-3, **place), "exact-growth").verdict == "reproduced"


def test_pruning_is_no_matter_of_exact_growth(rows: pd.DataFrame) -> None:
    place = {"measure": "epsilon", "precision": "float64", "change": -1}
    assert verdict(altered(rows, 1.0, **place), "exact-growth").verdict == "reproduced"


def test_growth_in_one_precision_only_is_inconclusive(rows: pd.DataFrame) -> None:
    assert verdict(rows[rows["precision"] == "float32"], "exact-growth").verdict == "inconclusive"


# close-pruning


def test_pruning_ratio_is_that_of_the_rows(rows: pd.DataFrame) -> None:
    ratio = verdict(rows, "close-pruning").numbers["-8: ε with both / without ψ"]
    assert isinstance(ratio, Interval)
    assert ratio.n == 3 and ratio.estimate == pytest.approx(1 / 60, rel=0.1)
    assert ratio.low < ratio.estimate < ratio.high < 1


@pytest.mark.parametrize("rival", ["none, trainable+decay", NO_PSI])
def test_pruning_is_not_close_if_leaving_one_out_is_better(invariance_rows: Made, rival: str) -> None:
    worse = {"none, trainable+decay": 30.0, NO_PSI: 30.0, rival: 0.1}
    assert verdict(invariance_rows(worse=worse), "close-pruning").verdict == "not reproduced"


def test_pruning_as_good_without_psi_is_inconclusive(invariance_rows: Made) -> None:
    rows = invariance_rows(worse={"none, trainable+decay": 30.0})
    assert verdict(rows, "close-pruning").verdict == "inconclusive"


def test_one_repeat_a_missing_rival_and_an_epsilon_of_zero_are_inconclusive(
    rows: pd.DataFrame, invariance_rows: Made
) -> None:
    assert verdict(invariance_rows(repeats=1), "close-pruning").verdict == "inconclusive"
    assert verdict(rows[rows["configuration"] != NO_PSI], "close-pruning").verdict == "inconclusive"
    place = {"measure": "epsilon", "precision": "float32", "change": -1, "configuration": BOTH, "repeat": 0}
    assert verdict(altered(rows, 0.0, **place), "close-pruning").verdict == "inconclusive"


def test_expectation_is_reported_and_not_judged(invariance_rows: Made) -> None:
    worse = {"none, trainable+decay": 30.0, NO_PSI: 30.0, "trainable, expectation": 0.1}
    found = verdict(invariance_rows(worse=worse), "close-pruning")
    beside = found.numbers["-8: ε with both / with expectation (not judged)"]
    assert found.verdict == "reproduced" and isinstance(beside, Interval) and beside.low > 1


# constant-as-trainable


@pytest.mark.parametrize("label", ["constant, trainable+decay", "trainable, constant"])
@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_constant_that_differs_from_trainable(invariance_rows: Made, label: str, factor: float) -> None:
    assert verdict(invariance_rows(worse={label: factor}), "constant-as-trainable").verdict == "not reproduced"


def test_constant_that_may_or_may_not_differ(rows: pd.DataFrame) -> None:
    place = {"measure": "epsilon", "precision": "float32", "change": -8, "configuration": "trainable, constant"}
    scattered = altered(rows, [0.001, 0.01, 0.1], **place)
    assert verdict(scattered, "constant-as-trainable").verdict == "inconclusive"


# accuracy-kept


def test_growing_that_moves_accuracy(rows: pd.DataFrame) -> None:
    place = {"measure": "delta_accuracy", "precision": "float32", "change": 8, "configuration": BOTH}
    # The mean is 0: it is the mean size that counts.
    assert verdict(altered(rows, [-0.2, 0.0, 0.2], **place), "accuracy-kept").verdict == "not reproduced"
    assert verdict(altered(rows, [-0.1, 0.0, 0.1], **place), "accuracy-kept").verdict == "reproduced"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-5.0, -5.1, -4.9], "not reproduced"),
        ([-0.2, -0.9, -2.0], "inconclusive"),
        ([-0.5, -0.6, -0.5], "reproduced"),
    ],
)
def test_pruning_half_that_costs_accuracy(rows: pd.DataFrame, values: list[float], expected: str) -> None:
    place = {"measure": "delta_accuracy", "precision": "float32", "change": -8, "configuration": BOTH}
    assert verdict(altered(rows, values, **place), "accuracy-kept").verdict == expected


def test_accuracy_is_judged_at_half_the_width_and_where_there_is_compensation(rows: pd.DataFrame) -> None:
    lost = np.array([-50.0, -51.0, -49.0])
    place = {"measure": "delta_accuracy", "precision": "float32"}
    elsewhere = altered(rows, lost, **place, change=-1, configuration=BOTH)
    elsewhere = altered(elsewhere, lost, **place, change=-8, configuration=NO_PSI)
    assert verdict(elsewhere, "accuracy-kept").verdict == "reproduced"
    assert verdict(elsewhere, "accuracy-kept", width=2).verdict == "not reproduced"  # half of 2 is 1


def test_accuracy_without_pruning_is_inconclusive(invariance_rows: Made) -> None:
    assert verdict(invariance_rows(changes=[1, 0]), "accuracy-kept").verdict == "inconclusive"


def test_one_repeat_cannot_tell_what_pruning_costs(invariance_rows: Made) -> None:
    assert verdict(invariance_rows(repeats=1), "accuracy-kept").verdict == "inconclusive"
