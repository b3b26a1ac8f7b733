"""What every stage's command line has in common."""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from pipeline.errors import InputError, escaped
from pipeline.remedies import remedy

# Figures become files, in whatever surroundings: a notebook names a backend that only it has, and what a user's
# matplotlibrc says may fail at once, as a locale that is not installed. Matplotlib reads both at its import.
os.environ["MPLBACKEND"] = "agg"
os.environ["MATPLOTLIBRC"] = os.devnull
if not os.environ.get("SOURCE_DATE_EPOCH", "0").isdecimal():  # as an argument of a container that was not given
    del os.environ["SOURCE_DATE_EPOCH"]
# How torch and what it is built on say so, in errors that have no kind of their own.
_NO_MEMORY = "can't allocate memory|out of memory|bad_alloc"


def parser(description: str, *, several: bool = False) -> argparse.ArgumentParser:
    """A parser that knows `--profile`; of `several`, as a list."""
    common = argparse.ArgumentParser(description=description)
    words = "name of a file in profiles/, without .yaml" + "; or several" * several
    common.add_argument("--profile", required=True, nargs="+" if several else None, help=words)
    return common


@contextmanager
def clear_errors() -> Iterator[None]:
    """Print an InputError as one line `error: ...` on standard error, and exit with status 1.

    So is every error of the system, such as a full disk, a file of another user or a closed pipe, a want of memory,
    and an interruption by the user (status 130).
    """
    _open_streams()
    _survive_warnings()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # one that a test has put there
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # no ψ ends a run
    try:
        yield
        sys.stdout.flush()  # a closed pipe shows here, and not when Python ends
    except InputError as error:
        _end(str(error))
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, and the same command goes on from there", file=sys.stderr)
        raise SystemExit(130) from None
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not re.search(_NO_MEMORY, str(error)):
            raise
        said = str(error).strip().partition("\n")[0] or "there is not enough"
        _end(f"memory: {said}; lower execution.workers, widths or batch_size; what was finished is kept")
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left of it goes nowhere
        advice = remedy(error) or "mend that"
        _end(f"{where}{reason}; {advice}; what was finished is kept, and the same command goes on from there")


def _open_streams() -> None:
    """Standard streams that are closed, as under some schedulers and desktops, lead nowhere from now on.

    Otherwise Python has None for them, and the next file that is opened takes their number: what a library or a
    process that is started prints would go into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # each takes the lowest number that is free
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115  # for as long as the process lives
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def _survive_warnings() -> None:
    """What a library will change some day is a warning, and ends no run, also under PYTHONWARNINGS=error."""
    if any(option.startswith("error") for option in sys.warnoptions):
        warnings.simplefilter("default")
        os.environ["PYTHONWARNINGS"] = "default"  # for the processes that are started


def _end(line: str) -> NoReturn:
    """Print an error as one line, and exit with status 1."""
    with suppress(OSError):  # where standard error is closed as well, there is nobody to tell
        print("error:", " ".join(escaped(line).splitlines()), file=sys.stderr, flush=True)
    raise SystemExit(1) from None


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's search for circles among its objects, a tenth of the time of what makes millions of them."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
