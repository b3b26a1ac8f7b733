"""Other people's readers and downloaders, made to fail in one clear line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path

from pipeline.config import Data
from pipeline.errors import InputError

DATASETS = "ISOTROPIC_DATASETS"  # environment variable: the folder that `datasets` in a root stands for


def place(settings: Data) -> Path:
    """The root of a source, in which `datasets` at the start is the folder that the environment names, if any.

    Raises:
        InputError: what the environment names begins with the home folder of nobody.
    """
    root, elsewhere = Path(settings.root), os.environ.get(DATASETS, "")
    if not elsewhere or root.parts[:1] != ("datasets",):
        return root
    folder = Path(elsewhere)
    try:  # Path drops the ./ before a ~ that is part of a name
        return (folder.expanduser() if elsewhere.startswith("~") else folder).joinpath(*root.parts[1:])
    except RuntimeError:
        raise InputError(
            f"{DATASETS} in the environment: there is no home folder {elsewhere.partition('/')[0]}; for a folder of "
            f"that name write ./{elsewhere}"
        ) from None


def need_root(settings: Data, name: str) -> Path:
    """The root folder of a source, which must be there unless it is to be downloaded to where the profile says.

    Raises:
        InputError: it is not there, or is no folder.
    """
    root = place(settings)
    made = settings.download and root == Path(settings.root) and not root.exists()
    if not made and not root.is_dir():
        raise InputError(f"{_absent(settings, name, 'folder')}; expected one with {settings.source}")
    return root


def need_file(settings: Data, name: str) -> Path:
    """The root of a source that is one file, which must be there.

    Raises:
        InputError: it is not there, or is no file.
    """
    if not (path := place(settings)).is_file():
        raise InputError(f"{_absent(settings, name, 'file')}; expected an .npz file with {settings.source}")
    return path


def _absent(settings: Data, name: str, kind: str) -> str:
    root = place(settings)
    line = f"data.{name}: root {str(root)!r} is not a {kind}"
    if root != Path(settings.root):
        line += f" ({settings.root!r} in the profile, and {DATASETS} in the environment)"
    if not root.is_absolute() and (".dvc", "tmp") in pairwise(Path.cwd().parts):
        line += "; `dvc exp run --temp` and `--queue` have only what git has: give root from / on"
    return line


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
    return one_line(f"data.{name}: cannot get {settings.source} from root {str(place(settings))!r}", remedy)
