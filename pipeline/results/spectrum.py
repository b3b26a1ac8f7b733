"""Numbers behind spectra: what the singular values of a network look like, and how alike those of repeats are.

All but the effective rank look at log10 sigma; a singular value below FLOOR counts as FLOOR. A spectrum with a value
that is missing or not finite has no numbers: they are NaN.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
import pandas as pd

from pipeline.results.schema import Measure
from pipeline.results.statistics import select

FLOOR = 1e-6  # below what float32 weights of order one determine
FLAT = 1e-3  # decades: spectra whose log10 sigma deviate less than this on average have no shape to be alike in
TWO_GROUPS = 0.5  # `valley`: between two groups the density is less than half of that within the sparser one
FEWEST = 0.08  # of the values are the least that count as a group: 3 of 32, 8 of 100

WHO = ["configuration", "repeat", "epoch", "layer"]
NUMBERS = {
    "effective_rank": Measure("effective rank", "", 2),
    "share_below": Measure("singular values under the threshold", "%", 1),
    "largest_to_median": Measure("largest to median singular value", "", None),
    "separation": Measure("widest gap among the larger singular values, ratio", "", None),
    "likeness": Measure("likeness of repeats", "", 3),
}


def numbers(rows: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """For each spectrum of singular values, columns configuration, repeat, epoch, layer, measure (of NUMBERS), value.

        effective_rank     exp of the entropy of sigma / sum sigma: n if all are equal, 1 if one is all
        share_below        percent of the values under `threshold`
        largest_to_median  ratio of the largest value to the median
        separation         largest ratio of neighbours among the larger half, as a ratio >= 1: a few large values
                           apart from the rest make it large, a bulk of many does not
        likeness           see `likeness`, over the places of the spectrum at this epoch

    Args:
        rows: observations of `spectra` on one data set.
        threshold: theta.
    """
    parts = []
    sigma = select(rows, phase="spectrum", measure="sigma")
    for (configuration, layer), some in sigma.groupby(["configuration", "layer"], sort=False):
        values, repeats, epochs = cube(some)
        logs = logarithms(values)
        measures = {
            "effective_rank": _effective_rank(values),
            "share_below": _percent_below(values, threshold),
            "largest_to_median": 10 ** (logs.max(-1) - np.median(logs, -1)),
            "separation": 10 ** _largest_gap(logs),
            "likeness": np.stack([likeness(logs[:, e]) for e in range(len(epochs))], axis=-1),
        }
        for measure, table in measures.items():  # each [R, E]
            parts.append(_tidy(table, repeats, epochs, configuration, layer, measure))
    return _joined(parts)


def course(rows: pd.DataFrame) -> pd.DataFrame:
    """`likeness` over all trained epochs and places at once; columns as those of `numbers`, without epoch."""
    parts = []
    sigma = select(rows, phase="spectrum", measure="sigma")
    for (configuration, layer), some in sigma[sigma["epoch"] > 0].groupby(["configuration", "layer"], sort=False):
        values, repeats, _ = cube(some)
        alike = likeness(logarithms(values).reshape(len(repeats), -1))
        who = {"configuration": configuration, "layer": layer, "measure": "likeness"}
        parts.append(pd.DataFrame({**who, "repeat": repeats, "value": alike}))
    return _joined(parts)


def cube(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectra of one configuration and map: values [R, E, n] (NaN where there is no row), repeats [R], epochs [E]."""
    wide = rows.pivot(index=["repeat", "epoch"], columns="index", values="value")
    repeats, epochs = (np.unique(rows[name].to_numpy(dtype=int)) for name in ("repeat", "epoch"))
    wide = wide.reindex(pd.MultiIndex.from_product([repeats, epochs], names=["repeat", "epoch"]))
    return wide.to_numpy(dtype=float).reshape(len(repeats), len(epochs), wide.shape[1]), repeats, epochs


def logarithms(values: np.ndarray) -> np.ndarray:
    """log10, at least that of FLOOR; NaN for what is not finite."""
    return np.log10(np.maximum(np.where(np.isfinite(values), values, np.nan), FLOOR))


