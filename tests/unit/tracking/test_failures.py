"""Stores that cannot be used, and stores that two processes use at once."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import tracking
from pipeline.tracking import connection
from pipeline.tracking.store import Counts


@pytest.mark.parametrize("kind", ["unreachable", "folder", "damaged", "locked"])
def test_a_bad_store_is_one_warning(
    kind: str,
    rows: pd.DataFrame,
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from filelock import FileLock

    (tmp_path / "folder").mkdir()
    (tmp_path / "damaged").write_text("no database " * 1000)
    monkeypatch.setattr(connection, "_WAIT", 0.1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = "http://127.0.0.1:9" if kind == "unreachable" else f"sqlite:///{tmp_path}/{kind}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    start = time.monotonic()
    with caplog.at_level(logging.WARNING), FileLock(tmp_path / "locked.lock"):
        for _ in range(2):
            assert tracking.publish(rows, profile="p", settings=settings) is False
    assert time.monotonic() - start < 60, "a dead store must not hold training up; MLflow's own default is 247 s"
    lines = [record.getMessage() for record in caplog.records if record.name == "pipeline.tracking"]
    assert len(lines) == 1, "the second time it is not even tried"
    assert "\n" not in lines[0]
    assert "stages.track" in lines[0]


PUBLISH = """
import json, sys, pandas
from pipeline.tracking import connection, runs, store
table, settings = pandas.read_pickle(sys.argv[1]), json.loads(sys.argv[2])
with connection.opened() as client:  # what synchronise does, without torch, which takes seconds to import
    place = store.experiment_of(client, "experiment", "folder")
    print(store.mirror(client, place, runs.plan(table, "p", settings, None), "version"))
"""


def test_two_processes_publish_to_a_fresh_store_at_once(
    rows: pd.DataFrame, settings: dict[str, Any], tmp_path: Path
) -> None:
    rows.to_pickle(tmp_path / "rows")
    command = [sys.executable, "-c", PUBLISH, str(tmp_path / "rows"), json.dumps(settings)]
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate(timeout=300)[0].strip() for process in both}
    assert said == {str(Counts(added=6)), str(Counts(kept=6))}
