"""Which code makes what: dvc.yaml has its dependencies on code from here, and a job its identity.

An entry is a file, a pattern, or a folder with all that is in it but what is APART, from the repository's root;
`{name}` in it is an experiment. What a stage imports beyond its entries does not change what it makes:
tests/unit/test_sources.py names it, and why, and sees to it that nothing else is left out.

Few entries: DVC reads and writes the whole dvc.lock, with each of them for each experiment, once a stage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _files(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"pipeline/{folder}{name}.py" for name in names)


# What makes the page from what the analyses wrote.
_PAGE = ("analysed", "origins", "overview", "report", "summary")
_TEMPLATES = tuple(f"pipeline/reporting/{name}" for name in ("overview.html", "report.css", "report.html"))

# What does not count as being in the folder that it lies in; to DVC .dvcignore says so.
APART = (
    "isotropic/__init__.py",  # the public names
    "isotropic/README.md",
    "isotropic/py.typed",
    "isotropic/views",  # of other people's models
    "pipeline/experiments/[a-z]*.py",  # each counts for itself
    *_files("execution/", "checks", "planned", "throughput", "watch"),  # what is refused, foretold, printed, shown
    *_files("execution/", "cost", "estimate", "overhead", "sizes", "trial"),
    "pipeline/reporting/experiments",
    *_files("reporting/", "default", *_PAGE),
    *_TEMPLATES,
)

_EXPERIMENT = ("pipeline/experiments", "pipeline/experiments/{name}.py")

# What the rows and the networks of an experiment depend on.
RESULT = (
    *_EXPERIMENT,
    *_files("", "config", "device", "profile", "seeds"),
    *(f"pipeline/{folder}" for folder in ("data", "execution", "training")),
    "isotropic",
    *_files("results/", "correct", "networks", "rows", "schema"),
)

# Stage of dvc.yaml -> the code that it depends on.
STAGES: dict[str, tuple[str, ...]] = {
    "fetch": (*_files("", "config", "seeds"), "pipeline/data", "stages/fetch.py"),
    "run": (*RESULT, "stages/run.py"),
    "analyse": (
        *_EXPERIMENT,
        "pipeline/config.py",
        "pipeline/data/facts.py",
        "pipeline/results",
        "pipeline/reporting",
        "stages/analyse.py",
    ),
    "report": (
        "pipeline/data/facts.py",
        "pipeline/results",
        *_files("reporting/", *_PAGE, "numbers", "pictures", "style", "svg", "templates"),
        *_TEMPLATES,
        "stages/report.py",
    ),
}


def presenter(name: str) -> str:
    """The file that says how an experiment is shown: its own, or that for all that have none.

    By way of params.yaml a dependency of its analysis.
    """
    return _own(f"pipeline/reporting/experiments/{name}.py", "pipeline/reporting/default.py")


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
        root = _root(whole)
        paths = sorted(path.relative_to(root).as_posix() for path in root.glob(whole))
        if not paths:
            raise FileNotFoundError(f"pipeline/sources.py: {entry!r} matches no file below {ROOT}")
        found += paths
    return list(dict.fromkeys(found))


def files(entries: Iterable[str], **names: str) -> list[str]:
    """All files of the entries, those in folders among them.

    Raises:
        FileNotFoundError: as of `expanded`.
    """
    apart = {path for entry in APART for path in _root(entry).glob(entry)}
    found = set[str]()
    for entry in expanded(entries, **names):
        root = _root(entry)
        whole = (root / entry).is_dir()
        inside = (root / entry).rglob("*") if whole else [root / entry]
        kept = [each for each in inside if each.is_file() and each.suffix != ".pyc"]
        found |= {
            each.relative_to(root).as_posix() for each in kept if not whole or not apart & {each, *each.parents}
        }
    return sorted(found)


def _root(entry: str) -> Path:
    """Where an entry lies: the repository, or, on a cluster, the folder of its own that a package has there."""
    top = entry.partition("/")[0]
    spec = None if (ROOT / top).exists() else find_spec(top)
    return ROOT if spec is None or spec.origin is None else Path(spec.origin).parents[1]


@cache
def digest(name: str) -> str:
    """Of all code that the results of an experiment depend on.

    Raises:
        FileNotFoundError: as of `expanded`.
    """
    known = hashlib.blake2b(digest_size=16)
    for file in files(RESULT, name=name):
        known.update(file.encode() + b"\0" + (_root(file) / file).read_bytes() + b"\0")
    return known.hexdigest()
