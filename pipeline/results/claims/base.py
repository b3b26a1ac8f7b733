"""What a criterion is, and how an outcome follows from one: the interval decides, against the smallest effect.

A claim of the paper is judged by one or several criteria, all of them in `criteria.py`. A criterion has an estimand,
a number for each repeat (and each cell, if there must be several), and a region in which the claim wants its mean:

    reproduced     every interval lies in the region
    contradicted   some interval lies outside it
    inconclusive   neither
    not judged     out of the claim's scope, what was to be varied made no difference, too few repeats or test
                   images to tell, a mean without a value, or more than a tenth of the networks diverged

The intervals of several cells hold together with 95%: each has the level that Bonferroni's inequality asks for.
Those of accuracies and of their differences count repeats and test images, where it is known which were right
(`images.py`).

A question that the paper does not ask is judged alike, as a criterion whose source is BEYOND and whose sentence is
the question; its answer is "yes" where a claim were reproduced, and "no" where it were contradicted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.results.claims.images import Sampling, sampling
from pipeline.results.divergence import completed, diverged
from pipeline.results.schema import networks
from pipeline.results.statistics import LEVEL, summarise
from pipeline.results.text import counted

Outcome = Literal["reproduced", "contradicted", "inconclusive", "not judged"]
Answer = Literal["yes", "no", "inconclusive", "not judged"]
ANSWERS: dict[Outcome, Answer] = {
    "reproduced": "yes",
    "contradicted": "no",
    "inconclusive": "inconclusive",
    "not judged": "not judged",
}
BEYOND = "beyond the paper"  # the source of a criterion that answers a question of this project
DIVERGED = 0.1  # of the networks: if more diverged, nothing is judged on the others
POWER = 0.8  # with which the repeats that are asked for reproduce an effect of the expected size
MOST_REPEATS = 1000


@dataclass(frozen=True)
class Context:
    """What an estimand may use beside the rows.

    Attributes:
        settings: of the experiment.
        sources: of the data sets of the rows, by their name.
        chance: accuracy of guessing (percent) on them.
        correct: which test images were right (`results/correct.py`); None of rows made before that was kept.
    """

    settings: Any
    sources: Mapping[str, str]
    chance: float
    correct: pd.DataFrame | None = None


Values = pd.DataFrame  # columns "cell" (text), "repeat" and "value"
Estimand = Callable[[pd.DataFrame, Context], Values]


@dataclass(frozen=True)
class Criterion:
    """How a claim, or a part of one, is judged.

    Attributes:
        claim: of the paper, by its name, e.g. "grows-with-tasks".
        part: what of it, e.g. "rise"; "" if it is all of it.
        experiment: on whose rows.
        sentence: what the paper says, and `source`, where: version and section; or a question, BEYOND the paper.
        scope: for which data and settings it says so, in words.
        estimand: what is measured of each repeat, in words, with how repeats are paired; `values`, as a function.
        unit: of it.
        region: in which the mean is to lie if the claim holds; its bounds are the smallest effects that count.
        why: of these bounds.
        expected: the mean that is assumed if the claim holds, and `spread`, the standard deviation of a repeat's
            value, from which the repeats needed are computed.
        needs: the repeats needed, where it is not a mean that is judged and they follow from a simulation; 0 if they
            are computed.
        ratio: whether the values are log10 of ratios; region, expected mean and spread are then of the logarithm.
        every: whether the claim is of every single value, not of a mean: one outside the region contradicts it, or
            all of a cell if the repeats needed follow from a simulation, as then chance has a part in each.
        short: the number in at most eight words, with its unit, for a table of all criteria; not a part of how it is
            judged.
        at_chance: whether networks that diverged count, at chance: the estimand then gets all rows (`at_chance`), and
            otherwise those of networks that did not.
        images: whether values are linear in test accuracies or their changes: the interval then counts images too.
        sources: of the data for which it is said; none for any data.
        about: gives the rows that it is judged on, of whose networks no more than a tenth may have diverged; as it
            stands all.
        unfit: of rows and context, why they are out of its scope or what was varied made no difference; "" if not.
        control: what shows that the test can fail, in words.
    """

    claim: str
    experiment: str
    sentence: str
    source: str
    scope: str
    estimand: str
    values: Estimand
    unit: str
    region: tuple[float, float]
    why: str
    control: str
    part: str = ""
    short: str = ""
    expected: float = math.nan
    spread: float = 0.0
    needs: int = 0
    ratio: bool = False
    every: bool = False
    at_chance: bool = False
    images: bool = False
    sources: frozenset[str] = frozenset()
    about: Estimand = field(default=lambda rows, context: rows)
    unfit: Callable[[pd.DataFrame, Context], str] = field(default=lambda rows, context: "")

    @property
    def id(self) -> str:
        """The claim and its part."""
        return f"{self.claim}: {self.part}" if self.part else self.claim

    @property
    def beyond(self) -> bool:
        """Whether it answers a question that the paper does not ask."""
        return self.source == BEYOND

    def repeats(self, cells: int = 1) -> int:
        """How many repeats reproduce a claim that holds with POWER, if all of so many cells are as expected.

        And if there are so many test images that they add nothing: of few, no number of repeats may be enough.
        """
        if self.needs:
            return self.needs
        if self.every or not self.spread:
            return 1
        room = min(self.expected - self.region[0], self.region[1] - self.expected)
        bounds = sum(map(math.isfinite, self.region))
        return repeats_needed(room, self.spread, cells, bounds)


@dataclass(frozen=True)
class Cell:
    """One mean of a criterion: its interval, NaN where there is none, and the numbers of repeats and of images.

    Images are those of its test sets, 0 where the interval does not count them.
    """

    name: str
    estimate: float
    low: float
    high: float
    n: int
    images: int = 0


@dataclass(frozen=True)
class Basis:
    """What claims are judged on, to be said beside every outcome.

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
        counts = ((self.networks, "network"), (self.repeats, "repeat"), (self.epochs, "epoch"))
        return ", ".join(filter(None, (self.network, *(counted(*count) for count in counts))))


