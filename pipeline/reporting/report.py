"""The report of a profile: one HTML file that needs no other and no network, made from the experiments' folders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.paths import written
from pipeline.reporting.render import CLAIMS, PROVENANCE, SECTION
from pipeline.reporting.style import COLOURS
from pipeline.reporting.templates import template


def page(profile: str, experiments: Sequence[str], folder: Path) -> Path:
    """Write `index.html` of a profile's report from what `render` wrote, and return its path.

    Args:
        profile: its name.
        experiments: in the order of the page.
        folder: the report's folder, with a subfolder per experiment.

    Raises:
        InputError: an experiment has no results in the folder.
    """
    for experiment in experiments:
        for name in (SECTION, CLAIMS, PROVENANCE):
            _text(folder / experiment / name)
    claims = [
        claim | {"anchor": f"{claim['experiment']}-{claim['part']}-{claim['id']}"}
        for experiment in experiments
        for claim in json.loads(_text(folder / experiment / CLAIMS))
    ]
    records = {experiment: json.loads(_text(folder / experiment / PROVENANCE)) for experiment in experiments}
    html = template("report.html").render(
        profile=profile,
        colours=COLOURS,
        summary=_summary(claims),
        claims=claims,
        titles={experiment: record["title"] for experiment, record in records.items()},
        sections=[_text(folder / experiment / SECTION) for experiment in experiments],
        provenance={experiment: _provenance(record) for experiment, record in records.items()},
    )
    with written(folder / "index.html") as path:
        path.write_text(html, encoding="utf-8")
    return folder / "index.html"
