"""What git says of the clone that this code is in."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from pipeline.errors import InputError

_ROOT = Path(__file__).parents[1]
_THIS = "pipeline/clone.py"
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
_LONG = 60  # seconds, for which no git keeps its index locked
# What DVC has of a profile, profiles/NAME/, is made from it and from the results.
_CODE = ("isotropic", "pipeline", "stages", "pyproject.toml")
_MODULES = tuple(f":(glob){name}/**/*.py" for name in _CODE[:3])
_PROFILES = (
    "profiles",
    ":(exclude,glob)profiles/*/*",
)  # that git has; of others the report has the settings


def code_version(since: str = "HEAD") -> str:
    """The commit of the code, "+ changes" if the code (not the results) differs from it, or why there is none.

    Args:
        since: what it said when a run began: the code is compared with that, and what changed before stays said.
    """
    if not re.fullmatch(r"HEAD|[0-9a-f]{7,40}", since):
        return since
    try:
        git("ls-files", "--error-unmatch", _THIS)  # an archive unpacked in another repository is not of its code
        commit = git("rev-parse", "--short=12", since)
        changed = git("diff", "--name-only", commit, "--", *_CODE, *_PROFILES)
        changed += git("ls-files", "--others", "--exclude-standard", "--", *_CODE)
        changed += git("ls-files", "--others", "--", *_MODULES)  # also what is ignored, which is imported as well
        return f"{commit} + changes" if changed else commit
    except FileNotFoundError:
        return "unknown, without git on this machine"
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or ""
        if "dubious ownership" in said:
            return "unknown: git refuses a clone that belongs to another user"
        outside = "not a git repository" in said or "did not match any file" in said
        return "not under version control" if outside else "unknown: git fails"


def check_clone() -> None:
    """Check that git may be used here, before DVC has anything done: at its end it asks git, and fails.

    Raises:
        InputError: git refuses the clone, since it belongs to another user, or its index was left locked.
    """
    try:
        lock = _ROOT / git("rev-parse", "--git-path", "index.lock")
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
        if git("rev-parse", "--is-shallow-repository", folder=folder) == "true":
            raise InputError(
                f"{folder}: a shallow clone, where DVC would lose an experiment that is run beside it;"
                " `git fetch --unshallow` makes it whole"
            )


def git(*arguments: str, folder: Path | None = None, **environment: str) -> str:
    """What git says of this clone, or of another, without what ends its output.

    Raises:
        OSError: there is no git.
        subprocess.SubprocessError: it fails, or takes too long.
    """
    # A hook of git, or whoever starts us in one, is told of one clone; asked is for this one.
    known = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder or _ROOT,
        env=known | {"LC_ALL": "C"} | environment,  # what it says is looked into
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",  # names of files, of which some are no UTF-8
        check=True,
        timeout=30,
    )
    return done.stdout.strip()
