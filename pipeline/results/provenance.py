"""Where results came from: the data sets, the software and the machine, as plain values for a JSON file."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.clone import code_version
from pipeline.data.facts import DataSet
from pipeline.errors import InputError
from pipeline.results.text import counted

_PACKAGES = ("torch", "numpy", "pandas", "scipy", "scikit-learn", "matplotlib", "mlflow", "dvc")


def data_sets(record: Mapping[str, Any]) -> dict[str, DataSet]:
    """Name -> data set, from the record of a run, where `datasets` holds the fields of each.

    Raises:
        InputError: the record has no such entry.
    """
    try:
        return {name: DataSet.of(own) for name, own in record["datasets"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        found = f"{str(record.get('datasets'))[:200]!r} does not describe data sets"
        raise InputError(f"record of the run: datasets: {found}; `python -m stages.run` writes it") from error


def absent(record: Mapping[str, Any]) -> dict[str, str]:
    """Name -> reason, of the data sets that an experiment was to use and that were not to be had.

    Raises:
        InputError: `absent` in the record of the run is no such table.
    """
    found = record.get("absent", {})
    if not isinstance(found, Mapping):
        said = f"{found!r} is not a table of names and reasons"
        raise InputError(f"record of the run: absent: {said}; `python -m stages.run` writes it")
    return {str(name): str(reason) for name, reason in found.items()}


def check_record(record: Mapping[str, Any], path: Path) -> None:
    """Check that the record of a run says what data sets it had, and which were absent.

    Raises:
        InputError: it does not; the line names `path`, the file that holds it.
    """
    try:
        data_sets(record)
        absent(record)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def environment() -> dict[str, str]:
    """Versions of the code, of Python and of the packages that matter, and the platform; no import, no torch."""
    return {
        "code": code_version(),
        "python": sys.version.split()[0],
        "platform": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": f"{_processor()}, {counted(os.cpu_count() or 1, 'core')}",
        **{name: _installed(name) for name in _PACKAGES},
    }


def _processor() -> str:
    """The processor's name; Linux has it in a file only."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
