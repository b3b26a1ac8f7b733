"""What the claims on `task_schedule` measure: how widths follow the tasks, and what that does to accuracy.

The total width of a network is the sum of its hidden widths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pandas as pd

from pipeline.experiments import task_schedule
from pipeline.experiments.task_schedule import ADAPTIVE, EQUAL_COST, STATIC
from pipeline.results.claims.base import Context, Estimand, Values, at_chance
from pipeline.results.divergence import completed
from pipeline.results.schema import networks
from pipeline.results.statistics import differences, select
from pipeline.results.text import counted

CHANGED = 1.05  # ratio of widths from which they changed
COSTS_ALIKE = 1.05  # ratio of multiply-adds up to which two trainings cost alike
SHARE = 0.25  # of the rise, that is to be lost at least
STRONG = 6.0  # difference of BIC between one group and two that counts as strong
RESOLUTION = 0.02  # spread of log growth within a group, at the least: widths are whole numbers
SMALLEST_GROUP = 2  # repeats


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


@dataclass(frozen=True)
class Removal:
    """A phase in which tasks go, and the epoch `begun` at which the additions right before it began."""

    begun: int
    phase: Phase


def phases(schedule: Sequence[Any]) -> list[Phase]:
    """The phases of a schedule, entries with `epochs` and `active`."""
    bounds = pairwise(accumulate((entry.epochs for entry in schedule), initial=0))
    return [Phase(*ends, frozenset(entry.active)) for ends, entry in zip(bounds, schedule, strict=True)]


def fullest(schedule: Sequence[Phase]) -> Phase:
    """The phase with the most tasks; of several, the last."""
    return schedule[task_schedule.fullest([phase.active for phase in schedule])]


def additions(schedule: Sequence[Phase]) -> list[Phase]:
    """The phases in which tasks come and none go."""
    return [phase for before, phase in pairwise(schedule) if before.active < phase.active]


def removals(schedule: Sequence[Phase]) -> list[Removal]:
    """The phases in which tasks go and none come, each right after additions."""
    found, begun = [], None
    for before, phase in pairwise(schedule):
        if before.active < phase.active:
            begun = phase.first if begun is None else begun
            continue
        if before.active > phase.active and begun is not None:
            found.append(Removal(begun, phase))
        begun = None
    return found


def rise(rows: pd.DataFrame, context: Context) -> Values:
    """log10 of the total width at the end of a phase over that at its start; a cell for each that adds tasks."""
    total = _totals(rows)
    return _cells(
        {
            phase.words: (total[phase.last] / total[phase.first]).map(math.log10)
            for phase in additions(phases(context.settings.schedule))
            if {phase.first, phase.last} <= set(total)
        }
    )


def fall(rows: pd.DataFrame, context: Context) -> Values:
    """What of the total width is lost while tasks are gone, less SHARE of what was gained before; a cell a removal.

        100 ((N_go - N_end) - SHARE (N_go - N_come)) / N_go,    N the total width when tasks come, when they go,
                                                                and at the end of the phase without them

    It is linear where the share itself is not: of a rise near 0 a share has no mean.
    """
    total = _totals(rows)
    return _cells(
        {
            each.phase.words: 100 * (lost - SHARE * gained) / total[each.phase.first]
            for each in _observed(total, context)
            for lost, gained in [_lost_and_gained(total, each)]
        }
    )


def settling(rows: pd.DataFrame, context: Context) -> Values:
    """log10 of the total width at the end of a removal over that a quarter of the phase before; a cell a removal."""
    total, found = _totals(rows), {}
    for each in _observed(total, context):
        end = each.phase.last
        quarter = end - max(1, (end - each.phase.first) // 4)
        if quarter in total:
            found[each.phase.words] = (total[end] / total[quarter]).map(math.log10)
    return _cells(found)


def advantage(rows: pd.DataFrame, context: Context) -> Values:
    """Accuracy of an adaptive network less that of its static twin: the mean over all tasks, when all are active.

    Points. Networks that diverged, where rows have some, count at chance.
    """
    return _ahead(rows, context, STATIC)


def ahead(control: str) -> Estimand:
    """As `advantage`, over a static control; an adaptive network that diverged has none, and is left out."""
    return lambda rows, context: _ahead(rows, context, control)


def over_tasks(rows: pd.DataFrame, schedule: Sequence[Phase]) -> pd.DataFrame:
    """Mean test accuracy of each network over all tasks, when all are active, as "value"."""
    phase = fullest(schedule)
    found = select(rows, measure="test_accuracy", epoch=phase.last, task=sorted(phase.active))
    return found.groupby(networks(list(rows.columns)), dropna=False, observed=True)["value"].mean().reset_index()


def _ahead(rows: pd.DataFrame, context: Context, control: str) -> Values:
    means = over_tasks(completed(rows), phases(context.settings.schedule))
    gained = differences(at_chance(rows, means, context.chance), ADAPTIVE, control, [])
    return gained.assign(cell="mean over tasks")[["cell", "repeat", "value"]]


def division(rows: pd.DataFrame, context: Context) -> Values:
    """`two_groups` of the late growths of a layer with each repeat left out in turn; no cell for the first layer.

    Late growth: log of the width at the end of the phase with all tasks over that in its middle.
    """
    phase = fullest(phases(context.settings.schedule))
    widths, found = select(rows, measure="width", widths=ADAPTIVE), {}
    for layer in sorted(int(layer) for layer in widths["layer"].unique() if layer > 1):
        width = _totals(select(rows, layer=layer))
        middle = (phase.first + phase.last) // 2
        if {middle, phase.last} <= set(width):
            late = (width[phase.last] / width[middle]).map(math.log).to_numpy(dtype=float)
            found[f"h{layer}"] = pd.Series(two_groups(without_each(late)), index=width.index)
    return _cells(found)


def without_each(values: np.ndarray) -> np.ndarray:
    """[..., n, n - 1] values from [..., n]: all but the first, all but the second, and so on."""
    n = values.shape[-1]
    kept = np.nonzero(~np.eye(n, dtype=bool))[1].reshape(n, n - 1)
    return values[..., kept]


def two_groups(late: np.ndarray) -> np.ndarray:
    """BIC of one normal group of n log growths [..., n] less that of two of one spread, divided as is most likely.

        2 (log L_2 - log L_1) - 2 log n,    L_2 = product over repeats of (n_g / n) normal(late; mean_g, s),
                                            g the group of the repeat: two parameters more than L_1

    That is the classification likelihood: it counts to which group each repeat belongs, so that a skewed or a flat
    group is not taken for two. 0 unless one group grew (by CHANGED on average) and the other did not.
    """
    values, n = np.sort(late, axis=-1), late.shape[-1]
    if n < 2 * SMALLEST_GROUP:
        return np.zeros(late.shape[:-1])
    low = np.arange(SMALLEST_GROUP, n - SMALLEST_GROUP + 1)  # sizes of the lower group
    high, sums, squares = n - low, np.cumsum(values, axis=-1), (values**2).sum(-1, keepdims=True)
    lower, upper = sums[..., low - 1] / low, (sums[..., -1:] - sums[..., low - 1]) / high  # means
    two = _log_normal(squares - low * lower**2 - high * upper**2, n) + low * np.log(low / n) + high * np.log(high / n)
    one = _log_normal(squares - sums[..., -1:] ** 2 / n, n)[..., 0]
    best = two.argmax(-1, keepdims=True)
    settled, grown = (np.take_along_axis(means, best, -1)[..., 0] for means in (lower, upper))
    apart = (settled < math.log(CHANGED)) & (math.log(CHANGED) <= grown)
    return np.where(apart, 2 * (two.max(-1) - one) - 2 * math.log(n), 0.0)


def _log_normal(squares: np.ndarray, n: int) -> np.ndarray:
    """Largest log likelihood of n values with these squares about their means, at a spread from RESOLUTION on."""
    variance = np.maximum(squares / n, RESOLUTION**2)
    return -n / 2 * np.log(2 * math.pi * variance) - squares / (2 * variance)


def unrisen(rows: pd.DataFrame, context: Context) -> str:
    """Whether widths did not rise while tasks came, so that there was nothing to fall."""
    total = _totals(rows)
    for each in _observed(total, context):
        risen = _mean_ratio(total[each.phase.first] / total[each.begun])
        if risen < CHANGED:
            least = _percent(CHANGED)
            return f"too small a rise: widths changed by {_percent(risen)} while tasks came; {least} was needed"
    return ""


def unfallen(rows: pd.DataFrame, context: Context) -> str:
    """Whether widths did not fall while tasks were gone, so that there was nothing to become stable."""
    total = _totals(rows)
    for each in _observed(total, context):
        fallen = _mean_ratio(total[each.phase.last] / total[each.phase.first])
        if fallen > 1 / CHANGED:
            least = _percent(1 / CHANGED)
            return f"too small a fall: widths changed by {_percent(fallen)} after tasks went; {least} was needed"
    return ""


def of_kinds(*kinds: str) -> Estimand:
    """Only the rows of networks of these kinds."""
    return lambda rows, context: select(rows, widths=list(kinds))


def controlled(further: Callable[[pd.DataFrame, Context], str]) -> Callable[[pd.DataFrame, Context], str]:
    """Whether an adaptive network diverged, which then has no control, and what is unfit `further`."""

    def unfit(rows: pd.DataFrame, context: Context) -> str:
        repeats = context.settings.repeats
        lost = repeats - int(select(rows, widths=ADAPTIVE)["repeat"].nunique())
        if lost:  # without its pair the mean would be of those that went well
            return f"{lost} of {counted(repeats, 'adaptive network')} diverged, and without it there is no control"
        return further(rows, context)

    return unfit


def unadapted(rows: pd.DataFrame, context: Context) -> str:
    """Whether adapting changed no widths, so that twins were the same."""
    total, end = _totals(rows), fullest(phases(context.settings.schedule)).last
    if not {0, end} <= set(total):
        return ""
    moved = math.exp(float((total[end] / total[0]).map(math.log).abs().mean()))
    if moved < CHANGED:
        return f"hardly adapted: total widths changed by {_percent(moved)}; they had to by {_percent(CHANGED)}"
    return ""


def dearer(rows: pd.DataFrame, context: Context) -> str:
    """As `unadapted`, and whether the control of equal cost cost another, as whole widths of small networks may."""
    if why := unadapted(rows, context):
        return why
    ratios = costs(rows, EQUAL_COST)["value"]
    worst = max(ratios, key=lambda ratio: abs(math.log(ratio)), default=1.0)
    if abs(math.log(worst)) > math.log(COSTS_ALIKE):
        equal = _percent(COSTS_ALIKE)
        return f"unequal cost: the training of a control cost {_percent(worst)}; up to {equal} counts as equal"
    return ""


def costs(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Multiply-adds of a kind of network over those of the adaptive one of its repeat: "repeat" and "value"."""
    spent = select(rows, measure="multiply_adds")
    logs = differences(spent.assign(value=spent["value"].map(math.log)), kind, ADAPTIVE, [])
    return logs.assign(value=logs["value"].map(math.exp))


