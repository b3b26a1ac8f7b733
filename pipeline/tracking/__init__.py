"""Rows -> MLflow. Rows on disk are the truth: what MLflow shows can be made again from them at any time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.experiments import experiment
from pipeline.results.provenance import code_version
from pipeline.tracking.connection import address, opened
from pipeline.tracking.notes import guide
from pipeline.tracking.runs import plan
from pipeline.tracking.store import NOTE, Counts, describe, experiment_of, mirror
from pipeline.tracking.views import TAG, link, view

_given_up: set[str] = set()  # addresses of stores that failed


def publish(rows: pd.DataFrame, *, profile: str, settings: Mapping[str, Any], report: Path | None = None) -> bool:
    """`synchronise`, but never raises: a failure is one line of warning, and False.

    Training calls this, now and then. A missing, unreachable or read-only store must neither stop it nor hold
    it up again and again: after a failure this process does not try that store any more.
    """
    store = address()
    if store in _given_up:
        return False
    try:
        synchronise(rows, profile=profile, settings=settings, report=report)
    except Exception as error:  # whatever MLflow, its database or the network may raise
        _given_up.add(store)
        logging.getLogger(__name__).warning(
            "warning: not published to MLflow, `python -m stages.track --profile %s` does it later: %s",
            profile,
            reason(error),
        )
        return False
    return True


def synchronise(
    rows: pd.DataFrame, *, profile: str, settings: Mapping[str, Any], report: Path | None = None
) -> Counts:
    """Make MLflow show exactly these rows, all of one experiment, and the files in the folder `report`.

    No rows, as of an experiment whose data is not there, do not say of which experiment they are: nothing is done.

    Raises:
        Exception: whatever MLflow, its database or the network raise.
    """
    if rows.empty:
        return Counts()
    name = str(rows["experiment"].iloc[0])
    wanted = plan(rows, profile, settings, report)
    with opened() as client:
        found = experiment_of(client, f"{name} ({profile})", f"{profile}/{name}")
        counts = mirror(client, found, wanted, code_version())
        describe(
            client,
            found,
            {
                NOTE: guide(name, experiment(name).QUESTION, profile),
                TAG: view(name, wanted, found.creation_time),
                "mlflow.experimentKind": "custom_model_development",
                "experiment": name,
                "profile": profile,
            },
        )
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
    """An error in one line of at most 200 characters."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]