@dataclass(frozen=True)
class Verdict:
    """The outcome of a criterion.

    Attributes:
        criterion: by which.
        outcome: what it gave, of a question its answer; `reason`, why it was not judged.
        cells: the means that it rests on.
        needed: repeats for 80% power at the expected effect.
        basis: what it was judged on.
    """

    criterion: Criterion
    outcome: Outcome | Answer
    reason: str
    cells: Sequence[Cell]
    needed: int
    basis: Basis


def judge(criterion: Criterion, rows: pd.DataFrame, context: Context, basis: Basis) -> Verdict:
    """The outcome of a criterion on all rows of an experiment on a data set, also those of diverged networks."""
    rows = criterion.about(rows, context)
    own = rows if criterion.at_chance else completed(rows)
    values = criterion.values(own, context)
    images = sampling(criterion, own, context, values) if criterion.images else {}
    cells = _every(values) if criterion.every else intervals(values, images)
    needed = criterion.repeats(max(len(cells), 1))
    reason = _reason(criterion, rows, context, cells, needed)
    every = criterion.every and not criterion.needs
    outcome: Outcome = "not judged" if reason else decide(cells, criterion.region, every=every)
    if outcome == "inconclusive" and not criterion.every and (reason := _unknown(cells)):
        outcome = "not judged"
    return Verdict(criterion, ANSWERS[outcome] if criterion.beyond else outcome, reason, cells, needed, basis)


def decide(cells: Sequence[Cell], region: tuple[float, float], *, every: bool = False) -> Outcome:
    """From intervals that hold together; or, of a claim of every value, from the least and the largest.

    What is not finite lies in no region, also not in one without a bound.
    """
    low, high = region
    if all(low <= cell.low and cell.high <= high and math.isfinite(cell.high - cell.low) for cell in cells):
        return "reproduced"
    outside = any(cell.high < low or cell.low > high for cell in cells)
    return "contradicted" if every or outside else "inconclusive"


def intervals(values: Values, images: Mapping[str, Sampling] | None = None) -> list[Cell]:
    """The mean of each cell with an interval; all of them hold together with LEVEL.

    mean -+ t se,    t from Student's distribution with n - 1 degrees of freedom, at 1 - (1 - LEVEL) / (2 cells)

    Args:
        values: of each cell, one a repeat.
        images: of cells, what their test images add (`images.py`); none: the interval is of these images alone.
    """
    from scipy.special import stdtrit

    table = summarise(values, ["cell"])
    found = [(images or {}).get(str(cell), Sampling()) for cell in table["cell"]]
    level = 1 - (1 - LEVEL) / (2 * max(len(table), 1))
    of_repeats = stdtrit((table["n"] - 1).clip(lower=1), level) * table["se"]
    of_images = [stdtrit(each.df, level) * math.sqrt(each.variance) for each in found]
    reach = np.hypot(of_repeats, of_images)
    columns = (table["cell"], table["mean"], table["mean"] - reach, table["mean"] + reach, table["n"], found)
    return [
        Cell(str(name), float(m), float(a), float(b), int(n), own.images)
        for name, m, a, b, n, own in zip(*columns, strict=True)
    ]


