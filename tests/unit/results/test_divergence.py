"""Which networks diverged, rows without them, and verdicts and headline numbers that rest on the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import made_rows
import pandas as pd
import pytest

from pipeline.experiments import EXPERIMENTS
from pipeline.experiments.invariance import ROWS
from pipeline.reporting.presenters import headlines
from pipeline.results.claims import (
    CLAIMS,
    abundance,
    equivariance,
    invariance,
    sparsification,
    spectra,
    tanh_comparison,
    task_schedule,
    timing,
    width_transitions,
)
from pipeline.results.claims.base import Basis, Interval, Verdict, accounted
from pipeline.results.divergence import completed, diverged, lost
from pipeline.results.rows import frame

BASIS = Basis("digits", "some network", networks=8, repeats=4, epochs=2, same_as_paper=False)
SCHEDULE = task_schedule.phases(made_rows.SETTINGS["task_schedule"].schedule)
JUDGES: dict[str, Callable[[pd.DataFrame], list[Verdict]]] = {
    "invariance": lambda rows: invariance.judge(rows, 8, BASIS),
    "spectra": lambda rows: spectra.judge(rows, 0.95, "trainable, trainable+decay", BASIS),
    "tanh_comparison": lambda rows: tanh_comparison.judge(rows, "none, none", BASIS),
    "abundance": lambda rows: abundance.judge(rows, BASIS),
    "width_transitions": lambda rows: width_transitions.judge(rows, BASIS),
    "task_schedule": lambda rows: task_schedule.judge(rows, SCHEDULE, BASIS),
    "sparsification": lambda rows: sparsification.judge(rows, BASIS),
    "timing": lambda rows: timing.judge(rows, 30, BASIS),
    "equivariance": lambda rows: equivariance.judge(rows, ["gradient descent", "momentum"], ["Adam", "AdamW"], BASIS),
}
LAST = {"repeat": 3}  # the repeat that diverges; of `timing`, which has no repeats, the case
CASE = {"configuration": "train+test, prune"}


@cache
def rows(name: str) -> pd.DataFrame:
    return made_rows.rows(name)


def stopped(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows in which all networks of a repeat diverged in the last epoch, and rows that never had them."""
    table, which = rows(name), CASE if name == "timing" else LAST
    (column, value) = next(iter(which.items()))
    # A network that is taken to several widths has rows before, which stay: those of other repeats are with them.
    before = table["end"].isna() if name == "width_transitions" else pd.Series(False, index=table.index)
    gone = (table[column] == value).fillna(False).astype(bool) & ~before
    return made_rows.diverged(table, int(table["epoch"].max()), **which), table[~gone]


def numbers(verdicts: list[Verdict]) -> dict[str, object]:
    return {f"{v.id}: {label}": number for v in verdicts for label, number in v.numbers.items()}


def test_a_network_is_one_repeat_of_one_configuration_to_one_end() -> None:
    table = made_rows.diverged(rows("width_transitions"), 2, repeat=1, end=4, network="64-8-10")
    assert len(diverged(table)) == 1 and diverged(table)["epoch"].tolist() == [2]
    left = completed(table)
    keys = left[["network", "repeat", "end"]].drop_duplicates()
    own = keys[(keys["network"] == "64-8-10") & (keys["repeat"] == 1)]
    assert own["end"].isna().sum() == 1, "its training before any change was whole"
    assert own["end"].dropna().tolist() == [8]
    assert "diverged" not in set(left["phase"]) and lost(table).empty


def test_networks_that_did_not_diverge_are_all_there_and_in_order() -> None:
    table = rows("invariance")
    assert completed(table) is table and diverged(table).empty
    one = made_rows.diverged(table, 1, repeat=0, configuration="trainable, none")
    kept = table[~((table["repeat"] == 0) & (table["configuration"] == "trainable, none"))]
    pd.testing.assert_frame_equal(completed(one), kept.reset_index(drop=True))


def test_a_configuration_is_lost_with_its_last_repeat() -> None:
    table = rows("invariance")
    some = made_rows.diverged(table[table["repeat"] < 3], 1, configuration="trainable, none")
    assert lost(some)["configuration"].tolist() == ["trainable, none"]
    others = table[(table["repeat"] == 3) & (table["configuration"] == "trainable, none")]
    assert lost(pd.concat([some, others])).empty


def test_no_rows() -> None:
    none = frame([], ROWS)
    assert completed(none).empty and diverged(none).empty and lost(none).empty
    assert headlines("invariance", none) == {}


@pytest.mark.parametrize("name", CLAIMS)
def test_verdicts_are_those_on_the_other_networks(name: str) -> None:
    with_it, without_it = stopped(name)
    found, expected, all_ = (JUDGES[name](table) for table in (with_it, without_it, rows(name)))
    assert [(v.id, v.verdict) for v in found] == [(v.id, v.verdict) for v in expected]
    assert repr(numbers(found)) == repr(numbers(expected)), "nothing of what diverged is in them"
    assert repr(numbers(found)) != repr(numbers(all_)), "negative control: it would have made a difference"
    assert tuple(v.id for v in found) == CLAIMS[name]


@pytest.mark.parametrize("name", sorted({*CLAIMS} - {"timing"}))
def test_intervals_rest_on_one_repeat_less(name: str) -> None:
    def counts(table: pd.DataFrame) -> set[int]:
        return {n.n for n in numbers(JUDGES[name](table)).values() if isinstance(n, Interval) and n.n}

    assert (counts(rows(name)), counts(stopped(name)[0])) == ({4}, {3})


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("all_of_it", [False, True])
def test_headlines_are_those_of_the_other_networks(name: str, all_of_it: bool) -> None:
    with_it, without_it = stopped(name)
    if all_of_it:
        with_it = made_rows.diverged(rows(name), 1)
        without_it = rows(name).iloc[:0]
    (found,) = headlines(name, with_it).values()
    json.dumps(found, allow_nan=False)
    assert found.pop("diverged") == len(diverged(with_it))
    assert found == next(iter(headlines(name, without_it).values()), {})


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_headlines_without_a_whole_configuration_are_json(name: str) -> None:
    labels = list(rows(name)["configuration"].unique())
    for label in (labels[0], labels[-1]):
        found = headlines(name, made_rows.diverged(rows(name), 1, configuration=label))
        json.dumps(found, allow_nan=False)
    assert all("diverged" not in numbers for numbers in headlines(name, rows(name)).values())


def test_a_verdict_says_how_many_networks_it_did_without() -> None:
    verdict = Verdict("x", "statement", "reproduced", "criterion", {"count": 3}, BASIS)
    table = rows("invariance")
    assert accounted(verdict, table) is verdict
    one = accounted(verdict, made_rows.diverged(table, 1, repeat=0, configuration="trainable, none"))
    assert one == replace(
        verdict, numbers={"count": 3, "networks that diverged (left out; repeats are fewer there)": 1}
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("reproduced", "inconclusive"),
        ("not reproduced", "not reproduced"),
        ("inconclusive", "inconclusive"),
    ],
)
def test_what_was_tested_on_no_network_is_not_reproduced(before: str, after: str) -> None:
    verdict = Verdict("x", "statement", before, "criterion", {}, BASIS)  # type: ignore[arg-type]
    found = accounted(verdict, made_rows.diverged(rows("invariance"), 1, configuration="trainable, none"))
    assert found.verdict == after
    assert found.numbers["configurations with no repeat left (at best inconclusive)"] == 1
