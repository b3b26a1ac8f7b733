"""Other people's readers and downloaders, made to fail in one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path

from pipeline.config import Data
from pipeline.errors import InputError


def need_root(settings: Data, name: str) -> Path:
    """The root folder of a source, which must be there unless it is to be downloaded.

    Raises:
        InputError: it is not there.
    """
    root = Path(settings.root)
    if not settings.download and not root.is_dir():
        line = f"data.{name}: root {settings.root!r} is not a folder; expected one with {settings.source}"
        if not root.is_absolute() and (".dvc", "tmp") in pairwise(Path.cwd().parts):
            line += "; `dvc exp run --temp` and `--queue` have only what git has: give root from / on"
        raise InputError(line)
    return root


@contextmanager
def one_line(where: str, remedy: str) -> Iterator[None]:
    """Turn whatever a third-party reader raises into an InputError.

    Damaged files and broken connections make torchvision, PIL, pickle and urllib raise some twenty types, a bare
    AssertionError and SyntaxError among them, so that a list of them would always miss one. Keep nothing but
    the call to the reader inside.

    Raises:
        InputError: something was raised inside.
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{where}: {reason}; {remedy}") from error


def torchvision(settings: Data, name: str) -> AbstractContextManager[None]:
    """`one_line` for making a torchvision data set, which finds or downloads its files and reads them."""
    remedy = (
        "check the network, or delete damaged files there"
        if settings.download
        else "set root to a folder that has it whole; or delete what is damaged there, and set download to true"
    )
    return one_line(f"data.{name}: cannot get {settings.source} from root {settings.root!r}", remedy)
