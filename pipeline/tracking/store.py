"""An MLflow experiment, made to show given runs and no other of ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from pipeline.tracking import images, models
from pipeline.tracking.connection import address, artifacts
from pipeline.tracking.models import KEY
from pipeline.tracking.runs import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.entities import Run as Stored

CONTENT, PARENT, NOTE = "isotropic.content", "mlflow.parentRunId", "mlflow.note.content"
_BATCH = 900  # metrics a call; MLflow takes 1000 values, and up to 100 params come with the first


@dataclass(frozen=True)
class Counts:
    """What publishing did to the runs of one experiment."""

    added: int = 0
    replaced: int = 0
    kept: int = 0
    removed: int = 0


def experiment_of(client: MlflowClient, name: str, folder: str) -> Experiment:
    """The MLflow experiment of that name, made or restored if need be; `folder` is where its artifacts go.

    In a SQLite store their location is relative to what the server serves, not absolute as by default, so that
    a project that was moved, or is mounted elsewhere, still shows its figures.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        location = f"mlflow-artifacts:/{folder}" if artifacts(address()) else None
        return client.get_experiment(client.create_experiment(name, artifact_location=location))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found


def describe(client: MlflowClient, place: Experiment, tags: Mapping[str, str]) -> None:
    """Set the tags of an experiment that are not as given."""
    for name, value in tags.items():
        if place.tags.get(name) != value:
            client.set_experiment_tag(place.experiment_id, name, value)


def mirror(
    client: MlflowClient,
    place: Experiment,
    runs: Iterable[Run],
    version: str,
    progress: Callable[[], object] = lambda: None,
) -> Counts:
    """Make the experiment `place` show `runs`, parents first: add, replace what differs, remove what is not there.

    A run that was cut off while it was written is not finished, and counts as different. Runs without our tag
    were made by hand, and are left alone. `version` of the code tags what is written; alone it replaces nothing.
    `progress` is called before each run, picture and network.
    """
    stored = _stored(client, place.experiment_id)
    ids: dict[tuple[str, ...], str] = {}
    added = replaced = kept = 0
    for run in runs:
        progress()
        copies = stored.pop(run.key, [])
        same = next((copy for copy in copies if _shows(copy, run)), None)
        _remove(client, [copy for copy in copies if copy is not same])
        parent = ids[run.parent] if run.parent else None
        if same is None:
            replaced, added = replaced + bool(copies), added + (not copies)
            ids[run.place] = _write(client, place, run, parent, version, progress)
        else:
            kept += 1
            ids[run.place] = same.info.run_id
            if parent and same.data.tags.get(PARENT) != parent:
                client.set_tag(same.info.run_id, PARENT, parent)
    gone = [copy for copies in stored.values() for copy in copies]
    _remove(client, gone)
    models.sweep(client, place.experiment_id, set(ids.values()))
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
    for copies in found.values():
        copies.sort(key=lambda copy: copy.info.run_id)  # whoever finds copies keeps the same one
    return found


def _shows(stored: Stored, run: Run) -> bool:
    return bool(stored.info.status == "FINISHED" and stored.data.tags.get(CONTENT) == run.content)


def _remove(client: MlflowClient, runs: Iterable[Stored]) -> None:
    """Delete runs as MLflow does: they are hidden, and `mlflow gc` removes them."""
    for run in runs:
        client.delete_run(run.info.run_id)


def _write(
    client: MlflowClient,
    place: Experiment,
    run: Run,
    parent: str | None,
    version: str,
    progress: Callable[[], object],
) -> str:
    """Write one run, and mark it as finished last; its id.

    Rows have no times. A run gets the experiment's, less its order: newest first, the one order in which MLflow
    nests children under parents, is then ours. Values follow at a second a step. So whatever is written again,
    a call or a run, gets the times that it had.
    """
    from mlflow.entities import Metric, Param

    start = place.creation_time - run.order
    tags = {**run.tags, "version": version, NOTE: run.description, KEY: run.key, CONTENT: run.content}
    if parent:
        tags[PARENT] = parent
    if run.frames:
        tags[images.LOGGED] = "True"
    made = client.create_run(place.experiment_id, start_time=start, tags=tags, run_name=run.name)
    run_id = str(made.info.run_id)
    metrics = [Metric(name, value, start + 1000 * step, step) for name, step, value in run.metrics]
    params = [Param(name, value) for name, value in run.params.items()]
    for first in range(0, max(len(metrics), 1), _BATCH):
        client.log_batch(run_id, metrics[first : first + _BATCH], [] if first else params)
    for path in run.files:
        if not _copied(path, str(made.info.artifact_uri)):
            client.log_artifact(run_id, str(path))
    if run.frames:
        with TemporaryDirectory() as folder:
            images.save(run.frames, Path(folder), start, progress)
            if not _copied(Path(folder), f"{made.info.artifact_uri}/{images.FOLDER}"):
                client.log_artifacts(run_id, folder, images.FOLDER)
    for network in run.networks:
        progress()
        models.log(client, made, network, metrics, _copied)
    client.update_run(run_id, status="FINISHED")  # without an end: when it was trained, rows do not say
    return run_id


def _copied(path: Path, uri: str) -> bool:
    """Copy a file, or what is in a folder, to where a server on a SQLite store looks for what is at `uri`.

    False, with nothing done, for any other store, which has to be handed it.
    """
    folder = artifacts(address())
    if folder is None or not uri.startswith("mlflow-artifacts:"):
        return False
    destination = folder / unquote(urlparse(uri).path).lstrip("/")
    destination.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, destination, dirs_exist_ok=True)
    else:
        shutil.copy(path, destination)
    return True
