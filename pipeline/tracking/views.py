"""A shared view of an MLflow experiment: the table of runs with useful columns, charts with useful axes.

MLflow keeps a shared view as an experiment tag whose format it does not document (this is 3.17's). A version
that does not understand it shows its own default: nothing else depends on it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from pipeline.reporting.presentation import presenter
from pipeline.tracking.runs import Run

KEY = "overview"
TAG = f"mlflow.sharedViewState.{KEY}"
FIRST = ("by change in width", "by change in width float64", "test", "train")  # sections of charts, from the top


def link(base: str, experiment_id: str) -> str:
    """The address of the shared view of an experiment on the server at `base`."""
    return f"{base}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={KEY}"


def view(experiment: str, runs: Iterable[Run], created: int) -> str:
    """The value of TAG for `experiment` with `runs`; `created` in milliseconds since 1970."""
    names = sorted({name for run in runs for name, _, _ in run.metrics})
    packed = base64.b64encode(zlib.compress(json.dumps(_state(experiment, names)).encode())).decode()
    return json.dumps({"name": "Overview", "createdAt": created, "updatedAt": created, "state": f"deflate;{packed}"})


def _state(experiment: str, names: list[str]) -> dict[str, object]:
    """The state of the page. Sorting by time of creation is the one order that nests children in parents."""
    columns = [
        name
        for wanted in (*presenter(experiment).NOTE.columns, "diverged/*")
        for name in names
        if fnmatchcase(name, wanted)
    ]
    widths = {"attributes.`Run Name`": 290} | {f"metrics.`{name}`": 25 + 6 * len(name) for name in columns}
    return {
        "searchFilter": "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(widths),
        "columnOrder": list(widths),
        "columnWidths": widths,
        "runsHiddenMode": "FIRST_10_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "compareRunCharts": [_chart(experiment, name) for name in names if name.startswith("by change")],
        "compareRunSections": _sections(names),
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _sections(names: list[str]) -> list[dict[str, object]]:
    """Sections of charts: curves first, then single numbers, standard deviations last and folded up."""
    found = {name.rpartition("/")[0] or "Model metrics" for name in names}
    order = sorted(found, key=lambda name: (name.endswith(" sd"), name not in FIRST, name))
    return [{"uuid": name, "name": name, "display": not name.endswith(" sd"), "isReordered": False} for name in order]


def _chart(experiment: str, name: str) -> dict[str, object]:
    """A curve over the change in width, logarithmic where the measure spans orders of magnitude."""
    section, _, measure = name.rpartition("/")
    return {
        "uuid": name,
        "type": "LINE",
        "runsCountToCompare": 10,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": True,
        "displayName": measure,
        "metricKey": name,
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "log" if measure in presenter(experiment).NOTE.logarithmic else "linear",
        "range": {},
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
