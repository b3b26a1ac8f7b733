"""Estimands of `sparsification` on made rows, and the outcome of each criterion with an effect and without."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pandas as pd
import pytest
from made_rows import diverged

from pipeline.experiments.sparsification import ROWS
from pipeline.results.claims.base import Basis, Context, Verdict, judge
from pipeline.results.claims.criteria import of
from pipeline.results.rows import frame

BASIS = Basis("digits", "64-8-8-10", networks=6, repeats=3, epochs=1, same_as_paper=False)
DIGITS = Context(SimpleNamespace(), {"digits": "digits"}, 10.0)
CRITERIA = {criterion.id: criterion for criterion in of("sparsification")}
NETWORKS = ("64-8-8-10", "64-8-8-8-10")
REPEATS = 3
# Measure, precision and limit of what every network is to keep.
LIMITS = {
    "exact-sparsity: function, float64": [("epsilon", "float64", 1e-10), ("epsilon_form", "float64", 1e-10)],
    "exact-sparsity: function, float32": [("epsilon_scaled", "float32", 1e-3)],
    "exact-sparsity: accuracy": [("delta_accuracy", "float32", 0.1)],
}
CASES = [(name, *limit) for name, limits in LIMITS.items() for limit in limits]


def altered(rows: pd.DataFrame, value: float, **wanted: object) -> pd.DataFrame:
    mask = pd.Series(True, index=rows.index)
    for column, wish in wanted.items():
        mask &= (rows[column] == wish).fillna(False).astype(bool)
    assert mask.any()
    return rows.assign(value=rows["value"].mask(mask, value))


def outcome(rows: pd.DataFrame, name: str) -> Verdict:
    return judge(CRITERIA[name], rows, DIGITS, BASIS)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """All that the paper claims holds."""
    made = []
    for network in NETWORKS:
        exact = 10.0 * len(network.split("-"))
        for repeat in range(REPEATS):
            who = {"experiment": "sparsification", "data": "digits", "network": network, "repeat": repeat, "epoch": 1}
            for precision, rounding in (("float32", 1e-6), ("float64", 1e-14)):
                values = {"epsilon": rounding, "epsilon_scaled": rounding, "epsilon_form": 2 * rounding}
                values |= {"delta_accuracy": 0.0, "percent_exact": exact, "percent_removed": exact - 0.1 * repeat}
                place = who | {"phase": "adapted", "precision": precision}
                made += [place | {"measure": measure, "value": value} for measure, value in values.items()]
    return frame(made, ROWS)


def test_all_claims_are_reproduced_on_rows_made_so(rows: pd.DataFrame) -> None:
    assert {name: outcome(rows, name).outcome for name in CRITERIA} == dict.fromkeys(CRITERIA, "reproduced")


def test_nothing_is_judged_on_no_rows(rows: pd.DataFrame) -> None:
    assert {outcome(rows.iloc[:0], name).reason for name in CRITERIA} == {"nothing to compare"}


def test_nothing_is_judged_if_more_than_a_tenth_diverged(rows: pd.DataFrame) -> None:
    fewer = diverged(rows, 1, repeat=0, network=NETWORKS[0])
    assert {outcome(fewer, name).reason for name in CRITERIA} == {"1 of 6 networks diverged"}


@pytest.mark.parametrize(("name", "measure", "precision", "limit"), CASES)
def test_one_network_beyond_rounding_contradicts(
    rows: pd.DataFrame, name: str, measure: str, precision: str, limit: float
) -> None:
    place = {"measure": measure, "repeat": 1, "network": NETWORKS[1]}
    for value, expected in ((limit, "reproduced"), (1.1 * limit, "contradicted"), (math.nan, "contradicted")):
        changed = altered(rows, value, **place, precision=precision)
        found = {name: outcome(changed, name).outcome for name in CRITERIA}
        assert found == dict.fromkeys(CRITERIA, "reproduced") | {name: expected}
    other = {"float32": "float64", "float64": "float32"}[precision]
    assert outcome(altered(rows, 1.1 * limit, **place, precision=other), name).outcome == "reproduced"


def test_the_largest_of_a_repeat(rows: pd.DataFrame) -> None:
    changed = altered(rows, 0.2, measure="epsilon", precision="float64", repeat=1, network=NETWORKS[1])
    table = CRITERIA["exact-sparsity: function, float64"].values(changed, DIGITS)
    found = {(cell, repeat): value for cell, repeat, value in table.itertuples(index=False)}
    assert found == {("diagonal maps", repeat): 0.2 if repeat == 1 else 1e-14 for repeat in range(REPEATS)} | {
        ("sparse form", repeat): 2e-14 for repeat in range(REPEATS)
    }


def test_accuracy_gained_is_a_change_of_accuracy(rows: pd.DataFrame) -> None:
    for value in (-0.2, 0.2):
        changed = altered(rows, value, measure="delta_accuracy", repeat=0, network=NETWORKS[0])
        assert outcome(changed, "exact-sparsity: accuracy").outcome == "contradicted"


def test_parameters_beside_those_of_the_widths(rows: pd.DataFrame) -> None:
    name = "exact-sparsity: parameters"

    def values(table: pd.DataFrame) -> list[float]:
        return CRITERIA[name].values(table, DIGITS)["value"].tolist()

    known = [0.0, 0.1, 0.2]
    assert values(rows) == pytest.approx(known)
    both = rows["measure"].isin(["percent_removed", "percent_exact"]) & (rows["repeat"] == 0)
    shifted = rows.assign(value=rows["value"].mask(both, rows["value"] + 5))
    assert values(shifted) == pytest.approx(known)  # of both sides alike
    for beside in (-2.0, 2.0):
        more = altered(rows, 40 + beside, measure="percent_removed", network=NETWORKS[0], repeat=0)
        assert values(more) == pytest.approx([2.0, *known[1:]])
        assert outcome(more, name).outcome == "contradicted"
    missing = (rows["measure"] == "percent_exact") & (rows["repeat"] == 2)
    assert values(rows[~missing]) == pytest.approx([0.0, 0.1, math.inf])  # one of a pair is not left out in silence
