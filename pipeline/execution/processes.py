"""Worker processes: how many, how they begin, and how they end."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import tempfile
import threading
from multiprocessing import get_context, parent_process
from multiprocessing.context import BaseContext

from pipeline.config import Execution
from pipeline.errors import InputError

_SOCKET = 103  # bytes of the path of a Unix socket, at most: on macOS; on Linux 107
_MOST = "LOKY_MAX_CPU_COUNT"
_PRELOADED = ["pipeline.execution.worker"]


def workers(execution: Execution, jobs: int, device: str) -> int:
    """How many processes work on so many jobs at once; 1 is this process alone."""
    if execution.runner == "serial" or device == "cuda":
        return 1
    return max(1, min(execution.workers or cores(), jobs))


def cores() -> int:
    """How many cores this process may use: those of its affinity, or fewer by its container's quota or its user.

    Raises:
        InputError: LOKY_MAX_CPU_COUNT, by which joblib is told of fewer, is no number.
    """
    from joblib import cpu_count

    most = os.environ.get(_MOST, "")
    if not most.strip():
        os.environ.pop(_MOST, None)  # joblib would fail at it
    elif re.fullmatch(r"\s*[0-9]+\s*", most) is None or int(most) < 1:
        raise InputError(f"{_MOST}: {most!r} is no number of cores; valid are 1 or more, or leave it unset")
    return int(cpu_count())


def context() -> BaseContext:
    """How workers are started: forked from a server that has torch imported and has computed nothing.

    A fork of a process that has computed copies torch's thread pools in an unusable state, and one that is spawned
    imports torch again, which takes seconds. Where there can be no such server, they are spawned.
    """
    if not _has_server():
        return get_context("spawn")
    multiprocessing.set_forkserver_preload(_PRELOADED)
    return get_context("forkserver")


def _has_server() -> bool:
    """Whether there can be a server: not on Windows, nor where the path of its socket would be too long.

    That lies in the folder for temporary files, `TMPDIR`, which on a cluster is often deep.
    """
    deep = len(os.fsencode(tempfile.gettempdir())) + len("/pymp-12345678/listener-12345678") > _SOCKET
    return "forkserver" in multiprocessing.get_all_start_methods() and not deep


def begin(execution: Execution) -> None:
    """Have the server start, and import, while this process still finds out what there is to do."""
    several = execution.runner == "processes" and execution.device != "cuda" and execution.workers != 1
    if several and _has_server():
        context()
        from multiprocessing import forkserver

        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C this process tells; it ends the others
        forkserver.ensure_running()
        signal.signal(signal.SIGINT, before)


def single_threaded() -> None:
    """How a worker process begins."""
    import torch

    # One thread a process: two processes of two threads on two cores would wait for each other.
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it cannot end its workers itself."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
