"""The runner for several GPUs or several machines: jobs are tasks of Ray, placed by the CPU and the GPU they need.

The cluster is the one that RAY_ADDRESS names; without, one is made of this machine, and ends with this process. What
the machines of a cluster need:

* the dependencies of this package, with the same torch. Its code is sent to them, and a job that would have another
  identity there (`Job.key`) is refused;
* the store of results and checkpoints. Where `execution.shards` is a folder, they share it, and the data sets, at the
  same path. Where it is a URL, nothing is shared: the data sets are sent, and kept in the temporary folder there.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import torch

import isotropic
import pipeline
from pipeline.config import Execution
from pipeline.errors import InputError
from pipeline.execution.jobs import Job
from pipeline.execution.store import Store
from pipeline.paths import written

_RETRIES = 5  # of a job whose worker or machine died
_ANSWER = 10.0  # seconds that a cluster is given to answer


def run(jobs: Sequence[Job], execution: Execution) -> Iterator[tuple[Job, pd.DataFrame]]:
    """Each job with its rows, in the order in which they finish.

    Raises:
        InputError: there is no Ray, no cluster, or none with what the jobs need; a data set is gone or damaged;
            workers die again and again.
        OSError: results or checkpoints cannot be written.
    """
    if not jobs:
        return
    gpus = int(any(job.device == "cuda" for job in jobs))
    ray = _ray()
    try:
        most = _connect(ray, execution.workers) or len(jobs)
        check(ray.nodes(), gpus)
        store = Store(execution.shards if "://" in execution.shards else str(Path(execution.shards).absolute()))
        with _reached(store) as mark:
            task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=_RETRIES)(work)
            send = partial(task.remote, store=store.address, mark=mark, every=execution.checkpoint_seconds)
            data = _data(ray, jobs, store)
            waiting, at_work = list(reversed(jobs)), dict[Any, Job]()
            while waiting or at_work:
                while waiting and len(at_work) < most:
                    job = waiting.pop()
                    whole = replace(job, data=tuple(path.absolute() for path in job.data))
                    at_work[send(whole, job.key, [data[path] for path in job.data])] = job
                (done, *_), _ = ray.wait(list(at_work))
                yield at_work.pop(done), _rows(ray, done)
    finally:
        ray.shutdown()  # nothing trains on for a run that has stopped


def work(job: Job, key: str, data: Sequence[Any], store: str, mark: str, every: float) -> pd.DataFrame:
    """What a worker does.

    Args:
        job: to be run.
        key: its identity where it comes from.
        data: references to the contents of its data set files; None: they are where the job says.
        store: its address.
        mark: the name of something in the store.
        every: seconds between checkpoints.

    Raises:
        InputError: code, torch or store are not those of the machine that asks, or as in `Job.run`.
    """
    torch.set_num_threads(1)
    if job.key != key:
        raise InputError(
            f"execution: {socket.gethostname()} has other code, or another torch (there {torch.__version__}), than "
            "the machine that asks; a result from there would be another"
        )
    if Store(store).read(mark) is None:
        raise InputError(
            f"execution.shards: {store} is not the same place on {socket.gethostname()} as on the machine that asks; "
            "give a folder that all machines share, or the URL of an object storage"
        )
    sent = zip(job.data, job.checksums, data, strict=True)
    files = [path if content is None else _copy(checksum, content) for path, checksum, content in sent]
    return replace(job, data=tuple(files)).run(Store(store), every)


def check(nodes: Sequence[Mapping[str, Any]], gpus: int) -> None:
    """See that a job can be placed: where it cannot, Ray would wait, silently and for ever.

    Args:
        nodes: as `ray.nodes` describes them.
        gpus: that each job needs, beside one CPU.

    Raises:
        InputError: no machine has what a job needs.
    """
    there = [(node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0)) for node in nodes if node["Alive"]]
    if not any(cpu >= 1 and gpu >= gpus for cpu, gpu in there):
        has = "; ".join(f"{cpu:g} CPU and {gpu:g} GPU" for cpu, gpu in there)
        raise InputError(
            f"execution: a job needs a machine with 1 CPU and {gpus} GPU, and no machine of the Ray cluster has them "
            f"(they have: {has})"
        )


def _ray() -> Any:
    """The package, which reports no usage to its makers."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise InputError(
            "execution.runner: 'ray' needs a package that is not installed: pip install --editable '.[ray]'"
        ) from None
    return ray


def _connect(ray: Any, workers: int) -> int:
    """Join a cluster, or make one; and say how many jobs it may be given at once, 0: all."""
    address = os.environ.get("RAY_ADDRESS") or "local"
    if address == "local":
        # As many CPUs as jobs may run at once: Ray then has the next one there as soon as one has ended.
        how: dict[str, Any] = {"num_cpus": workers or None, "include_dashboard": False}
    else:
        how = {"runtime_env": {"py_modules": [each.__path__[0] for each in (isotropic, pipeline)]}}
    try:
        _reach(address)
        ray.init(address=address, logging_level=logging.ERROR, **how)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"execution: no Ray cluster at {address}: {' '.join(str(error).split())}") from error
    return 0 if address == "local" else workers


def _reach(address: str) -> None:
    """Raise OSError if nothing answers at host:port, for which Ray itself would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()


@contextmanager
def _reached(store: Store) -> Iterator[str]:
    """The name of something in the store, by which a worker sees that its store is the same."""
    name = f"{uuid4().hex}.reached"
    store.write(name, b"")
    try:
        yield name
    finally:
        store.remove(name)


def _data(ray: Any, jobs: Sequence[Job], store: Store) -> dict[Path, Any]:
    """References to the contents of the data set files, in Ray's object store; None if the files are shared."""
    files = dict.fromkeys(path for job in jobs for path in job.data)
    if "://" not in store.address:
        return files
    return {path: ray.put(np.fromfile(path, np.uint8)) for path in files}


def _copy(checksum: str, content: Any) -> Path:
    """A data set's file in this machine's temporary folder, to be memory-mapped as the original would be."""
    path = Path(tempfile.gettempdir()) / f"isotropic-networks-{checksum.removeprefix('sha256:')}.pt"
    if not path.is_file():
        with written(path) as beside:
            _ray().get(content).tofile(beside)
    return path


def _rows(ray: Any, done: Any) -> pd.DataFrame:
    """What a task has given, or the error that it has raised, as it was there."""
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise InputError(
            f"execution: Ray gave up a job after {_RETRIES} retries ({str(error).splitlines()[0]}); run the same "
            "command again to go on from the last checkpoints"
        ) from error
