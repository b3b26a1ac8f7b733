"""Which networks diverged, rows without them, and claims and headline numbers that rest on the others."""

from __future__ import annotations

import json
from functools import cache

import made_rows
import pandas as pd
import pytest

from pipeline.experiments import EXPERIMENTS
from pipeline.experiments.invariance import ROWS
from pipeline.reporting.presenters import headlines
from pipeline.results.claims.base import Basis, Cell, Context, Verdict, judge
from pipeline.results.claims.criteria import of
from pipeline.results.divergence import completed, diverged, lost
from pipeline.results.rows import frame

BASIS = Basis("digits", "some network", networks=8, repeats=4, epochs=2, same_as_paper=False)
CLAIMS = [name for name in EXPERIMENTS if of(name)]
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


def judged(name: str, table: pd.DataFrame, *, at_chance: bool = False) -> list[Verdict]:
    """The verdicts of the criteria under which networks that diverged do not count, or of those where they do."""
    return [judge(each, table, context(name), BASIS) for each in of(name) if each.at_chance == at_chance]


def context(name: str) -> Context:
    settings = made_rows.SETTINGS[name]
    return Context(settings, {data: data for data in settings.data}, chance=10.0)


def cells(verdicts: list[Verdict]) -> dict[str, list[Cell]]:
    return {verdict.criterion.id: list(verdict.cells) for verdict in verdicts}


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


@pytest.mark.parametrize("name", [name for name in CLAIMS if judged(name, rows(name))])
def test_claims_are_judged_on_the_other_networks(name: str) -> None:
    with_it, without_it = stopped(name)
    found, expected, all_ = (cells(judged(name, table)) for table in (with_it, without_it, rows(name)))
    assert found.keys() == all_.keys() and any(all_.values())
    assert repr(found) == repr(expected), "nothing of what diverged is in them"
    assert repr(found) != repr(all_), "negative control: it would have made a difference"


AT_CHANCE = [name for name in CLAIMS if any(cells(judged(name, rows(name), at_chance=True)).values())]


@pytest.mark.parametrize("name", AT_CHANCE)
def test_where_networks_that_diverged_count_at_chance_all_repeats_are_there(name: str) -> None:
    with_it, without_it = stopped(name)
    found, without = (cells(judged(name, table, at_chance=True)) for table in (with_it, without_it))
    counts = [{cell.n for own in table.values() for cell in own} for table in (found, without)]
    assert counts == [{4}, {3}] and repr(found) != repr(cells(judged(name, rows(name), at_chance=True)))


@pytest.mark.parametrize("name", sorted({*CLAIMS} - {"timing"}))
def test_means_rest_on_one_repeat_less(name: str) -> None:
    def counts(table: pd.DataFrame) -> set[int]:
        return {cell.n for own in cells(judged(name, table)).values() for cell in own}

    if judged(name, rows(name)):
        assert (counts(rows(name)), counts(stopped(name)[0])) == ({4}, {3})


@pytest.mark.parametrize("name", CLAIMS)
def test_how_many_diverged_is_said_where_they_are_why_nothing_is_judged(name: str) -> None:
    table, _ = stopped(name)
    verdicts = [*judged(name, table), *judged(name, table, at_chance=True)]
    assert len(verdicts) == len(of(name)) and {verdict.outcome for verdict in verdicts} == {"not judged"}
    for verdict in verdicts:
        count, reason = len(diverged(verdict.criterion.about(table, context(name)))), verdict.reason
        said = reason.startswith(f"{count} of ") and reason.endswith("networks diverged")
        assert said or (verdict.criterion.sources and reason.startswith("out of scope")), reason


@pytest.mark.parametrize("name", CLAIMS)
def test_nothing_is_judged_on_no_network(name: str) -> None:
    table = made_rows.diverged(rows(name), 1)
    verdicts = [*judged(name, table), *judged(name, table, at_chance=True)]
    assert {verdict.outcome for verdict in verdicts} == {"not judged"}


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
