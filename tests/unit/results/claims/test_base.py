"""What follows from a criterion: each outcome, each reason for none, and what is written of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import made_rows
import pandas as pd
import pytest
from numpy.random import default_rng
from scipy.stats import ttest_1samp

from pipeline.results.claims.base import (
    BEYOND,
    Basis,
    Cell,
    Context,
    Criterion,
    Verdict,
    at_chance,
    decide,
    intervals,
    judge,
    plain,
    repeats_needed,
)
from pipeline.results.claims.criteria import CRITERIA
from pipeline.results.divergence import completed
from pipeline.results.schema import networks
from pipeline.results.statistics import select

BASIS = Basis("digits", "some network", networks=16, repeats=4, epochs=2, same_as_paper=False)
CONTEXT = Context(SimpleNamespace(), {"digits": "digits"}, chance=10.0)
ABOVE = (1.0, math.inf)


def values(*cells: Sequence[float]) -> pd.DataFrame:
    """A table of values: of each cell one value a repeat."""
    found = [(f"cell {k}", n, value) for k, own in enumerate(cells) for n, value in enumerate(own)]
    return pd.DataFrame(found, columns=["cell", "repeat", "value"])


def criterion(*cells: Sequence[float], **changes: Any) -> Criterion:
    """One by which these values are judged, whatever the rows."""
    own: dict[str, Any] = {
        "claim": "a-claim",
        "part": "a part",
        "experiment": "abundance",
        "sentence": "what the paper says",
        "source": "section 1",
        "scope": "CIFAR-10",
        "estimand": "what is measured",
        "values": lambda rows, context: values(*cells),
        "unit": "points",
        "region": ABOVE,
        "why": "why so",
        "control": "what shows that it can fail",
    }
    return Criterion(**own | changes)


def verdict(*cells: Sequence[float], rows: pd.DataFrame | None = None, **changes: Any) -> Verdict:
    table = made_rows.rows("abundance") if rows is None else rows
    return judge(criterion(*cells, **changes), table, CONTEXT, BASIS)


@pytest.mark.parametrize(
    ("cells", "region", "outcome"),
    [
        ([(2.0, 2.1, 1.9)], ABOVE, "reproduced"),
        ([(0.0, 0.1, -0.1)], ABOVE, "contradicted"),
        ([(2.0, 1.0, 3.0)], ABOVE, "inconclusive"),
        ([(2.0, 2.1, 1.9), (0.0, 0.1, -0.1)], ABOVE, "contradicted"),
        ([(2.0, 2.1, 1.9), (2.0, 1.0, 3.0)], ABOVE, "inconclusive"),
        ([(2.0, 2.1, 1.9)], (-math.inf, 1.0), "contradicted"),
        ([(0.0, 0.1, -0.1)], (-math.inf, 1.0), "reproduced"),
        ([(0.0, 0.1, -0.1)], (-1.0, 1.0), "reproduced"),
        ([(0.0, 3.0, -3.0)], (-1.0, 1.0), "inconclusive"),
        ([(2.0, math.nan, 2.0), (0.0, 0.1, -0.1)], ABOVE, "contradicted"),
    ],
)
def test_outcomes(cells: list[Sequence[float]], region: tuple[float, float], outcome: str) -> None:
    found = verdict(*cells, region=region)
    assert (found.outcome, found.reason) == (outcome, "")
    assert [cell.n for cell in found.cells] == [3] * len(cells) and found.basis is BASIS


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_mean_without_a_value_or_an_interval_is_not_judged(value: float) -> None:
    found = verdict((2.0, 2.1, 1.9), (2.0, value, 2.0))
    said = "no mean of cell 1: a value is missing, or not finite"
    assert (found.outcome, found.reason) == ("not judged", said)
    assert verdict((2.0, value, 2.0), source=BEYOND).outcome == "not judged"
    alone = verdict((2.0,))
    assert alone.outcome == "not judged" and alone.reason.startswith("no interval of cell 0: one repeat,")
    assert verdict((2.0, 2.1, 1.9)).outcome == "reproduced", "the control"


def test_a_question_beyond_the_paper_is_answered() -> None:
    yes, no, unclear = (2.0, 2.1, 1.9), (0.0, 0.1, -0.1), (2.0, 1.0, 3.0)
    assert [verdict(cell, source=BEYOND).outcome for cell in (yes, no, unclear)] == ["yes", "no", "inconclusive"]
    few = verdict(yes, source=BEYOND, expected=1.1, spread=1.0)
    assert few.outcome == "not judged" and plain(few)["beyond"]
    assert not plain(verdict(yes))["beyond"], "the control: a claim of the paper"


def test_an_interval_is_of_student_and_those_of_cells_hold_together() -> None:
    draws = default_rng(0).normal(size=(3, 5))
    one, three = intervals(values(draws[0])), intervals(values(*draws))
    known = ttest_1samp(draws[0], 0.0)
    assert (one[0].low, one[0].high) == pytest.approx(known.confidence_interval(0.95))
    assert (three[0].low, three[0].high) == pytest.approx(known.confidence_interval(1 - 0.05 / 3))


def test_one_bad_value_contradicts_a_claim_of_every_value_and_no_mean() -> None:
    good, bad = (2.0, 2.0, 2.0, 2.0), (2.0, 2.0, 2.0, 0.9)
    assert verdict(good, every=True).outcome == "reproduced"
    found = verdict(good, bad, every=True)
    assert found.outcome == "contradicted" and (found.cells[1].low, found.cells[1].high) == (0.9, 2.0)
    assert verdict(good, bad).outcome == "inconclusive", "the control"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_in_no_region(value: float) -> None:
    for region in (ABOVE, (-math.inf, 3.0), (-math.inf, math.inf)):
        assert verdict((2.0, value), region=region, every=True).outcome == "contradicted"
        assert verdict((2.0, 2.0), region=region, every=True).outcome == "reproduced", "the control"


def test_values_in_which_chance_has_a_part_contradict_together() -> None:
    """Those of a criterion whose repeats were simulated: one of a claim that holds may lie outside."""
    assert verdict((2.0, 0.9), every=True, needs=2).outcome == "inconclusive"
    assert verdict((0.8, 0.9), every=True, needs=2).outcome == "contradicted"
    assert verdict((2.0, 1.9), every=True, needs=2).outcome == "reproduced"


def test_decide_needs_every_cell() -> None:
    inside, across, outside = Cell("", 2, 1.5, 2.5, 3), Cell("", 1, 0.5, 1.5, 3), Cell("", 0, -0.5, 0.5, 3)
    assert decide([inside], ABOVE) == decide([inside, inside], ABOVE) == "reproduced"
    assert decide([inside, across], ABOVE) == decide([across], ABOVE) == "inconclusive"
    assert decide([inside, outside], ABOVE) == decide([across, outside], ABOVE) == "contradicted"
    assert decide([across], ABOVE, every=True) == "contradicted"


GOOD = (2.0, 2.1, 1.9, 2.0)


def test_other_data_is_out_of_scope_and_that_is_said_first() -> None:
    everywhere: Callable[..., str] = lambda rows, context: "made no difference"  # noqa: E731
    found = verdict(GOOD, sources=frozenset({"cifar10"}), unfit=everywhere)
    assert found.outcome == "not judged"
    assert found.reason == "out of scope: the claim is of CIFAR-10; here: digits"
    assert verdict(GOOD, sources=frozenset({"cifar10", "digits"})).outcome == "reproduced"
    both = Context(SimpleNamespace(), {"letters": "arrays", "b": "cifar10"}, chance=10.0)
    rows = made_rows.rows("abundance")
    assert "here: letters" in judge(criterion(GOOD, sources=frozenset({"cifar10"})), rows, both, BASIS).reason


def test_what_was_varied_made_no_difference() -> None:
    found = verdict(GOOD, unfit=lambda rows, context: f"{context.chance:g} is all")
    assert (found.outcome, found.reason) == ("not judged", "10 is all")


def test_too_few_repeats_of_one_cell() -> None:
    assert verdict(GOOD, expected=2.0, spread=0.3).outcome == "reproduced"
    found = verdict(GOOD, GOOD[:2], expected=2.0, spread=0.3)
    assert found.needed == 4
    assert (found.outcome, found.reason) == ("not judged", "2 repeats; 4 are needed to tell")


def test_nothing_to_compare() -> None:
    for every in (False, True):
        found = verdict(every=every)
        assert (found.outcome, found.reason, found.cells) == ("not judged", "nothing to compare", [])


def stopped(count: int) -> pd.DataFrame:
    """Rows of 20 networks of which so many diverged."""
    rows = made_rows.rows("abundance", made_rows.settings("abundance", repeats=5))
    known = rows[networks(list(rows.columns))].drop_duplicates()
    assert len(known) == 20
    for _, which in known.head(count).iterrows():
        rows = made_rows.diverged(rows, 1, **{k: v for k, v in which.items() if not pd.isna(v)})
    return rows


def test_more_than_a_tenth_diverged() -> None:
    assert verdict(GOOD, rows=stopped(2)).outcome == "reproduced", "a tenth is no more than a tenth"
    found = verdict(GOOD, rows=stopped(3))
    assert (found.outcome, found.reason) == ("not judged", "3 of 20 networks diverged")
    assert verdict(GOOD, rows=stopped(3), at_chance=True).reason == "3 of 20 networks diverged"


def test_a_criterion_about_some_networks_counts_no_others() -> None:
    rows, got = stopped(3), []
    starts = sorted(rows["start"].unique())
    which = select(rows, phase="diverged")["start"].unique()
    assert set(which) < set(starts), "some starts have none that diverged"

    def estimand(given: pd.DataFrame, context: Context) -> pd.DataFrame:
        got.append(given)
        return values(GOOD)

    def of_starts(wanted: Iterable[int]) -> Callable[[pd.DataFrame, Context], pd.DataFrame]:
        return lambda rows, context: rows[rows["start"].isin(list(wanted))]

    others = [start for start in starts if start not in which]
    found = verdict(rows=rows, values=estimand, about=of_starts(others), at_chance=True)
    assert found.outcome == "reproduced" and set(got[0]["start"]) == set(others)
    alone = verdict(GOOD, rows=rows, about=of_starts(which), at_chance=True)
    assert alone.reason == f"3 of {20 - 20 // len(starts) * len(others)} networks diverged"


def test_an_estimand_gets_diverged_networks_if_they_count_at_chance() -> None:
    rows, got = stopped(2), []

    def estimand(given: pd.DataFrame, context: Context) -> pd.DataFrame:
        got.append(given)
        return values(GOOD)

    for counted in (False, True):
        verdict(rows=rows, values=estimand, at_chance=counted)
    pd.testing.assert_frame_equal(got[0], completed(rows))
    pd.testing.assert_frame_equal(got[1], rows)
    assert len(got[1]) > len(got[0])


def test_networks_that_diverged_are_at_chance() -> None:
    rows = stopped(2)
    last = select(completed(rows), phase="final", measure="accuracy")
    found = at_chance(rows, last, 10.0)
    assert len(found) == 20 and (found["value"] == 10.0).sum() == 2 and (last["value"] > 10.0).all()
    assert at_chance(stopped(0), last, 10.0) is last


def test_both_bounds_of_a_region_share_the_power() -> None:
    one = criterion(expected=2.0, spread=1.0)
    two = criterion(expected=2.0, spread=1.0, region=(1.0, 3.0))
    assert one.repeats() == repeats_needed(1.0, 1.0) < two.repeats() == repeats_needed(1.0, 1.0, bounds=2)
    assert one.repeats() < one.repeats(4) == repeats_needed(1.0, 1.0, cells=4)
    near = criterion(expected=2.5, spread=1.0, region=(1.0, 3.0))
    assert near.repeats() == repeats_needed(0.5, 1.0, bounds=2), "the nearer bound counts"


def test_repeats_that_are_needed() -> None:
    assert criterion(needs=21, every=True).repeats() == 21
    assert criterion(every=True, spread=1.0, expected=2.0).repeats() == 1
    assert criterion().repeats(3) == 1
    with pytest.raises(ValueError, match=r"0\.001 inside the region, spread 1: needs over 1000 repeats"):
        repeats_needed(0.001, 1.0)


def test_a_name_has_the_claim_and_its_part() -> None:
    assert criterion().id == "a-claim: a part" and criterion(part="").id == "a-claim"
    assert len({each.id + each.experiment for each in CRITERIA}) == len(CRITERIA)


def test_scale_in_words() -> None:
    assert BASIS.scale == "some network, 16 networks, 4 repeats, 2 epochs"
    assert replace(BASIS, network="", repeats=1).scale == "16 networks, 1 repeat, 2 epochs"


def test_plain_is_json_without_nan() -> None:
    found = plain(verdict((2.0, 2.0), (math.nan, 2.0), sources=frozenset({"mnist", "digits"})))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["criterion"]["region"] == [1.0, None] and found["criterion"]["expected"] is None
    assert found["criterion"]["sources"] == ["digits", "mnist"]
    assert found["criterion"].keys() == criterion().__dict__.keys() - {"values", "unfit", "about"}
    assert found["cells"][1] == {"name": "cell 1", "estimate": None, "low": None, "high": None, "n": 2, "images": 0}
    assert (found["id"], found["scale"], found["outcome"]) == ("a-claim: a part", BASIS.scale, "not judged")
    assert found["basis"]["data"] == "digits" and found["needed"] == 1


@pytest.mark.parametrize("each", CRITERIA, ids=lambda each: each.id)
def test_every_criterion_says_what_it_is_and_can_be_met(each: Criterion) -> None:
    words = (each.sentence, each.source, each.scope, each.estimand, each.why, each.control)
    assert all(words) and each.region[0] < each.region[1]
    assert 1 <= len(each.short.split()) <= 8
    assert each.every or (each.region[0] < each.expected < each.region[1] and each.spread > 0)
    assert not each.needs or each.every, "what is simulated is no mean"
    assert each.repeats(4) <= 40
