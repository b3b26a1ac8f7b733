"""What every stage's command line has in common."""

from __future__ import annotations

import argparse
import errno
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import InputError

# Figures become files, in whatever surroundings: a notebook names a backend that only it has. Read once, by matplotlib.
os.environ["MPLBACKEND"] = "agg"

# No space on the disk, none within the quota, none within the limit of a file's size.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def parser(description: str) -> argparse.ArgumentParser:
    """A parser that knows `--profile`."""
    common = argparse.ArgumentParser(description=description)
    common.add_argument("--profile", required=True, help="name of a file in profiles/, without .yaml")
    return common


@contextmanager
def clear_errors() -> Iterator[None]:
    """Print an InputError as one line `error: ...` on standard error, and exit with status 1.

    So are a full disk, and an interruption by the user (status 130).
    """
    try:
        yield
    except InputError as error:
        print("error:", " ".join(str(error).splitlines()), file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, and the same command goes on from there", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"error: {where}{error.strerror}; nothing that was kept is damaged: make room, then run the same command",
            file=sys.stderr,
        )
        raise SystemExit(1) from None


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's search for circles among its objects, a tenth of the time of what makes millions of them."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
