"""The claim on `timing`, on made-up seconds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.timing import DONE, ROWS
from pipeline.results.claims.base import Basis, Interval, Verdict
from pipeline.results.claims.timing import judge
from pipeline.results.rows import frame

BASIS = Basis("some data", "some widths", 6, 1, 10, same_as_paper=False)


def made(prune: float, grow: float, epochs: int = 10, noise: float = 0.05) -> pd.DataFrame:
    """Seconds of adapting, for a training of 2 seconds that is slower in some epochs, as adapting then is."""
    random, rows = np.random.default_rng(0), []
    cases = {(False, "none"): None, (False, "prune"): prune, (True, "grow"): grow}
    for (testing, adaptation), seconds in cases.items():
        for epoch in range(epochs):
            slow = random.lognormal(sigma=0.5)
            values = {"training_seconds": 2.0 * slow} | ({"testing_seconds": 0.1} if testing else {})
            if seconds is not None:
                values["adapting_seconds"] = seconds * slow * random.lognormal(sigma=noise)
            place: dict[str, object] = {"configuration": f"{DONE[testing]}, {adaptation}", "phase": "timed"}
            place |= {"testing": testing, "adaptation": adaptation, "epoch": epoch}
            rows += [place | {"measure": measure, "value": value} for measure, value in values.items()]
    return frame(rows, ROWS)


def verdict(rows: pd.DataFrame) -> Verdict:
    (found,) = judge(rows, 1000, BASIS)
    return found


def test_shares_are_those_of_the_rows() -> None:
    found = verdict(made(0.02, 0.04))
    share = found.numbers["train+test, grow: adapting / training (%)"]
    steps = found.numbers["train, prune: an adaptation lasts as long as so many steps (not judged)"]
    assert isinstance(share, Interval) and share.n == 10 and share.estimate == pytest.approx(2, rel=0.1)
    assert isinstance(steps, Interval) and steps.estimate == pytest.approx(10, rel=0.1) and steps.low < steps.high
    assert found.numbers["steps of training in an epoch"] == 1000
    assert not any(label.startswith("train, none") for label in found.numbers)


@pytest.mark.parametrize(
    ("prune", "grow", "noise", "expected"),
    [
        (0.02, 0.04, 0.05, "reproduced"),
        (0.02, 0.2, 0.05, "not reproduced"),  # one case is enough
        (0.02, 0.06, 1.0, "inconclusive"),  # 5 % lies within the interval
    ],
)
def test_every_case_counts(prune: float, grow: float, noise: float, expected: str) -> None:
    assert verdict(made(prune, grow, noise=noise)).verdict == expected


def test_one_epoch_or_no_adaptation_is_inconclusive() -> None:
    assert verdict(made(0.02, 0.02, epochs=1)).verdict == "inconclusive"
    rows = made(0.02, 0.02)
    assert verdict(rows[rows["configuration"] == "train, none"]).verdict == "inconclusive"
