"""MLflow in a browser, served as `make ui` serves it: the tree of runs, charts, images, a table, a model appear."""

from __future__ import annotations

import json
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
import pandas as pd
import pytest

from isotropic.networks.network import IsotropicMLP
from pipeline.experiments import experiment
from pipeline.reporting.render import render
from pipeline.results.networks import Network
from pipeline.results.schema import networks
from pipeline.tracking import synchronise

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Experiment -> the address of its page on a server that runs: of `invariance`, with a network, and `spectra`."""
    folder = tmp_path_factory.mktemp("mlflow")
    rows, settings = made_rows.rows("invariance"), made_rows.SETTINGS["invariance"]
    run = {"datasets": {key: asdict(known) for key, known in made_rows.described("digits").items()}}
    report = folder / "report/invariance"
    render("invariance", experiment("invariance").QUESTION, rows, settings, run, report)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        dumped = settings.model_dump()
        synchronise(rows, profile="made", settings=dumped, report=report, networks=[_network(rows)])
        spectra = made_rows.SETTINGS["spectra"].model_dump()
        synchronise(made_rows.rows("spectra"), profile="made", settings=spectra)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "stages.ui", "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as server:
            assert server.stdout is not None
            addresses: dict[str, str] = {}
            for line in server.stdout:
                addresses |= dict(re.findall(r"^(\w+) \(made\): (\S+)", line))
                if "Ctrl-C ends it" in line:
                    break
            yield addresses
            server.terminate()  # SIGINT is ignored by what a shell has started in the background


def _network(rows: pd.DataFrame) -> Network:
    """A network for the first repeat of the rows."""
    row = rows.iloc[0]
    where = {name: row[name] for name in networks(list(rows.columns))} | {"repeat": int(row["repeat"])}
    net = IsotropicMLP([int(width) for width in row["network"].split("-")], seed=0)
    return Network.of(net, "trained", where, 0.1)


@pytest.fixture
def opened(look: Callable[..., Any], pages: dict[str, str]) -> Any:
    """The shared view of the experiment, with its runs."""
    seen = look(pages["invariance"], width=1600, height=1000)
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
    page.locator("label:has(input[value=CHART])").click()  # a reload would lose the shared view
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
    seen.page.wait_for_function("[...document.images].some(i => i.naturalWidth > 800)", timeout=60_000)
    seen.page.get_by_text("digits-table-4.csv").first.click()
    seen.page.locator("th", has_text="change of width").first.wait_for(timeout=60_000)
    seen.keep("mlflow-table")


def test_pictures_follow_a_slider(look: Callable[..., Any], pages: dict[str, str]) -> None:
    seen = look(f"{pages['spectra']}&compareRunsMode=CHART", width=1600, height=1000)
    page = seen.page
    page.get_by_text("spectrum/singular values").first.wait_for(timeout=60_000)
    drawn = "[...document.images].filter(i => i.naturalWidth === 900).map(i => i.src)"
    page.wait_for_function(f"{drawn}.length === 2", timeout=60_000)
    first = page.evaluate(drawn)
    seen.keep("mlflow-spectrum-first")
    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")  # to the next step that there is
    page.wait_for_function(f"{drawn}.length === 2 && {drawn}[0] !== {json.dumps(first[0])}", timeout=60_000)
    assert not set(first) & set(page.evaluate(drawn))
    seen.keep("mlflow-spectrum-next")


def test_a_network_is_a_model_with_its_signature(look: Callable[..., Any], pages: dict[str, str]) -> None:
    models = re.sub(r"/runs\?.*", "/models?workflowType=machine_learning", pages["invariance"])
    seen = look(models, width=1600, height=1000)
    page = seen.page
    page.get_by_text("1 repeat 0", exact=False).first.wait_for(timeout=60_000)
    assert page.get_by_role("link", name="trained", exact=True).count() == 1
    seen.keep("mlflow-models")
    page.get_by_role("link", name="trained", exact=True).click()
    page.get_by_text("Artifacts", exact=True).first.click(timeout=60_000)
    page.get_by_text("MLmodel").first.click(timeout=60_000)
    page.get_by_text("tensor-spec", exact=False).first.wait_for(timeout=60_000)
    seen.keep("mlflow-model")
