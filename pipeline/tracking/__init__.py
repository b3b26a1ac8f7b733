"""Rows -> MLflow. Rows on disk are the truth: what MLflow shows can be made again from them at any time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.clone import code_version
from pipeline.experiments import experiment
from pipeline.remedies import remedy
from pipeline.tracking.connection import load, opened, shown
from pipeline.tracking.guide import guide
from pipeline.tracking.runs import plan
from pipeline.tracking.store import NOTE, Counts, describe, experiment_of, mirror
from pipeline.tracking.views import TAG, link, view

if TYPE_CHECKING:
    from pipeline.results.networks import Network


def synchronise(
    rows: pd.DataFrame,
    *,
    profile: str,
    settings: Mapping[str, Any],
    report: Path | None = None,
    networks: Sequence[Network] = (),
    progress: Callable[[], object] = lambda: None,
) -> Counts:
    """Make MLflow show exactly these rows, all of one experiment, its networks and the files in the folder `report`.

    No rows, as of an experiment whose data is not there, do not say of which experiment they are: nothing is done.
    `progress` is called before the store is used, and before each run, picture and network that is written.

    Raises:
        Exception: whatever MLflow, its database or the network raise.
    """
    if rows.empty:
        return Counts()
    name = str(rows["experiment"].iloc[0])
    wanted, question = plan(rows, profile, settings, report, networks), experiment(name).QUESTION
    load()
    progress()  # only what comes now may be held up by the store
    with opened() as client:
        found = experiment_of(client, f"{name} ({profile})", f"{profile}/{name}")
        counts = mirror(client, found, wanted, code_version(), progress)
        if counts.added or counts.replaced:
            # Once more, which removes copies: MLflow's client repeats a call that a server answers too late, and one
            # server may have several clients.
            mirror(client, found, wanted, code_version(), progress)
        tags = {
            NOTE: guide(name, question, profile),
            TAG: view(name, wanted, found.creation_time),
            "mlflow.experimentKind": "custom_model_development",
            "experiment": name,
            "profile": profile,
        }
        describe(client, found, tags)
    return counts


def pages(server: str) -> dict[str, str]:
    """Name -> address of the page of every experiment published here, on the server at `server`.

    Makes the store if there is none.

    Raises:
        Exception: whatever MLflow, its database or the network raise.
    """
    with opened() as client:
        found = [each for each in client.search_experiments() if TAG in each.tags]
    return {each.name: link(server, each.experiment_id) for each in sorted(found, key=lambda each: each.name)}


def reason(error: Exception) -> str:
    """An error in one line of at most 200 characters, without passwords in the addresses that it names."""
    if "out-of-date database schema" in str(error):  # MLflow's advice comes after three sentences
        return "its tables are of another version of MLflow; `mlflow db upgrade ADDRESS` converts those of an older"
    if isinstance(error, OSError) and (advice := remedy(error)):
        return f"{type(error).__name__}: {advice}"
    lines = shown(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]
