"""Publish to MLflow what it does not have yet: python -m stages.track --profile PROFILE."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict

from pipeline import paths
from pipeline.errors import InputError
from pipeline.profile import Profile, load_profile
from pipeline.results import networks, rows
from pipeline.tracking import reason, synchronise
from pipeline.tracking.connection import address, shown
from stages import cli


def main(arguments: Sequence[str] | None = None) -> None:
    """Publish the rows and the report of every experiment of the profile that has been run."""
    parser = cli.parser("Publish to MLflow what it does not have yet.")
    parser.add_argument("--optional", action="store_true", help="only warn where that fails, as the pipeline does")
    options = parser.parse_args(arguments)
    with cli.clear_errors():
        profile = load_profile(options.profile)
        try:
            for name in profile.experiments:
                print(f"{name} ({profile.name}): {_track(profile, name)}", flush=True)
        except InputError as error:
            if not options.optional:
                raise
            print(
                f"warning: {error}; `python -m stages.track --profile {profile.name}` does it later", file=sys.stderr
            )


def _track(profile: Profile, name: str) -> str:
    path = paths.rows(profile.name, name)
    if not path.is_file():
        return f"no {path} yet, `dvc repro` makes it"
    table, settings = rows.read(path, name), profile.experiments[name].model_dump()
    if table.empty:
        return "nothing to publish: its data sets are absent"
    kept, report = networks.read(paths.networks(profile.name, name)), paths.report(profile.name) / name
    try:
        with cli.uncollected():
            counts = synchronise(table, profile=profile.name, settings=settings, report=report, networks=kept)
    except Exception as error:  # whatever MLflow, its database or the network may raise
        raise InputError(f"MLFLOW_TRACKING_URI: cannot publish to {shown(address())} ({reason(error)})") from error
    return "runs " + ", ".join(f"{action} {count}" for action, count in asdict(counts).items())


if __name__ == "__main__":
    main()
