"""Worlds with an effect and without, made of random numbers, and how often a criterion gives which outcome in them.

    PYTHONPATH=. python tests/helpers/worlds.py

prints the calibration of every criterion as a table, of one cell / of four. Worlds are numbers a repeat and cell, as
estimands give them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator, default_rng

from pipeline.results.claims.base import Cell, Criterion, decide
from pipeline.results.claims.criteria import CRITERIA

WORLDS = 4000
IMAGES = 360
STATISTICAL = [each for each in CRITERIA if not each.every]
COUNTED = [each for each in STATISTICAL if each.images]
Noise = Callable[[Generator, tuple[int, ...]], np.ndarray]


def normal(random: Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.normal(size=shape)


def unequal(random: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Cells of different spread; the largest is 1."""
    return random.normal(size=shape) * np.linspace(0.2, 1, shape[1])[None, :, None]


def outcomes(
    means: list[float], spread: float, n: int, region: tuple[float, float], noise: Noise
) -> dict[str, float]:
    """How often each outcome was reached."""
    values = np.asarray(means)[None, :, None] + spread * noise(default_rng(0), (WORLDS, len(means), n))
    return _decided(limits(values), n, region)


def _decided(tables: np.ndarray, n: int, region: tuple[float, float]) -> dict[str, float]:
    found = [decide([Cell("", m, low, high, n) for m, low, high in world], region) for world in tables]
    return {outcome: found.count(outcome) / WORLDS for outcome in ("reproduced", "contradicted", "inconclusive")}


def outcomes_of_images(
    means: list[float], spread: float, n: int, region: tuple[float, float], counted: bool
) -> dict[str, float]:
    """How often each outcome was reached where a mean varies by its images twice as much as by its repeats.

    A part of the spread of repeats is of images that they alone have right: it is in both parts of an interval. Those
    of a draw of images are normal, so that v follows from a chi-squared number and need not be taken of images.
    """
    random, shape = default_rng(0), (WORLDS, len(means))
    images, both = 2 * spread / math.sqrt(n), 0.6 * spread  # standard deviations
    drawn = np.asarray(means) + images * random.normal(size=shape)
    values = drawn[..., None] + spread * random.normal(size=(*shape, n))
    v = (images**2 + both**2 / n) * random.chisquare(IMAGES - 1, size=shape) / (IMAGES - 1)
    return _decided(limits(values, v if counted else None), n, region)


def limits(values: np.ndarray, v: np.ndarray | None = None, images: int = IMAGES) -> np.ndarray:
    """As `intervals` gives them (see `test_worlds_have_the_intervals_of_the_judge`), for all worlds at once."""
    from scipy.special import stdtrit

    n, level = values.shape[-1], 1 - 0.05 / (2 * values.shape[1])
    mean, se = values.mean(-1), values.std(-1, ddof=1) / math.sqrt(n)
    reach = stdtrit(n - 1, level) * se
    if v is not None:
        reach = np.hypot(reach, stdtrit(images - 1, level) * np.sqrt(v))
    return np.stack([mean, mean - reach, mean + reach], axis=-1)


def nothing(criterion: Criterion) -> float:
    """The mean nearest to the region at which the claim does not hold."""
    low, high = criterion.region
    return low if math.isfinite(low) else high


def diverging(random: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """One network in twenty of those compared with diverged, and counts at chance: thirty spreads below."""
    return random.normal(size=shape) + 30.0 * (random.uniform(size=shape) < 0.05)


def calibration() -> str:
    """A line for each criterion of a mean, as Markdown: percentages of worlds."""
    kinds = {"equal spread": normal, "unequal": unequal, "divergence": diverging}
    heads = ["criterion", "repeats needed", *(f"without: reproduced, {kind}" for kind in kinds)]
    heads += ["with: reproduced", "with: contradicted", "with, images: contradicted"]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for criterion in STATISTICAL:
        found = []
        for cells in (1, 4):
            n, region, spread = criterion.repeats(cells), criterion.region, criterion.spread
            without, holding = [nothing(criterion)] * cells, [criterion.expected] * cells
            sign = 1.0 if math.isfinite(region[0]) else -1.0
            own = [outcomes(without, sign * spread, n, region, noise)["reproduced"] for noise in kinds.values()]
            reached = outcomes(holding, spread, n, region, normal)
            own += [reached["reproduced"], reached["contradicted"]]
            images = outcomes_of_images(holding, spread, n, region, counted=True) if criterion.images else {}
            own.append(images.get("contradicted", math.nan))
            found.append(own)
        shown = [
            " / ".join("–" if math.isnan(x) else f"{100 * x:.1f}" for x in pair) for pair in zip(*found, strict=True)
        ]
        lines.append([criterion.id, f"{criterion.repeats()} / {criterion.repeats(4)}", *shown])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(calibration())
