"""The few numbers of an experiment that `dvc metrics show` and `dvc metrics diff` are good for."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pipeline.results.claims.equivariance import after_last
from pipeline.results.claims.overabundance import against_static, arrivals
from pipeline.results.claims.tanh_comparison import STANDARD
from pipeline.results.divergence import completed, diverged
from pipeline.results.spectrum import numbers
from pipeline.results.statistics import differences, select


def headlines(experiment: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Headline numbers of an experiment as JSON, for each data set; DVC shows five decimals.

    Networks that diverged are left out and, if there are any, counted.
    """
    found: dict[str, Any] = {}
    for data, some in rows.groupby("data", sort=False):
        left, stopped = completed(some), len(diverged(some))
        found[str(data)] = _HEADLINES[experiment](left) if len(left) else {}
        if stopped:
            found[str(data)]["diverged"] = stopped
    return found


def _invariance(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy, and log10 of the mean epsilon at the most neurons added and at the most removed."""
    baseline = select(rows, phase="baseline", measure="accuracy", precision="float32")
    adapted = select(rows, phase="adapted", measure="epsilon")

    def epsilon(label: str, change: int, precision: str) -> float | None:
        some = select(adapted, configuration=label, change=change, precision=precision)["value"]
        return round(math.log10(some.mean()), 3) if some.mean() > 0 else None

    most, least = int(adapted["change"].max()), int(adapted["change"].min())
    both = "trainable, trainable+decay"
    return {
        "accuracy": round(float(baseline["value"].mean()), 2),
        "log10_epsilon": {
            "grown_float32": epsilon(both, most, "float32"),
            "grown_float64": epsilon(both, most, "float64"),
            "pruned": epsilon(both, least, "float32"),
            "pruned_without_length": epsilon("none, trainable+decay", least, "float32"),
            "pruned_without_psi": epsilon("trainable, none", least, "float32"),
        },
    }


def _spectra(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy after the last epoch; by map the effective rank and the ratio of the largest to the median sigma."""
    last = rows[rows["epoch"] == rows["epoch"].max()]
    accuracy = select(last, phase="training", measure="test_accuracy").groupby("configuration")["value"].mean()
    found = numbers(last, threshold=1.0)  # no number under it is among these
    means: Any = found.groupby(["configuration", "measure", "layer"])["value"].mean()
    return {
        str(label): {
            "accuracy": _rounded(value, 2),
            **{
                name: {f"map_{layer}": _rounded(mean, 3) for layer, mean in means[label, name].items()}
                for name in ("effective_rank", "largest_to_median")
            },
        }
        for label, value in _by_name(accuracy)
    }


def _by_name(values: pd.Series[float]) -> list[tuple[str, float]]:
    return [(str(name), float(value)) for name, value in values.items()]


def _rounded(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def _task_schedule(rows: pd.DataFrame) -> dict[str, Any]:
    """Hidden neurons of adaptive networks at start and end, and the mean accuracy over tasks at the end."""
    widths = select(rows, measure="width", configuration="adaptive")
    total = widths.groupby(["epoch", "repeat"])["value"].sum().groupby("epoch").mean()
    last = select(rows, measure="test_accuracy", epoch=rows["epoch"].max())
    accuracy = last.groupby("configuration")["value"].mean()
    start, end = (total.iloc[0], total.iloc[-1]) if len(total) else (math.nan, math.nan)
    return {
        "width_start": _rounded(start, 1),
        "width_end": _rounded(end, 1),
        "accuracy_end": {str(kind): round(float(value), 2) for kind, value in accuracy.items()},
    }


def _tanh_comparison(rows: pd.DataFrame) -> dict[str, Any]:
    """Final accuracy of both activations, averaged over architectures, and their difference within repeats."""
    accuracy = select(rows, phase="training", measure="test_accuracy")
    last = accuracy[accuracy["epoch"] == accuracy["epoch"].max()]
    named = last.assign(configuration=last["configuration"].where(last["configuration"] == STANDARD, "isotropic"))
    means = {
        "standard": named[named["configuration"] == STANDARD]["value"].mean(),
        "isotropic": named[named["configuration"] != STANDARD]["value"].mean(),
        "difference": differences(named, "isotropic", STANDARD, ["network"])["value"].mean(),
    }
    return {"accuracy": {name: _rounded(value, 2) for name, value in means.items()}}


def _abundance(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy of the networks of static width, by width, and the largest mean difference that a path made."""
    final = arrivals(rows)
    paths = [table["value"].mean() for table in against_static(final).values()]
    return {
        "static_accuracy": _by_width(final[final["start"] == final["end"]]),
        "largest_path_difference": _rounded(max(paths, key=abs, default=math.nan), 3),
    }


def _by_width(final: pd.DataFrame) -> dict[str, float | None]:
    """Mean accuracy by final width."""
    return {f"width_{end:03}": _rounded(value, 2) for end, value in final.groupby("end")["value"].mean().items()}


def _width_transitions(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy by final width, of isotropic networks from all starts and of the standard-tanh controls."""
    final = arrivals(rows)
    control = final["configuration"] == STANDARD
    return {"isotropic": _by_width(final[~control]), "standard_tanh": _by_width(final[control])}


def _sparsification(rows: pd.DataFrame) -> dict[str, Any]:
    """By network: accuracy, percent of parameters removed, measured and exact, and log10 of the largest epsilon."""
    adapted = select(rows, phase="adapted", precision="float32")
    means: Any = adapted.groupby(["network", "measure"])["value"].mean()
    largest = select(rows, phase="adapted", measure="epsilon", precision="float64").groupby("network")["value"].max()
    return {
        str(network): {
            **{name: _rounded(means[network, name], 2) for name in ("accuracy", "percent_removed", "percent_exact")},
            "log10_epsilon_float64": _rounded(math.log10(value), 1) if value > 0 else None,
        }
        for network, value in _by_name(largest)
    }


def _timing(rows: pd.DataFrame) -> dict[str, Any]:
    """Milliseconds of each part of an epoch, mean over epochs, in each case."""
    seconds = rows[rows["measure"].str.endswith("_seconds")]
    found: dict[str, dict[str, float]] = {}
    for case, measure in seconds[["configuration", "measure"]].drop_duplicates().itertuples(index=False):
        some = select(seconds, configuration=case, measure=measure)["value"]
        found.setdefault(case, {})[measure.replace("_seconds", "_ms")] = round(1000 * float(some.mean()), 2)
    return found


def _equivariance(rows: pd.DataFrame) -> dict[str, Any]:
    """By descent: accuracy in float32, and log10 of the mean epsilon after the last epoch in each precision."""
    last = after_last(rows)
    accuracy = select(last, measure="test_accuracy", precision="float32")
    means = accuracy.groupby("configuration", sort=False)["value"].mean()
    found: dict[str, dict[str, Any]] = {name: {"accuracy": _rounded(value, 2)} for name, value in _by_name(means)}
    for precision in ("float32", "float64"):
        epsilon = select(last, phase="turned", measure="epsilon", precision=precision)
        for name, value in _by_name(epsilon.groupby("configuration", sort=False)["value"].mean()):
            found[name][f"log10_epsilon_{precision}"] = _rounded(math.log10(value), 1) if value > 0 else None
    return found


_HEADLINES = {
    "sparsification": _sparsification,
    "task_schedule": _task_schedule,
    "spectra": _spectra,
    "invariance": _invariance,
    "tanh_comparison": _tanh_comparison,
    "abundance": _abundance,
    "width_transitions": _width_transitions,
    "timing": _timing,
    "equivariance": _equivariance,
}
