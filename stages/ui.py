"""Open MLflow on this machine: python -m stages.ui. Ctrl-C ends it."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from pipeline.errors import InputError
from pipeline.tracking import pages, reason
from pipeline.tracking.connection import ENVIRONMENT, address, artifacts, ask_directly, shown
from stages import cli

_START = 120.0  # seconds that the server may take to answer
_PRIVATE = ",".join(["192.168.*", "10.*", *(f"172.{number}.*" for number in range(16, 32)), "fc00:*", "fd00:*"])
_STOP = 10.0  # seconds that it may take to end


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the store until Ctrl-C, and print the page of each experiment.

    If the store is a server already (MLFLOW_TRACKING_URI=http...), print its pages.
    """
    parser = argparse.ArgumentParser(description="Open MLflow on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=5000, help="port to listen on (default: 5000); 0: any free one")
    options = parser.parse_args(arguments)
    with cli.clear_errors(), suppress(KeyboardInterrupt):
        store = address()
        if store.startswith("http"):
            print(_pages(store.rstrip("/")))
        else:
            _serve(store, options.host, options.port)


def _serve(store: str, host: str, port: int) -> None:
    port = _free(host, port)
    ask_directly(host)
    # Who listens on all addresses is asked at one; in an address, IPv6 is in brackets.
    asked = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    server = f"http://[{asked}]:{port}" if ":" in asked else f"http://{asked}:{port}"
    found = _pages(server)  # before the server starts, which would make the tables of a fresh store without our lock
    with _running(store, host, port) as process:
        _wait_for(server, process)
        print(f"{found}\nCtrl-C ends it.", flush=True)
        process.wait()


def _pages(server: str) -> str:
    """The page of each experiment on a server, a line each."""
    try:
        found = pages(server)
    except Exception as error:  # whatever MLflow, its database or the network may raise
        raise InputError(f"MLFLOW_TRACKING_URI: cannot read {shown(address())} ({reason(error)})") from error
    if not found:
        return f"{server}: nothing published yet; `python -m stages.track --profile PROFILE` publishes"
    return "\n".join(f"{name}: {page}" for name, page in found.items())


@contextmanager
def _running(store: str, host: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server, ended with all its processes when the block is left, by whatever signal.

    One worker and no job execution: that is for chat traces, and takes 2 GB and ten seconds more.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--uvicorn-opts", "--log-level warning"]
    folder = artifacts(store)
    if folder is not None:
        command += ["--artifacts-destination", str(folder)]
    environment = os.environ | ENVIRONMENT | _allowed(host) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment["PYTHONWARNINGS"] = "ignore"  # MLflow's own, about what it imports
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP)
            os.killpg(process.pid, signal.SIGKILL)


def _allowed(host: str) -> dict[str, str]:
    """As whom, and from whose pages, the server may be asked: by this machine's own names, on whatever port.

    By itself MLflow allows localhost, and private addresses to be looked at but not used; or what the user allows.
    It refuses all else, against pages elsewhere that would have a browser ask it. Containers and tunnels change the
    port.
    """
    import psutil

    kinds = (socket.AF_INET, socket.AF_INET6)
    places = [each.address for all_of in psutil.net_if_addrs().values() for each in all_of if each.family in kinds]
    own = ["localhost", "127.0.0.1", "::1", host, socket.gethostname(), socket.getfqdn(), *places]
    names = list(dict.fromkeys(f"[{name}]" if ":" in name else name for name in own if "%" not in name))
    hosts = [entry for name in names for entry in (name, f"{escape(name)}:*")]
    pages = [f"http://{entry}" for entry in hosts]
    known = os.environ.get("MLFLOW_SERVER_ALLOWED_HOSTS") or _PRIVATE
    trusted = filter(None, [os.environ.get("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS")])
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join([known, *hosts]),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join([*trusted, *pages]),
    }


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _free(host: str, port: int) -> int:
    """The port, or any free one for 0; raise InputError if the address cannot be listened on."""
    if not 0 <= port < 65536:
        raise InputError(f"--port {port}: no port; valid are 1 to 65535, and 0 for any that is free")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
            return int(trial.getsockname()[1])
    except OSError as error:
        of_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        other = (
            'try another port, as with `make ui ARGS="--port 0"`' if of_port else "give an address of this machine"
        )
        raise InputError(f"--host {host} --port {port}: cannot be listened on ({error.strerror}); {other}") from error


def _wait_for(server: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the server answers; raise InputError if it ends or does not."""
    end = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < end:
        with suppress(URLError, TimeoutError), urlopen(f"{server}/health", timeout=5):
            return
        time.sleep(0.2)
    raise InputError(f"MLflow's server did not start on {server}; its own messages are above")


if __name__ == "__main__":
    main()
