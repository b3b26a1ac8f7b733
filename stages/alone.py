"""What a stage of hours owes its surroundings: to be the only one at its work, and to end with DVC."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import InputError


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a piece of work; it is released however this process ends.

    Args:
        path: the file that is locked.

    Raises:
        InputError: another process holds it.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout:
        raise InputError(
            f"{path}: locked, so another process is running this experiment; wait for it, or stop it"
        ) from None


def end_with_dvc() -> None:
    """End this process soon after the `dvc` that started it, if one did, has ended.

    A killed DVC cannot end its stages; they would train on unseen, beside those of the next `dvc repro`.
    """
    if "DVC_ROOT" in os.environ:  # which DVC sets for its stages
        threading.Thread(target=_wait_for_dvc, daemon=True).start()


def _wait_for_dvc() -> None:
    import psutil

    for parent in psutil.Process().parents():
        try:
            name = " ".join(parent.cmdline()[:3])
            if "dvc" in name and "stages." not in name:
                parent.wait()
                os.kill(os.getpid(), signal.SIGTERM)  # workers end with this process
        except psutil.Error:
            continue