def _totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Total widths of adaptive networks: a row for each repeat, a column for each epoch."""
    widths = select(rows, measure="width", widths=ADAPTIVE)
    return widths.groupby(["repeat", "epoch"])["value"].sum().unstack("epoch")


def _observed(total: pd.DataFrame, context: Context) -> list[Removal]:
    """The removals of which the rows have all epochs that count."""
    found = removals(phases(context.settings.schedule))
    return [each for each in found if {each.begun, each.phase.first, each.phase.last} <= set(total)]


def _lost_and_gained(total: pd.DataFrame, removal: Removal) -> tuple[pd.Series[float], pd.Series[float]]:
    """Neurons of each repeat: lost while tasks were gone, and gained while they came."""
    most = total[removal.phase.first]
    return most - total[removal.phase.last], most - total[removal.begun]


def _cells(found: Mapping[str, pd.Series[float]]) -> Values:
    """One value for each cell and repeat."""
    tables = [
        pd.DataFrame({"cell": cell, "repeat": values.index, "value": values.to_numpy(dtype=float)})
        for cell, values in found.items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["cell", "repeat", "value"])


def _mean_ratio(ratios: pd.Series[float]) -> float:
    return math.exp(float(ratios.map(math.log).mean()))


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f}%".replace("-", "−")
