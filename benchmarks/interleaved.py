"""Timing of several things in turn, so that a machine that slows down slows all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

Key = TypeVar("Key")
Timed = Callable[[int], float]  # do so many steps -> seconds


def interleaved(things: Mapping[Key, Timed], rounds: int, duration: float) -> dict[Key, list[float]]:
    """Seconds per step of each thing in each round: A B C, A B C, ...

    Args:
        things: what is compared.
        rounds: how often each is timed, after it was warmed up.
        duration: about the seconds that each takes in each round.
    """
    counts = {key: _enough(thing, duration) for key, thing in things.items()}
    times: dict[Key, list[float]] = {key: [] for key in things}
    for _ in range(rounds):
        for key, thing in things.items():
            times[key].append(thing(counts[key]) / counts[key])
    return times


def _enough(thing: Timed, duration: float) -> int:
    """Steps that take about `duration`; finding it out warms the thing up."""
    count, took = 1, thing(1)
    while took < duration / 2:
        count *= 2
        took = thing(count)
    return max(1, round(count * duration / took))
