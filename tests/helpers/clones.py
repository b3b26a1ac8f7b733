"""A fresh clone of the working tree, and commands run in it as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cloned(folder: Path) -> Path:
    """A repository with the files that git tracks, or would."""
    names = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "config", "user.name", "test")
    run(folder, "git", "config", "user.email", "test@localhost")
    committed(folder)
    return folder


def committed(folder: Path) -> None:
    """Commit all that is in the clone."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "-m", "test")


def run(folder: Path, *command: str) -> str:
    """What a command prints in the clone, with the code of the clone."""
    done = tried(folder, *command)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tried(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """The same, though it may fail."""
    bin_folder = str(Path(sys.executable).parent)
    settings = {
        "PATH": os.pathsep.join([bin_folder, os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | settings)
