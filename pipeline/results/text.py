"""Counts in words, for captions, claims and messages."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 repeat", "3 repeats"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, e.g. "1:02:03"."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
