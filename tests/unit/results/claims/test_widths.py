"""The claims on moving widths, with rows made to give each verdict: a test that cannot fail would prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.width_transitions import ROWS
from pipeline.results.claims import abundance, width_transitions
from pipeline.results.claims.base import Basis, Interval, Verdict
from pipeline.results.rows import frame

BASIS = Basis("digits", "64-n-10", networks=45, repeats=5, epochs=2, same_as_paper=False)
ISOTROPIC, CONTROL = "trainable, expectation", "standard tanh"
WIDTHS = (4, 8, 16)
STATIC = {4: 60.0, 8: 70.0, 16: 75.0}


def made(
    path: Callable[[int, int], float] = lambda start, end: 0.0,
    static: dict[int, float] = STATIC,
    control: float | None = None,
    noise: float = 0.1,
    repeats: int = 5,
    widths: Sequence[int] = WIDTHS,
) -> pd.DataFrame:
    """Rows whose final accuracy is that of the end width plus `path`; controls are `control` above them."""
    random = np.random.default_rng(0)
    rows: list[dict[str, object]] = []

    def add(configuration: str, start: int, end: int, repeat: int, accuracy: float) -> None:
        who = {"configuration": configuration, "network": f"64-{start}-10", "start": start, "repeat": repeat}
        place = {"phase": "training", "measure": "test_accuracy"}
        values = {0: 10.0, 1: 99.0 - start, 2: accuracy + noise * random.normal()}
        rows.append(who | place | {"epoch": 0, "value": 10.0})  # trained before the ends part
        rows.extend(who | place | {"end": end, "epoch": e, "value": v} for e, v in values.items())
        rows.append(who | {"phase": "training", "measure": "width", "end": end, "epoch": 2, "value": float(end)})

    for repeat in range(repeats):
        luck = 5 * random.normal()  # what the networks of a repeat have in common
        for end in widths:
            for start in widths:
                add(ISOTROPIC, start, end, repeat, static[end] + luck + (path(start, end) if start != end else 0))
            if control is not None:
                add(CONTROL, end, end, repeat, static[end] + luck + control)
    return frame(rows, ROWS)


def found(verdicts: list[Verdict], claim: str) -> str:
    (verdict,) = [verdict for verdict in verdicts if verdict.id == claim]
    return verdict.verdict


def only(worse: tuple[int, int], by: float) -> Callable[[int, int], float]:
    """One path ends `by` points off."""
    return lambda start, end: by if (start, end) == worse else 0.0


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (made(), "reproduced"),
        (made(lambda start, end: 1.5), "reproduced"),  # within the margin
        (made(only((4, 16), -4.0)), "not reproduced"),
        (made(only((16, 4), 4.0)), "not reproduced"),  # better is a dependence on the path too
        (made(static={4: 70.0, 8: 70.5, 16: 70.0}), "not reproduced"),  # the end does not matter either
        (made(noise=3.0), "inconclusive"),
        (made(lambda start, end: 2.0), "inconclusive"),  # on the margin
        (made(repeats=1), "inconclusive"),
        (made(widths=[8]), "inconclusive"),
        (made().iloc[:0], "inconclusive"),
    ],
)
def test_final_width_only(rows: pd.DataFrame, expected: str) -> None:
    assert found(abundance.judge(rows, BASIS), "final-width-only") == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (made(), "reproduced"),
        (made(lambda start, end: 3.0), "reproduced"),
        (made(lambda start, end: -5.0 if start < end else 0.0), "reproduced"),  # growing is not judged
        (made(only((16, 8), -4.0)), "not reproduced"),
        (made(only((16, 4), -1.5)), "reproduced"),  # on average over wider starts above the margin
        (made(lambda start, end: -1.0), "inconclusive"),
        (made(repeats=1), "inconclusive"),
        (made(widths=[8]), "inconclusive"),
        (made().iloc[:0], "inconclusive"),
    ],
)
def test_overabundance_on_either_experiment(rows: pd.DataFrame, expected: str) -> None:
    assert found(abundance.judge(rows, BASIS), "overabundance") == expected
    assert found(width_transitions.judge(rows, BASIS), "overabundance") == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (made(control=-2.0), "reproduced"),
        (made(only((16, 4), -4.0), control=-2.0), "not reproduced"),  # one path ends below is enough
        (made(control=0.0, noise=1.0), "inconclusive"),
        (made(control=-2.0, repeats=1), "inconclusive"),
        (made(), "inconclusive"),  # no controls
        (made().iloc[:0], "inconclusive"),
    ],
)
def test_isotropic_above_control(rows: pd.DataFrame, expected: str) -> None:
    assert found(width_transitions.judge(rows, BASIS), "isotropic-above-control") == expected


def test_a_difference_is_that_of_the_last_epoch_paired_by_repeat() -> None:
    (verdict, _) = abundance.judge(made(only((16, 4), -4.0), noise=0.0), BASIS)
    worse, same, ends = (verdict.numbers[name] for name in ("16 to 4", "8 to 4", "always 16 minus always 4"))
    assert isinstance(worse, Interval) and isinstance(same, Interval) and isinstance(ends, Interval)
    assert (worse.estimate, same.estimate, ends.estimate) == pytest.approx((-4.0, 0.0, 15.0))
    assert worse.high - worse.low == pytest.approx(0, abs=1e-9), "the luck of a repeat cancels"
    assert len(verdict.numbers) == 7


def test_controls_do_not_enter_overabundance() -> None:
    verdict = width_transitions.judge(made(control=-30.0), BASIS)[1]
    judged = ["to 4, mean over wider starts", "to 8, mean over wider starts"]
    assert list(verdict.numbers)[:2] == judged and len(verdict.numbers) == 7
    assert all(isinstance(n, Interval) and abs(n.estimate) < 1 for n in verdict.numbers.values())


def test_one_missing_network_decides_nothing() -> None:
    rows = made(control=-2.0)
    last = (rows["epoch"] == 2) & (rows["start"] == 16) & (rows["end"] == 4) & (rows["repeat"] == 0)
    rows.loc[last.fillna(False), "value"] = np.nan
    assert found(width_transitions.judge(rows, BASIS), "overabundance") == "inconclusive"
    assert found(width_transitions.judge(rows, BASIS), "isotropic-above-control") == "inconclusive"
    rows = rows[rows["configuration"] == ISOTROPIC]
    assert found(abundance.judge(rows, BASIS), "final-width-only") == "inconclusive"
