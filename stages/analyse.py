"""What an experiment shows, from its rows: python -m stages.analyse EXPERIMENT --profile PROFILE."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import paths
from pipeline.experiments import experiment
from pipeline.json_file import read_json, write_json
from pipeline.profile import load_profile
from pipeline.reporting.presenters import headlines
from pipeline.reporting.render import render
from pipeline.results import correct, rows
from pipeline.results.provenance import check_record
from stages import cli


def main(arguments: Sequence[str] | None = None) -> None:
    """Read rows and the record of their run; write its folder in the report, its headline numbers and verdicts."""
    parser = cli.parser("Make the tables, figures and verdicts of an experiment from its rows.")
    parser.add_argument("experiment", metavar="EXPERIMENT", help="an experiment of the profile")
    options = parser.parse_args(arguments)
    with cli.clear_errors(), cli.uncollected():
        _analyse(options.profile, options.experiment)


def _analyse(profile: str, name: str) -> None:
    settings = load_profile(profile).settings(name)
    schema = experiment(name).ROWS
    table = rows.read(paths.rows(profile, name), name, schema)
    bits = correct.read(paths.correct(profile, name), table, schema)
    path = paths.run_record(profile, name)
    record = read_json(path, dict, "dvc repro")
    check_record(record, path)
    folder = paths.report(profile) / name
    render(name, experiment(name).QUESTION, table, settings, record, folder, bits)
    claims = json.loads((folder / paths.CLAIMS).read_text(encoding="utf-8"))
    write_json(headlines(name, table) | outcomes(claims), paths.metrics(profile, name))
    for claim in claims:
        print(f"{claim['id']}: {claim['outcome']}")


def outcomes(claims: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, str]]]:
    """The outcomes of claims by what they are on, as a part of the metrics; nothing if there are none."""
    found: dict[str, dict[str, str]] = {}
    for claim in claims:
        found.setdefault(" + ".join(claim["on"]), {})[claim["id"]] = claim["outcome"]
    return {"claims": found} if found else {}


if __name__ == "__main__":
    main()
