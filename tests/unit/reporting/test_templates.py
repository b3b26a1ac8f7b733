"""What templates write of claims, as claims.json holds them: regions, effects, intervals and counts."""

from __future__ import annotations

import json
import math
import re
from math import inf, log10, nan
from typing import Any

import pandas as pd
import pytest

from pipeline.reporting.templates import bounds, briefly, counts, data, effect, estimate, quantity, region, repeats
from pipeline.results.claims.base import Basis, Cell, Criterion, Verdict, plain

BASIS = Basis("digits", "64-8-10", networks=4, repeats=4, epochs=2, same_as_paper=False)


def claim(*cells: Cell, needed: int = 6, **changes: Any) -> dict[str, Any]:
    """A claim with these cells, to and from JSON."""
    known = {"claim": "made", "experiment": "timing", "unit": "points", "region": (0.5, inf)}
    texts = dict.fromkeys(("sentence", "source", "scope", "estimand", "why", "control"), "words")
    criterion = Criterion(**known | texts | {"values": lambda rows, context: pd.DataFrame()} | changes)
    verdict = Verdict(criterion, "inconclusive", "", cells, needed, BASIS)
    return dict(json.loads(json.dumps(plain(verdict), allow_nan=False)))


def cell(estimate: float, reach: float = 0.5, n: int = 4, name: str = "a") -> Cell:
    return Cell(name, estimate, estimate - reach, estimate + reach, n)


@pytest.mark.parametrize(
    ("changes", "words", "brief"),
    [
        ({"region": (0.5, inf)}, "above 0.5 points", "&gt; 0.5"),
        ({"region": (0.0, inf)}, "above 0 points", "&gt; 0"),
        ({"region": (100.0, inf)}, "above 100 points", "&gt; 100"),
        ({"region": (-inf, -0.2)}, "below −0.2 points", "&lt; −0.2"),
        ({"region": (-1.0, 1.0)}, "from −1 to 1 points", "−1 to 1"),
        ({"region": (0.5, inf), "unit": ""}, "above 0.5", "&gt; 0.5"),
        ({"region": (0.5, inf), "unit": "<n>"}, "above 0.5 &lt;n&gt;", "&gt; 0.5"),
        ({"region": (log10(1.1), inf), "unit": "ratio of widths", "ratio": True}, "above 1.1", "&gt; 1.1"),
        ({"region": (-inf, log10(0.05)), "unit": "", "ratio": True}, "below 0.05", "&lt; 0.05"),
        ({"region": (-log10(2), log10(2)), "unit": "", "ratio": True}, "from 0.5 to 2", "0.5 to 2"),
        (
            {"region": (0.0, 1e-10), "unit": "", "every": True},
            "every value from 0 to 1 × 10<sup>−10</sup>",
            "all 0 to 1 × 10<sup>−10</sup>",
        ),
        ({"region": (6.0, inf), "every": True}, "every value above 6 points", "all &gt; 6"),
    ],
)
def test_a_region_has_the_bounds_that_there_are(changes: dict[str, Any], words: str, brief: str) -> None:
    assert (region(claim(**changes)), region(claim(**changes), brief=True)) == (words, brief)


@pytest.mark.parametrize(
    ("of", "ratio", "mean", "interval"),
    [
        (cell(1.0), False, "1.00", "0.50 to 1.50"),
        (cell(-1.0), False, "−1.00", "−1.50 to −0.50"),
        (cell(0.99990, 0.00005), False, "0.99990", "0.99985 to 0.99995"),
        (cell(0.0, log10(2)), True, "1.00", "0.50 to 2.00"),
        (cell(-1.0, 0.0), True, "0.100", "0.100 to 0.100"),
        (cell(1.0, nan, n=1), False, "1.00", "–"),
        (Cell("a", inf, 1e-15, inf, 4), False, "–", "–"),  # of every value, when one is not finite
    ],
)
def test_a_mean_and_its_interval(of: Cell, ratio: bool, mean: str, interval: str) -> None:
    made = claim(of, ratio=ratio)
    (known,) = made["cells"]
    assert (estimate(known, made["criterion"]), bounds(known, made["criterion"])) == (mean, interval)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "–"),
        ([cell(1.0)], "1.00 [0.50, 1.50]"),
        ([cell(1e-15, 5e-16)], "(1.00 [0.50, 1.50]) × 10<sup>−15</sup>"),
        ([cell(1e-15, 1e-15)], "(1.00 [0, 2.00]) × 10<sup>−15</sup>"),
        ([cell(3.0), cell(1.0)], "3.00 [2.50, 3.50]; 1.00 [0.50, 1.50]"),
        ([cell(3.0), cell(2.0), cell(4.0), cell(1.0)], "1.00 [0.50, 1.50] … 4.00 [3.50, 4.50]"),
        ([cell(3.0), Cell("b", inf, 1.0, inf, 4), cell(1.0)], "1.00 [0.50, 1.50] … – [–]"),
        ([cell(1.0, nan, n=1)], "1.00 [–]"),
    ],
)
def test_an_effect_is_of_each_cell_or_of_the_least_and_the_most(cells: list[Cell], words: str) -> None:
    assert spaced(effect(claim(*cells))) == words


