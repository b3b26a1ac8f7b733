"""MLflow's server on loopback with PostgreSQL behind it, to be stopped, killed and held."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from pipeline.tracking.connection import ENVIRONMENT

_START = 120.0  # seconds


def lacking() -> str | None:
    """Why there can be no such server here; None if there can."""
    if find_spec("psycopg") is None:
        return "no psycopg: extra `server` installs it"
    if _programs() is None:
        return "PostgreSQL is not installed"
    if os.getuid() == 0 and not any(user.pw_name == "postgres" for user in pwd.getpwall()):
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


def _programs() -> Path | None:
    """The folder of initdb, which distributions keep off the path."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


class Process:
    """A program with all that it starts, which can be killed and begun again."""

    def __init__(self, command: list[str], ready: Callable[[], object], **how: Any) -> None:
        self._command, self._ready, self._how = command, ready, how

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._process = subprocess.Popen(self._command, start_new_session=True, **self._how)
        end = time.monotonic() + _START
        while not self._ready():
            assert self._process.poll() is None, f"{self._command[0]} ended"
            assert time.monotonic() < end, f"{self._command[0]} does not answer"
            time.sleep(0.1)

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it as a loss of power would."""
        self.signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def postgresql() -> Iterator[tuple[Process, str]]:
    """A new database on a socket of its own, and its address."""
    programs = _programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))  # not pytest's, which is closed to other users
    who: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
        who |= {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}
    data = str(folder / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", "mlflow", "-A", "trust", "--no-sync", "--no-locale"]
    try:
        subprocess.run([*initdb, "-E", "UTF8"], check=True, **who)
        uri = f"postgresql://mlflow@/postgres?host={folder}"
        postgres = [str(programs / "postgres"), "-D", data, "-k", str(folder), "-c", "listen_addresses=", "-F"]
        process = Process(postgres, lambda: _connects(uri), **who)
        process.start()
        try:
            yield process, uri
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder)


def _connects(uri: str) -> bool:
    import psycopg

    try:
        psycopg.connect(uri).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def server(database: str, artifacts: Path) -> Iterator[tuple[Process, str]]:
    """MLflow's server on a free port, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    command += ["--backend-store-uri", database, "--artifacts-destination", str(artifacts)]
    environment = os.environ | ENVIRONMENT | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with open(artifacts.with_suffix(".log"), "ab") as log:
        process = Process(
            command, lambda: _answers(address), cwd=artifacts.parent, env=environment, stdout=log, stderr=log
        )
        process.start()
        try:
            yield process, address
        finally:
            process.kill()


def _answers(address: str) -> bool:
    with suppress(URLError, OSError), urlopen(f"{address}/health", timeout=5):
        return True
    return False
