"""The report in a browser: short until it is unfolded, and nothing overflows at any width, light, dark or printed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import made_rows
import pytest
from report_size import WIDTH, size

from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.reporting.analysed import read
from pipeline.reporting.render import render
from pipeline.reporting.report import page
from pipeline.results.claims.criteria import CRITERIA
from pipeline.results.provenance import environment

UNFOLD = "document.querySelectorAll('details').forEach(each => each.open = true)"
WIDER = """[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll, .skip") &&
    e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every experiment, and so with every claim."""
    folder = tmp_path_factory.mktemp("reports") / "made"
    for name in EXPERIMENTS:
        settings = made_rows.SETTINGS[name]
        data = {key: asdict(known) for key, known in made_rows.described(*settings.data).items()}
        run = {"seconds": 100.0, "network_steps": 1000, "device": "cpu", **environment(), "datasets": data}
        render(name, experiment(name).QUESTION, made_rows.rows(name), settings, run, folder / name)
    folder.with_suffix(".html").write_text(page([read("made", EXPERIMENTS, folder)]), encoding="utf-8")
    return folder.with_suffix(".html")


@pytest.fixture(scope="module")
def both(report: Path) -> Path:
    """The same twice, as if of two profiles."""
    folder = report.with_suffix("")
    again = folder.with_name("again")
    for name in EXPERIMENTS:
        shutil.copytree(folder / name, again / name)
        for path in (again / name).glob("*.[hj]*"):  # what is there under the name of the profile
            path.write_text(path.read_text(encoding="utf-8").replace("made-", "again-"), encoding="utf-8")
    path = report.with_name("made+again.html")
    path.write_text(page([read("made", EXPERIMENTS, folder), read("again", EXPERIMENTS, again)]), encoding="utf-8")
    return path


def test_it_is_short_before_anything_is_unfolded(look: Callable[..., Any], report: Path) -> None:
    seen = look(report.as_uri(), WIDTH)
    short = size(seen.page)
    assert len(seen.page.query_selector_all("table.overview tr[id]")) == len(CRITERIA)
    assert 500 < short.words <= 3000 and 1000 < short.pixels <= 12_000
    seen.page.evaluate(UNFOLD)
    whole = size(seen.page)
    assert whole.words > 3 * 3000 and whole.pixels > 3 * 12_000, "the control: all that is folded"


def test_a_claim_leads_to_its_evidence_and_back(look: Callable[..., Any], report: Path) -> None:
    """A link into what is folded unfolds it."""
    seen = look(report.as_uri(), WIDTH)
    line = seen.page.locator("tr#claim-exact-growth-float64")
    evidence = seen.page.locator(line.locator("a").get_attribute("href"))
    experiment = seen.page.locator("details:has(> #made-invariance)")
    assert not evidence.is_visible() and experiment.get_attribute("open") is None, "the control"
    line.locator("a").click()
    assert evidence.is_visible() and experiment.get_attribute("open") is not None
    assert -1 < evidence.bounding_box()["y"] < 900
    evidence.locator(".back").click()
    assert -1 < line.bounding_box()["y"] < 900 and seen.page.url.endswith("#claim-exact-growth-float64")
    for link, inside in (("nav a >> text=Provenance", "#provenance"), ("#pictures .whole a", "#made-spectra")):
        assert not seen.page.locator(inside).is_visible(), "the control"
        seen.page.locator(link).first.click()
        assert seen.page.locator(inside).is_visible()


def test_every_link_inside_leads_somewhere_once(look: Callable[..., Any], report: Path, both: Path) -> None:
    for path in (report, both):
        seen = look(path.as_uri(), WIDTH)
        names = seen.page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
        assert len(names) == len({*names}) > 100
        lost = """[...document.querySelectorAll("[href^='#']")].map(e => e.getAttribute("href").slice(1))
            .filter(id => !document.getElementById(id))"""
        assert seen.page.evaluate(lost) == []


def test_two_profiles_stand_side_by_side(look: Callable[..., Any], both: Path) -> None:
    seen = look(both.as_uri(), WIDTH)
    assert seen.said == [] and seen.page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    links = seen.page.locator("tr#claim-exact-growth-float64 .outcome a")
    assert [link.get_attribute("href").partition("-")[0] for link in links.all()] == ["#made", "#again"]
    links.nth(1).click()
    opened = seen.page.locator("details[open]").all()
    assert [each.locator("> .inside").get_attribute("id") for each in opened] == ["again-invariance"]
    seen.keep("report-both")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900, 1200, 1400])
def test_nothing_is_loaded_nothing_complains_nothing_overflows(
    look: Callable[..., Any], report: Path, width: int, scheme: str
) -> None:
    seen = look(report.as_uri(), width, scheme)
    assert seen.said == []
    assert seen.asked == [report.as_uri()], "one file, whole"
    for state in ("folded", "unfolded"):
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        # Boxes with their own scroll bar aside, nothing is wider than the page.
        assert seen.page.evaluate(WIDER) == []
        seen.keep(f"report-{width}-{scheme}-{state}")
        seen.page.evaluate(UNFOLD)


def test_the_outcome_is_seen_beside_the_claim_at_any_width(look: Callable[..., Any], report: Path) -> None:
    for width in (400, 900, 1200, 1400):
        line = look(report.as_uri(), width).page.locator("tr#claim-exact-growth-float64")
        box = line.locator(".outcome").bounding_box()
        assert 0 < box["x"] < box["x"] + box["width"] <= width
        part = line.locator("td").first.bounding_box()
        assert part["x"] + part["width"] <= box["x"]


def test_no_column_is_cut_by_another_where_there_is_room(look: Callable[..., Any], report: Path) -> None:
    """On windows of 900 pixels or more; on narrower ones the others scroll under the outcome."""
    cut = """[...document.querySelectorAll("table.overview tr")].some(row => [...row.cells].some((cell, i) =>
        i && cell.getBoundingClientRect().left < row.cells[i - 1].getBoundingClientRect().right - 1))"""
    assert [look(report.as_uri(), width).page.evaluate(cut) for width in (400, 900, 1200, 1400)] == [True] + 3 * [
        False
    ]


def test_a_claim_is_read_without_scrolling_at_any_width(look: Callable[..., Any], report: Path) -> None:
    for width in (400, 900, 1200, 1400):
        ends = "[...document.querySelectorAll('.claim')].map(each => each.getBoundingClientRect().right)"
        found = look(report.as_uri(), width).page.evaluate(ends)
        assert found and max(found) <= width


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


def test_printing_cuts_no_table(look: Callable[..., Any], report: Path) -> None:
    seen = look(report.as_uri(), 680, height=1010)  # A4 without its margins at 96 dots an inch
    table = "document.querySelector('table.overview').getBoundingClientRect().right"
    assert seen.page.evaluate(table) > 680, "the control: on a screen it scrolls"
    seen.page.emulate_media(media="print")
    assert seen.page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert seen.page.evaluate(table) <= 680
    assert seen.page.pdf(format="A4").startswith(b"%PDF")
    seen.keep("report-print")


def test_every_figure_has_words_for_those_who_cannot_see_it(look: Callable[..., Any], report: Path) -> None:
    seen = look(report.as_uri())
    labels = seen.page.evaluate("[...document.querySelectorAll('figure svg')].map(e => e.getAttribute('aria-label'))")
    assert len(labels) > len(EXPERIMENTS) and all(len(label or "") > 20 for label in labels)
