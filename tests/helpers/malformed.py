"""Wrong input of every kind, and what a stage must make of it: one line, and no file. It counts what was tried."""

from __future__ import annotations

import copy
import io
import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

TRIED: Counter[str] = Counter()  # what was malformed -> how often; tests/properties/conftest.py prints it

Place = tuple[Any, ...]

# Values that are wrong nearly everywhere.
ODD = [
    *(None, True, False, 0, -1, 1, 10**6, 10**30, -(10**30), 0.5, -0.5, 1e300),
    *(float("nan"), float("inf"), -float("inf")),
    *("", "text", "a\nb", "../x", "1e-3", "\u2028\x85\x1b[31m", "x" * 999, "é"),
    *([], [1], [[1]], [None], ["digits", "digits"], {}, {"a": 1}, {"epochs": {"epochs": 1}}),
]
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_", min_size=1), inner, max_size=4),
        max_leaves=10,
    ),
)


def tries(count: int) -> settings:
    """So many examples; as many times as the environment variable TIMES says."""
    return settings(max_examples=count * int(os.environ.get("TIMES", "1")))


def plain(content: Any) -> Any:
    """Content without anything shared, as aliases in YAML share it."""
    return json.loads(json.dumps(content))


def places(content: Any, under: Place = ()) -> Iterator[Place]:
    """The way to every value in mappings and lists, however deep."""
    if isinstance(content, dict | list):
        for key in content if isinstance(content, dict) else range(len(content)):
            yield (*under, key)
            yield from places(content[key], (*under, key))


def at(content: Any, place: Place) -> Any:
    """The value in a place."""
    for key in place:
        content = content[key]
    return content


def replaced(content: Any, place: Place, value: Any) -> Any:
    """A copy with another value in a place."""
    content = copy.deepcopy(content)
    at(content, place[:-1])[place[-1]] = value
    return content


def deleted(content: Any, place: Place) -> Any:
    """A copy without what is in a place."""
    content = copy.deepcopy(content)
    del at(content, place[:-1])[place[-1]]
    return content


def kind(value: Any) -> str:
    """What a value is, as settings tell kinds apart."""
    return "number" if type(value) in (int, float) else type(value).__name__


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file that was cut off, in which some bytes are others, or to which some were added."""
    number = draw(st.integers(0, len(whole) - 1))
    how = draw(st.sampled_from(["cut", "other", "more", "less"]))
    if how == "cut":
        return whole[:number]
    if how == "other":
        return whole[:number] + bytes([whole[number] ^ draw(st.integers(1, 255))]) + whole[number + 1 :]
    if how == "more":
        return whole[:number] + draw(st.binary(min_size=1, max_size=50)) + whole[number:]
    return whole[:number] + whole[number + draw(st.integers(1, 50)) :]


class Accepted(BaseException):
    """Raised in place of work that would follow once all input was found good."""


def accept(*arguments: Any, **options: Any) -> None:
    """Stand in for that work."""
    raise Accepted


def refusal(main: Callable[[list[str]], None], *arguments: str) -> str | None:
    """The line with which a stage refuses its input, leaving every file as it was; None if it accepts it."""
    before, said, errors = files(), io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(errors), warnings.catch_warnings(record=True) as warned:
            main(list(arguments))
    except SystemExit as ended:
        line = errors.getvalue()
        assert ended.code == 1, line
        assert line.startswith("error: ") and line.endswith("\n") and len(line.splitlines()) == 1, line
        assert not warned, "a warning would be a further line"
        assert files() == before, "no partial output"
        return line
    except Accepted:
        pass
    assert errors.getvalue() == ""
    return None


def files() -> dict[Path, int]:
    """Every file in the working folder but locks, with its size."""
    return {path: path.stat().st_size for path in Path().rglob("*") if path.is_file() and path.name != ".lock"}


def put(path: Path, content: bytes) -> None:
    """Write a file anew: one that is still mapped into memory keeps its pages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
