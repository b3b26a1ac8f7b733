"""The report in a browser: nothing is loaded, nothing complains, nothing overflows, at any width, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import made_rows
import pytest

from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.reporting.render import render
from pipeline.reporting.report import page
from pipeline.results.provenance import environment


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every experiment."""
    folder = tmp_path_factory.mktemp("reports") / "made"
    for name in EXPERIMENTS:
        settings = made_rows.SETTINGS[name]
        data = {key: asdict(known) for key, known in made_rows.described(*settings.data).items()}
        run = {"seconds": 100.0, "network_steps": 1000, "device": "cpu", **environment(), "datasets": data}
        render(name, experiment(name).QUESTION, made_rows.rows(name), settings, run, folder / name)
    page("made", EXPERIMENTS, folder, folder.with_suffix(".html"))
    return folder.with_suffix(".html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900, 1600])
def test_nothing_is_loaded_nothing_complains_nothing_overflows(
    look: Callable[..., Any], report: Path, width: int, scheme: str
) -> None:
    seen = look(report.as_uri(), width, scheme)
    assert seen.said == []
    assert seen.asked == [report.as_uri()], "one file, whole"
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    # Boxes with their own scroll bar aside, nothing is wider than the page.
    wider = """[...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll") &&
        e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML)"""
    assert seen.page.evaluate(wider) == []
    seen.keep(f"report-{width}-{scheme}")


def test_a_page_that_loads_and_overflows_would_be_caught(look: Callable[..., Any], report: Path) -> None:
    """Negative control."""
    broken = report.with_name("broken.html")
    text = report.read_text(encoding="utf-8").replace("img-src data:", "img-src 'none'")
    wide = '<main><p style="width: 3000px; max-width: none">wide</p><link rel="stylesheet" href="other.css">'
    broken.write_text(text.replace("<main>", wide), encoding="utf-8")
    seen = look(broken.as_uri(), 900)
    assert seen.said and seen.page.evaluate("document.documentElement.scrollWidth") > 900


def test_dark_is_dark(look: Callable[..., Any], report: Path) -> None:
    luminance = "(() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0])()"
    light, dark = (look(report.as_uri(), scheme=scheme).page.evaluate(luminance) for scheme in ("light", "dark"))
    assert light > 200 and dark < 60


def test_everything_can_be_reached_by_keyboard(look: Callable[..., Any], report: Path) -> None:
    seen = look(report.as_uri())
    seen.page.keyboard.press("Tab")
    focused = "document.activeElement.className + ' ' + document.activeElement.getBoundingClientRect().left"
    name, left = seen.page.evaluate(focused).split()
    assert name == "skip" and float(left) >= 0, "the first stop is the way past the contents, and it is seen"
    seen.page.keyboard.press("Enter")
    assert seen.page.url.endswith("#claims")
    boxes = "[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0 && e.ariaLabel)"
    assert seen.page.evaluate(boxes), "what scrolls can be scrolled without a mouse"


def test_the_summary_fits_a_page_of_paper_and_printing_cuts_nothing(look: Callable[..., Any], report: Path) -> None:
    seen = look(report.as_uri(), 794, height=1123)  # A4 at 96 dots an inch
    seen.page.emulate_media(media="print")
    assert seen.page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert seen.page.pdf(format="A4").startswith(b"%PDF")
    seen.keep("report-print")


def test_every_figure_has_words_for_those_who_cannot_see_it(look: Callable[..., Any], report: Path) -> None:
    seen = look(report.as_uri())
    labels = seen.page.evaluate("[...document.querySelectorAll('figure svg')].map(e => e.getAttribute('aria-label'))")
    assert len(labels) > len(EXPERIMENTS) and all(len(label or "") > 20 for label in labels)
