"""The shared view: what an experiment's note asks for is there, and a stranger is shown it first."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import made_rows
import pytest

from pipeline.experiments import EXPERIMENTS
from pipeline.reporting.presenters import presenter
from pipeline.tracking import views
from pipeline.tracking.charts import measures
from pipeline.tracking.runs import Run, plan


def runs(name: str) -> list[Run]:
    return plan(made_rows.rows(name), "p", made_rows.SETTINGS[name].model_dump(), None)


def state(name: str) -> Any:
    return views._state(name, runs(name))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_columns_and_charts_of_a_note_are_metrics_that_there_are(name: str) -> None:
    note = presenter(name).NOTE
    metrics = {metric for run in runs(name) for metric, _, _ in run.metrics}
    for pattern in (*note.columns, *note.together):
        assert any(fnmatchcase(metric, pattern) for metric in metrics), pattern
    for measure in note.logarithmic:
        assert any(measure in measures(metric) for metric in metrics), measure


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_run_says_what_it_is(name: str) -> None:
    found = runs(name)
    assert len({run.name for run in found}) == len(found)
    for run in found:
        assert {"experiment", "profile", "data", "network", "configuration", "kind"} <= run.tags.keys()
        assert ({"repeat", "seed"} <= run.tags.keys()) is (run.tags["kind"] == "repeat")
        assert all(f"*{run.tags[name]}*" in run.description for name in ("data", "network", "configuration"))


def test_metrics_that_belong_together_share_a_chart_and_have_no_other() -> None:
    found = state("pruning_order")
    shown = [chart for chart in found["compareRunCharts"] if not chart["deleted"]]
    first = shown[0]
    assert (first["metricSectionId"], first["type"], first["scaleType"]) == ("compared", "LINE", "log")
    assert "by change in width/epsilon_scaled singular value none" in first["selectedMetricKeys"]
    assert len(first["selectedMetricKeys"]) > 2
    alone = {chart["metricKey"] for chart in shown if "selectedMetricKeys" not in chart}
    assert not alone & set(first["selectedMetricKeys"])
    hidden = {chart["metricKey"] for chart in found["compareRunCharts"] if chart["deleted"]}
    assert set(first["selectedMetricKeys"]) <= hidden, "MLflow would add a chart of each"
    assert found["compareRunSections"][0]["name"] == "compared"


def test_an_axis_is_logarithmic_whatever_the_task_and_the_map() -> None:
    charts = {chart["uuid"]: chart["scaleType"] for chart in state("convolutions")["compareRunCharts"]}
    assert charts["by change in width/kl length and psi map 1"] == "log"
    assert charts["by change in width/accuracy length and psi map 1"] == "linear"
    charts = {chart["uuid"]: chart["scaleType"] for chart in state("tanh_comparison")["compareRunCharts"]}
    assert charts == {"test/loss": "log"}, "train/loss has one step at this scale, and MLflow draws a bar"


def test_pictures_come_first_and_have_room() -> None:
    found = state("spectra")
    (chart,) = (each for each in found["compareRunCharts"] if each["type"] == "IMAGE")
    section = found["compareRunSections"][0]
    assert chart["imageKeys"] == ["spectrum/singular values"] and chart["metricSectionId"] == section["uuid"]
    assert section["columns"] == 1
    assert not any(each["type"] == "IMAGE" for each in state("invariance")["compareRunCharts"])


@pytest.mark.parametrize(
    ("name", "shown", "left_out"),
    [
        ("abundance", "end", "start"),
        ("width_transitions", "end", "start"),
        ("other_methods", None, "activation"),
        ("joint_sparsity", None, "hidden_layers"),
        ("timing", None, "testing"),
    ],
)
def test_a_factor_is_in_a_title_unless_it_follows_from_the_rest(name: str, shown: str | None, left_out: str) -> None:
    found = [run for run in runs(name) if run.tags["kind"] == "configuration"]
    assert len({run.tags[left_out] for run in found}) > 1
    assert not any(left_out.replace("_", " ") in run.name for run in found)
    if shown is not None:
        own = [run for run in found if shown in run.tags]
        assert own and all(f", {shown} {run.tags[shown]}" in run.name for run in own)