def _every(values: Values) -> list[Cell]:
    """The least and the largest value of each cell in place of an interval; one that is not finite is infinite."""
    finite = values.assign(value=values["value"].fillna(math.inf))
    found = finite.groupby("cell", sort=False)["value"].agg(["mean", "min", "max", "size"])
    return [Cell(str(name), float(m), float(a), float(b), int(n)) for name, m, a, b, n in found.itertuples()]


def repeats_needed(room: float, spread: float, cells: int = 1, bounds: int = 1) -> int:
    """The least n with which n values of this spread, whose mean is `room` inside each bound, show it with POWER.

        P(T > t) >= 1 - (1 - POWER) / (cells bounds),    T noncentral t with n - 1 degrees of freedom and
                                                         noncentrality room sqrt(n) / spread,    t as in `intervals`

    Raises:
        ValueError: there is no room, or more than MOST_REPEATS were needed.
    """
    from scipy.special import stdtrit
    from scipy.stats import nct

    if not room > 0:
        raise ValueError(f"criterion: the expected effect is {room:g} inside the region; it must be inside it")
    for n in range(2, MOST_REPEATS + 1):
        t = stdtrit(n - 1, 1 - (1 - LEVEL) / (2 * cells))
        if nct.sf(t, n - 1, room * math.sqrt(n) / spread) >= 1 - (1 - POWER) / (cells * bounds):
            return n
    raise ValueError(f"criterion: {room:g} inside the region, spread {spread:g}: needs over {MOST_REPEATS} repeats")


def at_chance(rows: pd.DataFrame, last: pd.DataFrame, chance: float) -> pd.DataFrame:
    """Final accuracies of the networks that did not diverge, and CHANCE for those that did.

    Args:
        rows: all rows of the experiment.
        last: final accuracies of networks that did not diverge.
        chance: percent.
    """
    stopped = diverged(rows)[networks(list(rows.columns))].assign(value=chance)
    return pd.concat([last, stopped], ignore_index=True) if len(stopped) else last


def _reason(criterion: Criterion, rows: pd.DataFrame, context: Context, cells: Sequence[Cell], needed: int) -> str:
    """Why nothing is judged; "" if there is no reason."""
    others = sorted(name for name, source in context.sources.items() if source not in criterion.sources)
    if criterion.sources and others:
        return f"out of scope: the claim is of {criterion.scope}; here: {', '.join(others)}"
    known = networks(list(rows.columns))
    stopped, total = len(diverged(rows)), len(rows[known].drop_duplicates())
    if stopped > DIVERGED * total:
        return f"{stopped} of {total} networks diverged"
    if why := criterion.unfit(completed(rows), context):
        return why
    if not cells:
        return "nothing to compare"
    fewest = min(cell.n for cell in cells)
    return f"{counted(fewest, 'repeat')}; {needed} are needed to tell" if fewest < needed else ""


def _unknown(cells: Sequence[Cell]) -> str:
    """Which means have no interval, and why; "" if all have one."""
    if lost := [cell.name for cell in cells if not math.isfinite(cell.estimate)]:
        return f"no mean of {', '.join(lost)}: a value is missing, or not finite"
    if lost := [cell.name for cell in cells if not math.isfinite(cell.high - cell.low)]:
        return f"no interval of {', '.join(lost)}: one repeat, or one test image, does not tell how others would be"
    return ""


def plain(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON holds it: no NaN; a criterion without its functions."""
    criterion = {name: value for name, value in asdict(verdict.criterion).items() if not callable(value)}
    criterion["sources"] = sorted(criterion["sources"])
    own = {
        "criterion": criterion,
        "id": verdict.criterion.id,
        "beyond": verdict.criterion.beyond,
        "scale": verdict.basis.scale,
    }
    whole = asdict(verdict) | own
    found: dict[str, Any] = _plain(whole)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
