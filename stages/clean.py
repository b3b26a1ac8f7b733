"""Remove what the pipeline made, and nothing else: python -m stages.clean."""

from __future__ import annotations

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline import paths
from pipeline.clone import git
from pipeline.errors import InputError, escaped
from pipeline.yaml_file import read_yaml
from stages import cli

_RESULTS = ("rows.parquet", "correct.parquet", "run.json", "networks.npz", ".lock")
_FOLDERS = ("data", "results", "reports", ".shards")  # where it writes, and a user may, too
_SHARD = re.compile(r"\.?[0-9a-f]{32}\..+")  # of a job, by its key
_BEGUN = re.compile(r"^\.(.+)\.[a-z0-9_]{8}(\.[a-z]+)$")  # of `paths.written`: .NAME.xxxxxxxx.svg becomes NAME.svg
_CURVE = re.compile(r"curve-.+\.csv")
_CACHE = Path(".dvc/cache")
_WHOLE = (Path("mlartifacts"), Path("dvc_plots"), _CACHE, Path(".dvc/tmp"))  # nobody else writes there


def main(arguments: Sequence[str] | None = None) -> None:
    """Remove data sets, results, reports, runs and caches; say what else lies there, and is left."""
    argparse.ArgumentParser(description="Remove everything that the pipeline made.").parse_args(arguments)
    with cli.clear_errors():
        kept = _in_git()
        for path in [path for path in _made() if path not in kept]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        for folder in map(Path, _FOLDERS):
            for inside in sorted(folder.rglob("*"), reverse=True):
                _remove_empty(inside)
            _remove_empty(folder)
        if left := _left(kept):
            print(escaped(f"left, since the pipeline did not make it: {', '.join(left)}"))


def _in_git() -> set[Path]:
    """The files that git has, as of a published profile its report; where it cannot say, all of such profiles."""
    with suppress(OSError, subprocess.SubprocessError):
        names = git("ls-files", "-z", *_FOLDERS, folder=Path()).split("\0")
        return {Path(name) for name in names if name}
    return {file for name in _published() for file in _of_profile(name)}


def _published() -> Iterator[str]:
    for path in Path("profiles").glob("*.yaml"):
        with suppress(InputError):
            if read_yaml(path).get("published"):
                yield path.stem


def _of_profile(name: str) -> Iterator[Path]:
    for folder in (Path("results", name), Path("reports", name)):
        yield from (file for file in folder.rglob("*") if not file.is_dir())
    yield from Path("reports").glob(f"{glob.escape(name)}.*")


def _made() -> Iterator[Path]:
    """What the pipeline made, by the names that it gives; nothing behind a link."""
    for folder in _folders("data/*"):
        for file in folder.glob("*.pt"):
            if _is_data(file.with_suffix(".json")):
                yield from (file, file.with_suffix(".json"))
        yield from (file for file in folder.glob(".*") if _begun(file).endswith((".pt", ".json")))
    for folder in _folders("results/*/*"):
        if _is_experiment(folder):
            yield from (folder / name for name in _RESULTS)
            yield from (file for file in folder.glob(".*") if _begun(file) in _RESULTS)
    whole = set()
    for folder in _folders("reports/*/*"):
        if _is_experiment(folder) and (folder / paths.PROVENANCE).is_file():
            yield from _analysed(folder)
            whole.add(folder.parent.name)
    yield from (file for file in Path("reports").glob(".*") if _begun(file).endswith((".html", ".json")))
    for file in (*Path("reports").glob("*.html"), *Path("reports").glob("*.json")):
        if whole.issuperset(file.stem.split(paths.AND)):  # of one profile, or of several
            yield file
    for folder in _folders(".shards"):
        yield from (file for file in folder.glob("*") if _SHARD.fullmatch(file.name))
    yield from (Path(f"mlflow.db{end}") for end in ("", "-wal", "-shm", "-journal", ".lock"))
    by_hand = [file for place in (".", "data/**", "datasets/**") for file in Path().glob(f"{place}/*.dvc")]
    for path in _WHOLE:
        # Of what was added to DVC by hand, its cache may have the only copy.
        if path.exists() and not (path == _CACHE and any(file.is_file() for file in by_hand)):
            yield path


def _analysed(folder: Path) -> Iterator[Path]:
    """What an analysis wrote: its section of the page has a link to every table and figure, but not to curves.

    What a killed one had begun is of it, too.
    """
    section = folder / paths.SECTION
    text = section.read_text(encoding="utf-8", errors="replace") if section.is_file() else ""
    linked = re.findall(rf'href="{re.escape("/".join(folder.parts[-2:]))}/([^"/]+)"', text)
    known = {paths.SECTION, paths.CLAIMS, paths.PROVENANCE, *linked}
    for file in folder.iterdir():
        name = _BEGUN.sub(r"\1\2", file.name)
        if (name in known or _CURVE.fullmatch(name)) and (file.is_file() or file.is_symlink()):
            yield file


def _begun(file: Path) -> str:
    """The name of the file that a killed writer had begun; "" of any other."""
    return _BEGUN.sub(r"\1\2", file.name) if _BEGUN.fullmatch(file.name) else ""


def _folders(pattern: str) -> list[Path]:
    """The folders that match, but for links and what lies behind them."""
    found = (path for path in Path().glob(pattern) if path.is_dir())
    return [path for path in found if not any(each.is_symlink() for each in (path, *path.parents))]


def _is_experiment(folder: Path) -> bool:
    return Path(f"pipeline/experiments/{folder.name}.py").is_file()


def _is_data(file: Path) -> bool:
    """Whether a file says what data set is in the one beside it, or why there is none."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(known, dict) and ("absent" in known or {"source", "checksum"} <= known.keys())


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(os.scandir(folder)):
        folder.rmdir()


def _left(kept: set[Path]) -> list[str]:
    """What lies where the pipeline writes, but for what git has: outer folders, and what is in an experiment's."""
    files = (file for folder in _FOLDERS for file in Path(folder).rglob("*") if not file.is_dir())
    tracked = ("metrics.json", "outcomes.json")
    known = {*kept, Path("reports/README.md")}
    left = [file for file in files if file.name not in tracked and file not in known]
    shown = (file.parts[: 4 if _is_experiment(Path(*file.parts[:3])) else 3] for file in sorted(left))
    return list(dict.fromkeys(map("/".join, shown)))


if __name__ == "__main__":
    main()
