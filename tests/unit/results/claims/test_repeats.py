from __future__ import annotations

import math

import numpy as np
import pandas as pd

from pipeline.results.claims.repeats import per_repeat


def table(*values: tuple[str, int, float]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=["cell", "repeat", "value"])


def test_a_mean_for_each_cell_and_repeat() -> None:
    found = per_repeat(table(("a", 0, 1.0), ("a", 0, 3.0), ("a", 1, 5.0), ("a", 1, 5.0), ("b", 0, 7.0)))
    assert found.to_dict("list") == {"cell": ["a", "a", "b"], "repeat": [0, 1, 0], "value": [2.0, 5.0, 7.0]}


def test_a_repeat_that_lacks_numbers_is_left_out() -> None:
    found = per_repeat(table(("a", 0, 1.0), ("a", 0, 3.0), ("a", 1, 5.0)))
    assert found["repeat"].to_list() == [0]


def test_a_missing_number_makes_the_mean_missing() -> None:
    assert np.isnan(per_repeat(table(("a", 0, 1.0), ("a", 0, math.nan)))["value"]).all()


def test_nothing_gives_nothing() -> None:
    assert per_repeat(table()).empty
