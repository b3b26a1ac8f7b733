"""A real Chromium, without a screen. SCREENSHOTS=folder keeps a picture of every page that is looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_size import chromium, found


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once; a test that needs it is skipped where there is none."""
    pytest.importorskip("playwright.sync_api")
    if found() is None:
        pytest.skip("no chromium on this machine: `apt-get install chromium`")
    with chromium() as started:
        yield started


class Seen:
    """What a page said and asked for while it was looked at."""

    def __init__(self, page: Any) -> None:
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text[:200]}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {str(error)[:200]}"))
        page.on("request", lambda request: self.asked.append(request.url))

    def keep(self, name: str) -> None:
        """A screenshot of the whole page, if SCREENSHOTS says where."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.fixture
def look(browser: Any) -> Iterator[Any]:
    """Opens an address in a window of its own: look(url, width=900, scheme="light") -> Seen."""
    contexts = []

    def opened(url: str, width: int = 900, scheme: str = "light", height: int = 900) -> Seen:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme))
        seen = Seen(contexts[-1].new_page())
        seen.page.goto(url)
        return seen

    yield opened
    for context in contexts:
        context.close()
