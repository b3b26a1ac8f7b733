"""A shared view of an MLflow experiment: the table of runs with useful columns, charts with useful axes.

MLflow keeps a shared view as an experiment tag whose format it does not document (this is 3.17's). A version
that does not understand it shows its own default: nothing else depends on it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from pipeline.reporting.presenters import presenter
from pipeline.tracking.charts import COMPARED, charts
from pipeline.tracking.runs import Run

KEY = "overview"
TAG = f"mlflow.sharedViewState.{KEY}"
FIRST = ("by change in width", "by change in width float64", "test", "train")  # sections of charts, from the top


def link(base: str, experiment_id: str) -> str:
    """The address of the shared view of an experiment on the server at `base`."""
    return f"{base}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={KEY}"


def view(experiment: str, runs: Sequence[Run], created: int) -> str:
    """The value of TAG for `experiment` with `runs`; `created` in milliseconds since 1970."""
    packed = base64.b64encode(zlib.compress(json.dumps(_state(experiment, runs)).encode())).decode()
    return json.dumps({"name": "Overview", "createdAt": created, "updatedAt": created, "state": f"deflate;{packed}"})


def _state(experiment: str, runs: Sequence[Run]) -> dict[str, object]:
    """The state of the page. Sorting by time of creation is the one order that nests children in parents."""
    names = sorted({name for run in runs for name, _, _ in run.metrics})
    columns = [
        name
        for wanted in (*presenter(experiment).NOTE.columns, "diverged/*")
        for name in names
        if fnmatchcase(name, wanted)
    ]
    longest = max((len(run.name) for run in runs), default=0)
    images = list(dict.fromkeys(frame.key for run in runs for frame in run.frames))
    widths = {"attributes.`Run Name`": min(max(290, 110 + 6 * longest), 460)} | {
        f"metrics.`{name}`": 25 + 6 * len(name) for name in columns
    }
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
        "compareRunCharts": [*map(_image, images), *charts(experiment, runs)],
        "compareRunSections": _sections(experiment, images, names),
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _image(key: str) -> dict[str, object]:
    """Pictures with a slider for their step."""
    return {
        "uuid": key,
        "type": "IMAGE",
        "runsCountToCompare": 10,
        "metricSectionId": key.rpartition("/")[0],
        "deleted": False,
        "isGenerated": True,
        "imageKeys": [key],
        "step": 0,
        "showRunParams": False,
    }


def _sections(experiment: str, images: list[str], names: list[str]) -> list[dict[str, object]]:
    """Sections of charts: pictures and curves first, then single numbers, standard deviations last and folded up."""
    pictures = {name.rpartition("/")[0] for name in images}
    found = {name.rpartition("/")[0] or "Model metrics" for name in names} - pictures
    compared = [COMPARED] if presenter(experiment).NOTE.together else []
    order = sorted(found, key=lambda name: (name.endswith(" sd"), name not in FIRST, name))
    # Room to read the pictures of several runs, and the names of several metrics.
    roomy = {key: {"columns": 1, "cardHeight": 780} for key in pictures} | {
        COMPARED: {"columns": 2, "cardHeight": 420}
    }
    return [
        {"uuid": name, "name": name, "display": not name.endswith(" sd"), "isReordered": False} | roomy.get(name, {})
        for name in (*sorted(pictures), *compared, *order)
    ]
