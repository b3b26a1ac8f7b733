"""JSON files that one stage writes and the next reads: whole and of the right shape, or one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import InputError
from pipeline.paths import denied, written
from pipeline.remedies import in_the_way

Kind = TypeVar("Kind", dict[str, Any], list[Any])


def read_json(path: Path, kind: type[Kind], maker: str) -> Kind:
    """What a JSON file holds.

    Args:
        path: the file.
        kind: `dict` or `list`.
        maker: the command that writes the file.

    Raises:
        InputError: no such file, not JSON, not of this kind, or with what no JSON file could be written from.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        json.dumps(content, ensure_ascii=False).encode("utf-8")  # half a character, "\ud800", cannot be
    except PermissionError:
        raise denied(path) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        remedy = in_the_way(path) or f"`{maker}` makes it"
        raise InputError(f"{path}: cannot be read ({reason}); {remedy}") from error
    if not isinstance(content, kind):
        raise InputError(
            f"{path}: cannot be read (a {type(content).__name__}, no {kind.__name__}); `{maker}` makes it"
        )
    return content


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def write_json(content: object, path: Path) -> None:
    """Write a JSON file, whole or not at all; what is not finite has no place in one."""
    with written(path) as beside:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        beside.write_text(text + "\n", encoding="utf-8")


def need(path: Path, content: object, **kinds: type) -> None:
    """Check that a mapping in a JSON file has these keys, with values of these types.

    Raises:
        InputError: it has not.
    """
    if not isinstance(content, dict):
        raise InputError(f"{path}: {str(content)[:60]!r} is not a mapping with {', '.join(kinds)}; delete it")
    for key, kind in kinds.items():
        if not isinstance(content.get(key), kind):
            found = f"{content[key]!r}"[:60] if key in content else "missing"
            raise InputError(f"{path}: {key}: {found}, not of type {kind.__name__}; delete the file")
