"""A figure's svg file as an element of a page."""

from __future__ import annotations

import re
from html import escape

from pipeline.reporting.style import COLOURS


def inline(svg: str, prefix: str, label: str) -> str:
    """An svg file as an element of a page: named for screen readers, unique identifiers, colours of the page.

    Colours become `var(--ink, #22262b)` and so on, so that the page can show the figure on a dark ground.
    """
    start = svg.index("<svg")
    body = svg[start:].replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'href="#', f'href="#{prefix}-', body)
    body = re.sub(r"url\(#", f"url(#{prefix}-", body)
    for name, (light, _) in COLOURS.items():
        body = body.replace(light, f"var(--{name}, {light})")
    return body.strip()
