"""What the claim on `timing` measures, and what follows, on made-up seconds."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.timing import DONE, ROWS
from pipeline.results.claims import timing as claims
from pipeline.results.claims.base import Basis, Context, Verdict, judge
from pipeline.results.claims.criteria import of
from pipeline.results.rows import frame
from tests.helpers.made_rows import diverged

BASIS = Basis("some data", "some widths", 6, 1, 10, same_as_paper=False)
CONTEXT = Context(SimpleNamespace(), {"cifar10": "cifar10"}, chance=10.0)
(CHEAP,) = of("timing")


def made(
    prune: float = 0.01, grow: float = 0.01, training: float = 20.0, epochs: int = 6, noise: float = 0.0
) -> pd.DataFrame:
    """Seconds of all cases; adapting takes these parts of training, which is slower in some epochs."""
    random, rows = np.random.default_rng(0), []
    for testing in (False, True):
        for adaptation, share in {"none": 0.0, "prune": prune, "grow": grow}.items():
            for epoch in range(2, 2 + epochs):
                seconds = training * random.lognormal(sigma=0.05)
                values = {"training_seconds": seconds} | ({"testing_seconds": 1.0} if testing else {})
                if share:
                    values["adapting_seconds"] = share * seconds * random.lognormal(sigma=noise)
                place: dict[str, object] = {"experiment": "timing", "data": "cifar10", "network": "3072-500-500-10"}
                place |= {"configuration": f"{DONE[testing]}, {adaptation}", "repeat": 0, "seed": 0}
                place |= {"testing": testing, "adaptation": adaptation, "phase": "timed", "epoch": epoch}
                rows += [place | {"measure": measure, "value": value} for measure, value in values.items()]
    return frame(rows, ROWS)


def values(rows: pd.DataFrame) -> dict[tuple[str, int], float]:
    """(cell, timed epoch) -> value."""
    found = claims.cost(rows, CONTEXT)
    return {(str(cell), int(epoch)): float(value) for cell, epoch, value in found.itertuples(index=False)}


def scaled(rows: pd.DataFrame, factor: float, **which: object) -> pd.DataFrame:
    """Rows of which those of this epoch, case and measure took longer by a factor."""
    mask = np.logical_and.reduce([(rows[column] == value).to_numpy(dtype=bool) for column, value in which.items()])
    assert mask.any()
    return rows.assign(value=rows["value"].where(~mask, factor * rows["value"]))


def verdict(rows: pd.DataFrame) -> Verdict:
    return judge(CHEAP, rows, CONTEXT, BASIS)


def test_cost_is_the_share_of_each_epochs_training() -> None:
    found = values(made(0.01, 0.02, epochs=2))
    assert found == pytest.approx(
        {("prune", 2): -2, ("prune", 3): -2, ("grow", 2): math.log10(0.02), ("grow", 3): math.log10(0.02)}
    )


def test_cost_is_paired_by_epoch_and_averages_what_tests_and_what_does_not() -> None:
    rows = made(0.01, 0.02)
    assert values(scaled(rows, 3.0, epoch=3)) == pytest.approx(values(rows)), "a slow epoch is slow in all parts"
    slower = scaled(rows, 4.0, epoch=3, adaptation="prune", testing=True, measure="adapting_seconds")
    assert values(slower) == pytest.approx(values(rows) | {("prune", 3): -2 + math.log10(4) / 2})
    assert values(scaled(rows, 9.0, measure="testing_seconds")) == pytest.approx(values(rows))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (made(0.01, 0.02, noise=0.3), "reproduced"),
        (made(0.01, 0.1, noise=0.3), "contradicted"),  # growing alone is enough
        (made(0.05, 0.05, noise=0.3), "inconclusive"),
        (made(0.01, 0.03, noise=1.5), "inconclusive"),
    ],
)
def test_outcomes(rows: pd.DataFrame, expected: str) -> None:
    assert verdict(rows).outcome == expected


def test_the_same_adaptation_beside_a_tenth_of_the_training_is_not_cheap() -> None:
    rows = made(0.01, 0.01, training=60.0, noise=0.1)
    assert verdict(rows).outcome == "reproduced"
    assert verdict(scaled(rows, 0.1, measure="training_seconds")).outcome == "contradicted"


def test_short_epochs_are_out_of_scope() -> None:
    assert claims.short(made(training=5.5), CONTEXT) == ""
    found = verdict(made(1.0, 1.0, training=0.04))
    assert found.outcome == "not judged" and found.reason == "training takes 0.04 s an epoch; in scope from 5 s"


def test_too_few_epochs_are_not_judged() -> None:
    needed = CHEAP.repeats(2)
    assert verdict(made(epochs=needed, noise=0.1)).outcome == "reproduced"
    found = verdict(made(epochs=needed - 1, noise=0.1))
    assert (found.outcome, found.reason) == ("not judged", f"{needed - 1} repeats; {needed} are needed to tell")


def test_networks_that_diverged_or_do_not_adapt_are_not_judged() -> None:
    rows = made()
    found = verdict(diverged(rows, 3, adaptation="prune", testing=True))
    assert (found.outcome, found.reason) == ("not judged", "1 of 6 networks diverged")
    for adaptation in ("none", "prune", "grow"):
        rows = diverged(rows, 3, adaptation=adaptation)
    assert verdict(rows).reason == "6 of 6 networks diverged"
    alone = made()
    assert verdict(alone[alone["adaptation"] == "none"]).reason == "nothing to compare"


def test_shares_are_percentages() -> None:
    found = claims.shares(made(0.01, 0.02, epochs=1))
    assert set(found["configuration"]) == {"train, prune", "train, grow", "train+test, prune", "train+test, grow"}
    assert sorted(found["value"]) == pytest.approx([1.0, 1.0, 2.0, 2.0])
