"""What every stage's command line has in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import InputError


def parser(description: str) -> argparse.ArgumentParser:
    """A parser that knows `--profile`."""
    common = argparse.ArgumentParser(description=description)
    common.add_argument("--profile", required=True, help="name of a file in profiles/, without .yaml")
    return common


@contextmanager
def clear_errors() -> Iterator[None]:
    """Print an InputError as one line `error: ...` on standard error, and exit with status 1."""
    try:
        yield
    except InputError as error:
        print("error:", " ".join(str(error).splitlines()), file=sys.stderr)
        raise SystemExit(1) from None
