"""Run an experiment of a profile: python -m stages.run EXPERIMENT --profile PROFILE."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import pandas as pd

from pipeline import paths
from pipeline.profile import Profile, load_profile
from pipeline.results import networks, rows
from pipeline.results.provenance import describe, environment
from pipeline.results.records import write_json
from pipeline.tracking.publisher import Publisher
from stages import cli
from stages.alone import alone, end_with_dvc


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the jobs that have no result yet, and collect all results into rows."""
    parser = cli.parser("Run an experiment of a profile.")
    parser.add_argument("experiment", metavar="EXPERIMENT", help="an experiment of the profile")
    options = parser.parse_args(arguments)
    end_with_dvc()
    with cli.clear_errors():
        profile = load_profile(options.profile)
        profile.settings(options.experiment)  # an experiment that is not there has no lock
        with alone(paths.lock(profile.name, options.experiment)):
            _run(profile, options.experiment)


def _run(profile: Profile, name: str) -> None:
    from pipeline.data import dataset
    from pipeline.device import resolve
    from pipeline.execution import jobs, planned, runner, throughput, watch
    from pipeline.execution.sizes import sizes
    from pipeline.execution.store import Store

    started, settings = time.monotonic(), profile.settings(name).model_dump()
    listed = jobs.jobs(profile, name)
    store = Store(profile.execution.shards)
    store.tidy(f"{job.key}.parquet" for job in listed)  # and what else has its key
    found = {job.key: job.result(store) for job in listed}
    tables = {key: table for key, table in found.items() if table is not None}
    missing = [job for job in listed if job.key not in tables]
    resumed = [job for job in missing if store.holds(f"{job.key}.checkpoint")]
    publisher = Publisher(profile.name, settings)
    device = resolve(profile.execution.device).type
    work = planned.plan(profile.settings(name), sizes(profile)[0], device)
    watching = watch.Watch(name, listed, work, store, set(tables))
    if len(missing) <= 1:
        publisher.prepare()
    with watch.watched(watching):
        for job, table in runner.run(missing, profile.execution):
            tables[job.key] = table
            watching.finished(job)
            if len(tables) >= len(listed) - 1:  # the last one is at work, and a worker is free
                publisher.prepare()
            publisher.offer(partial(jobs.results, listed, store))  # they appear in MLflow while others go on
    # In the order of the jobs, not in that of their ending, so that the same rows make the same file.
    everything = pd.concat([rows.frame([]), *(tables[job.key] for job in listed)], ignore_index=True)
    rows.write(everything, paths.rows(profile.name, name))
    networks.write((each for job in listed for each in job.kept(store) or ()), paths.networks(profile.name, name))
    files = dict.fromkeys(path for job in listed for path in job.data)
    seconds = time.monotonic() - started
    if len(missing) == len(listed) > 0 and not resumed:
        print(f"{name}: {throughput.summary(work, seconds, device)}")
    how = {
        "seconds": round(seconds, 1),
        "jobs": len(listed),
        "jobs_run": len(missing),  # in these seconds, of which
        "jobs_resumed": len(resumed),  # some had been begun before
        "network_steps": sum(job.steps for job in work),  # of all jobs
        "device": device,
        **environment(),
        "datasets": {path.stem: asdict(describe(dataset.load(path))) for path in files},
        "absent": jobs.absent(profile, name),
    }
    write_json(how, paths.run_record(profile.name, name))
    if len(everything):
        kept = partial(networks.read, paths.networks(profile.name, name))
        publisher.finish(partial(rows.read, paths.rows(profile.name, name)), networks=kept)


if __name__ == "__main__":
    main()
