"""Estimands of the claims judged on `invariance`: what adapting a width does to the function, without retraining."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from pipeline.experiments import invariance
from pipeline.results.claims.base import Context, Values
from pipeline.results.claims.exact import largest
from pipeline.results.statistics import differences, log10, select

# Configurations: intrinsic length, compensation.
BOTH = "trainable, trainable+decay"
NO_LENGTH = "none, trainable+decay"
CONSTANT_LENGTH = "constant, trainable+decay"
NO_PSI = "trainable, none"
CONSTANT_PSI = "trainable, constant"
TRAINABLE_PSI = "trainable, trainable"
EXPECTATION = "trainable, expectation"
COMPENSATED = [CONSTANT_LENGTH, BOTH, CONSTANT_PSI, TRAINABLE_PSI]

MOVED = math.log10(1.1)  # the least by which taking a correction back is to move log10 epsilon of a network
HEAVY = 1 / 3  # of the width is the least that heavy pruning removes


# exact-growth


def grown_float64(rows: pd.DataFrame, context: Context) -> Values:
    """Largest epsilon of a repeat in float64, diagonalised and grown."""
    return _grown(rows, "epsilon", "float64")


def grown_float32(rows: pd.DataFrame, context: Context) -> Values:
    """Largest scaled epsilon (percent) of a repeat in float32, diagonalised and grown."""
    return _grown(rows, "epsilon_scaled", "float32")


# close-pruning


def without_length(rows: pd.DataFrame, context: Context) -> Values:
    """log10 epsilon without intrinsic length minus with a constant one.

    Both are trained alike but for an o of 1e-6, so that before pruning they are nearly the same network.
    """
    return _averaged(_pruned(rows, NO_LENGTH, CONSTANT_LENGTH))


def without_psi(rows: pd.DataFrame, context: Context) -> Values:
    """log10 epsilon without psi minus with a constant one.

    A constant psi is 0 until something is pruned, so that before pruning they are the same network.
    """
    return _averaged(_pruned(rows, NO_PSI, CONSTANT_PSI))


def length_unmoved(rows: pd.DataFrame, context: Context) -> str:
    """Why intrinsic length corrects nothing here, by what taking it back does in networks with a constant one."""
    return _unmoved(_taken_back(rows, CONSTANT_LENGTH, invariance.NO_LENGTH), "intrinsic length")


def psi_unmoved(rows: pd.DataFrame, context: Context) -> str:
    """Why psi corrects nothing here, by what taking it back does in networks with a constant one."""
    return _unmoved(_taken_back(rows, CONSTANT_PSI, invariance.NO_PSI), "ψ")


# constant-as-trainable


def constant_length(rows: pd.DataFrame, context: Context) -> Values:
    """log10 epsilon with constant minus with trainable intrinsic length."""
    return _averaged(_pruned(rows, CONSTANT_LENGTH, BOTH))


def constant_psi(rows: pd.DataFrame, context: Context) -> Values:
    """log10 epsilon with constant minus with trainable psi."""
    return _averaged(_pruned(rows, CONSTANT_PSI, TRAINABLE_PSI))


# accuracy-kept


def grown_accuracy(rows: pd.DataFrame, context: Context) -> Values:
    """Largest |change of accuracy| (points) of a repeat in float32, diagonalised and grown."""
    return _grown(rows, "delta_accuracy", "float32")


def pruned_accuracy(rows: pd.DataFrame, context: Context) -> Values:
    """Change of accuracy (points) when half the width is pruned, mean over the compensated configurations.

    Repeats that lack one of them have no value.
    """
    measured = {"phase": "adapted", "measure": "delta_accuracy", "precision": "float32", "ablation": None}
    some = select(rows, configuration=COMPENSATED, **measured)
    half = some[some["change"] == _nearest_to_half(rows, context.settings)]
    table = half.pivot(index="repeat", columns="configuration", values="value")
    return _cell("pruned by half", table.dropna().mean(axis=1))


def not_heavy(rows: pd.DataFrame, context: Context) -> str:
    """Why there is no heavy pruning here."""
    change, width = _nearest_to_half(rows, context.settings), _width(context.settings)
    if change is None:
        return "nothing is pruned"
    if -change < HEAVY * width:
        return f"out of scope: the claim is of heavy pruning; here at most {-change} of {width} neurons"
    return ""


def _grown(rows: pd.DataFrame, measure: str, precision: str) -> Values:
    adapted = select(rows, phase="adapted", measure=measure, precision=precision)
    kept = adapted[adapted["change"] >= 0]
    cell = np.where(kept["change"] == 0, "diagonalised", "grown")
    return largest(kept.assign(cell=cell, value=kept["value"].abs()))


def _pruned(rows: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """log10 epsilon of configuration `a` minus that of `b`, repeat x change pruned; not finite where one is 0."""
    return _compared(select(rows, ablation=None), a, b, of="configuration")


def _taken_back(rows: pd.DataFrame, configuration: str, ablation: str) -> pd.DataFrame:
    """log10 epsilon of the same pruned network without what `ablation` takes back minus with it, likewise."""
    own = select(rows, configuration=configuration)
    whole = "whole"
    named = own.assign(ablation=own["ablation"].astype("string").fillna(whole))
    return _compared(named, ablation, whole, of="ablation")


def _compared(rows: pd.DataFrame, a: str, b: str, of: str) -> pd.DataFrame:
    epsilon = select(rows, phase="adapted", measure="epsilon", precision="float32")
    pruned = epsilon[epsilon["change"] < 0]
    found = differences(pruned.assign(value=log10(pruned["value"])), a, b, ["change"], of=of)
    return found.pivot(index="repeat", columns="change", values="value")


def _averaged(table: pd.DataFrame) -> Values:
    return _cell("all prunings", table.mean(axis=1, skipna=False))


def _unmoved(table: pd.DataFrame, name: str) -> str:
    """Mean over repeats, then its size, so that neither noise nor opposite signs at two prunings decide."""
    moved = float(table.mean(axis=0, skipna=False).abs().mean(skipna=False))
    if not moved < MOVED:
        return ""
    least, percent = 10**MOVED - 1, 10**moved - 1
    return (
        f"{name} corrects nothing here: taking it back from a pruned network moves ε by {percent:.1%}; at least "
        f"{least:.0%} are a test"
    )


def _cell(name: str, values: pd.Series) -> Values:
    """One value for each repeat, by which `values` are indexed."""
    return pd.DataFrame({"cell": name, "repeat": values.index.to_numpy(), "value": values.to_numpy(dtype=float)})


def _nearest_to_half(rows: pd.DataFrame, settings: Any) -> int | None:
    """The pruning change nearest to minus half the width; of two equally near, the heavier. None if there is none."""
    width = _width(settings)
    changes = [int(change) for change in rows["change"].dropna().unique() if change < 0]
    return min(changes, key=lambda change: (abs(change + width / 2), change), default=None)


def _width(settings: Any) -> int:
    return int(settings.hidden[settings.layer - 1])
