"""What the choice of the test images adds to the uncertainty of a mean of accuracies, or of their differences.

An accuracy is a mean over a test set, which is itself a sample: with other images it is another. The values of a
criterion that has `images` are linear in accuracies, so that each is a mean over images too, of y_ri for repeat r and
image i. Two random effects are crossed:

    y_ri = mu + a_r + b_i + e_ri       repeats a, images b, and what is of both, e: independent, of mean 0

    var(mean) = var(a) / n + var(b) / N + var(e) / (n N)                 of n repeats and N images

    s^2 / n              estimates (var(a) + var(e) / N) / n,    s the standard deviation of the n values
    v                    estimates (var(b) + var(e) / n) / N,    v = var_i( mean_r y_ri ) / N

    reach^2 = t_(n-1)^2 s^2 / n + t_(N-1)^2 v        of the interval, mean -+ reach

Each part reaches as far as it would by itself, and the reaches add as standard errors do (Howe 1974).
One t for both, with Satterthwaite's degrees of freedom, covers less than 95% where repeats are few: if s is small by
chance it takes the mean for one of images alone. Both parts have e in them, so that it is counted twice: the interval
is somewhat wider than it had to be. v is the variance over draws of N images with replacement, the same images for
all networks (the bootstrap), in its limit of infinitely many draws, which a linear mean has in closed form. Test sets
of several data sets or tasks are independent, and their v add up, but for those that have the same images in another
form.

Why not bootstrap the repeats as well, and take percentiles: resampling n repeats gives (n - 1) / n of their variance,
and a percentile knows no Student's t. tests/unit/results/claims/test_judge.py has the coverage of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.results import correct
from pipeline.results.schema import networks

if TYPE_CHECKING:
    from pipeline.results.claims.base import Context, Criterion, Values

_SAME = 1e-6  # percentage points, within which a value is the one that follows from accuracies
# Sources whose images are those of another, turned or with pixels exchanged, in the same order: one test set.
_SAME_IMAGES = {"digits-permuted": "digits", "digits-turned": "digits"}
_CHOOSES = "validation_accuracy"  # by which an estimand may choose networks, of no test image
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sampling:
    """Of the images of a cell: v, its degrees of freedom (those of the smallest test set), and how many there are.

    v is NaN where a test set is a single image.
    """

    variance: float = 0.0
    df: int = 1
    images: int = 0


def sampling(criterion: Criterion, rows: pd.DataFrame, context: Context, values: Values) -> dict[str, Sampling]:
    """Cell -> what its images add; nothing if it is not known which were right.

    Args:
        criterion: with `images`.
        rows, context: as its estimand gets them.
        values: that it gave.

    Raises:
        InputError: bits of an accuracy are missing.
        ValueError: the values are not linear in accuracies.
    """
    if context.correct is None or values.empty:
        return {}
    own = _accuracies(rows, context.correct)
    constant, weights = _weights(criterion, rows, context, own, values)
    said = values["value"].to_numpy(dtype=float)
    follows = constant + weights @ own["value"].to_numpy(dtype=float)
    if (apart := ~np.isclose(follows, said, rtol=0, atol=_SAME, equal_nan=True)).any():
        first = values[apart].iloc[0]
        if np.isnan(follows[apart][0]):
            lost = f"{criterion.id}: bits of an accuracy that a value of {first['cell']} is of are missing"
            raise InputError(f"correct.parquet: {lost}; delete it, and `dvc repro` makes it again")
        raise ValueError(
            f"{criterion.id}: a value of {first['cell']} is {first['value']:g}, of its weights and accuracies "
            f"{follows[apart][0]:g}: with `images` an estimand is linear in accuracies of which bits were kept"
        )
    cells = values["cell"].astype(str).to_numpy()
    data = own["task"].fillna(own["data"]) if "task" in own else own["data"]
    sources = data.astype(str).replace(dict(context.sources)).replace(_SAME_IMAGES)
    own = own.assign(test_set=sources.where(sources.isin(_SAME_IMAGES.values()), data.astype(str)))
    return {cell: _of_images(weights[cells == cell].mean(0), own) for cell in dict.fromkeys(cells)}


def _accuracies(rows: pd.DataFrame, bits: pd.DataFrame) -> pd.DataFrame:
    """The rows of accuracies of which bits were kept, with them; of changes of accuracy also those `before`."""
    where = [column for column in bits if column not in correct.BITS]
    found = rows[rows["measure"].isin(["test_accuracy", "delta_accuracy"])].merge(bits, on=where)
    network = [*networks(list(rows.columns)), "epoch", "precision"]
    start = bits.loc[bits["phase"] == "baseline", [*network, "correct"]].rename(columns={"correct": "before"})
    change = found["measure"] == "delta_accuracy"
    return pd.concat([found[~change].assign(before=None), found[change].merge(start, on=network)], ignore_index=True)


def _weights(
    criterion: Criterion, rows: pd.DataFrame, context: Context, own: pd.DataFrame, values: Values
) -> tuple[Floats, Floats]:
    """What each value is where all accuracies are 0, [V], and how much of each accuracy is in it, [V, R].

    The weight of an accuracy is what the estimand gives where it alone is 1, less what it gives where all are 0. The
    estimand is asked once: all these tables are one, with repeats of their own numbers, since it has one value a
    repeat. For the same reason an accuracy may be 1 in all repeats at once.
    """
    apart = [column for column in own if column not in ("repeat", "seed", "value", *correct.BITS, "before")]
    group = own.groupby(apart, dropna=False, observed=True, sort=False).ngroup().to_numpy(dtype=int)
    tables, stride = int(group.max(initial=-1)) + 2, int(rows["repeat"].max()) + 1
    # What is no accuracy on test images stays as it is in every table.
    others = rows[(rows["phase"] == "diverged") | (rows["measure"] == _CHOOSES)]
    table = pd.concat([own[list(rows.columns)], others], ignore_index=True)
    number = np.repeat(np.arange(tables), len(table))
    groups = np.concatenate([group, np.full(len(others), -2)])
    probed = table.iloc[np.tile(np.arange(len(table)), tables)].reset_index(drop=True)
    known, alone = np.tile(groups, tables) == -2, np.tile(groups, tables) == number - 1
    probed["value"] = probed["value"].where(known, pd.array(alone.astype(float), dtype=table["value"].dtype))
    probed["repeat"] += stride * number
    found = criterion.values(probed, context)
    repeat = found["repeat"].to_numpy(dtype=int)
    by_table = found.assign(cell=found["cell"].astype(str), repeat=repeat % stride, table=repeat // stride).pivot(
        index=["cell", "repeat"], columns="table", values="value"
    )
    repeats = values["repeat"].to_numpy(dtype=int)
    lines = pd.MultiIndex.from_arrays([values["cell"].astype(str), repeats])
    given = by_table.reindex(index=lines, columns=range(tables)).to_numpy(dtype=float)  # [V, tables]
    of_group = (given[:, 1:] - given[:, :1])[:, group]
    same = repeats[:, None] == own["repeat"].to_numpy(dtype=int)
    return given[:, 0], np.where(same, of_group, 0.0)


def _of_images(weight: Floats, own: pd.DataFrame) -> Sampling:
    """What the images add to a mean in which accuracies have these weights, [R]."""
    own, weight = own[weight != 0], weight[weight != 0]
    test_set = own.groupby(["test_set", "images"]).ngroup().to_numpy(dtype=int)
    variances, counts = [], []
    for number in range(test_set.max(initial=-1) + 1):
        here, its = own[test_set == number], weight[test_set == number]
        changed = here["before"].notna().to_numpy()
        each = its @ correct.unpacked(here)  # [N], the images' own values
        if changed.any():
            before = here[changed].assign(correct=here["before"])
            each -= its[changed] @ correct.unpacked(before)
        # Of one image alone there is no variance, and of a mean that rests on it no interval.
        variances.append(float((100 * each).var(ddof=1)) / len(each) if len(each) > 1 else math.nan)
        counts.append(len(each))
    return Sampling(sum(variances), max(min(counts, default=2) - 1, 1), sum(counts))
