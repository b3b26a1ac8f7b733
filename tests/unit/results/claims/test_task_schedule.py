"""Each claim with rows made to give each verdict."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.task_schedule import ADAPTIVE, ROWS, STATIC
from pipeline.results.claims.base import Basis, Interval, Verdict
from pipeline.results.claims.task_schedule import Phase, fullest, judge, phases
from pipeline.results.rows import frame

BASIS = Basis("digits", "192-h1-h2-h3-30", networks=20, repeats=10, epochs=32, same_as_paper=False)
SCHEDULE = [
    Phase(0, 8, frozenset("a")),
    Phase(8, 16, frozenset("ab")),
    Phase(16, 24, frozenset("abc")),
    Phase(24, 32, frozenset("b")),
]
TOTALS = {0: 60.0, 8: 40.0, 16: 50.0, 20: 56.0, 24: 60.0, 30: 45.0, 32: 45.0}  # of each layer, at some epochs
Growth = Callable[[int, int], float]


def made(
    totals: dict[int, float] = TOTALS,
    gain: float = 0.5,
    late: Growth = lambda layer, repeat: 1.3 if repeat % 2 and layer > 1 else 1.0,
    repeats: int = 10,
    noise: float = 0.002,
) -> pd.DataFrame:
    """Rows under which all three claims are reproduced, unless told otherwise.

    `gain` is adaptive minus static accuracy, `late` the growth of a layer in the second half of the fullest phase.
    """
    random = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for repeat in range(repeats):
        for epoch, total in totals.items():
            for layer in (1, 2, 3):
                width = total * random.lognormal(sigma=noise)
                if epoch == 24:
                    width = totals[20] * late(layer, repeat) * random.lognormal(sigma=noise)
                rows.append(
                    {"configuration": ADAPTIVE, "adaptive": True, "repeat": repeat, "epoch": epoch}
                    | {"measure": "width", "layer": layer, "value": width}
                )
        for task in "abc":
            luck = random.normal(scale=3)
            for kind, more in ((ADAPTIVE, gain), (STATIC, 0.0)):
                value = 90 + luck + more + random.normal(scale=0.1)
                rows.append(
                    {"configuration": kind, "adaptive": kind == ADAPTIVE, "repeat": repeat, "epoch": 24}
                    | {"measure": "test_accuracy", "task": task, "value": value}
                )
    return frame(rows, ROWS)


def verdict(rows: pd.DataFrame, claim: str) -> Verdict:
    (found,) = [found for found in judge(rows, SCHEDULE, BASIS) if found.id == claim]
    return found


def test_all_reproduced_on_rows_made_so() -> None:
    verdicts = judge(made(), SCHEDULE, BASIS)
    assert [v.id for v in verdicts] == ["grows-with-tasks", "adaptive-beats-static", "bifurcation"]
    assert {v.verdict for v in verdicts} == {"reproduced"}
    assert all(v.basis is BASIS and v.numbers and v.criterion and v.statement for v in verdicts)


def test_no_rows_are_inconclusive() -> None:
    assert {v.verdict for v in judge(made().iloc[:0], SCHEDULE, BASIS)} == {"inconclusive"}


def test_phases_of_a_schedule() -> None:
    class Entry:
        def __init__(self, epochs: int, active: list[str]) -> None:
            self.epochs, self.active = epochs, active

    assert phases([Entry(8, ["a"]), Entry(8, ["b", "a"])]) == SCHEDULE[:2]
    assert fullest(SCHEDULE) == SCHEDULE[2]
    assert SCHEDULE[1].words == "epochs 8–15"


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ({16: 30.0}, "not reproduced"),  # falls when a task is added
        ({16: 40.0}, "inconclusive"),  # neither: noise about 1
        ({30: 70.0, 32: 70.0}, "not reproduced"),  # rises when tasks are removed
        ({30: 55.0}, "not reproduced"),  # still falling at the end
    ],
)
def test_grows_with_tasks(epochs: dict[int, float], expected: str) -> None:
    found = verdict(made(TOTALS | epochs, late=lambda layer, repeat: 1.1, noise=0.01), "grows-with-tasks")
    assert found.verdict == expected


def test_one_repeat_has_no_interval_and_decides_nothing() -> None:
    assert {v.verdict for v in judge(made(repeats=1), SCHEDULE, BASIS)} == {"inconclusive"}


@pytest.mark.parametrize(("gain", "expected"), [(0.5, "reproduced"), (-0.5, "not reproduced"), (0.0, "inconclusive")])
def test_adaptive_beats_static(gain: float, expected: str) -> None:
    found = verdict(made(gain=gain), "adaptive-beats-static")
    assert found.verdict == expected
    mean = found.numbers["mean over tasks (points)"]
    assert isinstance(mean, Interval)
    assert mean.estimate == pytest.approx(gain, abs=0.1), "paired: the repeats' luck, thirty times as large, is gone"


def test_a_diverged_network_leaves_no_mean_in_silence() -> None:
    rows = made()
    rows.loc[rows.index[-1], "value"] = math.nan
    assert verdict(rows, "adaptive-beats-static").verdict == "inconclusive"


LATE: dict[str, tuple[Growth, str]] = {
    "two groups in both layers": (lambda layer, repeat: 1.2 if repeat < 3 else 0.98, "reproduced"),
    "in one layer": (lambda layer, repeat: 1.3 if repeat % 2 and layer == 2 else 1.0, "inconclusive"),
    "all settle": (lambda layer, repeat: 1.0, "not reproduced"),
    "all grow": (lambda layer, repeat: 1.2, "not reproduced"),
    "a single straggler": (lambda layer, repeat: 1.3 if repeat == 4 else 1.0, "not reproduced"),
    "evenly spread": (lambda layer, repeat: 1.0 + 0.03 * repeat, "not reproduced"),
    "two groups, both growing": (lambda layer, repeat: 1.1 if repeat % 2 else 1.5, "not reproduced"),
}


@pytest.mark.parametrize("case", LATE)
def test_bifurcation(case: str) -> None:
    late, expected = LATE[case]
    assert verdict(made(late=late), "bifurcation").verdict == expected


def test_bifurcation_needs_enough_repeats() -> None:
    assert verdict(made(repeats=7), "bifurcation").verdict == "inconclusive"