def spaced(text: str) -> str:
    """Without what says where a line may end."""
    return re.sub("</?span[^>]*>", "", text).replace("\N{NO-BREAK SPACE}", " ")


def test_a_line_ends_between_estimates_or_before_an_interval_and_not_within() -> None:
    found = effect(claim(cell(1e-15, 5e-16), cell(2.0)))
    first, second = re.findall('<span class="estimate">(.*?)</span>', found)
    assert first.split(" ") == ["(1.00", "[0.50,~1.50])~×~10<sup>−15</sup>;".replace("~", "\N{NO-BREAK SPACE}")]
    assert second.split(" ") == ["2.00", "[1.50,\N{NO-BREAK SPACE}2.50]"]


def test_an_effect_in_ratios_is_a_ratio() -> None:
    assert spaced(effect(claim(cell(0.0, log10(2)), ratio=True))) == "1.00 [0.50, 2.00]"
    assert spaced(effect(claim(cell(0.0, log10(2))))) == "0 [−0.301, 0.301]"
    huge = effect(claim(cell(1e300, 0.0), ratio=True))
    assert spaced(huge) == "(1.00 [1.00, 1.00]) × 10<sup>300</sup>", "no overflow"


def test_an_effect_on_every_value_is_the_least_and_the_largest() -> None:
    assert effect(claim(cell(2.0), cell(4.0), every=True)) == "1.50 to 4.50"
    assert effect(claim(cell(2e-7, 1e-7), every=True)) == "(1.00 to 3.00) × 10<sup>−7</sup>"
    assert effect(claim(cell(0.0, 0.0), every=True)) == "0"
    assert effect(claim(cell(0.0, 0.0), cell(2.0), every=True)) == "0 to 2.50"
    assert effect(claim(cell(3e-7, 0.0), every=True)) == "3.00 × 10<sup>−7</sup>"
    assert effect(claim(cell(2.0), Cell("b", inf, 1.0, inf, 4), every=True)) == effect(claim(every=True)) == "–"


def test_what_was_not_judged_is_said_as_far_as_a_sentence_goes() -> None:
    assert briefly("out of scope: the claim is of CIFAR-10; here: digits") == "out of scope"
    assert briefly("3 repeats; 7 are needed to tell") == "3 repeats"
    assert briefly("one two three four five six seven") == "one two three four five six seven", "not cut"


def test_outcomes_are_counted_in_one_order() -> None:
    assert counts(["not judged", "reproduced", "not judged"]) == {"reproduced": 1, "not judged": 2}
    assert list(counts(["inconclusive", "no", "yes", "yes"]).items()) == [("inconclusive", 1), ("yes", 2), ("no", 1)]
    assert counts([]) == {}


@pytest.mark.parametrize(
    ("on", "words"), [(["digits"], "digits"), (["a + b + c"], "a + 2 more"), (["a", "b"], "a + 1 more")]
)
def test_data_is_named_by_the_first(on: list[str], words: str) -> None:
    assert data(claim() | {"on": on}) == words


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (claim(cell(1.0)), "4 (6)"),
        (claim(cell(1.0), cell(1.0, n=3)), "3 (6)"),
        (claim(), "0 (6)"),
        (claim(cell(1.0), needed=21, needs=21, every=True), "4 (21)"),
        (claim(cell(1.0), needed=1, every=True), "4 (1)"),
    ],
)
def test_repeats_are_those_of_the_smallest_cell_beside_those_needed(made: dict[str, Any], words: str) -> None:
    assert repeats(made) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "mean (points)"),
        ({"unit": ""}, "mean"),
        ({"every": True}, "mean (points)"),
        ({"ratio": True, "unit": "ratio of widths"}, "geometric mean (ratio of widths)"),
        ({"ratio": True, "unit": ""}, "geometric mean"),
    ],
)
def test_a_mean_is_named(changes: dict[str, Any], words: str) -> None:
    assert quantity(claim(**changes)) == words


def test_what_is_not_finite_is_no_number_in_json() -> None:
    made = claim(cell(nan), region=(-math.inf, 1.0))
    assert made["criterion"]["region"] == [None, 1.0] and made["cells"][0]["estimate"] is None
