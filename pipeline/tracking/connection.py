"""Where the MLflow store is, and a client of it that is safe to write with."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

ENVIRONMENT = {  # unless set by the user
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines for each run on a server
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a dead server then holds a call for 5 s instead of 247 s
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds; by default a silent server holds each try for 120 s
}
# Each table made, each try, and each network saved: that a pickle can do anything, which `models.py` deals with.
_NOISY = ("alembic", "mlflow.store.db.utils", "urllib3.connectionpool", "mlflow.pytorch")
_WAIT = 60.0  # seconds for another process to finish publishing
_DEFAULT = "mlflow.db"  # in the working directory


def address() -> str:
    """The tracking URI: MLFLOW_TRACKING_URI, by default mlflow.db in the working directory; a file is absolute."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_DEFAULT}"
    path = _database(uri)
    return uri if path is None else f"sqlite:///{path}"


def shown(uri: str) -> str:
    """A tracking URI as it may be printed: without a user's name and password."""
    return re.sub(r"//[^/@]*@", "//", uri)


def artifacts(uri: str) -> Path | None:
    """The folder of artifacts of a SQLite store: mlartifacts, beside its file. Any other store has its own place."""
    path = _database(uri)
    return None if path is None else path.parent / "mlartifacts"


def load() -> type[MlflowClient]:
    """MLflow's client, imported as it is wanted here: quiet, and telling nobody. Takes seconds the first time."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow import MlflowClient
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "connect", _unsynced):
        event.listen(Engine, "connect", _unsynced)
    return MlflowClient


def _unsynced(connection: object, _: object) -> None:
    """Have SQLite not wait for the disk at each of thousands of commits: all of it can be made again from rows."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@contextmanager
def opened() -> Iterator[MlflowClient]:
    """A client of the store; no other process of this project is in this block meanwhile, nor any with its file.

    Processes that make the tables of a fresh database together destroy it, and two that publish the same rows
    together would remove what the other is writing: hence the lock, a file beside the database.

    Raises:
        OSError, sqlite3.Error, filelock.Timeout, mlflow.exceptions.MlflowException: the store cannot be used.
    """
    client, uri = load(), address()
    with _alone(_database(uri)):
        yield client(uri)


def _database(uri: str) -> Path | None:
    scheme, _, path = uri.partition(":///")
    return Path(path).absolute() if scheme == "sqlite" else None


@contextmanager
def _alone(path: Path | None) -> Iterator[None]:
    """Hold the lock of a SQLite file, or for any other store the one of the project: that of its default store."""
    from filelock import FileLock

    beside = path or Path(_DEFAULT).absolute()
    beside.parent.mkdir(parents=True, exist_ok=True)
    lock = beside.with_name(f"{beside.name}.lock")
    lock.touch()  # where no file can be made, this fails at once; FileLock would try until the timeout
    with FileLock(lock, timeout=_WAIT):
        if path is not None:
            _check_writable(path)
        yield


def _check_writable(path: Path) -> None:
    """Fail at once where a SQLite file cannot be written; MLflow would try for a minute."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.close()
