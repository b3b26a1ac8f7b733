"""Which code makes what: dvc.yaml has its dependencies on code from here, and a job its identity.

An entry is a file, a folder with all that is in it, or a pattern, from the repository's root; `{name}` in it is an
experiment. What a stage imports beyond its entries does not change what it makes: tests/unit/test_sources.py names
it, and why, and sees to it that nothing else is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _files(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"pipeline/{folder}{name}.py" for name in names)


_SETTINGS = _files("", "config", "errors", "json_file", "paths", "profile", "yaml_file")
_EXPERIMENT = ("pipeline/experiments/__init__.py", "pipeline/experiments/plan", "pipeline/experiments/{name}.py")
_CONCLUSIONS = _files("results/", "divergence", "provenance", "statistics", "words", "claims/base")

# What the rows and the networks of an experiment depend on.
RESULT = (
    *_SETTINGS,
    *_EXPERIMENT,
    *_files("", "device", "seeds"),
    *(f"pipeline/{folder}" for folder in ("data", "model", "surgery", "training")),
    *_files("execution/", "cluster", "jobs", "packing", "prepare", "processes", "runner", "store", "worker"),
    *_files("results/", "networks", "provenance", "rows", "words"),
)

# Stage of dvc.yaml -> the code that it depends on.
STAGES: dict[str, tuple[str, ...]] = {
    "fetch": (*_SETTINGS, "pipeline/seeds.py", "pipeline/data", "stages/fetch.py"),
    "run": (*RESULT, "stages/run.py"),
    "analyse": (
        *_SETTINGS,
        *_EXPERIMENT,
        "pipeline/data/facts.py",
        *_CONCLUSIONS,
        *_files("results/", "methods", "rows", "spectrum", "claims/overabundance"),
        *_files("reporting/", "descending", "figures", "frames", "headlines", "images", "latex", "missing"),
        *_files("reporting/", "numbers", "pairs", "presentation", "presenters", "protocol", "render", "ridges"),
        *_files("reporting/", "schedule", "style", "svg", "tables", "templates", "ways"),
        "pipeline/reporting/section.html",
        "stages/analyse.py",
    ),
    "report": (
        *_SETTINGS,
        "pipeline/data/facts.py",
        *_CONCLUSIONS,
        "pipeline/results/claims/__init__.py",
        *_files("reporting/", "facts", "numbers", "style", "templates"),
        "pipeline/reporting/report.*",
        "stages/report.py",
    ),
}


def presenter(name: str) -> str:
    """The file that says how an experiment is shown: its own, or that for all that have none.

    By way of params.yaml a dependency of its analysis, as are its `claims`.
    """
    return _own(f"pipeline/reporting/experiments/{name}.py", "pipeline/reporting/plain.py")


def claims(name: str) -> str:
    """The file of an experiment's claims: its own, or the list of which there are."""
    return _own(f"pipeline/results/claims/{name}.py", "pipeline/results/claims/__init__.py")


def _own(path: str, otherwise: str) -> str:
    return path if (ROOT / path).is_file() else otherwise


def expanded(entries: Iterable[str], **names: str) -> list[str]:
    """The entries as files and folders that are there, patterns filled in.

    Raises:
        FileNotFoundError: an entry matches nothing.
    """
    found: list[str] = []
    for entry in entries:
        whole = entry.format(**names)
        paths = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(whole))
        if not paths:
            raise FileNotFoundError(f"pipeline/sources.py: {entry!r} matches no file below {ROOT}")
        found += paths
    return list(dict.fromkeys(found))


@cache
def digest(name: str) -> str:
    """Of all code that the results of an experiment depend on.

    Raises:
        FileNotFoundError: as of `expanded`.
    """
    found = [ROOT / path for path in expanded(RESULT, name=name)]
    files = {file for path in found for file in (path.rglob("*.py") if path.is_dir() else [path])}
    known = hashlib.blake2b(digest_size=16)
    for file in sorted(files):
        known.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return known.hexdigest()
