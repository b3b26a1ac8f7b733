from __future__ import annotations

import math
import warnings

import pandas as pd
import pytest

from pipeline.results.rows import frame
from pipeline.results.schema import CHANGE, Measure, Schema
from pipeline.results.statistics import differences, geometric, log10, paired, select, summarise

SCHEMA = Schema(
    phases={"a": "first", "b": "second"},
    measures={"epsilon": Measure("change of logits ε")},
    observations={"change": CHANGE},
)


def observed(values: dict[str, list[float]], change: int = 0) -> pd.DataFrame:
    """Rows: configuration -> value of each repeat."""
    rows = (
        {"configuration": configuration, "repeat": repeat, "change": change, "value": value}
        for configuration, list_ in values.items()
        for repeat, value in enumerate(list_)
    )
    return frame(rows, SCHEMA)


def test_summary_worked_out_by_hand() -> None:
    (row,) = summarise(observed({"a": [1, 2, 4]}), ["configuration"]).itertuples()
    # Deviations from 7/3 are -4/3, -1/3, 5/3: squares sum to 14/3, over n - 1 = 2 is 7/3.
    sd, t = math.sqrt(7 / 3), 4.302653  # t: two-sided 95%, two degrees of freedom, from a printed table
    se = sd / math.sqrt(3)
    assert (row.n, row.mean, row.sd, row.se) == (3, *(pytest.approx(value) for value in (7 / 3, sd, se)))
    assert (row.low, row.high) == (pytest.approx(7 / 3 - t * se), pytest.approx(7 / 3 + t * se))


def test_one_value_has_a_mean_and_no_interval() -> None:
    (row,) = summarise(observed({"a": [5]}), ["configuration"]).itertuples()
    assert (row.n, row.mean) == (1, 5)
    assert all(math.isnan(value) for value in (row.sd, row.se, row.low, row.high))


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
def test_a_group_with_a_value_that_is_no_number_has_no_mean(bad: float | None) -> None:
    means = summarise(observed({"a": [1, 2, bad], "b": [1, 2, 3]}), ["configuration"]).set_index("configuration")
    assert means.loc["a", "n"] == 3 and math.isnan(means.loc["a", "mean"]) and math.isnan(means.loc["a", "high"])
    assert means.loc["b", "mean"] == 2


def test_groups_keep_their_order_and_missing_keys() -> None:
    rows = frame([{"phase": "b", "value": 1.0}, {"phase": "a", "value": 2.0}, {"value": 3.0}], SCHEMA)
    means = summarise(rows, ["phase"])
    assert len(means) == 3, "a level that no row has is no group"
    assert means["phase"].tolist()[:2] == ["b", "a"] and means["phase"].isna().tolist() == [False, False, True]


def test_nothing_observed_gives_no_rows() -> None:
    assert summarise(observed({}), ["configuration"]).empty


def test_pairing_removes_what_repeats_have_in_common() -> None:
    luck = [0.0, 10.0, 20.0]
    rows = observed({"a": [1.0 + x for x in luck], "b": [x + d for x, d in zip(luck, (0.1, 0.0, -0.1), strict=True)]})
    (row,) = paired(rows, "a", "b", ["change"]).itertuples()
    # Differences 0.9, 1.0, 1.1: mean 1, sd 0.1.
    assert (row.n, row.mean, row.sd) == (3, pytest.approx(1.0), pytest.approx(0.1))
    assert row.low > 0
    alone = summarise(rows, ["configuration"])
    assert (alone["sd"] > 9).all()  # unpaired, the same difference would drown


def test_only_repeats_of_both_are_paired_and_the_sign_is_a_minus_b() -> None:
    rows = observed({"a": [3, 5], "b": [1, 1, 1]})
    assert differences(rows, "a", "b", ["change"])["value"].tolist() == [2, 4]
    assert differences(rows, "b", "a", ["change"])["value"].tolist() == [-2, -4]


def test_another_column_can_be_what_is_compared_within_a_configuration() -> None:
    rows = pd.concat([observed({"a": [3, 5]}, change=1), observed({"a": [1, 2]}, change=0)]).astype(
        {"change": "string"}
    )
    assert differences(rows, "1", "0", ["configuration"], of="change")["value"].tolist() == [2, 3]
    assert differences(rows, "1", "0", ["configuration"]).empty, "negative control"


def test_pairing_by_too_few_columns_is_refused() -> None:
    rows = pd.concat([observed({"a": [1], "b": [1]}, change) for change in (0, 1)])
    with pytest.raises(pd.errors.MergeError):
        paired(rows, "a", "b", [])
    assert len(paired(rows, "a", "b", ["change"])) == 2


def test_select_takes_equal_rows_and_never_missing_ones() -> None:
    rows = frame([{"change": 0, "value": 1.0}, {"change": 1, "value": 2.0}, {"value": None}], SCHEMA)
    chosen = select(rows, change=0)
    assert chosen["value"].tolist() == [1.0] and chosen["value"].dtype == float
    assert len(select(rows)) == 3


def test_select_takes_any_of_a_list_and_what_is_missing() -> None:
    rows = frame([{"change": 0, "value": 1.0}, {"phase": "a", "value": 2.0}, {"phase": "b", "value": 3.0}], SCHEMA)
    assert select(rows, phase=["a", "b"])["value"].tolist() == [2, 3]
    assert select(rows, phase=["a", "diverged"])["value"].tolist() == [2]
    assert select(rows, phase=["a"])["value"].tolist() == [2] and select(rows, phase=[]).empty
    assert select(rows, phase=None)["value"].tolist() == [1]
    assert select(rows, change=None, phase="b")["value"].tolist() == [3]


@pytest.mark.parametrize("wanted", ["c", ["a", "c"], ["c"]])
def test_select_refuses_a_level_that_there_cannot_be(wanted: object) -> None:
    rows = frame([{"phase": "a", "configuration": "a", "value": 1.0}], SCHEMA)
    with pytest.raises(ValueError, match=r"^rows: 'c' is not one of the levels of phase, a, b, diverged$"):
        select(rows, phase=wanted)
    assert select(rows, configuration=wanted).empty == (wanted != ["a", "c"]), "any text may be one"


def test_select_refuses_a_column_that_there_is_not() -> None:
    with pytest.raises(KeyError, match="task"):
        select(frame([], SCHEMA), task=None)


def test_what_has_no_logarithm_has_none_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = log10(pd.Series([100.0, 0.0, -1.0, math.nan, 0.1]))
    assert found.tolist() == pytest.approx([2, math.nan, math.nan, math.nan, -1], nan_ok=True)


def test_geometric_means_are_those_of_logarithms() -> None:
    table = geometric(pd.DataFrame([{"removed": 1, "value": value} for value in (0.1, 1.0, 10.0)]), ["removed"])
    assert table["mean"].tolist() == pytest.approx([1.0])
    reach = 4.302653 / math.sqrt(3)  # t of 2 degrees of freedom, times the standard error of -1, 0, 1
    assert table[["low", "high"]].iloc[0].tolist() == pytest.approx([10**-reach, 10**reach], rel=1e-5)


def test_a_value_without_a_logarithm_leaves_no_geometric_mean() -> None:
    table = geometric(pd.DataFrame({"removed": [1, 1, 2, 2], "value": [0.0, 1.0, 1.0, 4.0]}), ["removed"])
    assert math.isnan(table["mean"][0]) and table["mean"][1] == pytest.approx(2.0)
