"""Integers as arguments: anything with `__index__` that is no truth value, such as numpy's."""

from __future__ import annotations

import operator

import torch
from torch import Tensor


def whole(value: object) -> int | None:
    """An integer of any kind as Python's; None for all that is none."""
    if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype == torch.bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def index(value: object, name: str, what: str, first: int, last: int) -> int:
    """`value` as an int from `first` to `last`.

    Raises:
        ValueError: `name`: the value `what`, and which are valid; or that none is.
    """
    number = whole(value)
    if number is None or not first <= number <= last:
        valid = f"one of {first} to {last}" if first <= last else "it has none"
        raise ValueError(f"{name}: {value!r} {what}; {valid}")
    return number


def integer(name: str, value: object, least: int = 1) -> int:
    """An argument as an int >= `least`; a ValueError for all else."""
    number = whole(value)
    if number is None or number < least:
        raise ValueError(f"{name}: {value!r} is not an integer >= {least}")
    return number


def integers(values: object, least: int = 1) -> list[int] | None:
    """Several as ints; None if one is none, or if they are no sequence."""
    try:
        return [integer("", value, least) for value in values]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
