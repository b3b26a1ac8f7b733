"""A folder with a small experiment in it that can be killed, and what is known of it afterwards."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import yaml

from pipeline import paths
from pipeline.data.dataset import save
from pipeline.data.sources import fetch
from pipeline.profile import Profile, load_profile

ROOT = Path(__file__).parents[2]
EVERY = 0.3  # seconds between checkpoints in these tests
EXPERIMENT = "spectra"
# How many times as many faults as in an ordinary run of the tests.
FACTOR = int(os.environ.get("FAULTS", "1"))

_EXPERIMENT = {
    "data": ["digits"],
    "repeats": 4,
    "epochs": 60,
    "hidden": [32, 32],
    "threshold": 0.95,
    "batch_size": 16,
    "optimiser": "adamw",
    "learning_rate": 0.01,
    "weight_decay": 1e-3,
    "psi_decay": 0.1,
    "configurations": [
        {"intrinsic_length": "trainable", "compensation": "trainable+decay"},
        {"activation": "tanh", "intrinsic_length": "none", "compensation": "none"},
    ],
}


def workspace(folder: Path, runner: str = "processes", **changes: Any) -> Path:
    """A folder with profile `faults`, its data fetched."""
    content = {
        "execution": {"runner": runner, "workers": 2, "device": "cpu", "checkpoint_seconds": EVERY},
        "data": {"digits": {"source": "digits"}},
        "experiments": {EXPERIMENT: _EXPERIMENT | changes},
    }
    (folder / "profiles").mkdir(parents=True, exist_ok=True)
    (folder / "profiles/faults.yaml").write_text(yaml.safe_dump(content))
    here = Path.cwd()
    os.chdir(folder)
    try:
        save(fetch("digits", profile().data["digits"]), paths.dataset("faults", "digits"))
    finally:
        os.chdir(here)
    return folder


def profile() -> Profile:
    """That of the working directory."""
    return load_profile("faults")


def start(folder: Path, *command: str, **more: Any) -> subprocess.Popen[str]:
    """A command of the environment's Python or DVC, in a group of its own; no MLflow is reached."""
    settings = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": "sqlite:////dev/null/nowhere.db",
    }
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    how: dict[str, Any] = {"start_new_session": True, "preexec_fn": _interruptible}
    return subprocess.Popen(command, cwd=folder, env=os.environ | settings, **(how | pipes | more))


def _interruptible() -> None:
    """As in a terminal: what a shell starts in the background ignores SIGINT, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stage(folder: Path) -> subprocess.Popen[str]:
    """The stage that runs the experiment."""
    return start(folder, sys.executable, "-m", "stages.run", EXPERIMENT, "--profile", "faults")


def rows(folder: Path) -> pd.DataFrame:
    """What the experiment has left."""
    return pd.read_parquet(folder / paths.rows("faults", EXPERIMENT))


@dataclass
class Tally:
    """Faults injected into one thing until it came to its end.

    Attributes:
        kind: what was killed.
        kills: how many were.
        lost: for each the seconds of work that were lost: since the last checkpoint, or since there was a process.
    """

    kind: str
    kills: int = 0
    lost: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.kind}: {self.kills} kills, at most {max(self.lost, default=0):.2f} s of work lost"


def last_kept(folder: Path) -> float:
    """When the last checkpoint or result was written, in seconds since the epoch; 0 if none was."""
    return max((path.stat().st_mtime for path in (folder / ".shards").glob("[!.]*")), default=0.0)


def family(of: int) -> list[psutil.Process]:
    """The processes that were started by process `of`, and by those, and so on."""
    try:
        return [child for child in psutil.Process(of).children(recursive=True) if _works(child)]
    except psutil.NoSuchProcess:
        return []


def workers(of: int) -> list[psutil.Process]:
    """Those of them that run jobs: forks of the server, which is none, or spawned where there is no server."""
    found = []
    for child in family(of):
        with suppress(psutil.Error):
            above = child.parent()
            if _is(child, "spawn_main") or (above and _is(child, "forkserver") and _is(above, "forkserver")):
                found.append(child)
    return found


def _is(process: psutil.Process, what: str) -> bool:
    return what in " ".join(process.cmdline())


def gone(processes: list[psutil.Process], within: float = 5.0) -> bool:
    """Whether all of these end by themselves within some seconds, reaped or not."""
    end = time.monotonic() + within
    while left := [process for process in processes if _works(process)]:
        if time.monotonic() > end:
            for process in left:
                process.kill()
            return False
        time.sleep(0.05)
    return True


def _works(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_until_done(
    begin: Callable[[], subprocess.Popen[str]],
    victim: Callable[[int, random.Random], int | None],
    kills: int,
    tally: Tally,
    folder: Path,
    delay: tuple[float, float],
    draw: random.Random,
) -> None:
    """Begin, kill at random moments, begin again where that ended it; the last time, let it come to its end.

    Args:
        begin: starts the process.
        victim: of its identifier, whom to kill; None if there is nobody yet.
        kills: how many.
        tally: to count in.
        folder: of the work.
        delay: the least and the most seconds before each.
        draw: of the moments.
    """
    process = begin()
    while tally.kills < kills and process.poll() is None:
        time.sleep(draw.uniform(*delay))
        whom = victim(process.pid, draw)
        if whom is None or process.poll() is not None:
            continue
        born, now = psutil.Process(whom).create_time(), time.time()
        os.kill(whom, signal.SIGKILL)
        tally.kills += 1
        tally.lost.append(now - max(last_kept(folder), born))
        if whom == process.pid:
            process.communicate()
            process = begin()
    output, _ = process.communicate()
    assert process.returncode == 0, output
