"""Runners: one job after the other here, or several at once in processes of their own."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process

import pandas as pd

from pipeline.config import Execution
from pipeline.execution.jobs import Job


def run(jobs: list[Job], execution: Execution) -> Iterator[tuple[Job, pd.DataFrame]]:
    """Each job with its rows, in the order in which they finish."""
    device = "cuda" if any(job.device == "cuda" for job in jobs) else "cpu"
    if (count := workers(execution, len(jobs), device)) == 1:
        for job in jobs:
            yield job, job.run()
        return
    # Spawned, not forked: a fork copies torch's thread pools in an unusable state.
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=single_threaded) as pool:
        futures = {pool.submit(job.run): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def workers(execution: Execution, jobs: int, device: str) -> int:
    """How many processes work on so many jobs at once; 1 is this process alone."""
    if execution.runner == "serial" or device == "cuda":
        return 1
    return max(1, min(execution.workers or os.cpu_count() or 1, jobs))


def single_threaded() -> None:
    """How a worker process begins."""
    import torch

    # One thread a process: two processes of two threads on two cores would wait for each other.
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it cannot end its workers itself."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
