"""What a stage owes its surroundings: to be the only one at its work, and to begin and to end with DVC."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.clone import check_clone, check_whole
from pipeline.errors import InputError
from pipeline.paths import naming

_EVERY = 0.5  # seconds between looks at whether DVC is there


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a piece of work; it is released however this process ends.

    Args:
        path: the file that is locked.

    Raises:
        InputError: another process holds it.
        OSError: it cannot be locked, as on some network file systems.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        with naming(path):
            lock.acquire()
    except Timeout:
        raise InputError(
            f"{path}: locked, so another process is running this experiment; wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def begin_with_dvc(*outputs: Path) -> None:
    """If `dvc` started this process, check that it will be able to end.

    Args:
        outputs: what DVC keeps afterwards, in the working directory.

    Raises:
        InputError: it will not be.
    """
    if "DVC_ROOT" in os.environ:  # which DVC sets for its stages
        check_clone()
        root = Path(os.environ["DVC_ROOT"]).resolve()
        if root != Path.cwd().resolve():  # an experiment, which runs beside the clone
            check_whole(root)
        for path in outputs:
            _check_inside(path)


def _check_inside(path: Path) -> None:
    for folder in path.parents:
        if folder.is_symlink() and not folder.resolve().is_relative_to(Path.cwd().resolve()):
            remedy = "remove the link; what is large can go elsewhere by `dvc cache dir --local FOLDER`, and"
            raise InputError(
                f"{folder}: a link to {folder.resolve()}, out of the clone, where DVC keeps no results; {remedy}"
                " `dvc config --local cache.type symlink`"
            )


def end_with_dvc() -> None:
    """End this process soon after the `dvc` that started it, if one did, has ended.

    A killed DVC cannot end its stages; they would train on unseen, beside those of the next `dvc repro`.
    """
    if "DVC_ROOT" in os.environ:
        threading.Thread(target=_wait_for_dvc, daemon=True).start()


def _wait_for_dvc() -> None:
    import psutil

    # Between DVC and this process there may be a shell. Its own wait would not return for a process that has ended
    # but that nobody has reaped, as in a container without an init.
    dvc = next((parent for parent in psutil.Process().parents() if _is_dvc(parent)), None)
    while dvc is not None:
        time.sleep(_EVERY)
        if not dvc.is_running() or dvc.status() == psutil.STATUS_ZOMBIE:
            os.kill(os.getpid(), signal.SIGTERM)  # the workers end with this process


def _is_dvc(process: Any) -> bool:
    command = " ".join(process.cmdline()[:3])
    return "dvc" in command and "stages." not in command
