"""Estimands of `invariance` on made rows, and the outcome of each criterion in worlds with an effect and without."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_rows import diverged

from pipeline.experiments.invariance import ROWS
from pipeline.results.claims import invariance
from pipeline.results.claims.base import Basis, Context, Estimand, Verdict, judge
from pipeline.results.claims.criteria import of
from pipeline.results.claims.invariance import BOTH, CONSTANT_LENGTH, CONSTANT_PSI, NO_LENGTH, NO_PSI, TRAINABLE_PSI
from pipeline.results.rows import frame

Made = Callable[..., pd.DataFrame]
BASIS = Basis("cifar10", "3072-16-16-10", networks=84, repeats=12, epochs=2, same_as_paper=False)
SETTINGS = SimpleNamespace(hidden=[8, 16], layer=2)
CIFAR = Context(SETTINGS, {"cifar10": "cifar10"}, 10.0)
DIGITS = Context(SETTINGS, {"digits": "digits"}, 10.0)
CRITERIA = {criterion.id: criterion for criterion in of("invariance")}
HOLDS = {NO_LENGTH: 1.5, NO_PSI: 2.0}  # epsilon after pruning, times that of the others
REPEATS = 12
WHERE = {"phase": "adapted", "measure": "epsilon", "precision": "float32"}


def observed(values: Mapping[tuple[str, int, int], float], **where: str) -> pd.DataFrame:
    """Rows of (configuration, repeat, change) -> value."""
    return frame(
        [
            WHERE | where | {"configuration": configuration, "repeat": repeat, "change": change, "value": value}
            for (configuration, repeat, change), value in values.items()
        ],
        ROWS,
    )


def values(estimand: Estimand, rows: pd.DataFrame) -> dict[tuple[str, int], float]:
    table = estimand(rows, CIFAR)
    assert list(table.columns) == ["cell", "repeat", "value"]
    return {(str(cell), int(repeat)): float(value) for cell, repeat, value in table.itertuples(index=False)}


def where(rows: pd.DataFrame, wanted: Mapping[str, object]) -> pd.Series:
    mask = pd.Series(True, index=rows.index)
    for column, wish in wanted.items():
        mask &= (rows[column] == wish).fillna(False).astype(bool)
    assert mask.any()
    return mask


def altered(rows: pd.DataFrame, value: float, **wanted: object) -> pd.DataFrame:
    return rows.assign(value=rows["value"].mask(where(rows, wanted), value))


def scaled(rows: pd.DataFrame, factor: float, **wanted: object) -> pd.DataFrame:
    return rows.assign(value=rows["value"].mask(where(rows, wanted), factor * rows["value"]))


def outcome(rows: pd.DataFrame, name: str, context: Context = CIFAR) -> Verdict:
    return judge(CRITERIA[name], rows, context, BASIS)


@pytest.fixture(scope="module")
def rows(invariance_rows: Made) -> pd.DataFrame:
    """All that the paper claims holds."""
    return invariance_rows(repeats=REPEATS, worse=HOLDS, data="cifar10")


def test_all_claims_are_reproduced_on_rows_made_so(rows: pd.DataFrame) -> None:
    assert {name: outcome(rows, name).outcome for name in CRITERIA} == dict.fromkeys(CRITERIA, "reproduced")


def test_nothing_is_judged_on_no_rows(rows: pd.DataFrame) -> None:
    found = [outcome(rows.iloc[:0], name) for name in CRITERIA]
    assert {verdict.outcome for verdict in found} == {"not judged"} and all(verdict.reason for verdict in found)


def test_nothing_is_judged_if_more_than_a_tenth_diverged(rows: pd.DataFrame) -> None:
    fewer = rows
    for repeat in (0, 1):
        fewer = diverged(fewer, 1, repeat=repeat)
    assert {outcome(fewer, name).reason for name in CRITERIA} == {"14 of 84 networks diverged"}


def test_too_few_repeats_to_tell(rows: pd.DataFrame) -> None:
    few = rows[rows["repeat"] < 3]
    for name, criterion in CRITERIA.items():
        expected = "reproduced" if criterion.every else "not judged"
        assert outcome(few, name).outcome == expected
    assert outcome(few, "accuracy-kept: pruning").reason == "3 repeats; 5 are needed to tell"


# exact-growth, and accuracy-kept: growing

EXACT = {
    "exact-growth: float64": ("epsilon", "float64", 1e-10),
    "exact-growth: float32": ("epsilon_scaled", "float32", 1e-3),
    "accuracy-kept: growing": ("delta_accuracy", "float32", 0.1),
}


@pytest.mark.parametrize("name", EXACT)
def test_largest_of_a_repeat(name: str) -> None:
    measure, precision, _ = EXACT[name]
    made = {(BOTH, 0, 0): 1.0, (NO_PSI, 0, 0): 2.0, (BOTH, 0, 1): 3.0, (BOTH, 0, 8): 5.0, (BOTH, 0, -1): 70.0}
    made |= {(BOTH, 1, 0): 0.5, (BOTH, 1, 1): math.nan, (BOTH, 1, 8): 4.0}
    found = values(CRITERIA[name].values, observed(made, measure=measure, precision=precision))
    assert found == {
        ("diagonalised", 0): 2.0,
        ("grown", 0): 5.0,
        ("diagonalised", 1): 0.5,
        ("grown", 1): math.inf,
    }
    other = observed(made, measure="kl", precision=precision)
    assert values(CRITERIA[name].values, other) == {}


def test_accuracy_gained_is_a_change_of_accuracy() -> None:
    made = observed({(BOTH, 0, 0): -0.2, (NO_PSI, 0, 0): 0.1}, measure="delta_accuracy")
    assert values(invariance.grown_accuracy, made) == {("diagonalised", 0): 0.2}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("change", [0, 8])
def test_one_network_beyond_rounding_contradicts(rows: pd.DataFrame, name: str, change: int) -> None:
    measure, precision, limit = EXACT[name]
    place = {"measure": measure, "precision": precision, "change": change, "configuration": NO_PSI, "repeat": 1}
    for value, expected in ((limit, "reproduced"), (1.1 * limit, "contradicted"), (math.nan, "contradicted")):
        assert outcome(altered(rows, value, **place), name).outcome == expected


@pytest.mark.parametrize("name", [name for name in EXACT if name.startswith("exact")])
def test_pruning_that_is_called_growth_contradicts(rows: pd.DataFrame, name: str) -> None:
    called = rows[rows["change"].isin([-8])].assign(change=8)
    assert outcome(called, name).outcome == "contradicted"


# close-pruning and constant-as-trainable

PAIRS = {
    "close-pruning: without length": (NO_LENGTH, CONSTANT_LENGTH),
    "close-pruning: without ψ": (NO_PSI, CONSTANT_PSI),
    "constant-as-trainable: length": (CONSTANT_LENGTH, BOTH),
    "constant-as-trainable: ψ": (CONSTANT_PSI, TRAINABLE_PSI),
}
CLOSE = [name for name in PAIRS if name.startswith("close")]
CONSTANT = [name for name in PAIRS if name.startswith("constant")]


@pytest.mark.parametrize("name", PAIRS)
def test_log_ratio_within_a_repeat_averaged_over_prunings(name: str) -> None:
    a, b = PAIRS[name]
    made = {(a, 0, -1): 1.0, (b, 0, -1): 0.1, (a, 0, -8): 1.0, (b, 0, -8): 1e-3}
    made |= {(a, 1, -1): 1.0, (b, 1, -1): 1.0, (a, 1, -8): 0.1, (b, 1, -8): 1.0, (b, 2, -1): 9.0}
    rows = observed(made | {(a, 0, 8): 1e5, (b, 0, 0): 1e5})  # growth and repeats of one alone are left out
    known = {("all prunings", 0): 2.0, ("all prunings", 1): -0.5}
    estimand = CRITERIA[name].values
    assert values(estimand, rows) == pytest.approx(known)
    assert values(estimand, scaled(rows, 7, repeat=1)) == pytest.approx(known)
    shifted = scaled(rows, 10, repeat=1, configuration=a)
    assert values(estimand, shifted) == pytest.approx(known | {("all prunings", 1): 0.5})
    assert values(estimand, observed(made, precision="float64")) == {}


@pytest.mark.parametrize("name", PAIRS)
def test_an_epsilon_of_zero_or_a_pruning_that_is_missing_is_not_left_out_in_silence(name: str) -> None:
    a, b = PAIRS[name]
    made = {(a, 0, -1): 1.0, (b, 0, -1): 0.1, (a, 0, -8): 0.0, (b, 0, -8): 0.0}
    made |= {(a, 1, -1): 1.0, (b, 1, -1): 0.1}
    found = values(CRITERIA[name].values, observed(made))
    assert len(found) == 2 and not np.isfinite(list(found.values())).any()


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.5, "reproduced"), (1.1, "inconclusive"), (1 / 1.5, "contradicted")]
)
@pytest.mark.parametrize("name", CLOSE)
def test_leaving_a_correction_out(invariance_rows: Made, name: str, factor: float, expected: str) -> None:
    without = PAIRS[name][0]
    # At the bound itself the other prunings move: one up, one down.
    rows = invariance_rows(repeats=REPEATS, worse={without: factor})
    if expected == "inconclusive":
        for change, by in ((-1, 1.3), (-8, 1 / 1.3)):
            rows = scaled(rows, by, **WHERE, configuration=without, change=change)
    assert outcome(rows, name).outcome == expected


TAKEN_BACK = {"length": ("no length", CONSTANT_LENGTH), "ψ": ("no psi", CONSTANT_PSI)}


@pytest.mark.parametrize("factor", [1.0, 1.09, 1 / 1.09])
@pytest.mark.parametrize("name", PAIRS)
def test_a_correction_that_corrects_nothing_is_no_test(invariance_rows: Made, name: str, factor: float) -> None:
    """Whatever other networks do: the claims would be reproduced by them."""
    ablation, _ = TAKEN_BACK[name.rsplit(" ", 1)[1]]
    factors = {"no length": 4.0, "no psi": 9.0, "neither": 30.0}
    found = outcome(invariance_rows(repeats=REPEATS, worse=HOLDS, ablated=factors | {ablation: factor}), name)
    assert found.outcome == "not judged"
    assert "corrects nothing here: taking it back from a pruned network moves ε by" in found.reason
    assert found.reason.endswith("at least 10% are a test")


@pytest.mark.parametrize("name", CLOSE)
def test_networks_without_a_correction_that_are_as_close_are_judged(invariance_rows: Made, name: str) -> None:
    """The correction does something where it is, so that none being as good tells against the claim."""
    found = outcome(invariance_rows(repeats=REPEATS, worse=HOLDS | {PAIRS[name][0]: 1.0}), name)
    assert found.outcome == "contradicted"


@pytest.mark.parametrize("correction", TAKEN_BACK)
def test_how_far_taking_a_correction_back_moves_epsilon(correction: str) -> None:
    ablation, configuration = TAKEN_BACK[correction]
    unfit = {"length": invariance.length_unmoved, "ψ": invariance.psi_unmoved}[correction]

    def unmoved(factors: Mapping[int, tuple[float, float]], taken: str = ablation, of: str = configuration) -> str:
        whole = {(of, r, change): 0.5 for change in factors for r in (0, 1)}
        less = {(of, r, change): 0.5 * by[r] for change, by in factors.items() for r in (0, 1)}
        return unfit(pd.concat([observed(whole), observed(less, ablation=taken)], ignore_index=True), CIFAR)

    name = {"length": "intrinsic length"}.get(correction, correction)
    assert unmoved({-1: (1.05, 1.05)}) == (
        f"{name} corrects nothing here: taking it back from a pruned network moves ε by 5.0%; at least 10% are a test"
    )
    assert unmoved({-1: (1.2, 1 / 1.2)})  # noise of repeats is no effect
    assert not unmoved({-1: (1.2, 1.2), -8: (1 / 1.2, 1 / 1.2)})  # opposite effects are
    assert not unmoved({-1: (1.12, 1.11)})
    # Nothing to compare is said by the judge: nothing pruned, another correction, networks that the claim is not of.
    assert not unmoved({})
    assert not unmoved({-1: (1.0, 1.0)}, taken="neither")
    assert not unmoved({-1: (1.0, 1.0)}, of=BOTH)


@pytest.mark.parametrize("name", CRITERIA)
def test_rows_of_ablations_are_those_of_no_other_claim(invariance_rows: Made, name: str) -> None:
    """Taken back in a network it is no change of width of its own: values stay, however large."""
    rows = invariance_rows(repeats=2)
    far = rows.assign(value=rows["value"].mask(rows["ablation"].notna(), 1e6))
    pd.testing.assert_frame_equal(CRITERIA[name].values(far, CIFAR), CRITERIA[name].values(rows, CIFAR))


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.5, "contradicted"), (1 / 1.5, "contradicted"), (1.03, "reproduced")]
)
@pytest.mark.parametrize("name", CONSTANT)
def test_constant_beside_trainable(invariance_rows: Made, name: str, factor: float, expected: str) -> None:
    rows = invariance_rows(repeats=REPEATS, worse={NO_LENGTH: 5.0, NO_PSI: 5.0, PAIRS[name][1]: factor})
    assert outcome(rows, name).outcome == expected
    untouched = next(other for other in CONSTANT if other != name)
    assert outcome(rows, untouched).outcome == "reproduced"


def test_constant_that_may_or_may_not_be_as_trainable(rows: pd.DataFrame) -> None:
    for repeat in range(0, REPEATS, 2):
        rows = scaled(rows, 1.4, **WHERE, configuration=TRAINABLE_PSI, repeat=repeat)
    assert outcome(rows, "constant-as-trainable: ψ").outcome == "inconclusive"


# accuracy-kept: pruning


def test_accuracy_at_half_the_width_is_the_mean_of_the_compensated() -> None:
    labels = invariance.COMPENSATED
    made = {(label, 0, -8): -float(k) for k, label in enumerate(labels)}
    made |= {(label, 1, -8): -2.0 * k for k, label in enumerate(labels)}
    made |= {(label, 2, -8): -9.0 for label in labels[:3]}  # lacks one
    made |= {(label, 0, change): -50.0 for label in labels for change in (-1, -12)} | {(NO_PSI, 0, -8): -50.0}
    rows = observed(made, measure="delta_accuracy")
    assert values(invariance.pruned_accuracy, rows) == {("pruned by half", 0): -1.5, ("pruned by half", 1): -3.0}
    one = altered(rows, -8.0, configuration=labels[2], repeat=1, change=-8)
    assert values(invariance.pruned_accuracy, one)["pruned by half", 1] == -4.0


@pytest.mark.parametrize(
    ("lost", "expected"),
    [((0.3, 0.3), "reproduced"), ((2.0, 2.0), "contradicted"), ((0.2, 1.9), "inconclusive")],
)
def test_accuracy_that_pruning_costs(rows: pd.DataFrame, lost: tuple[float, float], expected: str) -> None:
    place = {"measure": "delta_accuracy", "change": -8}
    for repeat in range(REPEATS):
        rows = altered(rows, -lost[repeat % 2], **place, repeat=repeat)
    assert outcome(rows, "accuracy-kept: pruning").outcome == expected


def test_accuracy_on_other_data_is_out_of_scope(rows: pd.DataFrame) -> None:
    found = outcome(rows, "accuracy-kept: pruning", DIGITS)
    assert found.outcome == "not judged"
    assert found.reason == (
        "out of scope: the claim is of CIFAR-10, pruning of about half the width without retraining; here: digits"
    )
    assert outcome(rows, "accuracy-kept: growing", DIGITS).outcome == "reproduced"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([8, 0], "nothing is pruned"),
        ([8, 0, -5], "out of scope: the claim is of heavy pruning; here at most 5 of 16 neurons"),
        ([8, 0, -1, -6], ""),
    ],
)
def test_light_pruning_is_out_of_scope(invariance_rows: Made, changes: list[int], reason: str) -> None:
    assert outcome(invariance_rows(changes, REPEATS), "accuracy-kept: pruning").reason == reason
