"""How long a report is before anything is unfolded: python tests/helpers/report_size.py reports/digits.html."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTH = 1400
_VISIBLE = """[...document.querySelectorAll("body, body *")]
    .filter(e => e.checkVisibility({contentVisibilityAuto: false}))
    .flatMap(e => [...e.childNodes].filter(n => n.nodeType === Node.TEXT_NODE))
    .map(n => n.textContent).join(" ").split(/\\s+/).filter(Boolean).length"""


class Size(NamedTuple):
    """Of a page: words that are seen, and pixels from its top to its end."""

    words: int
    pixels: int


def found() -> str | None:
    """The system's Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium, without a screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=QUIET)
        yield browser
        browser.close()


def size(page: Any) -> Size:
    """Of a page that is open in a browser."""
    return Size(page.evaluate(_VISIBLE), page.evaluate("document.documentElement.scrollHeight"))


def main() -> None:
    """Print the sizes of the pages that are named."""
    with chromium() as browser:
        for name in sys.argv[1:]:
            page = browser.new_page(viewport={"width": WIDTH, "height": 900})
            page.goto(Path(name).resolve().as_uri())
            words, pixels = size(page)
            print(f"{name}: {words:,} words visible, {pixels:,} pixels long at {WIDTH:,} wide")


if __name__ == "__main__":
    main()
