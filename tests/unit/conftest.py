"""Rows of an experiment that was never run, for what only reads rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.invariance import ROWS
from pipeline.results.measures import FUNCTION_CHANGE
from pipeline.results.rows import frame

CONFIGURATIONS = (
    "none, trainable+decay",
    "constant, trainable+decay",
    "trainable, trainable+decay",
    "trainable, none",
    "trainable, constant",
    "trainable, trainable",
    "trainable, expectation",
)
LACKING = {"none, trainable+decay": 30.0, "trainable, none": 60.0, "trainable, expectation": 8.0}
ABLATED = {"no length": 4.0, "no psi": 9.0, "neither": 30.0}
ROUNDING = {"float32": 1e-6, "float64": 1e-15}

Made = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def invariance_rows() -> Made:
    """`made` below: rows of `invariance` under which all four claims are reproduced, unless told otherwise."""
    return made


def made(
    changes: Sequence[int] = (8, 1, 0, -1, -8),
    repeats: int = 3,
    epochs: int = 2,
    width: int = 16,
    data: str = "digits",
    worse: Mapping[str, float] = LACKING,
    configurations: Sequence[str] = CONFIGURATIONS,
    ablated: Mapping[str, float] = ABLATED,
) -> pd.DataFrame:
    """Rows as `invariance` makes them.

    `worse` multiplies epsilon after pruning, per configuration; `ablated`, where a correction is taken back.
    """
    random = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for repeat in range(repeats):
        luck = random.lognormal(sigma=0.3)  # what the configurations of a repeat have in common
        for configuration in configurations:
            who = {
                "experiment": "invariance",
                "data": data,
                "network": f"64-{width}-{width}-10",
                "configuration": configuration,
                **dict(zip(("intrinsic_length", "compensation"), configuration.split(", "), strict=True)),
                "repeat": repeat,
                "seed": 1000 + repeat,
            }
            accuracy = 90 + random.normal()
            rows += [who | row for row in _training(epochs, accuracy)]
            for precision in ROUNDING:
                place = {"epoch": epochs, "precision": precision}
                baseline = {"accuracy": accuracy, "sigma_sum": 20.0 + repeat}
                rows += [who | place | {"phase": "baseline", "measure": m, "value": v} for m, v in baseline.items()]
                for change in changes:
                    scale = luck * random.lognormal(sigma=0.02) * worse.get(configuration, 1.0)
                    values = _adapted(change, width, scale, precision, accuracy, 20.0 + repeat)
                    place |= {"phase": "adapted", "change": change}
                    rows += [who | place | {"measure": m, "value": v} for m, v in values.items()]
                    for ablation, factor in ablated.items() if change < 0 and configuration not in LACKING else ():
                        taken = {m: factor * values[m] for m in FUNCTION_CHANGE}
                        rows += [
                            who | place | {"ablation": ablation, "measure": m, "value": v} for m, v in taken.items()
                        ]
    return frame(rows, ROWS)


def _training(epochs: int, accuracy: float) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for epoch in range(epochs + 1):
        values = {"test_loss": 2.3 * 0.9**epoch, "test_accuracy": accuracy - 80 * 0.8**epoch}
        values |= {"train_loss": 2.2 * 0.9**epoch} if epoch else {}
        place = {"phase": "training", "epoch": epoch, "precision": "float32"}
        rows += [place | {"measure": measure, "value": value} for measure, value in values.items()]
    return rows


def _adapted(
    change: int, width: int, scale: float, precision: str, accuracy: float, sigma: float
) -> dict[str, float]:
    pruned = max(-change / width, 0.0)
    epsilon = 0.05 * scale * pruned**2 if change < 0 else ROUNDING[precision] * (1 + scale * change / 10 / width)
    lost = -0.3 * min(scale, 1.0) * pruned
    return {
        "epsilon": epsilon,
        "epsilon_scaled": 20 * epsilon,
        "kl": epsilon**2 if epsilon > 1e-9 else 0.0,  # as rounding leaves it
        "delta_accuracy": lost,
        "delta_sigma": sigma * pruned**2,
        "accuracy": accuracy + lost,
        "sigma_sum": sigma * (1 - pruned**2),
    }
