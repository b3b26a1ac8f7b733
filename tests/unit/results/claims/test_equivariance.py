"""descent-equivariant: what is measured of made rows, when it is not judged, and the outcomes of known worlds."""

from __future__ import annotations

from collections.abc import Mapping

import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.equivariance import ROWS
from pipeline.results.claims import criteria, equivariance
from pipeline.results.claims.base import Basis, Context, Values, judge
from pipeline.results.rows import frame

BASIS = Basis("digits", "64-8-10", networks=12, repeats=3, epochs=3, same_as_paper=False)
CONTEXT = Context(made_rows.SETTINGS["equivariance"], {"digits": "digits"}, chance=10.0)
EXACT, ADAPTIVE = criteria.EQUIVARIANCE
Curves = Mapping[str, list[float]]
TRUE: Curves = {
    "gradient descent": [1e-15, 2e-15, 3e-15],
    "momentum": [1e-15, 4e-14, 3e-14],
    "Adam": [1e-15, 0.01, 0.1],
    "AdamW": [1e-15, 1e-9, 0.01],  # only what is left after the last epoch counts
}
BROKEN = [1e-15, 2e-8, 3e-15]  # above the limit in one epoch
COMMUTING = [1e-15, 2e-15, 3e-9]


def made(last: Curves | None = None, repeats: int = 3, **curves: list[float]) -> pd.DataFrame:
    """Epsilon after epochs 1, 2 and 3, that of the last repeat as `last` says; in float32 it is 1."""
    rows: list[dict[str, object]] = []
    for repeat in range(repeats):
        own = {**TRUE, **curves} | (dict(last or {}) if repeat == repeats - 1 else {})
        for name, values in own.items():
            who = {"experiment": "equivariance", "data": "digits", "network": "64-8-10", "configuration": name}
            who |= {"repeat": repeat, "phase": "turned"}
            for epoch, value in enumerate(values, start=1):
                for precision, measure, number in (
                    ("float64", "epsilon", value),
                    ("float64", "epsilon_scaled", 100.0),
                    ("float32", "epsilon", 1.0),
                ):
                    place = {"precision": precision, "epoch": epoch, "measure": measure, "value": number}
                    rows.append(who | place)
    return frame(rows, ROWS)


def table(values: Values) -> dict[str, list[float]]:
    return {str(cell): own["value"].tolist() for cell, own in values.groupby("cell", sort=False)}


def outcomes(rows: pd.DataFrame, context: Context = CONTEXT) -> list[str]:
    return [judge(criterion, rows, context, BASIS).outcome for criterion in (EXACT, ADAPTIVE)]


def reasons(rows: pd.DataFrame) -> list[str]:
    return [judge(criterion, rows, CONTEXT, BASIS).reason for criterion in (EXACT, ADAPTIVE)]


def test_commuting_is_the_largest_over_all_epochs_of_each_repeat() -> None:
    rows = made({"momentum": [5e-14, 1e-15, 1e-15], "gradient descent": [1e-15, np.nan, 1e-15]}, repeats=2)
    found = table(equivariance.commuting(rows, CONTEXT))
    assert found == {"gradient descent": [3e-15, np.inf], "momentum": [4e-14, 5e-14]}


def test_parting_is_after_the_last_epoch() -> None:
    rows = made({"Adam": [1.0, 1.0, 1e-3], "AdamW": [1.0, 1.0, 0.0]}, repeats=2)
    found = table(equivariance.parting(rows, CONTEXT))
    assert found == {"Adam": pytest.approx([-1, -3]), "AdamW": pytest.approx([-2, -16])}


def test_the_settings_say_which_optimiser_is_gradient_descent() -> None:
    names = {"Adam": "momentum", "momentum": "Adam"}
    optimisers = [
        each.model_copy(update={"name": names.get(each.name, each.name)}) for each in CONTEXT.settings.optimisers
    ]
    swapped = Context(CONTEXT.settings.model_copy(update={"optimisers": optimisers}), CONTEXT.sources, 10.0)
    assert set(table(equivariance.commuting(made(), swapped))) == {"gradient descent", "Adam"}
    assert outcomes(made(), swapped)[0] != "reproduced"


def test_no_rows_have_no_values() -> None:
    for estimand in (equivariance.commuting, equivariance.parting):
        assert estimand(made().iloc[:0], CONTEXT).empty


def test_unfit() -> None:
    rows = made()
    assert equivariance.no_change(rows, CONTEXT) == equivariance.changed_function(rows, CONTEXT) == ""
    assert "nothing was tested" in equivariance.no_change(made(Adam=COMMUTING, AdamW=COMMUTING), CONTEXT)
    assert equivariance.no_change(made(Adam=COMMUTING), CONTEXT) == ""
    assert "nothing was tested" in equivariance.no_change(rows.iloc[:0], CONTEXT)
    moved = made({"Adam": [1e-3, 0.1, 0.2]})
    assert equivariance.changed_function(moved, CONTEXT).endswith("changed the logits by 0.001")


def test_reproduced_with_few_repeats_and_whatever_float32_says() -> None:
    assert EXACT.repeats(2) == 1 and ADAPTIVE.repeats(2) <= 3
    assert outcomes(made()) == ["reproduced", "reproduced"]
    assert outcomes(made(repeats=1)) == ["reproduced", "not judged"]
    assert outcomes(made(momentum=[1e-15, 9e-9, 9e-9]))[0] == "reproduced"


def test_what_does_not_commute_is_contradicted() -> None:
    assert outcomes(made(momentum=BROKEN))[0] == "contradicted"
    assert outcomes(made(momentum=[np.nan, 1e-15, 1e-15]))[0] == "contradicted"
    for one in (BROKEN, [2e-8, 1e-15, 1e-15], [1e-15, np.nan, 1e-15]):
        assert outcomes(made({"momentum": one}))[0] != "reproduced"  # one epoch of one repeat


def test_what_commutes_against_the_claim_is_contradicted() -> None:
    assert outcomes(made(Adam=COMMUTING, AdamW=COMMUTING)) == ["not judged", "contradicted"]
    assert outcomes(made(Adam=COMMUTING)) == ["reproduced", "contradicted"]
    assert outcomes(made(Adam=[1e-15, 0.0, 0.0]))[1] == "contradicted"


def test_between_rounding_and_a_difference_is_inconclusive() -> None:
    assert outcomes(made({"AdamW": [1e-15, 0.1, 1e-8]}))[1] == "inconclusive"
    assert outcomes(made({"AdamW": [1e-15, 0.1, np.nan]}))[1] == "not judged", "there is no mean"


def test_not_judged() -> None:
    assert outcomes(made({"Adam": [1e-3, 0.1, 0.2]})) == ["reproduced", "not judged"]
    lost = made_rows.diverged(made(repeats=3), 3, configuration="Adam", repeat=0)
    assert reasons(lost) == ["", "2 repeats; 3 are needed to tell"]
    lost = made_rows.diverged(made(repeats=3), 3, repeat=0)
    assert reasons(lost) == ["4 of 12 networks diverged"] * 2
