"""The judge is judged: worlds with an effect and without, with the repeats that a criterion asks for.

And with test images that are easy or hard for all networks, by which means of accuracies vary, too.

Worlds are numbers a repeat and cell, as estimands give them. That estimands give the right numbers, the tests of each
experiment's claims show.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.random import Generator, default_rng
from worlds import (
    COUNTED,
    IMAGES,
    STATISTICAL,
    WORLDS,
    Noise,
    diverging,
    limits,
    normal,
    nothing,
    outcomes,
    outcomes_of_images,
    unequal,
)

from pipeline.results.claims.base import Criterion, intervals, repeats_needed
from pipeline.results.claims.images import Sampling


def test_worlds_have_the_intervals_of_the_judge() -> None:
    values = default_rng(1).normal(size=(1, 3, 5))
    table = pd.DataFrame({"cell": np.repeat(["a", "b", "c"], 5), "repeat": [*range(5)] * 3, "value": values.ravel()})
    found = [[cell.estimate, cell.low, cell.high] for cell in intervals(table)]
    assert np.allclose(found, limits(values)[0])
    known = {cell: Sampling(v, IMAGES - 1, IMAGES) for cell, v in (("a", 0.1), ("b", 1.0), ("c", 10.0))}
    found = [[cell.estimate, cell.low, cell.high] for cell in intervals(table, known)]
    assert np.allclose(found, limits(values, np.array([[0.1, 1.0, 10.0]]))[0])


@pytest.mark.parametrize("noise", [normal, unequal, diverging])
@pytest.mark.parametrize("cells", [1, 4])
@pytest.mark.parametrize("criterion", STATISTICAL, ids=lambda each: each.id)
def test_a_claim_that_does_not_hold_is_not_reproduced(criterion: Criterion, cells: int, noise: Noise) -> None:
    n = criterion.repeats(cells)
    sign = 1.0 if math.isfinite(criterion.region[0]) else -1.0  # what diverged speaks for the claim
    found = outcomes([nothing(criterion)] * cells, sign * criterion.spread, n, criterion.region, noise)
    assert found["reproduced"] <= 0.05


@pytest.mark.parametrize("cells", [1, 4])
@pytest.mark.parametrize("criterion", STATISTICAL, ids=lambda each: each.id)
def test_a_claim_that_holds_is_reproduced(criterion: Criterion, cells: int) -> None:
    n = criterion.repeats(cells)
    found = outcomes([criterion.expected] * cells, criterion.spread, n, criterion.region, normal)
    assert found["reproduced"] >= 0.8 - 0.02  # of 4000 worlds, three standard errors
    assert found["contradicted"] <= 0.05


@pytest.mark.parametrize("cells", [1, 4])
@pytest.mark.parametrize("criterion", COUNTED, ids=lambda each: each.id)
def test_images_reproduce_no_claim_and_contradict_none(criterion: Criterion, cells: int) -> None:
    n, region = criterion.repeats(cells), criterion.region
    without, holding = [nothing(criterion)] * cells, [criterion.expected] * cells
    assert outcomes_of_images(without, criterion.spread, n, region, counted=True)["reproduced"] <= 0.05
    assert outcomes_of_images(without, criterion.spread, n, region, counted=True)["contradicted"] <= 0.05
    assert outcomes_of_images(holding, criterion.spread, n, region, counted=True)["contradicted"] <= 0.05


@pytest.mark.parametrize("n", [4, 8])
def test_repeats_alone_would_reproduce_what_images_made(n: int) -> None:
    """Negative control: intervals that do not count images."""
    alone, both = (outcomes_of_images([0.0], 1.0, n, (0.0, math.inf), counted=counted) for counted in (False, True))
    assert alone["reproduced"] > 0.1 and alone["contradicted"] > 0.1
    assert both["reproduced"] <= 0.05 and both["contradicted"] <= 0.05


# Standard errors of a mean of n repeats over IMAGES images: of repeats, of images, of what is of both.
@pytest.mark.parametrize("n", [4, 8])
@pytest.mark.parametrize(
    "parts", [(0.5, 0.5, 0.2), (0.2, 0.5, 0.5), (0.5, 0.2, 0.2), (0.1, 0.5, 0.1), (0.5, 0.1, 0.1)]
)
def test_intervals_cover(parts: tuple[float, float, float], n: int) -> None:
    """Coverage of 95% intervals: those of the judge, of repeats alone, and percentiles of a crossed bootstrap."""
    found = coverage(parts, n)
    assert found["both"] >= 0.94
    if parts[1] >= parts[0]:  # of the images is as much as of the repeats, or more
        assert found["repeats"] < found["both"] - 0.05
    if parts[2] <= min(parts[:2]):  # little is counted twice, there as well
        assert found["bootstrap"] < found["both"] - 0.01, "percentiles are too narrow"


def coverage(parts: tuple[float, float, float], n: int, images: int = 100) -> dict[str, float]:
    """How often the true mean is in an interval; of worlds, the bootstrap of some."""
    random, worlds, some = default_rng(0), 4000, 1000
    shapes, roots = ((n, 1), (1, images), (n, images)), (n, images, n * images)
    effects = [
        part * math.sqrt(root) * random.normal(size=(worlds, *shape))
        for part, root, shape in zip(parts, roots, shapes, strict=True)
    ]
    y = effects[0] + effects[1] + effects[2]
    values, v = y.mean(2)[:, None], y.mean(1).var(1, ddof=1)[:, None] / images
    tables = {"repeats": limits(values), "both": limits(values, v, images)}
    known = {name: (table[:, 0, 1] <= 0) & (table[:, 0, 2] >= 0) for name, table in tables.items()}
    percentiles = [np.quantile(bootstrap(random, world, 400), [0.025, 0.975]) for world in y[:some]]
    known["bootstrap"] = np.array([low <= 0 <= high for low, high in percentiles])
    return {name: float(covered.mean()) for name, covered in known.items()}


def bootstrap(random: Generator, y: np.ndarray, draws: int) -> np.ndarray:
    """Means of [n, N] numbers of which lines and columns are drawn again, each by itself (Owen's pigeonhole)."""
    lines, columns = (random.multinomial(count, [1 / count] * count, size=draws) / count for count in y.shape)
    return np.einsum("dr,ri,di->d", lines, y, columns, optimize=True)


def test_several_cells_do_not_veto_a_claim_that_holds_at_its_bound() -> None:
    """Each by itself at 95% would: the control."""
    found = outcomes([1.0] * 16, 1.0, 8, (1.0, math.inf), normal)
    assert found["contradicted"] <= 0.05
    values = 1.0 + default_rng(0).normal(size=(WORLDS, 16, 8))
    single = np.stack([limits(values[:, [k]])[:, 0] for k in range(16)], axis=1)
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
