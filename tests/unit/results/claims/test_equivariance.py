"""The claim on descents and bases, with rows made to give each verdict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.equivariance import ROWS
from pipeline.results.claims.base import Basis, Interval, Verdict
from pipeline.results.claims.equivariance import judge
from pipeline.results.rows import frame

BASIS = Basis("digits", "64-n-10", networks=12, repeats=3, epochs=3, same_as_paper=False)
EXACT, ADAPTIVE = ["gradient descent", "momentum"], ["Adam", "AdamW"]
Curves = Mapping[str, list[float]]
TRUE: Curves = {
    "gradient descent": [1e-15, 2e-15, 3e-15],
    "momentum": [1e-15, 2e-14, 3e-14],
    "Adam": [1e-15, 0.1, 0.2],
    "AdamW": [1e-15, 1e-9, 0.3],  # only what is left after the last epoch counts
}


def made(last: Curves | None = None, repeats: int = 3, **curves: list[float]) -> pd.DataFrame:
    """Epsilon after epochs 1, 2 and 3, that of the last repeat as `last` says; in float32 at least 1e-6."""
    rows: list[dict[str, object]] = []
    for repeat in range(repeats):
        own = {**TRUE, **curves} | (dict(last or {}) if repeat == repeats - 1 else {})
        for name, values in own.items():
            who = {"data": "digits", "network": "64-8-10", "configuration": name, "repeat": repeat}
            for precision, least in (("float64", 0.0), ("float32", 1e-6)):
                rows.extend(
                    who
                    | {"phase": "turned", "measure": measure, "precision": precision, "epoch": epoch}
                    | {"value": max(value, least) * factor}
                    for epoch, value in enumerate(values, start=1)
                    for measure, factor in (("epsilon", 1.0), ("epsilon_scaled", 1e9))
                )
    return frame(rows, ROWS)


def found(rows: pd.DataFrame, exact: list[str] = EXACT, adaptive: list[str] = ADAPTIVE) -> Verdict:
    (verdict,) = judge(rows, exact, adaptive, BASIS)
    assert verdict.id == "descent-equivariant"
    return verdict


BROKEN = [1e-15, 2e-8, 3e-15]  # above the limit in one epoch
COMMUTING = [1e-15, 2e-15, 3e-9]
BETWEEN = [1e-15, 0.1, 1e-5]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (made(), "reproduced"),
        (made(repeats=1), "reproduced"),
        (made(momentum=[1e-15, 9e-9, 9e-9]), "reproduced"),
        (made({"momentum": BROKEN}), "not reproduced"),  # one epoch of one repeat
        (made({"gradient descent": [2e-8, 1e-15, 1e-15]}), "not reproduced"),
        (made({"momentum": [1e-15, float("nan"), 1e-15]}), "not reproduced"),
        (made(Adam=COMMUTING, AdamW=COMMUTING), "not reproduced"),  # they commute too
        (made(Adam=COMMUTING), "inconclusive"),  # one of them
        (made({"AdamW": BETWEEN}), "inconclusive"),  # one repeat that is neither
        (made({"AdamW": [1e-15, 0.1, float("nan")]}), "inconclusive"),
        (made({"Adam": [1e-3, 0.1, 0.2]}), "inconclusive"),  # the change of basis itself changed the function
        (made().iloc[:0], "inconclusive"),
    ],
)
def test_every_outcome(rows: pd.DataFrame, expected: str) -> None:
    assert found(rows).verdict == expected


def test_both_halves_of_the_claim_must_be_there() -> None:
    rows = made()
    assert found(rows, adaptive=[]).verdict == found(rows, exact=[]).verdict == "inconclusive"
    assert found(rows[rows["configuration"] != "momentum"]).verdict == "inconclusive"
    assert found(rows[rows["precision"] == "float32"]).verdict == "inconclusive"


def test_float32_is_beside_it() -> None:
    rows = made()
    single = (rows["precision"] == "float32") & rows["configuration"].isin(EXACT)
    assert found(rows.assign(value=rows["value"].mask(single, 1.0))).verdict == "reproduced"


def test_numbers_are_the_extremes_and_say_of_how_many() -> None:
    numbers = found(made({"momentum": [1e-15, 7e-14, 3e-14], "Adam": [1e-15, 0.5, 0.02]})).numbers
    assert numbers["largest ε of momentum, float64"] == 7e-14
    assert numbers["values of ε of momentum, float64"] == 9
    assert numbers["largest ε of momentum, float32 (not judged)"] == 1e-6
    assert numbers["largest ε of Adam, float64"] == 0.5
    assert numbers["smallest ε of Adam after the last epoch, float64"] == 0.02
    mean = numbers["geometric mean of ε of Adam after the last epoch, float64 (not judged)"]
    assert isinstance(mean, Interval) and mean.n == 3
    assert mean.estimate == pytest.approx(np.cbrt(0.2 * 0.2 * 0.02))
