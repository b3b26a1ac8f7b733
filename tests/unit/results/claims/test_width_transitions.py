"""What is judged on `width_transitions`: numbers of made rows, and outcomes of made worlds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.width_transitions import ROWS
from pipeline.results.claims.base import ANSWERS, Basis, Context, Outcome, judge
from pipeline.results.claims.criteria import of
from pipeline.results.claims.width_transitions import CONTROL, TRAINED, above_control, over_static, trained_otherwise
from pipeline.results.claims.widths import GROWN, PRUNED
from pipeline.results.rows import frame

BASIS = Basis("CIFAR-10", "3072-m-10", networks=1, repeats=8, epochs=2, same_as_paper=False)
ISOTROPIC = "trainable, expectation"
WIDTHS = (8, 16, 24, 32)
CONTEXT = Context(SimpleNamespace(**TRAINED), {"cifar10": "cifar10"}, chance=10.0)
CRITERION, *BEAT = of("width_transitions")


def made(
    above: float = 3.0, repeats: int = 8, noise: float = 0.0, seed: int = 0, level: float = 30.0
) -> pd.DataFrame:
    """Final accuracies (epoch 2) of controls at `level` plus an eighth of the width, of isotropic ones `above` it."""
    random, rows = np.random.default_rng(seed), []
    for repeat in range(repeats):
        luck = 3 * random.normal()  # what the networks of a repeat have in common
        ways = [(ISOTROPIC, start, end, above) for start in WIDTHS for end in WIDTHS]
        for configuration, start, end, extra in [*ways, *((CONTROL, end, end, 0.0) for end in WIDTHS)]:
            who = {"data": "cifar10", "configuration": configuration, "start": start, "repeat": repeat}
            who |= {"network": f"3072-{start}-10", "phase": "training", "measure": "test_accuracy"}
            last = level + luck + end / 8 + extra + noise * random.normal()
            rows += [who | {"epoch": 1, "value": 20.0}, who | {"end": end, "epoch": 2, "value": last}]
    return frame(rows, ROWS).drop_duplicates(ignore_index=True)  # epoch 1 is before the ends part


def final(rows: pd.DataFrame, **which: object) -> pd.Series[bool]:
    mask = (rows["epoch"] == 2).to_numpy(dtype=bool)
    for column, value in which.items():
        mask &= (rows[column] == value).fillna(False).to_numpy(dtype=bool)
    return pd.Series(mask, rows.index)


def changed(rows: pd.DataFrame, by: float, **which: object) -> pd.DataFrame:
    """`by` added to the final accuracies of which the columns have these values."""
    return rows.assign(value=rows["value"] + by * final(rows, **which))


def numbers(values: pd.DataFrame) -> dict[tuple[str, int], float]:
    return {(cell, int(repeat)): round(float(value), 9) for cell, repeat, value in values.itertuples(index=False)}


def test_above_is_against_the_control_of_the_end_width() -> None:
    found = numbers(above_control(made(repeats=2), CONTEXT))
    assert found == {(f"to {end}", repeat): 3.0 for end in WIDTHS for repeat in (0, 1)}


def test_a_shift_of_both_sides_cancels_and_one_of_a_side_does_not() -> None:
    rows = made(repeats=2)
    before = numbers(above_control(rows, CONTEXT))
    assert numbers(above_control(changed(rows, 5.0, repeat=1, end=16), CONTEXT)) == before
    control = changed(rows, 1.0, configuration=CONTROL, repeat=1, end=16)
    assert numbers(above_control(control, CONTEXT)) == before | {("to 16", 1): 2.0}
    isotropic = changed(rows, 4.0, configuration=ISOTROPIC, start=8, end=16, repeat=1)  # one start of four
    assert numbers(above_control(isotropic, CONTEXT)) == before | {("to 16", 1): 4.0}


def test_a_network_that_diverged_is_at_chance_at_every_end_it_would_have_reached() -> None:
    rows = changed(made(repeats=2), 0.0)
    which = (rows["configuration"] == ISOTROPIC) & (rows["start"] == 8) & (rows["repeat"] == 1)
    early = rows[which & (rows["epoch"] == 1)].assign(phase="diverged", measure="diverged", value=1.0)
    stopped = pd.concat([rows[~which], early], ignore_index=True).astype(rows.dtypes)
    own = rows[final(rows, configuration=ISOTROPIC, start=8, repeat=1)].set_index("end")["value"]
    expected = numbers(above_control(rows, CONTEXT))
    for end in WIDTHS:
        expected[f"to {end}", 1] = round(expected[f"to {end}", 1] - (float(own[end]) - 10.0) / 4, 9)
    assert numbers(above_control(stopped, CONTEXT)) == pytest.approx(expected)


def test_no_controls_and_no_rows_give_nothing() -> None:
    rows = made(repeats=2)
    assert above_control(rows[rows["configuration"] != CONTROL], CONTEXT).empty
    assert above_control(rows.iloc[:0], CONTEXT).empty


def test_other_training_is_unfit() -> None:
    other = Context(SimpleNamespace(**TRAINED | {"learning_rate": 0.01}), CONTEXT.sources, CONTEXT.chance)
    assert trained_otherwise(made(), CONTEXT) == ""
    assert trained_otherwise(made(), other) == (
        "out of scope: the claim is of optimiser adam, learning rate 0.08, batch size 24; here: optimiser adam, "
        "learning rate 0.01, batch size 24"
    )


def test_controls_that_learnt_nothing_are_unfit() -> None:
    rows = made(repeats=2)
    level = rows[final(rows, configuration=CONTROL)]["value"].mean()
    found = trained_otherwise(changed(rows, 11.0 - level, configuration=CONTROL), CONTEXT)
    assert found == "the controls learnt next to nothing: they reach 11.0%, guessing 10.0%"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("above", "expected"),
    [(3.0, "reproduced"), (1.0, "inconclusive"), (0.9, "inconclusive"), (-3.0, "contradicted")],
)
def test_made_worlds(above: float, expected: str, seed: int) -> None:
    rows = made(above, CRITERION.repeats(4), noise=0.8, seed=seed)
    assert judge(CRITERION, rows, CONTEXT, BASIS).outcome == expected


def test_exchanged_activations_contradict() -> None:
    """The control that the criterion names: one end at which standard tanh is ahead is enough."""
    rows = changed(made(noise=0.8), 6.0, configuration=CONTROL, end=8)
    assert judge(CRITERION, rows, CONTEXT, BASIS).outcome == "contradicted"


def test_not_judged() -> None:
    elsewhere = Context(CONTEXT.settings, {"digits": "digits"}, chance=10.0)
    found = judge(CRITERION, made(noise=0.8), elsewhere, BASIS)
    assert found.outcome == "not judged" and found.reason.startswith("out of scope") and "digits" in found.reason
    few = judge(CRITERION, made(noise=0.8, repeats=3), CONTEXT, BASIS)
    assert (few.outcome, few.reason) == ("not judged", "3 repeats; 8 are needed to tell")
    rows = made(noise=0.8)
    mask = final(rows, start=8)
    phase = {column: rows[column].mask(mask, "diverged") for column in ("phase", "measure")}
    stopped = judge(CRITERION, rows.assign(**phase).astype(rows.dtypes), CONTEXT, BASIS)
    assert stopped.outcome == "not judged" and stopped.reason.endswith("networks diverged")


def exchanged(by: float, grown: bool, repeats: int = 8) -> pd.DataFrame:
    """Rows in which isotropic networks that were grown to their width, or pruned, are better by so many points."""
    rows = made(repeats=repeats, noise=0.3)
    moved = (rows["start"] < rows["end"]) if grown else (rows["start"] > rows["end"])
    own = moved.fillna(False) & (rows["configuration"] == ISOTROPIC)
    return rows.assign(value=rows["value"] + by * own)


def test_over_static_is_against_isotropic_networks_that_always_had_the_width() -> None:
    rows = made(repeats=2)
    assert set(numbers(over_static(GROWN)(rows, CONTEXT)).values()) == {0.0}
    rows = changed(rows, 6.0, configuration=ISOTROPIC, start=8, end=16, repeat=1)  # one of six pairs that grow
    assert numbers(over_static(GROWN)(rows, CONTEXT)) == {(GROWN, 0): 0.0, (GROWN, 1): 1.0}
    rows = changed(
        rows, 3.0, configuration=ISOTROPIC, start=24, end=24, repeat=0
    )  # static: one of three ends pruned to
    assert numbers(over_static(PRUNED)(rows, CONTEXT)) == {(PRUNED, 0): -0.5, (PRUNED, 1): 0.0}
    control = changed(rows, 9.0, configuration=CONTROL)
    assert numbers(over_static(PRUNED)(control, CONTEXT)) == {(PRUNED, 0): -0.5, (PRUNED, 1): 0.0}


@pytest.mark.parametrize(("by", "outcome"), [(1.0, "reproduced"), (-1.0, "contradicted"), (0.1, "inconclusive")])
@pytest.mark.parametrize("grown", [True, False])
def test_whether_moving_beats_staying_is_a_claim_of_pruning_and_asked_of_growing(
    grown: bool, by: float, outcome: Outcome
) -> None:
    own = BEAT[1 if grown else 0]
    assert own.beyond == grown
    wanted = ANSWERS[outcome] if grown else outcome
    assert judge(own, exchanged(by, grown), CONTEXT, BASIS).outcome == wanted
    few = judge(own, exchanged(by, grown, repeats=3), CONTEXT, BASIS)
    assert (few.outcome, few.reason) == ("not judged", "3 repeats; 7 are needed to tell")
    elsewhere = Context(CONTEXT.settings, {"digits": "digits"}, chance=10.0)
    assert judge(own, exchanged(by, grown), elsewhere, BASIS).outcome == (wanted if grown else "not judged")
