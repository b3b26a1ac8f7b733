"""Pictures of one thing at several epochs, which MLflow shows one after the other, with a slider for the epoch."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAMES = 12  # at most: each is a picture to draw, to store and to load


@dataclass(frozen=True)
class Frame:
    """One picture, drawn only when it is wanted.

    Attributes:
        key: what the pictures of a series have in common, e.g. "spectrum/singular values"; letters, digits, and
            `_-./` and spaces. What precedes the last "/" is the section of charts that MLflow shows it in.
        step: the epoch.
        draw: a function of a module.
        shown: its arguments: arrays, and whatever else has a `repr` that says all.
    """

    key: str
    step: int
    draw: Callable[..., Figure]
    shown: tuple[Any, ...]

    def figure(self) -> Figure:
        """The picture. The same size, and the same axes, at every step."""
        return self.draw(*self.shown)

    @property
    def digest(self) -> str:
        """Of what is shown and of the module that draws it: if it is the same, so is the picture."""
        module = inspect.getmodule(self.draw)
        assert module is not None
        known = hashlib.blake2b(f"{self.key} {self.step} {inspect.getsource(module)}".encode(), digest_size=16)
        for each in self.shown:
            known.update(each.tobytes() if isinstance(each, np.ndarray) else repr(each).encode())
        return known.hexdigest()


def spread(epochs: Sequence[int], most: int = _FRAMES) -> list[int]:
    """At most so many of the epochs, evenly spread, the first and the last among them."""
    if len(epochs) <= most:
        return list(epochs)
    return [epochs[round(place)] for place in np.linspace(0, len(epochs) - 1, most)]
