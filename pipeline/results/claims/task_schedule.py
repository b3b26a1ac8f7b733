"""The claims judged on `task_schedule`: widths that follow the tasks, and what that does to accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pandas as pd

from pipeline.experiments.task_schedule import ADAPTIVE, STATIC
from pipeline.results.claims.base import Basis, Interval, Number, Verdict, decide, intervals
from pipeline.results.divergence import completed
from pipeline.results.statistics import differences, select, summarise

STABLE = 1.05  # a total width that changes by less than 5% over the last quarter of a phase is stable
GROWING = 1.05  # a layer that grows by 5% or more over the second half of a phase keeps growing
RESOLUTION = 0.02  # spread of log growth within a group, at the least: widths are whole numbers
EVIDENCE = 6.0  # difference of BIC between one group and two that counts as strong
SMALLEST_GROUP = 2  # repeats
ENOUGH = 8  # repeats for telling two groups from one


@dataclass(frozen=True)
class Phase:
    """Epochs `first` (trained so far when it begins) to `last` (when it ends), in which some tasks are active."""

    first: int
    last: int
    active: frozenset[str]

    @property
    def words(self) -> str:
        """The epochs as the paper counts them, from 0."""
        return f"epochs {self.first}–{self.last - 1}"


def phases(schedule: Sequence[Any]) -> list[Phase]:
    """The phases of a schedule, entries with `epochs` and `active`."""
    bounds = pairwise(accumulate((entry.epochs for entry in schedule), initial=0))
    return [Phase(*ends, frozenset(entry.active)) for ends, entry in zip(bounds, schedule, strict=True)]


def fullest(schedule: Sequence[Phase]) -> Phase:
    """The phase with the most tasks; of several, the last."""
    return max(schedule, key=lambda phase: (len(phase.active), phase.first))


def judge(rows: pd.DataFrame, schedule: Sequence[Phase], basis: Basis) -> list[Verdict]:
    """The verdicts on grows-with-tasks, adaptive-beats-static and bifurcation.

    Args:
        rows: observations of `task_schedule`.
        schedule: its phases.
        basis: what the rows were made from.
    """
    rows = completed(rows)
    return [
        _grows_with_tasks(rows, schedule, basis),
        _adaptive_beats_static(rows, fullest(schedule), basis),
        _bifurcation(rows, fullest(schedule), basis),
    ]


def _grows_with_tasks(rows: pd.DataFrame, schedule: Sequence[Phase], basis: Basis) -> Verdict:
    widths = select(rows, measure="width", adaptive=True)
    total = widths.pivot_table("value", "epoch", "repeat", aggfunc="sum")  # [epochs, repeats]
    added, removed, stable = {}, {}, {}
    for before, phase in pairwise(schedule):
        name, quarter = phase.words, phase.last - max(1, (phase.last - phase.first) // 4)
        if before.active < phase.active:
            added[f"{name}, task added: total width at the end / at the start"] = _growth(
                total, phase.first, phase.last
            )
        elif before.active > phase.active:
            removed[f"{name}, tasks removed: total width at the end / at the start"] = _growth(
                total, phase.first, phase.last
            )
            stable[f"{name}: total width at the end / a quarter before"] = _growth(total, quarter, phase.last)
    bounds = (1 / STABLE, STABLE)
    return Verdict(
        id="grows-with-tasks",
        statement="Widths rise when a task is added and fall to a stable value when tasks are removed.",
        verdict=decide(
            [
                *(ratio.low > 1 for ratio in added.values()),
                *(ratio.high < 1 for ratio in removed.values()),
                *(ratio.within(*bounds) for ratio in stable.values()),
            ],
            [
                *(ratio.high < 1 for ratio in added.values()),
                *(ratio.low > 1 for ratio in removed.values()),
                *(ratio.outside(*bounds) for ratio in stable.values()),
            ],
        ),
        criterion=(
            "The sum of the hidden widths of each adaptive network at the end of a phase over that at its start, "
            "averaged over repeats as logarithms. Reproduced if the 95% interval is above 1 in every phase that only "
            "adds tasks and below 1 in every phase that only removes some, and if the ratio over the last quarter of "
            "the latter lies within 1/1.05 to 1.05. Not reproduced if any interval lies entirely on the other side; "
            "else inconclusive."
        ),
        numbers=added | removed | stable,
        basis=basis,
    )


def _growth(widths: pd.DataFrame, start: int, end: int) -> Interval:
    """Mean ratio over repeats of the widths at two epochs, averaged as logarithms."""
    if not {start, end} <= set(widths.index):
        return Interval(math.nan, math.nan, math.nan, 0)
    logs = np.log(widths.loc[end].to_numpy(dtype=float) / widths.loc[start].to_numpy(dtype=float))
    log = intervals(summarise(pd.DataFrame({"of": "all", "value": logs}), ["of"]), "of", ["all"])["all"]
    return Interval(math.exp(log.estimate), math.exp(log.low), math.exp(log.high), log.n)


def _adaptive_beats_static(rows: pd.DataFrame, phase: Phase, basis: Basis) -> Verdict:
    found = select(rows, measure="test_accuracy", epoch=phase.last, task=sorted(phase.active))
    gained = differences(found, ADAPTIVE, STATIC, ["task"])
    means = gained.pivot(index="repeat", columns="task", values="value").mean(axis=1, skipna=False)
    table = summarise(pd.DataFrame({"task": "all", "value": means}), ["task"])
    all_tasks = intervals(table, "task", ["all"])["all"]
    each = intervals(summarise(gained, ["task"]), "task", sorted(phase.active))
    numbers: dict[str, Number] = {"mean over tasks (points)": all_tasks}
    return Verdict(
        id="adaptive-beats-static",
        statement=(
            "At the end of the phase with all tasks, adaptive networks are more accurate than their static twins."
        ),
        verdict=decide([all_tasks.low > 0], [all_tasks.high < 0]),
        criterion=(
            f"Test accuracy after {phase.last} epochs, averaged over the {len(phase.active)} active tasks, of each "
            "adaptive network minus that of its static twin. Reproduced if the 95% interval of the mean is above 0; "
            "not reproduced if it is below; else inconclusive. Single tasks are shown beside and not judged."
        ),
        numbers=numbers | {f"{task} (points, not judged)": interval for task, interval in each.items()},
        basis=basis,
    )


def _bifurcation(rows: pd.DataFrame, phase: Phase, basis: Basis) -> Verdict:
    widths = select(rows, measure="width", adaptive=True)
    middle = (phase.first + phase.last) // 2
    numbers: dict[str, Number] = {}
    found, repeats = [], 0
    for layer in sorted(int(layer) for layer in widths["layer"].unique() if layer > 1):
        table = select(widths, layer=layer).pivot_table("value", "epoch", "repeat")
        if not {middle, phase.last} <= set(table.index):
            continue
        late = np.log((table.loc[phase.last] / table.loc[middle]).to_numpy(dtype=float))
        repeats = len(late)
        divided, facts = _two_groups(late)
        found.append(divided)
        numbers |= {f"h{layer}: {name}": value for name, value in facts.items()}
    enough = repeats >= ENOUGH
    return Verdict(
        id="bifurcation",
        statement="In the hidden layers after the first some repeats keep growing while others settle.",
        verdict=decide((divided and enough for divided in found), [enough and bool(found) and not any(found)]),
        criterion=(
            f"Late growth: the width after {phase.last} epochs over that after {middle}, the second half of the "
            "phase with all tasks, as a logarithm. A layer bifurcates if two normal groups of one spread (at least "
            "2%) fit the repeats better than one by a BIC of 6 or more, each group has at least 2 repeats, and one "
            "group grew by 5% or more on average and the other by less. Reproduced if every hidden layer after the "
            "first does; not reproduced if none does; inconclusive if some do, or with fewer than 8 repeats."
        ),
        numbers=numbers,
        basis=basis,
    )


def _two_groups(late: np.ndarray) -> tuple[bool, dict[str, Number]]:
    """Whether log growths fall into a growing and a settled group, and the numbers behind that."""
    from sklearn.mixture import GaussianMixture

    if len(late) < 2 * SMALLEST_GROUP:
        return False, {"repeats": len(late)}
    values = late[:, None]
    one, two = (
        GaussianMixture(n, covariance_type="tied", reg_covar=RESOLUTION**2, n_init=5, random_state=0).fit(values)
        for n in (1, 2)
    )
    gain = float(one.bic(values) - two.bic(values))
    fast = two.predict(values) == int(np.argmax(two.means_))
    sizes = (int(fast.sum()), int((~fast).sum()))
    growths = tuple(float(np.exp(late[group].mean())) if group.any() else math.nan for group in (fast, ~fast))
    divided = gain >= EVIDENCE and min(sizes) >= SMALLEST_GROUP and growths[0] >= GROWING > growths[1]
    return bool(divided), {
        "BIC of one group − of two": gain,
        "repeats in the faster and the slower group": f"{sizes[0]} and {sizes[1]}",
        "mean growth of the faster group, end / middle": growths[0],
        "mean growth of the slower group, end / middle": growths[1],
    }
