"""Estimands on `spectra`: what training makes of the singular values of map 1.

Map 1 is the primary one, named by the paper: of it alone ("layer zero") section I.2.1 says both halves of the claim,
for isotropic networks a decaying bulk with a separate tail, for standard tanh a smooth bulk that does not decay. Map
2 is said to have mostly low values, map 3 has one for each class. They are shown and not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.experiments.spectra import STANDARD
from pipeline.results.claims.base import Context, Values
from pipeline.results.spectrum import course, cube, logarithms, valley
from pipeline.results.statistics import select

MAP = 1
RATE = 0.05  # the paper's learning rate for this experiment alone
SMALLEST = 32  # singular values: the fewest at which `valley` is calibrated
MOVED = 0.01  # decades: a spectrum that training moved by less is the initial one


def groups(rows: pd.DataFrame, context: Context) -> Values:
    """How deep a valley isotropic spectra have after the last epoch."""
    return _valleys(rows, standard=False)


def bulk(rows: pd.DataFrame, context: Context) -> Values:
    """How deep a valley standard-tanh spectra have after the last epoch."""
    return _valleys(rows, standard=True)


def decay(rows: pd.DataFrame, context: Context) -> Values:
    """log10 of the ratio of isotropic lower quartiles: after the last epoch to after the first, within a network."""
    return _quartiles(rows, since=1)


def from_start(rows: pd.DataFrame, context: Context) -> Values:
    """log10 of the ratio of isotropic lower quartiles: after the last epoch to before the first, within a network."""
    return _quartiles(rows, since=0)


def alike(rows: pd.DataFrame, context: Context) -> Values:
    """Likeness of each isotropic repeat to the mean of the others, over all trained epochs and places."""
    whole = course(select(rows, layer=MAP))
    own = whole[whole["configuration"] != STANDARD]
    return own.rename(columns={"configuration": "cell"})[["cell", "repeat", "value"]]


def unfit(rows: pd.DataFrame, context: Context) -> str:
    """Another learning rate than the paper's, too few singular values, or a spectrum that training did not move."""
    if context.settings.learning_rate != RATE:
        return f"out of scope: the claim is of a learning rate of {RATE}; here: {context.settings.learning_rate:g}"
    for label, logs, _, epochs in _spectra(rows):
        if logs.shape[-1] < SMALLEST:
            return f"map {MAP} has {logs.shape[-1]} singular values; groups are told apart from {SMALLEST} on"
        if epochs[-1] < 2:
            return "one epoch alone has no course"
        moved = np.abs(logs[:, -1] - logs[:, 0]).max()
        if moved < MOVED:
            return f"training moved no singular value of {label}: at most {moved:.2g} decades"
    return ""


def _valleys(rows: pd.DataFrame, standard: bool) -> Values:
    parts = [
        pd.DataFrame({"cell": label, "repeat": repeats, "value": valley(logs[:, -1])})
        for label, logs, repeats, _ in _spectra(rows)
        if (label == STANDARD) == standard
    ]
    return _joined(parts)


def _quartiles(rows: pd.DataFrame, since: int) -> Values:
    parts = []
    for label, logs, repeats, epochs in _spectra(rows):
        if label != STANDARD and since in epochs:
            lower = np.quantile(logs, 0.25, axis=-1)  # [R, E]
            change = lower[:, -1] - lower[:, list(epochs).index(since)]
            parts.append(pd.DataFrame({"cell": label, "repeat": repeats, "value": change}))
    return _joined(parts)


def _spectra(rows: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Of each configuration: label, log10 sigma [R, E, n], repeats, epochs from 0 on."""
    sigma = select(rows, phase="spectrum", measure="sigma", layer=MAP)
    for label, own in sigma.groupby("configuration", sort=False, observed=True):
        values, repeats, epochs = cube(own)
        yield str(label), logarithms(values), repeats, epochs


def _joined(parts: list[pd.DataFrame]) -> Values:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["cell", "repeat", "value"])
