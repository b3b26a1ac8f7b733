"""Counts in words, for captions, verdicts and messages."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 repeat", "3 repeats"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
