"""What git says of the clone that this code is in."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from pipeline.errors import InputError

_ROOT = Path(__file__).parents[1]
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
_LONG = 60  # seconds, for which no git keeps its index locked
# What DVC has of a profile, profiles/NAME/, is made from it and from the results.
_CODE = ("isotropic", "pipeline", "stages", "pyproject.toml")
_PROFILES = (
    "profiles",
    ":(exclude,glob)profiles/*/*",
)  # that git has; of others the report has the settings


def code_version() -> str:
    """The commit of the code, "+ changes" if the code (not the results) differs from it, or why there is none."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--", *_CODE)
        changed += _git("status", "--porcelain", "--untracked-files=no", "--", *_PROFILES)
        return f"{commit} + changes" if changed else commit
    except FileNotFoundError:
        return "unknown, without git on this machine"
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or ""
        if "dubious ownership" in said:
            return "unknown: git refuses a clone that belongs to another user"
        return "not under version control" if "not a git repository" in said else "unknown: git fails"


def check_clone() -> None:
    """Check that git may be used here, before DVC has anything done: at its end it asks git, and fails.

    Raises:
        InputError: git refuses the clone, since it belongs to another user, or its index was left locked.
    """
    try:
        lock = _ROOT / _git("rev-parse", "--git-path", "index.lock")
    except (OSError, subprocess.SubprocessError) as error:
        if "dubious ownership" in (getattr(error, "stderr", None) or ""):
            remedy = f"`git config --global --add safe.directory {shlex.quote(str(_ROOT))}` allows it"
            raise InputError(
                f"{_ROOT}: belongs to another user, so git refuses it, and DVC with it; {remedy}"
            ) from None
        return  # no clone, or no git
    if lock.exists() and time.time() - lock.stat().st_mtime > _LONG:
        raise InputError(f"{lock}: left by a git that was killed, so DVC will fail at its end; remove it")


def check_whole(folder: Path) -> None:
    """Check that DVC can fetch an experiment (`dvc exp run --temp`) back into a clone; else it drops it, in silence.

    Raises:
        InputError: it cannot, since the clone is a shallow one.
    """
    with suppress(OSError, subprocess.SubprocessError):
        if _git("rev-parse", "--is-shallow-repository", folder=folder) == "true":
            raise InputError(
                f"{folder}: a shallow clone, where DVC would lose an experiment that is run beside it;"
                " `git fetch --unshallow` makes it whole"
            )


def _git(*arguments: str, folder: Path | None = None) -> str:
    # A hook of git, or whoever starts us in one, is told of one clone; asked is for this one.
    known = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder or _ROOT,
        env=known | {"LC_ALL": "C"},  # what it says is looked into
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",  # names of files, of which some are no UTF-8
        check=True,
        timeout=30,
    )
    return done.stdout.strip()
