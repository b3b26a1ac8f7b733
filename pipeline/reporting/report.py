"""The report of a profile: one HTML file that needs no other and no network, made from the experiments' folders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pipeline.errors import InputError
from pipeline.paths import written
from pipeline.reporting.render import CLAIMS, PROVENANCE, SECTION
from pipeline.reporting.style import COLOURS
from pipeline.reporting.templates import template
from pipeline.results.claims.base import Outcome
from pipeline.results.provenance import data_sets


def page(profile: str, experiments: Sequence[str], folder: Path) -> Path:
    """Write `index.html` of a profile's report from what `render` wrote, and return its path.

    Args:
        profile: its name.
        experiments: in the order of the page.
        folder: the report's folder, with a subfolder per experiment.

    Raises:
        InputError: an experiment has no results in the folder.
    """
    claims = [claim for e in experiments for claim in json.loads(_text(folder / e / CLAIMS))]
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); `python -m stages.analyse` makes it") from error


def _summary(claims: Sequence[Mapping[str, Any]]) -> str:
    """How many claims got which verdict, and whether the paper's protocol was used, in a sentence or two."""
    outcomes = [claim["verdict"] for claim in claims]
    counts = [f"{outcomes.count(outcome)} {outcome}" for outcome in get_args(Outcome) if outcome in outcomes]
    alike = sum(claim["basis"]["same_as_paper"] for claim in claims)
    under = {0: "None", len(claims): "All"}.get(alike, str(alike))
    return (
        f"Verdicts on {len(claims)} claims: {', '.join(counts)}. {under} of them under the paper’s protocol "
        "(its data, network, repeats, epochs and every other setting). Each verdict is that of a stated test."
    )


def _provenance(record: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """Heading -> label -> value, for the tables at the end of the page."""
    run = dict(record["run"])
    data = {name: f"{known.words}; {known.checksum}" for name, known in data_sets(run).items()}
    del run["datasets"]
    seeds: dict[str, object] = {}
    for entry in record["seeds"]:
        so_far = f"{seeds[entry['data']]}, " if entry["data"] in seeds else ""
        seeds[entry["data"]] = f"{so_far}{entry['repeat']}: {entry['seed']}"
    return {
        "Data": data,
        "The run that made the rows": run,
        "The analysis that made this report": record["report"],
        "Seed of the initialisation of each repeat": seeds,
    }
