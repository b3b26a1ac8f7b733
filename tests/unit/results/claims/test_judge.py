"""The judge is judged: worlds with an effect and without, with the repeats that a criterion asks for.

Worlds are numbers a repeat and cell, as estimands give them. That estimands give the right numbers, the tests of each
experiment's claims show.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.random import Generator, default_rng

from pipeline.results.claims.base import Cell, Criterion, decide, intervals, repeats_needed
from pipeline.results.claims.criteria import CRITERIA

WORLDS = 4000
STATISTICAL = [each for each in CRITERIA if not each.every]
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
    tables = _intervals(values)
    found = [decide([Cell("", m, low, high, n) for m, low, high in world], region) for world in tables]
    return {outcome: found.count(outcome) / WORLDS for outcome in ("reproduced", "contradicted", "inconclusive")}


def _intervals(values: np.ndarray) -> np.ndarray:
    """As `intervals` gives them (see `test_worlds_have_the_intervals_of_the_judge`), for all worlds at once."""
    from scipy.special import stdtrit

    n = values.shape[-1]
    mean, se = values.mean(-1), values.std(-1, ddof=1) / math.sqrt(n)
    reach = stdtrit(n - 1, 1 - 0.05 / (2 * values.shape[1])) * se
    return np.stack([mean, mean - reach, mean + reach], axis=-1)


def test_worlds_have_the_intervals_of_the_judge() -> None:
    values = default_rng(1).normal(size=(1, 3, 5))
    table = pd.DataFrame({"cell": np.repeat(["a", "b", "c"], 5), "repeat": [*range(5)] * 3, "value": values.ravel()})
    found = [[cell.estimate, cell.low, cell.high] for cell in intervals(table)]
    assert np.allclose(found, _intervals(values)[0])


def nothing(criterion: Criterion) -> float:
    """The mean nearest to the region at which the claim does not hold."""
    low, high = criterion.region
    return low if math.isfinite(low) else high


@pytest.mark.parametrize("noise", [normal, unequal])
@pytest.mark.parametrize("cells", [1, 4])
@pytest.mark.parametrize("criterion", STATISTICAL, ids=lambda each: each.id)
def test_a_claim_that_does_not_hold_is_not_reproduced(criterion: Criterion, cells: int, noise: Noise) -> None:
    n = criterion.repeats(cells)
    found = outcomes([nothing(criterion)] * cells, criterion.spread, n, criterion.region, noise)
    assert found["reproduced"] <= 0.05


@pytest.mark.parametrize("cells", [1, 4])
@pytest.mark.parametrize("criterion", STATISTICAL, ids=lambda each: each.id)
def test_a_claim_that_holds_is_reproduced(criterion: Criterion, cells: int) -> None:
    n = criterion.repeats(cells)
    found = outcomes([criterion.expected] * cells, criterion.spread, n, criterion.region, normal)
    assert found["reproduced"] >= 0.8 - 0.02  # of 4000 worlds, three standard errors
    assert found["contradicted"] <= 0.05


def test_several_cells_do_not_veto_a_claim_that_holds_at_its_bound() -> None:
    """Each by itself at 95% would: the control."""
    found = outcomes([1.0] * 16, 1.0, 8, (1.0, math.inf), normal)
    assert found["contradicted"] <= 0.05
    values = 1.0 + default_rng(0).normal(size=(WORLDS, 16, 8))
    single = np.stack([_intervals(values[:, [k]])[:, 0] for k in range(16)], axis=1)
    assert (single[..., 2] < 1.0).any(1).mean() > 0.25


@pytest.mark.parametrize(("room", "spread"), [(1.0, 1.0), (0.5, 1.0), (2.0, 0.5)])
def test_fewer_repeats_than_needed_tell_too_seldom(room: float, spread: float) -> None:
    n = repeats_needed(room, spread)
    enough = outcomes([room], spread, n, (0.0, math.inf), normal)["reproduced"]
    assert enough >= 0.78
    if n > 2:
        assert outcomes([room], spread, n - 1, (0.0, math.inf), normal)["reproduced"] < enough


def test_no_room_is_no_criterion() -> None:
    with pytest.raises(ValueError, match="inside the region"):
        repeats_needed(0.0, 1.0)
