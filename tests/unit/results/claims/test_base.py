from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from pipeline.results.claims.base import Basis, Interval, Verdict, decide, intervals

NAN = math.nan


@pytest.mark.parametrize(
    ("passed", "failed", "verdict"),
    [
        ([True, True], [False, False], "reproduced"),
        ([True, False], [False, False], "inconclusive"),
        ([True, False], [False, True], "not reproduced"),
        ([], [], "inconclusive"),
        ([], [True], "not reproduced"),
    ],
)
def test_verdict_from_comparisons(passed: list[bool], failed: list[bool], verdict: str) -> None:
    assert decide(iter(passed), iter(failed)) == verdict


@pytest.mark.parametrize(
    ("low", "high", "within", "outside"),
    [
        (0.1, 0.9, True, False),
        (0.0, 1.0, True, False),
        (0.5, 1.5, False, False),
        (1.1, 1.5, False, True),
        (-2.0, -1.0, False, True),
        (NAN, NAN, False, False),
    ],
)
def test_interval_within_or_outside_0_to_1(low: float, high: float, within: bool, outside: bool) -> None:
    interval = Interval(0.5, low, high, 3)
    assert (interval.within(0, 1), interval.outside(0, 1)) == (within, outside)


def test_a_key_without_summary_has_an_unknown_interval() -> None:
    table = pd.DataFrame({"change": [1], "n": [2], "mean": [3.0], "low": [2.0], "high": [4.0]})
    found = intervals(table, "change", [1, -1])
    assert found[1] == Interval(3.0, 2.0, 4.0, 2)
    assert found[-1].n == 0 and math.isnan(found[-1].low)


def test_plain_verdict_is_json_without_nan() -> None:
    basis = Basis("digits", "64-8-8-10", networks=7, repeats=1, epochs=1, same_as_paper=False)
    numbers = {"ratio": Interval(0.5, NAN, NAN, 1), "worst": math.inf, "count": 3, "where": "here"}
    plain = Verdict("x", "statement", "inconclusive", "criterion", numbers, basis).plain()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["numbers"]["ratio"] == {"estimate": 0.5, "low": None, "high": None, "n": 1}
    assert plain["numbers"]["worst"] is None and plain["numbers"]["count"] == 3
    assert plain["scale"] == "64-8-8-10, 7 networks, 1 repeat, 1 epoch"
