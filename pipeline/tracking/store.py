"""The MLflow store: opened safely, then made to show given runs and no other of ours."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from pipeline.tracking.runs import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.entities import Run as Stored

KEY, CONTENT, PARENT, NOTE = "isotropic.key", "isotropic.content", "mlflow.parentRunId", "mlflow.note.content"
BATCH = 900  # metrics a call; MLflow takes 1000 values, up to 100 of them params
WAIT = 120.0  # seconds for another process to finish publishing
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a dead server then holds a call for 5 s instead of 247 s
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds; by default a silent server holds each try for 120 s
}


@dataclass(frozen=True)
class Counts:
    """What publishing did to the runs of one experiment."""

    added: int = 0
    replaced: int = 0
    kept: int = 0
    removed: int = 0


def address() -> str:
    """The tracking URI: MLFLOW_TRACKING_URI, by default mlflow.db in the working directory (made absolute)."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    path = database(uri)
    return uri if path is None else f"sqlite:///{path}"


def database(uri: str) -> Path | None:
    """The absolute path of the file of a SQLite store; None for any other store."""
    prefix, _, path = uri.partition(":///")
    return Path(path).absolute() if prefix == "sqlite" else None


def artifacts(uri: str) -> Path | None:
    """The folder of artifacts of a SQLite store, beside its file; any other store has its own place."""
    path = database(uri)
    return None if path is None else path.parent / "mlartifacts"


@contextmanager
def opened() -> Iterator[MlflowClient]:
    """A client of the store, alone in it while the block runs if it is a file.

    Processes that create the tables of a fresh database together destroy it, and two that publish the same
    rows together would publish them twice: hence the lock, a file beside the database.

    Raises:
        OSError, sqlite3.Error, filelock.Timeout, mlflow.exceptions.MlflowException: it cannot be used.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow.store.db.utils", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    uri = address()
    with _alone(database(uri)):
        from mlflow import MlflowClient

        yield MlflowClient(uri)


@contextmanager
def _alone(path: Path | None) -> Iterator[None]:
    """Hold the lock of a SQLite file, and find out at once whether it can be written: MLflow would try for a minute."""
    if path is None:
        yield
        return
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", timeout=WAIT):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        finally:
            connection.close()
        yield


def experiment_of(client: MlflowClient, name: str, folder: str) -> Experiment:
    """The MLflow experiment of that name, created if need be; `folder` is where its artifacts go.

    In a SQLite store the location is relative to what the server serves, not absolute as by default, so that a
    project that was moved or mounted elsewhere still shows its figures.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        location = f"mlflow-artifacts:/{folder}" if artifacts(address()) else None
        found = client.get_experiment(client.create_experiment(name, artifact_location=location))
    elif found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found


def describe(client: MlflowClient, experiment: Experiment, tags: dict[str, str]) -> None:
    """Set the tags of an experiment that are not as given."""
    for name, value in tags.items():
        if experiment.tags.get(name) != value:
            client.set_experiment_tag(experiment.experiment_id, name, value)


def mirror(client: MlflowClient, place: Experiment, runs: Iterable[Run], version: str) -> Counts:
    """Make the experiment `place` show `runs`, parents first: add, replace what differs, remove what is not among them.

    Runs without our tag, made by hand, are left alone. A run that was cut off while it was written is not
    finished and counts as different.
    """
    stored = _stored(client, place.experiment_id)
    ids: dict[tuple[str, ...], str] = {}
    added = replaced = kept = 0
    for run in runs:
        copies = stored.pop(run.key, [])
        current = [copy for copy in copies if copy.data.tags.get(CONTENT) == run.content and _finished(copy)][:1]
        for copy in copies:
            if copy not in current:
                client.delete_run(copy.info.run_id)
        parent = ids[run.parent] if run.parent else None
        if current:
            kept += 1
            ids[run.place] = current[0].info.run_id
            if parent and current[0].data.tags.get(PARENT) != parent:
                client.set_tag(ids[run.place], PARENT, parent)
        else:
            replaced, added = replaced + bool(copies), added + (not copies)
            ids[run.place] = _write(client, place, run, parent, version)
    gone = [copy for copies in stored.values() for copy in copies]
    for copy in gone:
        client.delete_run(copy.info.run_id)
    return Counts(added, replaced, kept, len(gone))


def _stored(client: MlflowClient, experiment_id: str) -> dict[str, list[Stored]]:
    """Our runs by key: one search, in pages."""
    found: dict[str, list[Stored]] = {}
    token: str | None = None
    while token != "":
        page = client.search_runs([experiment_id], f"tags.`{KEY}` LIKE '%'", max_results=1000, page_token=token)
        for run in page:
            found.setdefault(run.data.tags[KEY], []).append(run)
        token = page.token or ""
    return found


def _finished(run: Stored) -> bool:
    return bool(run.info.status == "FINISHED")


def _write(client: MlflowClient, place: Experiment, run: Run, parent: str | None, version: str) -> str:
    """Write one run, and mark it as finished last; its id.

    Rows have no times. Runs get the experiment's, less their order: newest first, the one order in which
    MLflow nests children under parents, is then ours. Values follow at a second a step. So whatever is written
    again, a call or a run, gets the times that it had.
    """
    from mlflow.entities import Metric, Param

    start = place.creation_time - run.order
    tags = {**run.tags, "version": version, NOTE: run.description, KEY: run.key, CONTENT: run.content}
    if parent:
        tags[PARENT] = parent
    made = client.create_run(place.experiment_id, start_time=start, tags=tags, run_name=run.name)
    run_id = str(made.info.run_id)
    metrics = [Metric(name, value, start + 1000 * step, step) for name, step, value in run.metrics]
    params = [Param(name, value) for name, value in run.params.items()]
    for first in range(0, max(len(metrics), 1), BATCH):
        client.log_batch(run_id, metrics[first : first + BATCH], [] if first else params)
    _store(client, run_id, made.info.artifact_uri, run.files)
    client.set_terminated(run_id, end_time=start)
    return run_id


def _store(client: MlflowClient, run_id: str, uri: str, files: Iterable[Path]) -> None:
    """Store files as artifacts; for a SQLite store by copying them to where a server on it will look."""
    folder = artifacts(address())
    for path in files:
        if folder is not None and uri.startswith("mlflow-artifacts:"):
            place = folder / unquote(urlparse(uri).path).lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
        else:
            client.log_artifact(run_id, str(path))
