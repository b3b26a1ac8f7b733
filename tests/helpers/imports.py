"""What this project's modules import of each other, read from their text: nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def module(path: str) -> str:
    """The name of the module in a file, from the repository's root."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def path(name: str) -> str | None:
    """The file of a module of this project, from its root; None for any other module."""
    place = name.replace(".", "/")
    return next((found for found in (f"{place}.py", f"{place}/__init__.py") if (ROOT / found).is_file()), None)


@cache
def imported(file: str) -> frozenset[str]:
    """The project's files that a file imports, and their packages; not for types alone, but anywhere in it."""
    found: set[str] = set()
    for name in _names(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        parts = name.split(".")
        found |= {known for end in range(1, len(parts) + 1) if (known := path(".".join(parts[:end]))) is not None}
    return frozenset(found - {file})


def beside(file: str) -> frozenset[str]:
    """`imported`, but for the packages that the file itself is in, without which it could not be imported."""
    return frozenset(each for each in imported(file) if not file.startswith(each.removesuffix("__init__.py")))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
        else:
            yield from _names(node)


def reached(
    entry: str,
    beyond: Iterable[str] = (),
    also: Mapping[str, list[str]] | None = None,
    of: Callable[[str], frozenset[str]] = imported,
) -> set[str]:
    """All files that an entry imports, directly or not, and itself.

    Args:
        entry: a file.
        beyond: files, or folders, at which the walk ends; they are not among what is reached.
        also: file -> files that it imports by names that are not in its text.
        of: file -> what it imports.
    """
    seen: set[str] = set()
    waiting = [entry]
    while waiting:
        file = waiting.pop()
        if file in seen or within(file, beyond):
            continue
        seen.add(file)
        waiting += [*of(file), *(also or {}).get(file, [])]
    return seen


def within(file: str, places: Iterable[str]) -> bool:
    """Whether a file is one of some files, or in one of some folders."""
    return any(file == place or file.startswith(f"{place}/") for place in places)


def only_words(file: str) -> bool:
    """Whether a module has a docstring and nothing else."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
