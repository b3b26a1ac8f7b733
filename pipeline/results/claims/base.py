"""What a verdict on a claim is, and how one is reached from intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

import pandas as pd

from pipeline.results.divergence import diverged, lost
from pipeline.results.text import counted

Key = TypeVar("Key")
Outcome = Literal["reproduced", "not reproduced", "inconclusive"]

# Up to where a change of a network counts as none.
EXACT_FLOAT64 = 1e-10  # epsilon
EXACT_FLOAT32 = 1e-3  # epsilon_scaled, percent
KEPT_GROWING = 0.1  # percentage points of accuracy


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval, from `n` repeats; NaN where a bound cannot be had (n = 1)."""

    estimate: float
    low: float
    high: float
    n: int

    def within(self, low: float, high: float) -> bool:
        """Whether the whole interval lies in [low, high]; never so if it is missing."""
        return low <= self.low and self.high <= high

    def outside(self, low: float, high: float) -> bool:
        """Whether the whole interval lies outside [low, high], on one side; never so if it is missing."""
        return self.high < low or self.low > high


Number = float | int | str | Interval


@dataclass(frozen=True)
class Basis:
    """What claims are judged on, to be said beside every verdict.

    Attributes:
        data: the data set, in words.
        network: widths, e.g. "3072-100-100-10".
        networks: number of networks that were trained to the end.
        repeats: networks per configuration; some have fewer if networks diverged.
        epochs: of training.
        same_as_paper: whether data, network, repeats and epochs are those of the paper.
    """

    data: str
    network: str
    networks: int
    repeats: int
    epochs: int
    same_as_paper: bool

    @property
    def scale(self) -> str:
        """The scale in words."""
        return (
            f"{self.network}, {counted(self.networks, 'network')}, {counted(self.repeats, 'repeat')}, "
            f"{counted(self.epochs, 'epoch')}"
        )


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim's test.

    Attributes:
        id: the claim's name, e.g. "exact-growth".
        statement: the claim, in the paper's sense.
        verdict: what the test gave.
        criterion: the test, in words.
        numbers: what the verdict rests on, label -> value.
        basis: data and scale that it was judged on.
    """

    id: str
    statement: str
    verdict: Outcome
    criterion: str
    numbers: Mapping[str, Number]
    basis: Basis

    def plain(self) -> dict[str, Any]:
        """The verdict as JSON holds it: no NaN, intervals as mappings."""
        return _plain(asdict(self) | {"scale": self.basis.scale})


def intervals(table: pd.DataFrame, column: str, keys: Iterable[Key]) -> dict[Key, Interval]:
    """Key -> interval, from a table of `statistics.summarise` by `column`; n = 0 for a key that has no row."""
    columns = (table[name] for name in (column, "mean", "low", "high", "n"))
    found = {
        key: Interval(float(mean), float(low), float(high), int(n))
        for key, mean, low, high, n in zip(*columns, strict=True)
    }
    return {key: found.get(key, Interval(math.nan, math.nan, math.nan, 0)) for key in keys}


def decide(passed: Iterable[bool], failed: Iterable[bool]) -> Outcome:
    """One verdict from several comparisons.

    Any that failed: not reproduced. Otherwise all passed, and at least one was made: reproduced. Otherwise
    inconclusive: some comparison could not tell, or there was nothing to compare.
    """
    passes = list(passed)
    if any(failed):
        return "not reproduced"
    return "reproduced" if passes and all(passes) else "inconclusive"


def accounted(verdict: Verdict, rows: pd.DataFrame) -> Verdict:
    """The verdict with the networks that it had to do without among its numbers; as it is if none diverged.

    What was tested on no network at all was not shown: with a configuration of which every repeat diverged,
    "reproduced" becomes "inconclusive".

    Args:
        verdict: from rows without the networks that diverged.
        rows: all rows that it was to rest on.
    """
    stopped, gone = len(diverged(rows)), len(lost(rows))
    if not stopped:
        return verdict
    numbers = {**verdict.numbers, "networks that diverged (left out; repeats are fewer there)": stopped}
    if not gone:
        return replace(verdict, numbers=numbers)
    numbers["configurations with no repeat left (at best inconclusive)"] = gone
    kept: Outcome = "inconclusive" if verdict.verdict == "reproduced" else verdict.verdict
    return replace(verdict, verdict=kept, numbers=numbers)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
