"""When a criterion was last changed, and whether that was after the rows were made: what git says of its lines."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.clone import git

_FILE = Path(__file__).with_name("criteria.py")


@dataclass(frozen=True)
class Change:
    """The last change of a criterion.

    Attributes:
        commit: of it, short; "not committed" if its lines differ from every commit.
        later: whether some line of it is not in the history of the commit that made the rows; None if that cannot be
            told.
    """

    commit: str
    later: bool | None


def changes(rows: str) -> Mapping[str, Change]:
    """Criterion, or claim if a loop makes its parts -> last change, given the commit of the rows.

    None where there is no git, or no whole history.

    Args:
        rows: as the record of a run says, e.g. "0123abc" or "0123abc + changes".
    """
    try:
        lines = _blamed()
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    before, names = _history(rows), _names()
    return {
        name: _change([lines[n - 1] for a, b in places for n in range(a, b + 1) if n not in names], before)
        for name, places in _places().items()
    }


def _places() -> dict[str, list[tuple[int, int]]]:
    """A criterion, or a claim whose parts a loop makes -> its lines, with all that is looped over."""
    nodes = list(ast.walk(ast.parse(_FILE.read_text(encoding="utf-8"))))
    loops = {node.elt: node for node in nodes if isinstance(node, ast.GeneratorExp | ast.ListComp)}
    found: dict[str, list[tuple[int, int]]] = {}
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Criterion":
            said = {each.arg: str(each.value.value) for each in node.keywords if isinstance(each.value, ast.Constant)}
            name = ": ".join(filter(None, (said["claim"], said.get("part", ""))))
            whole = loops.get(node, node)
            found.setdefault(name, []).append((whole.lineno, whole.end_lineno or whole.lineno))
    return found


def _names() -> set[int]:
    """The lines that give a criterion its short name, by which nothing is judged."""
    nodes = ast.walk(ast.parse(_FILE.read_text(encoding="utf-8")))
    names = [node for node in nodes if isinstance(node, ast.keyword) and node.arg == "short"]
    return {n for name in names for n in range(name.lineno, (name.end_lineno or name.lineno) + 1)}


def _blamed() -> list[tuple[int, str]]:
    """Of each line when it was committed, and the commit."""
    found: list[tuple[int, str]] = []
    commit, time = "", {}
    for line in _blame().splitlines():
        if header := re.match(r"([0-9a-f]{40}) \d+ \d+", line):
            commit = header[1]
        elif line.startswith("committer-time "):
            time[commit] = int(line.split()[1])
        elif line.startswith("\t"):
            found.append((time[commit], commit))
    return found


def _blame() -> str:
    """What git says of each line; a file of commits to be passed over that it cannot read is left out.

    Raises:
        ValueError: of a shallow clone, whose oldest commit would have changed everything.
    """
    if git("rev-parse", "--is-shallow-repository", folder=_FILE.parent) == "true":
        raise ValueError("a shallow clone")
    command = ("blame", "--line-porcelain", "--", _FILE.name)
    try:
        return git(*command, folder=_FILE.parent)
    except subprocess.CalledProcessError:  # the user's blame.ignoreRevsFile, that other projects have
        return git(*command, folder=_FILE.parent, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_COUNT="0")


def _change(lines: list[tuple[int, str]], before: frozenset[str] | None) -> Change:
    commits = {commit for _, commit in lines}
    if any(not commit.strip("0") for commit in commits):
        return Change("not committed", None)
    return Change(max(lines)[1][:12], None if before is None else not commits <= before)


def _history(rows: str) -> frozenset[str] | None:
    """The commit that made the rows and all before it; None if it is unknown here."""
    if not (made := re.match(r"[0-9a-f]{7,40}\b", rows)):
        return None
    try:
        return frozenset(git("rev-list", made[0], folder=_FILE.parent).split())
    except (OSError, subprocess.SubprocessError):
        return None
