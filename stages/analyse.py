"""What an experiment shows, from its rows: python -m stages.analyse EXPERIMENT --profile PROFILE."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pipeline import paths
from pipeline.experiments import experiment
from pipeline.json_file import read_json, write_json
from pipeline.profile import load_profile
from pipeline.reporting.presenters import headlines
from pipeline.reporting.render import render
from pipeline.results import correct, rows
from pipeline.results.provenance import check_record
from stages import cli
from stages.as_made import check_as_made, check_rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Read rows and the record of their run; write its folder in the report and its headline numbers."""
    parser = cli.parser("Make the tables, figures and claims of an experiment from its rows.")
    parser.add_argument("experiment", metavar="EXPERIMENT", help="an experiment of the profile")
    options = parser.parse_args(arguments)
    with cli.clear_errors(), cli.uncollected():
        _analyse(options.profile, options.experiment)


def _analyse(profile: str, name: str) -> None:
    loaded = load_profile(profile)
    check_as_made(loaded)
    settings = loaded.settings(name)
    schema = experiment(name).ROWS
    table = rows.read(paths.rows(profile, name), name, schema)
    bits = correct.read(paths.correct(profile, name), table, schema)
    path = paths.run_record(profile, name)
    record = read_json(path, dict, "dvc repro")
    check_record(record, path)
    check_rows(loaded, name, record)
    folder = paths.report(profile) / name
    render(name, experiment(name).QUESTION, table, settings, record, folder, bits)
    claims = json.loads((folder / paths.CLAIMS).read_text(encoding="utf-8"))
    write_json(headlines(name, table), paths.metrics(profile, name))
    for claim in claims:
        print(f"{claim['id']}: {claim['outcome']}")


if __name__ == "__main__":
    main()
