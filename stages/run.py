"""Run an experiment of a profile: python -m stages.run EXPERIMENT --profile PROFILE."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from pipeline import paths
from pipeline.clone import code_version
from pipeline.execution import processes
from pipeline.experiments import experiment
from pipeline.profile import Profile, load_profile
from stages import cli
from stages.alone import alone, begin_with_dvc, end_with_dvc
from stages.as_made import check_unchanged

if TYPE_CHECKING:
    from pipeline.execution.prepare import Prepared


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the jobs that have no result yet, and collect all results into rows."""
    parser = cli.parser("Run an experiment of a profile.")
    parser.add_argument("experiment", metavar="EXPERIMENT", help="an experiment of the profile")
    options = parser.parse_args(arguments)
    end_with_dvc()
    with cli.clear_errors():
        begin_with_dvc(
            paths.rows(options.profile, options.experiment), paths.report(options.profile) / options.experiment
        )
        profile = load_profile(options.profile)
        profile.settings(options.experiment)  # an experiment that is not there has no lock
        processes.begin(profile.execution)  # first: what is imported from here on is imported meanwhile
        with alone(paths.lock(profile.name, options.experiment)):
            _run(profile, options.experiment)
            check_unchanged(profile, load_profile(profile.name), "experiments", options.experiment)


def _run(profile: Profile, name: str) -> None:
    import pandas as pd

    from pipeline.execution import jobs, runner, throughput, watch
    from pipeline.execution.prepare import prepare
    from pipeline.execution.store import Store
    from pipeline.json_file import write_json
    from pipeline.results import correct, networks, rows
    from pipeline.results.provenance import environment
    from pipeline.tracking.publisher import Publisher

    started, prepared, made_by = time.monotonic(), prepare(profile, name), environment()
    store = Store(profile.execution.shards)
    store.tidy(f"{job.key}.parquet" for job in prepared.jobs)  # and what else has its key
    tables = {job.key: table for job in prepared.jobs if (table := job.result(store)) is not None}
    missing = [job for job in prepared.jobs if job.key not in tables]
    resumed = [job for job in missing if store.holds(f"{job.key}.checkpoint")]
    publisher = Publisher(profile.name, prepared.settings.model_dump())
    watching = watch.Watch(name, prepared.jobs, prepared.planned, store, set(tables))
    with watch.watched(watching):
        for job, table in runner.run(missing, profile.execution):
            tables[job.key] = table
            watching.finished(job)
            publisher.offer(partial(jobs.results, name, prepared.jobs, store))  # they appear while others go on
    schema = experiment(name).ROWS
    # In the order of the jobs, not in that of their ending, so that the same rows make the same file.
    everything = pd.concat([rows.frame([], schema), *(tables[job.key] for job in prepared.jobs)], ignore_index=True)
    rows.write(everything, paths.rows(profile.name, name))
    found = (table for job in prepared.jobs if (table := job.correct(store)) is not None)
    rows.write(correct.concatenated(found, schema), paths.correct(profile.name, name))
    kept = (each for job in prepared.jobs for each in job.kept(store) or ())
    networks.write(kept, paths.networks(profile.name, name))
    seconds = time.monotonic() - started
    if len(missing) == len(prepared.jobs) > 0 and not resumed:
        print(f"{name}: {throughput.summary(prepared.planned, seconds, prepared.device)}")
    made_by["code"] = code_version(since=made_by["code"])
    write_json(_record(prepared, made_by, seconds, len(missing), len(resumed)), paths.run_record(profile.name, name))
    if publisher.begun:  # a run of minutes: who watches it sees its end now, and not when all others have ended
        from_disk = partial(rows.read, paths.rows(profile.name, name), name, schema)
        publisher.finish(from_disk, networks=partial(networks.read, paths.networks(profile.name, name)))


def _record(prepared: Prepared, made_by: dict[str, str], seconds: float, run: int, resumed: int) -> dict[str, object]:
    """How the rows were made, for the report, and with what settings, for whoever reads them under others."""
    return {
        "seconds": round(seconds, 1),
        "jobs": len(prepared.jobs),
        "jobs_run": run,  # in these seconds, of which
        "jobs_resumed": resumed,  # some had been begun before
        "network_steps": sum(job.steps for job in prepared.planned),  # of all jobs
        "device": prepared.device,
        **made_by,
        "settings": prepared.settings.model_dump(mode="json"),
        "datasets": {each: asdict(known) for each, known in prepared.data.items()},
        "absent": prepared.absent,
    }


if __name__ == "__main__":
    main()
