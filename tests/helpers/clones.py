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
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    run(folder, "git", "config", "user.name", "test")
    run(folder, "git", "config", "user.email", "test@localhost")
    run(folder, "git", "config", "commit.gpgsign", "false")  # and no other of a developer's own settings
    run(folder, "git", "config", "core.hooksPath", os.devnull)
    committed(folder)
    return folder


def committed(folder: Path) -> None:
    """Commit all that is in the clone."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "-m", "test")


def equipped(folder: Path) -> Path:
    """The clone with an environment for `make`: this one, not installed again, and without its code."""
    own = folder / ".venv"
    own.mkdir()
    for name in ("bin", "lib", "lib64", "include", "pyvenv.cfg"):
        if (Path(sys.prefix) / name).exists():
            (own / name).symlink_to(Path(sys.prefix) / name)
    for name in ("installed", "installed-test"):
        (own / name).touch()
    return folder


def run(folder: Path, *command: str) -> str:
    """What a command prints in the clone, with the code of the clone."""
    done = tried(folder, *command)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def tried(folder: Path, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """The same, though it may fail; `more` is of its environment."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment(folder) | more)


def in_shell(folder: Path, line: str, **more: str) -> str:
    """All that a line given to a shell prints."""
    done = tried(folder, "bash", "-c", line, **more)
    assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


# How `make` hands the ARGS of its own command line down, pytest-xdist the number of a worker, and git, in a hook or
# `git rebase --exec`, which clone it is at work in.
HANDED_DOWN = ("MAKE", "MFLAGS", "ARGS", "PYTEST_", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


def environment(folder: Path) -> dict[str, str]:
    """Of commands in the clone; where they name no profile, `make` takes smoke."""
    return {name: value for name, value in os.environ.items() if not name.startswith(HANDED_DOWN)} | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "PROFILE": "smoke",
    }
