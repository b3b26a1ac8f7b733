"""What is judged on `learning_rates`: which rate is chosen, numbers of made rows, and outcomes of made worlds."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.learning_rates import ROWS
from pipeline.results.claims.base import Basis, Context, judge
from pipeline.results.claims.criteria import of
from pipeline.results.claims.learning_rates import ahead_at_best, at_an_end, best_rates
from pipeline.results.rows import frame

BASIS = Basis("digits", "64-m-10", networks=1, repeats=5, epochs=2, same_as_paper=False)
RATES = (0.005, 0.02, 0.08, 0.32)
WIDTHS = (8, 16)
CONTEXT = Context(SimpleNamespace(repeats=5, learning_rates=list(RATES)), {"digits": "digits"}, chance=10.0)
(CRITERION,) = of("learning_rates")
Table = Mapping[str, tuple[float, ...]]
LABELS = {
    "isotropic-tanh": "trainable, none",
    "tanh": "standard tanh",
    "isotropic-relu": "isotropic-relu, trainable, none",
}
# Accuracy at each of the rates: isotropic tanh is best at 0.08, and standard tanh, equally good, at 0.02.
VALIDATION = {
    "isotropic-tanh": (80.0, 85.0, 90.0, 85.0),
    "tanh": (85.0, 90.0, 80.0, 50.0),
    "isotropic-relu": (90.0, 80.0, 70.0, 60.0),
}
TEST = {name: tuple(value - 2 for value in values) for name, values in VALIDATION.items()}


def made(
    test: Table = TEST, validation: Table = VALIDATION, repeats: int = 5, noise: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """Accuracies as given at each rate, the same in all widths, and what the networks of a repeat have in common."""
    random, found = np.random.default_rng(seed), []
    for repeat in range(repeats):
        luck = random.normal()
        for activation, label in LABELS.items():
            for width in WIDTHS:
                for rate, tested, validated in zip(RATES, test[activation], validation[activation], strict=True):
                    who = {"data": "digits", "network": f"64-{width}-10", "configuration": label, "repeat": repeat}
                    who |= {"activation": activation, "hidden_width": width, "learning_rate": rate}
                    reached = tested + luck + noise * random.normal()
                    usual = who | {"phase": "training", "measure": "test_accuracy"}
                    held = {"phase": "validation", "measure": "validation_accuracy", "epoch": 2, "value": validated}
                    found += [usual | {"epoch": 1, "value": 20.0}, usual | {"epoch": 2, "value": reached}, who | held]
    return frame(found, ROWS)


def which(rows: pd.DataFrame, **columns: object) -> pd.Series[bool]:
    mask = pd.Series(True, rows.index)
    for column, value in columns.items():
        mask &= (rows[column] == value).fillna(False).astype(bool)
    return mask


def changed(rows: pd.DataFrame, by: float, **columns: object) -> pd.DataFrame:
    """`by` added to the values of which the columns have these values."""
    return rows.assign(value=rows["value"] + by * which(rows, **columns))


def diverging(rows: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """The networks of which the columns have these values diverged in the last epoch."""
    mask = which(rows, **columns)
    ended = rows[mask & (rows["phase"] == "training") & (rows["epoch"] == 2)]
    said = ended.assign(phase="diverged", measure="diverged", value=1.0)
    return pd.concat([rows[~(mask & (rows["epoch"] == 2))], said], ignore_index=True).astype(rows.dtypes)


def chosen(rows: pd.DataFrame) -> dict[tuple[str, int], float]:
    left = rows[rows["phase"] != "diverged"]
    return {(name, width): rate for name, width, rate in best_rates(left, 5, 10.0).itertuples(index=False, name=None)}


def numbers(values: pd.DataFrame) -> dict[tuple[str, int], float]:
    return {(cell, int(repeat)): round(float(value), 9) for cell, repeat, value in values.itertuples(index=False)}


BEST = {
    (name, width): rate
    for name, rate in {"isotropic-tanh": 0.08, "tanh": 0.02, "isotropic-relu": 0.005}.items()
    for width in WIDTHS
}


# the choice


def test_the_best_rate_is_one_for_each_activation_and_width() -> None:
    assert chosen(made()) == BEST
    rows = changed(made(), 8.0, measure="validation_accuracy", activation="tanh", hidden_width=8, learning_rate=0.005)
    assert chosen(rows) == BEST | {("tanh", 8): 0.005}


def test_no_test_image_has_a_part_in_the_choice() -> None:
    """Test accuracies the other way round leave it as it is. The control: validation accuracies do not."""
    backwards = {name: values[::-1] for name, values in TEST.items()}
    assert chosen(made(test=backwards)) == BEST
    assert chosen(made(validation=backwards)) != BEST


def test_the_mean_over_repeats_decides() -> None:
    """One repeat in which another rate is far ahead is outvoted by the rest, unless it is ahead by more."""
    place = {"measure": "validation_accuracy", "activation": "tanh", "learning_rate": 0.08, "repeat": 3}
    assert chosen(changed(made(), 40.0, **place)) == BEST
    assert chosen(changed(made(), 60.0, **place)) == BEST | {("tanh", width): 0.08 for width in WIDTHS}


def test_of_equal_ones_the_lowest_rate_is_taken() -> None:
    flat = VALIDATION | {"tanh": (80.0, 90.0, 90.0, 90.0)}
    assert chosen(made(validation=flat)) == BEST
    rows = made(validation=flat).iloc[::-1]
    assert chosen(rows) == BEST, "in whatever order they come"


def test_a_network_that_diverged_counts_as_guessing() -> None:
    """(4 * 90 + 10) / 5 = 74 is less than 80; of four repeats alone it would be the best."""
    one = diverging(made(), activation="isotropic-tanh", learning_rate=0.08, repeat=0)
    assert chosen(one)["isotropic-tanh", 8] == 0.02
    ahead = changed(one, 40.0, measure="validation_accuracy", activation="isotropic-tanh", learning_rate=0.08)
    assert chosen(ahead)["isotropic-tanh", 8] == 0.08, "the control: far enough ahead in the others"


def test_a_rate_at_which_all_diverged_is_not_chosen() -> None:
    rows = diverging(made(), activation="tanh", learning_rate=0.02)
    assert chosen(rows) == BEST | {("tanh", width): 0.005 for width in WIDTHS}
    assert {name for name, _ in chosen(diverging(made(), activation="tanh"))} == {"isotropic-tanh", "isotropic-relu"}
    assert chosen(made().iloc[:0]) == {}


# what is judged


def test_both_are_compared_at_their_own_best_rate() -> None:
    found = numbers(ahead_at_best(made(repeats=2), CONTEXT))
    assert found == {(f"width {width}", repeat): 0.0 for width in WIDTHS for repeat in (0, 1)}
    rows = changed(made(repeats=2), 3.0, measure="test_accuracy", activation="isotropic-tanh", learning_rate=0.08)
    assert set(numbers(ahead_at_best(rows, CONTEXT)).values()) == {3.0}
    for elsewhere in (
        {"activation": "isotropic-tanh", "learning_rate": 0.02},
        {"activation": "tanh", "learning_rate": 0.08},
        {"activation": "isotropic-relu"},
        {"epoch": 1},
        {"repeat": 1},  # what both have in common
    ):
        assert numbers(ahead_at_best(changed(made(repeats=2), 3.0, **elsewhere), CONTEXT)) == found


def test_a_network_that_diverged_at_the_best_rate_is_at_chance() -> None:
    rows = diverging(
        changed(made(), 40.0, measure="validation_accuracy", activation="tanh", learning_rate=0.02),
        activation="tanh", learning_rate=0.02, repeat=1, hidden_width=16,
    )  # fmt: skip
    found, before = numbers(ahead_at_best(rows, CONTEXT)), numbers(ahead_at_best(made(), CONTEXT))
    own = made()[which(made(), activation="tanh", learning_rate=0.02, repeat=1, epoch=2, measure="test_accuracy")]
    expected = before | {("width 16", 1): round(float(own["value"].iloc[0]) - 10.0, 9)}
    assert found == pytest.approx(expected)


def test_no_control_and_no_rows_give_nothing() -> None:
    assert ahead_at_best(made()[~which(made(), activation="tanh")], CONTEXT).empty
    assert ahead_at_best(made().iloc[:0], CONTEXT).empty


def test_a_best_rate_at_an_end_is_unfit() -> None:
    assert at_an_end(made(), CONTEXT) == "", "that of isotropic relu is, but it is not compared"
    rising = made(validation=VALIDATION | {"isotropic-tanh": (60.0, 70.0, 80.0, 90.0)})
    said = "best rate at an end of those tried: isotropic-tanh at width 8: 0.32; "
    assert at_an_end(rising, CONTEXT) == said + "isotropic-tanh at width 16: 0.32"
    assert judge(CRITERION, rising, CONTEXT, BASIS).outcome == "not judged"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("above", "expected"), [(3.0, "yes"), (1.0, "inconclusive"), (0.0, "no"), (-1.0, "no"), (-3.0, "no")]
)
def test_made_worlds(above: float, expected: str, seed: int) -> None:
    test = TEST | {"isotropic-tanh": tuple(value + above for value in TEST["isotropic-tanh"])}
    assert judge(CRITERION, made(test, noise=0.3, seed=seed), CONTEXT, BASIS).outcome == expected


def test_standard_tanh_ahead_at_one_width_is_a_no() -> None:
    """The control that the criterion names."""
    test = TEST | {"isotropic-tanh": tuple(value + 3 for value in TEST["isotropic-tanh"])}
    rows = changed(made(test, noise=0.3), 6.0, measure="test_accuracy", activation="tanh", hidden_width=8)
    assert judge(CRITERION, rows, CONTEXT, BASIS).outcome == "no"


def test_ahead_at_the_paper_s_rate_alone_is_no_yes() -> None:
    """What the sweep is for: there isotropic tanh is ahead by ten points, and at their own best by none."""
    assert TEST["isotropic-tanh"][2] - TEST["tanh"][2] == 10.0
    assert judge(CRITERION, made(noise=0.3), CONTEXT, BASIS).outcome == "no"


def test_few_repeats_are_not_judged() -> None:
    few = judge(CRITERION, made(repeats=3, noise=0.3), CONTEXT, BASIS)
    assert (few.outcome, few.reason) == ("not judged", "3 repeats; 5 are needed to tell")
