"""Where every file lives, relative to the repository's root, and how a file is written safely."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import InputError
from pipeline.remedies import in_the_way

NAME = "[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"  # as a pattern, and in words
AND = ","  # between the names of profiles that have one report: no name has it
NAMES = "1 to 64 letters, digits, dots, + - and _, a letter or digit first"

# In an experiment's folder of the report: its part of the page, the verdicts, and where rows and report came from.
SECTION, CLAIMS, PROVENANCE = "section.html", "claims.json", "provenance.json"


def is_name(text: str) -> bool:
    """Whether this can name a profile, a data set or a setting: it becomes part of file names."""
    return re.fullmatch(NAME, text) is not None


def profile(name: str) -> Path:
    """The settings of a profile."""
    return Path("profiles") / f"{name}.yaml"


def pipeline(profile: str) -> Path:
    """The DVC pipeline of a profile."""
    return Path("dvc.yaml") if profile == "digits" else Path("profiles") / profile / "dvc.yaml"


def dataset(profile: str, name: str) -> Path:
    """The fetched data set `name` of a profile: one file."""
    return Path("data") / profile / f"{name}.pt"


def rows(profile: str, experiment: str) -> Path:
    """All observations of an experiment, one a row."""
    return Path("results") / profile / experiment / "rows.parquet"


def correct(profile: str, experiment: str) -> Path:
    """Which test images each network of an experiment had right."""
    return Path("results") / profile / experiment / "correct.parquet"


def networks(profile: str, experiment: str) -> Path:
    """The networks that an experiment keeps beside its rows."""
    return Path("results") / profile / experiment / "networks.npz"


def metrics(profile: str, experiment: str) -> Path:
    """The few headline numbers of an experiment, for `dvc metrics show`."""
    return Path("results") / profile / experiment / "metrics.json"


def run_record(profile: str, experiment: str) -> Path:
    """How an experiment was run: time taken, device, data."""
    return Path("results") / profile / experiment / "run.json"


def report(profile: str) -> Path:
    """The folder of a profile's report; each experiment has a subfolder of tables and figures in it."""
    return Path("reports") / profile


def page(profile: str) -> Path:
    """The report of a profile, one page; it links to the tables and figures in its folder."""
    return Path("reports") / f"{profile}.html"


def claims(profile: str) -> Path:
    """All judged claims of a profile, for machines; beside the page."""
    return Path("reports") / f"{profile}.json"


def outcomes(profile: str) -> Path:
    """The outcome of every claim of a profile, for `dvc metrics show`."""
    return Path("results") / profile / "outcomes.json"


def lock(profile: str, experiment: str) -> Path:
    """A file that is locked while an experiment is run."""
    return Path("results") / profile / experiment / ".lock"


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to, and move it into place only if the block succeeds.

    A reader therefore sees the old file, the new file or none, never half of one; a failure leaves nothing.

    Raises:
        OSError: it cannot be written; the error names `path`, not the one beside it.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = path.with_name(Path(name).name)  # what is given is absolute: in a container that may be another mount
    try:
        with naming(path, beside):
            yield beside
            umask = os.umask(0)
            os.umask(umask)
            beside.chmod(0o666 & ~umask)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def denied(path: Path) -> PermissionError:
    """The error of a file that may not be read: no fault of what is in it, so that nobody is told to delete it."""
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def missing(path: Path, maker: str = "dvc repro") -> InputError:
    """The error of a file that is not there, since its maker has not made it, or could not."""
    return InputError(f"{path}: no such file; {in_the_way(path) or f'`{maker}` makes it'}")


@contextmanager
def naming(path: Path, beside: Path | None = None) -> Iterator[None]:
    """Have an OSError in the block name `path`: always, or where it names `beside` or nothing."""
    try:
        yield
    except OSError as error:
        others = beside is not None and error.filename not in (None, str(beside), beside)
        if others or error.errno is None:  # of another file, or of no call of the system
            raise
        # A new one, since a process that sends it sends what it was made of; libraries write names into the reason.
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
