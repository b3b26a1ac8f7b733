"""Integers as arguments: anything with `__index__` that is no truth value, such as numpy's."""

from __future__ import annotations

import operator


def index(value: object, name: str, what: str, first: int, last: int) -> int:
    """`value` as an int from `first` to `last`.

    Raises:
        ValueError: `name`: the value `what`, and which are valid; or that none is.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or not first <= number <= last:
        valid = f"one of {first} to {last}" if first <= last else "it has none"
        raise ValueError(f"{name}: {value!r} {what}; {valid}")
    return number
