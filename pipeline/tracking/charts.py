"""The charts of metrics in a shared view that MLflow would not make as well by itself.

MLflow adds one of its own for every metric that is in none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from pipeline.experiments import experiment
from pipeline.reporting.presenters import presenter
from pipeline.tracking.runs import Run

COMPARED = "compared"  # the section of charts of several metrics


def charts(of: str, runs: Sequence[Run]) -> Iterator[dict[str, object]]:
    """As views keep them: several metrics in one where the experiment's note says so, and logarithmic axes."""
    note, declared = presenter(of).NOTE, experiment(of).ROWS.measures
    decades = {*note.logarithmic, *(measure for measure, each in declared.items() if each.log)}
    steps: dict[str, set[int]] = {}
    for run in runs:
        for name, step, _ in run.metrics:
            steps.setdefault(name, set()).add(step)
    shown: set[str] = set()
    for pattern in note.together:
        names = sorted(name for name in steps if fnmatchcase(name, pattern))
        if names:
            shown.update(names)
            line = any(len(steps[name]) > 1 for name in names)
            yield _chart(pattern, names, line, bool(measures(pattern) & decades)) | {"metricSectionId": COMPARED}
    for name in sorted(steps):
        logarithmic = bool(measures(name) & decades)
        if name in shown:
            yield _chart(name, [name], line=True, logarithmic=False) | {"deleted": True}  # else MLflow would add one
        elif name.startswith("by change") or (logarithmic and len(steps[name]) > 1):
            yield _chart(name, [name], line=True, logarithmic=logarithmic)


def measures(name: str) -> set[str]:
    """What the measure of a metric may be called: without section, task and map; "train/loss" is `train_loss`."""
    section, _, measure = name.rpartition("/")
    measure = measure.partition(" ")[0]
    return {measure, f"{section}_{measure}"}


def _chart(name: str, metrics: list[str], line: bool, logarithmic: bool) -> dict[str, object]:
    """Curves by step, or bars, of one metric or several (MLflow then makes a title of them)."""
    section = metrics[0].rpartition("/")[0]
    several = {"selectedMetricKeys": metrics} if len(metrics) > 1 else {}
    return several | {
        "uuid": name,
        "type": "LINE" if line else "BAR",
        "runsCountToCompare": 10,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": True,
        "displayName": name.removeprefix(f"{section}/"),
        "metricKey": metrics[0],
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "log" if logarithmic else "linear",
        "range": {},
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
