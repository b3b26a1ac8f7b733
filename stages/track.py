"""Publish to MLflow what it does not have yet: python -m stages.track --profile PROFILE."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from pipeline import paths
from pipeline.errors import InputError
from pipeline.experiments import experiment
from pipeline.json_file import read_json
from pipeline.profile import Profile, load_profile
from pipeline.results import networks, rows
from pipeline.tracking import reason, synchronise
from pipeline.tracking.connection import address, shown
from stages import cli
from stages.as_made import check_rows


class _NoStoreError(InputError):
    """MLflow's store cannot be written."""


_EVERY = 0.5  # seconds between looks at what has been analysed


def main(arguments: Sequence[str] | None = None) -> None:
    """Publish the rows and the report of every experiment of the profile that has been run."""
    parser = cli.parser("Publish to MLflow what it does not have yet.")
    parser.add_argument("--optional", action="store_true", help="only warn where that fails, as the pipeline does")
    parser.add_argument("--follow", action="store_true", help="what is analysed from now on, while `make repro` runs")
    options = parser.parse_args(arguments)
    with cli.clear_errors():
        profile = load_profile(options.profile)
        if options.follow:
            parent = os.getppid()
            os.nice(19)  # it takes the time that the pipeline leaves
            follow(profile, lambda: os.getppid() == parent)
            return
        for name in profile.experiments:
            try:
                print(f"{name} ({profile.name}): {_track(profile, name)}", flush=True)
            except _NoStoreError as error:
                if not options.optional:
                    raise
                later = f"`python -m stages.track --profile {profile.name}` does it later"
                print(f"warning: {error}; {later}", file=sys.stderr)
                return
            except InputError as error:  # a file of this experiment
                if not options.optional:
                    raise
                print(f"warning: {error}", file=sys.stderr)


def follow(profile: Profile, going: Callable[[], bool]) -> None:
    """Publish each experiment once it is analysed anew, for as long as `going()`.

    So that stage `publish`, which comes last, finds little left to do. What fails here is left to it, in silence.
    """
    done = _analysed(profile)
    while going():
        for name, when in _analysed(profile).items():
            if done.get(name) != when and going():
                try:
                    _track(profile, name)
                except (InputError, OSError):
                    return
                done[name] = when
        time.sleep(_EVERY)


def _analysed(profile: Profile) -> dict[str, int]:
    """The experiments that have a section of the report, with when it was written: the last file of an analysis."""
    sections = {name: paths.report(profile.name) / name / paths.SECTION for name in profile.experiments}
    return {name: path.stat().st_mtime_ns for name, path in sections.items() if path.is_file()}


def _track(profile: Profile, name: str) -> str:
    path = paths.rows(profile.name, name)
    if not path.is_file():
        return f"no {path} yet, `dvc repro` makes it"
    table, settings = rows.read(path, name, experiment(name).ROWS), profile.experiments[name].model_dump()
    if (record := paths.run_record(profile.name, name)).is_file():
        check_rows(profile, name, read_json(record, dict, "dvc repro"))
    if table.empty:
        return "nothing to publish: its data sets are absent"
    kept, report = networks.read(paths.networks(profile.name, name)), paths.report(profile.name) / name
    try:
        with cli.uncollected():
            counts = synchronise(table, profile=profile.name, settings=settings, report=report, networks=kept)
    except Exception as error:  # whatever MLflow, its database or the network may raise
        said = f"MLFLOW_TRACKING_URI: cannot publish to {shown(address())} ({reason(error)})"
        raise _NoStoreError(said) from error
    return "runs " + ", ".join(f"{action} {count}" for action, count in asdict(counts).items())


if __name__ == "__main__":
    main()
