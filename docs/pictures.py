"""The pictures of the README, from the results of profile digits: `make pictures`, after `make repro`."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from playwright.sync_api import sync_playwright

import stages.cli  # noqa: F401  # first: it chooses the backend of figures
from pipeline import paths
from pipeline.reporting.experiments.spectra import frames

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
REPORTS = ROOT / "reports"
CONFIGURATION = "trainable, trainable+decay"
PORT = "5055"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def main() -> None:
    """Take figures, then photograph the report and MLflow's pages."""
    PICTURES.mkdir(exist_ok=True)
    keep((REPORTS / "digits/task_schedule/figure-3.png").read_bytes(), "widths.png")
    keep(spectrum(), "spectrum.png")
    with chromium() as browser, served() as pages:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto((REPORTS / "digits.html").as_uri())
        keep(page.screenshot(), "report.png")
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.goto(pages["invariance (digits)"])
        page.get_by_text("0 summary").first.wait_for(timeout=60_000)
        page.get_by_role("button", name="Close", exact=True).click()  # the assistant
        page.get_by_role("button", name="Hide banner").click()
        page.get_by_text("epsilon/diagonalised", exact=True).first.wait_for(timeout=60_000)
        keep(page.screenshot(), "mlflow-runs.png")
        page.locator("label:has(input[value=CHART])").click()
        page.locator(".js-plotly-plot path.js-line").first.wait_for(state="attached", timeout=60_000)
        page.wait_for_timeout(3000)  # the charts below are drawn after the first
        keep(page.screenshot(), "mlflow-charts.png")


def keep(content: bytes, name: str) -> None:
    """A picture of at most 128 colours, which takes a third of the space."""
    with Image.open(BytesIO(content)) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(PICTURES / name, optimize=True)


def spectrum() -> bytes:
    """The last of the images of a spectrum that MLflow has, of several epochs."""
    rows = pd.read_parquet(ROOT / paths.rows("digits", "spectra"))
    *_, last = frames(rows[rows["configuration"] == CONFIGURATION], rows)
    buffer = BytesIO()
    last.draw(*last.shown).savefig(buffer, dpi=150)
    return buffer.getvalue()


@contextmanager
def chromium() -> Iterator[Any]:
    """The system's Chromium, without a screen."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("error: no chromium on this machine: `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The page of every experiment on a server of MLflow, by name."""
    command = [sys.executable, "-m", "stages.ui", "--port", PORT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pages: dict[str, str] = {}
        for line in server.stdout:
            if "Ctrl-C" in line:
                break
            if found := re.match(r"(\w+ \(\w+\)): (\S+)", line):
                pages[found[1]] = found[2]
        try:
            yield pages
        finally:
            server.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
