"""The page of `dvc plots` in a browser: all that it needs is in it, and every configuration has its line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_rows
import pytest

from pipeline.reporting.presenters import presenter
from stages import plots_page

ROOT = Path(__file__).parents[2]
OFFLINE = ["--html-template", "page.html"]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes the page of the plots in dvc.yaml, of a profile of one data set."""
    folder = tmp_path_factory.mktemp("plots")
    plots = (ROOT / "dvc.yaml").read_text(encoding="utf-8").partition("plots:")[2]
    (folder / "dvc.yaml").write_text(f"plots:{plots}", encoding="utf-8")
    (folder / "params.yaml").write_text("{profile: made, root: .}", encoding="utf-8")
    rows, settings = made_rows.rows("invariance"), made_rows.settings("invariance")
    curves = presenter("invariance").present(rows, settings, made_rows.described()).curves
    (folder / "reports/made/invariance").mkdir(parents=True)
    for name, curve in curves.items():
        curve.to_csv(folder / f"reports/made/invariance/curve-{name}.csv", index=False)
    plots_page.main([str(folder / "page.html")])

    def run(*command: str) -> str:
        environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    run("dvc", "init", "--no-scm", "--quiet")
    run("dvc", "config", "core.analytics", "false")
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots", dirs_exist_ok=True)

    def show(name: str, *options: str) -> Path:
        said = run("dvc", "plots", "show", "--out", name, *options)
        assert "failed" not in said and "WARNING" not in said, said
        return folder / name / "index.html"

    return show


def test_nothing_is_loaded_and_every_line_is_drawn(look: Callable[..., Any], shown: Callable[..., Path]) -> None:
    page = shown("offline", *OFFLINE)
    seen = look(page.as_uri())
    seen.page.wait_for_selector("#epsilon canvas, #epsilon svg")
    assert seen.asked == [page.as_uri()], "one file, whole"
    assert [said for said in seen.said if "current version is" not in said] == []  # Vega draws older specs too
    assert seen.page.locator("canvas, svg.marks").count() == 2
    seen.keep("dvc-plots")


def test_without_the_page_it_asks_for_scripts(look: Callable[..., Any], shown: Callable[..., Path]) -> None:
    """Negative control."""
    page = shown("online")
    assert "https://cdn.jsdelivr.net" in page.read_text(encoding="utf-8")
    assert len(look(page.as_uri()).asked) > 1
