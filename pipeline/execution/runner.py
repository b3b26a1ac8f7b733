"""Runners: one job after the other here, several at once in processes of their own, or on a Ray cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children

import pandas as pd

from pipeline.config import Execution
from pipeline.errors import InputError
from pipeline.execution.jobs import Job
from pipeline.execution.processes import context, single_threaded, workers
from pipeline.execution.store import Store

_DEATHS = 5  # times in a row that workers may die with no job finished in between


def run(jobs: list[Job], execution: Execution) -> Iterator[tuple[Job, pd.DataFrame]]:
    """Each job with its rows, in the order in which they finish.

    Raises:
        InputError: workers die again and again, a data set is gone or damaged, or Ray has not what the jobs need.
        OSError: results or checkpoints cannot be written.
    """
    if execution.runner == "ray":
        from pipeline.execution import cluster

        yield from cluster.run(jobs, execution)
        return
    device = "cuda" if any(job.device == "cuda" for job in jobs) else "cpu"
    store, every = Store(execution.shards), execution.checkpoint_seconds
    if (count := workers(execution, len(jobs), device)) == 1:
        for job in jobs:
            yield job, job.run(store, every)
        return
    yield from _in_processes(jobs, count, store, every)


def _in_processes(jobs: list[Job], count: int, store: Store, every: float) -> Iterator[tuple[Job, pd.DataFrame]]:
    """The pool is made again when a worker was killed: what was unfinished goes on from its checkpoints."""
    left, deaths = {job.key: job for job in jobs}, 0
    while left:
        with ProcessPoolExecutor(count, context(), initializer=single_threaded) as pool:
            try:
                futures = {pool.submit(job.run, store, every): job for job in left.values()}
                for future in as_completed(futures):
                    job, table = futures.pop(future), future.result()
                    del left[job.key]
                    deaths = 0
                    yield job, table
            except BrokenProcessPool:  # the pool itself ends its other workers, and no other process
                deaths += 1
                _bear(deaths, len(left))
            except BaseException:
                for child in active_children():
                    child.kill()  # nobody waits for the other jobs, which have their checkpoints
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _bear(deaths: int, left: int) -> None:
    """Warn of a worker's death, or raise if it is one too many."""
    if deaths >= _DEATHS:
        raise InputError(
            f"execution: workers were killed {deaths} times in a row (by the system, if memory ran out?); with "
            "fewer `workers` each has more; run the same command again to go on from the last checkpoints"
        )
    logging.getLogger(__name__).warning(
        "warning: a worker process was killed; %d unfinished jobs go on from their last checkpoints in new ones", left
    )
