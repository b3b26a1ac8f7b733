"""A figure's svg file as an element of a page."""

from __future__ import annotations

import re
from html import escape

from pipeline.reporting.style import COLOURS


def inline(svg: str, prefix: str, label: str) -> str:
    """An svg file as an element of a page: named for screen readers, unique identifiers, colours of the page.

    It is `prefix` itself, and what is in it begins with that. Colours become `var(--ink, #22262b)` and so on, so that
    the page can show the figure on a dark ground.
    """
    start = svg.index("<svg")
    body = svg[start:].replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'href="#', f'href="#{prefix}-', body)
    body = re.sub(r"url\(#", f"url(#{prefix}-", body)
    for name, (light, _) in COLOURS.items():
        body = body.replace(light, f"var(--{name}, {light})")
    return body.replace("<svg ", f'<svg id="{escape(prefix)}" ', 1).strip()


def copy(svg: str, of: str, label: str) -> str:
    """An element that shows the drawing `of` which is elsewhere on the page, made from the same file."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None, "matplotlib writes one"
    (width, height), words = found.groups(), escape(label)
    return (
        f'<svg role="img" aria-label="{words}" viewBox="0 0 {width} {height}">'
        f'<use href="#{escape(of)}" width="{width}" height="{height}"/></svg>'
    )
