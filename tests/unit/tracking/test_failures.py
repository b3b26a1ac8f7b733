"""Stores that cannot be used, and stores that two processes use at once."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock
from mlflow_testing import assert_shown, silent_server

from pipeline import tracking
from pipeline.results.rows import write
from pipeline.tracking import connection
from pipeline.tracking.store import Counts

KINDS = ("unreachable", "silent", "folder", "damaged", "read-only", "locked", "in use")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with its tables, which take seconds to make."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    connection.load()(f"sqlite:///{path}")
    return path


@contextmanager
def broken(kind: str, store: Path) -> Iterator[str]:
    """The address of a store that fails; afterwards the file, if it is one, is as it was."""
    whole = store.read_bytes()
    with ExitStack() as stack:
        match kind:
            case "silent":
                yield stack.enter_context(silent_server())
                return
            case "unreachable":
                yield "http://127.0.0.1:9"
                return
            case "folder":
                store.unlink()
                store.mkdir()
                stack.callback(store.rmdir)
            case "damaged":
                store.write_text("no database " * 1000)
            case "read-only":  # also for root, whom permissions do not bind: SQLite writes no file of a later version
                store.write_bytes(whole[:18] + b"\3" + whole[19:])
            case "locked":
                other = stack.enter_context(closing(sqlite3.connect(store, isolation_level=None)))
                other.execute("BEGIN EXCLUSIVE")
            case "in use":
                stack.enter_context(FileLock(f"{store}.lock"))
        yield f"sqlite:///{store}"
    store.write_bytes(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_store_fails_soon_and_in_one_line_and_is_completed_when_it_is_mended(
    kind: str,
    rows: pd.DataFrame,
    settings: dict[str, Any],
    empty: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Path(shutil.copy(empty, tmp_path))
    monkeypatch.setattr(connection, "_WAIT", 0.1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    start = time.monotonic()
    with broken(kind, store) as uri, pytest.raises(Exception) as failure:  # whatever it may be
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        tracking.synchronise(rows, profile="p", settings=settings)
    assert time.monotonic() - start < 30, "a dead store must not hold anything up; MLflow's own default is 247 s"
    line = tracking.reason(failure.value)
    assert "\n" not in line and len(line) <= 200
    if uri.startswith("sqlite"):
        assert tracking.synchronise(rows, profile="p", settings=settings) == Counts(added=6)
        assert_shown(rows, settings, "p")


PUBLISH = """
import json, sys
from pathlib import Path
from pipeline.experiments.invariance import ROWS
from pipeline.results import rows
from pipeline.tracking import connection, runs, store
table, settings = rows.read(Path(sys.argv[1]), "invariance", ROWS), json.loads(sys.argv[2])
with connection.opened() as client:  # what synchronise does, without torch, which takes seconds to import
    place = store.experiment_of(client, "experiment", "folder")
    print(store.mirror(client, place, runs.plan(table, "p", settings, None), "version"))
"""


def test_two_processes_publish_to_a_fresh_store_at_once(
    rows: pd.DataFrame, settings: dict[str, Any], tmp_path: Path
) -> None:
    write(rows, tmp_path / "rows")
    command = [sys.executable, "-c", PUBLISH, str(tmp_path / "rows"), json.dumps(settings)]
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate(timeout=300)[0].strip() for process in both}
    assert said == {str(Counts(added=6)), str(Counts(kept=6))}


WHOLE = """
import json, sys
from pathlib import Path
from pipeline.experiments.invariance import ROWS
from pipeline.results import rows
from pipeline.tracking import synchronise
table, settings = rows.read(Path(sys.argv[1]), "invariance", ROWS), json.loads(sys.argv[2])
print(synchronise(table, profile="p", settings=settings))
"""


def test_settings_for_a_users_own_scripts_are_not_for_ours(
    rows: pd.DataFrame, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's client would have our values be of the model of a script, which the store refuses."""
    write(rows, tmp_path / "rows")
    for name in ("MLFLOW_ACTIVE_MODEL_ID", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.setenv(name, "of-a-script")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    command = [sys.executable, "-c", WHOLE, str(tmp_path / "rows"), json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == str(Counts(added=6)), done.stderr
    assert_shown(rows, settings, "p")


def test_a_store_of_another_mlflow_comes_with_advice(
    rows: pd.DataFrame, settings: dict[str, Any], empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Path(shutil.copy(empty, tmp_path / "mlflow.db"))
    with closing(sqlite3.connect(store)) as connected, connected:
        connected.execute("UPDATE alembic_version SET version_num = 'cc1f77228345'")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    with pytest.raises(Exception, match="out-of-date") as failure:
        tracking.synchronise(rows, profile="p", settings=settings)
    assert "of another version of MLflow; `mlflow db upgrade ADDRESS` converts" in tracking.reason(failure.value)
