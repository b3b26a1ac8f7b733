"""MLflow in a browser, served as `make ui` serves it: the tree of runs, charts, an image and a table appear."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import made_rows
import pytest

from pipeline.experiments import experiment
from pipeline.reporting.render import render
from pipeline.tracking import synchronise

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page of `invariance` on a server that runs."""
    folder = tmp_path_factory.mktemp("mlflow")
    rows, settings = made_rows.rows("invariance"), made_rows.SETTINGS["invariance"]
    run = {"datasets": {key: asdict(known) for key, known in made_rows.described("digits").items()}}
    report = folder / "report/invariance"
    render("invariance", experiment("invariance").QUESTION, rows, settings, run, report)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        synchronise(rows, profile="made", settings=settings.model_dump(), report=report)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "stages.ui", "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as server:
            assert server.stdout is not None
            addresses = []
            for line in server.stdout:
                addresses += re.findall(r"^invariance \(made\): (\S+)", line)
                if "Ctrl-C ends it" in line:
                    break
            yield addresses[0]
            server.terminate()  # SIGINT is ignored by what a shell has started in the background


@pytest.fixture
def opened(look: Callable[..., Any], page: str) -> Any:
    """The shared view of the experiment, with its runs."""
    seen = look(page, width=1600, height=1000)
    seen.page.get_by_text("0 summary").first.wait_for(timeout=60_000)
    return seen


def test_runs_are_a_tree_whose_names_and_columns_a_stranger_understands(opened: Any) -> None:
    page = opened.page
    assert page.get_by_text("How far do the logits of a trained network move").count() > 0
    for heading in ("test/accuracy", "epsilon/diagonalised"):
        page.get_by_text(heading, exact=True).first.wait_for(timeout=20_000)
    parent = page.get_by_text("4 trainable, none", exact=True).first
    parent.wait_for(timeout=20_000)
    assert page.get_by_text("4 repeat 0, trainable, none", exact=True).count() == 0
    page.locator("[role=row]", has=parent).get_by_role("button").first.click()
    page.get_by_text("4 repeat 0, trainable, none", exact=True).first.wait_for(timeout=20_000)
    opened.keep("mlflow-runs")


def test_charts_are_drawn(opened: Any) -> None:
    page = opened.page
    page.goto(f"{page.url}&compareRunsMode=CHART")
    page.reload()
    page.get_by_text("by change in width", exact=False).first.wait_for(timeout=60_000)
    page.locator(".js-plotly-plot path.js-line").first.wait_for(state="attached", timeout=60_000)
    assert page.locator(".js-plotly-plot").count() >= 2
    opened.keep("mlflow-charts")


def test_tables_and_figures_are_shown(opened: Any, look: Callable[..., Any]) -> None:
    page = opened.page
    run = page.get_by_role("link", name="0 summary").first.get_attribute("href")
    server = page.url.partition("/#")[0]
    seen = look(f"{server}/{run.partition('?')[0].lstrip('/')}/artifacts", width=1600, height=1000)
    seen.page.get_by_text("digits-epsilon.png").first.click(timeout=60_000)
    seen.page.wait_for_function("[...document.images].some(i => i.naturalWidth > 1000)", timeout=60_000)
    seen.page.get_by_text("digits-table-4.csv").first.click()
    seen.page.locator("th", has_text="change of width").first.wait_for(timeout=60_000)
    seen.keep("mlflow-table")
