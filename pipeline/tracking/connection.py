"""Where the MLflow store is, and a client of it that is safe to write with."""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.paths import denied

if TYPE_CHECKING:
    from mlflow import MlflowClient

ENVIRONMENT = {  # unless set by the user
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines for each run on a server
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a dead server then holds a call for 5 s instead of 247 s
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds; by default a silent server holds each try for 120 s
    # Of its own experiment "Default": otherwise the working directory, at whose apostrophes MLflow fails.
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
}
# What says how a user's own script is logged. MLflow's client heeds it for ours as well: values would go to a model
# of theirs, or be written by a thread, whose errors nobody hears of.
_OF_A_SCRIPT = ("MLFLOW_ACTIVE_MODEL_ID", "_MLFLOW_ACTIVE_MODEL_ID", "MLFLOW_ENABLE_ASYNC_LOGGING")
# Each table made, each try, and each network saved: that a pickle can do anything, which `models.py` deals with.
_NOISY = ("alembic", "mlflow.store.db.utils", "urllib3.connectionpool", "mlflow.pytorch")
_WAIT = 60.0  # seconds for another process to finish publishing
_HERE = ("localhost", "127.0.0.1", "::1", "[::1]")
_DEFAULT = "mlflow.db"  # in the working directory
_WITH_DRIVER = "sqlite+pysqlite"  # the same to SQLAlchemy


def address() -> str:
    """The tracking URI: MLFLOW_TRACKING_URI, by default mlflow.db in the working directory; a file is absolute.

    Raises:
        InputError: MLFLOW_TRACKING_URI is the address of no store.
    """
    from sqlalchemy.engine import URL

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    path = _database(uri) if uri else Path(_DEFAULT).absolute()
    if path is None:
        return uri or ""
    # By the library that reads it: a folder may be called my%20work or "50% done?".
    found = URL.create("sqlite", database=str(path)).render_as_string()
    # Where it begins with sqlite:/// MLflow makes the folders of what follows, escaped as it is.
    return found if found == f"sqlite:///{path}" else found.replace("sqlite:", f"{_WITH_DRIVER}:", 1)


def ask_directly(*hosts: str) -> None:
    """Have this process, and those that it starts, ask what is on this machine without the environment's proxy.

    Args:
        hosts: further names of this machine.
    """
    for name in ("no_proxy", "NO_PROXY"):
        known = [entry.strip() for entry in os.environ.get(name, "").split(",") if entry.strip()]
        if known != ["*"]:  # which is all there are, and with others would be none
            os.environ[name] = ",".join(dict.fromkeys([*known, *_HERE, *hosts]))


def shown(uri: str) -> str:
    """A tracking URI as it may be printed: without a user's name and password."""
    return re.sub(r"//[^/@]*@", "//", uri)


def artifacts(uri: str) -> Path | None:
    """The folder of artifacts of a SQLite store: mlartifacts, beside its file. Any other store has its own place."""
    path = _database(uri)
    return None if path is None else path.parent / "mlartifacts"


def load() -> type[MlflowClient]:
    """MLflow's client, imported as it is wanted here: quiet, and telling nobody. Takes seconds the first time."""
    ask_directly()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in _OF_A_SCRIPT:
        os.environ.pop(name, None)
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
    """The file of a SQLite store; None of any other."""
    if not uri.startswith(("sqlite:", f"{_WITH_DRIVER}:")):
        return None
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        name = make_url(uri).database
    except ArgumentError as error:
        raise InputError(
            f"MLFLOW_TRACKING_URI: {uri!r} is no address of a database; e.g. sqlite:///mlflow.db"
        ) from error
    if name in (None, "", ":memory:"):
        return None
    if (path := os.path.expanduser(name)).startswith("~"):
        raise InputError(f"MLFLOW_TRACKING_URI: {uri!r}: there is no home folder {path.partition('/')[0]}")
    return Path(path).absolute()


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
    # Asked first: SQLite says neither of what file nor why, and begins on one that it may only read.
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise denied(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