def likeness(logs: np.ndarray) -> np.ndarray:
    """How well each repeat's log10 sigma [R, N] is told by the mean of the others: [R], 1 if they are the same.

        1 - sum_i (x_i - mean of the others_i)^2 / sum_i (x_i - mean over i of x)^2

    the coefficient of determination. Unlike a correlation, it falls too if a repeat is shifted or stretched. Sorted
    values are compared, never eigenvectors. NaN for one repeat alone and for spectra that are flat (FLAT).
    """
    count = len(logs)
    if count < 2:
        return np.full(count, np.nan)
    others = (logs.sum(0) - logs) / (count - 1)
    own = ((logs - logs.mean(-1, keepdims=True)) ** 2).mean(-1)
    apart = ((logs - others) ** 2).mean(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(own > FLAT**2, 1 - apart / own, np.nan)


def valley(logs: np.ndarray) -> np.ndarray:
    """How deep the density of log10 sigma [..., n] falls between a few large values and the rest: [...], from 0 to 1.

        max_k 1 - f_k(between x_k and x_k+1) / min(max_i<=k f_k(x_i), max_i>k f_k(x_i)),    x ascending

    over those k that leave at least FEWEST and at most half of the values above. f_k is a Gaussian kernel estimate of
    bandwidth n^(-1/5) min(0.9 spread, 1.5 within). The one is Silverman's rule, spread = min(sd, interquartile
    range / 1.34); within is the standard deviation in the two groups that k makes: between groups far apart the
    spread of all would smear one into the other. 0: one bulk, the density falls to one side alone; 1: nothing lies
    between two groups. From TWO_GROUPS on there are two: the tests have how often that is said of made spectra. NaN
    where a value is missing; 0 where the spectrum is flat (FLAT).
    """
    x = np.sort(logs, axis=-1)
    n = x.shape[-1]
    sd, quartiles = x.std(-1), np.quantile(x, [0.75, 0.25], axis=-1)
    middle = (quartiles[0] - quartiles[1]) / 1.34
    spread = np.where(middle > FLAT, np.minimum(sd, middle), sd)
    deepest = np.zeros(x.shape[:-1])
    for above in range(max(2, math.ceil(FEWEST * n)), n // 2 + 1):
        low, high = x[..., : n - above], x[..., n - above :]
        within = np.sqrt((low.var(-1) * (n - above) + high.var(-1) * above) / (n - 2))
        width = n**-0.2 * np.maximum(np.minimum(0.9 * spread, 1.5 * within), FLAT)[..., None]
        heights, between = _density(x, x, width), _density(x, (low[..., -1:] + high[..., :1]) / 2, width)[..., 0]
        modes = np.minimum(heights[..., : n - above].max(-1), heights[..., n - above :].max(-1))
        deepest = np.maximum(deepest, 1 - between / modes)
    found = np.where(sd > FLAT, deepest, 0.0)
    return np.where(np.isfinite(x).all(-1), found, np.nan)


def _density(x: np.ndarray, where: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Kernel estimate from x [..., n] at places [..., m], not normalised; bandwidth [..., 1]."""
    apart = (where[..., :, None] - x[..., None, :]) / width[..., None]
    return np.exp(-(apart**2) / 2).mean(-1)


def _effective_rank(values: np.ndarray) -> np.ndarray:
    values = np.where(np.isfinite(values), values, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = values / values.sum(-1, keepdims=True)
        return np.exp(-np.where(p == 0, 0.0, p * np.log(p)).sum(-1))


def _percent_below(values: np.ndarray, threshold: float) -> np.ndarray:
    whole = np.isfinite(values).all(-1)
    return np.where(whole, 100 * (values < threshold).mean(-1), np.nan)


def _largest_gap(logs: np.ndarray) -> np.ndarray:
    """Largest step between neighbours of a descending sequence, within its larger half; 0 for a single value."""
    larger = logs[..., : logs.shape[-1] // 2 + 1]
    return -np.diff(larger, axis=-1).min(-1, initial=0.0)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """One table, in which `select` refuses a measure that is none of NUMBERS."""
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*WHO, "measure", "value"])
    return table.astype({"measure": pd.CategoricalDtype(list(NUMBERS))})


def _tidy(
    table: np.ndarray, repeats: np.ndarray, epochs: np.ndarray, configuration: Hashable, layer: Hashable, measure: str
) -> pd.DataFrame:
    who = {"configuration": configuration, "layer": layer, "measure": measure}
    place = {"repeat": np.repeat(repeats, len(epochs)), "epoch": np.tile(epochs, len(repeats))}
    return pd.DataFrame({**who, **place, "value": table.reshape(-1)})
