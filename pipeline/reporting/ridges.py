"""Ridgelines: how a distribution moves over epochs, one density above the other, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.reporting.figures import styled
from pipeline.reporting.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GRID = 400  # points of a density
_BANDWIDTH = 0.008  # of the width of the axis: narrow enough to part single values that are apart by a few percent
_OVERLAP = 1.8  # height of a ridge in steps between ridges
_RIDGES = 16  # at most; more cannot be told apart at this size


@dataclass(frozen=True)
class Axis:
    """The horizontal axis of a column of panels, in powers of ten.

    Attributes:
        label: what it shows.
        low, high: its ends; values below `low`, zeros among them, are drawn at it.
        mark: a value to mark in every panel, None for none.
    """

    label: str
    low: float
    high: float
    mark: float | None = None

    @classmethod
    def of(cls, label: str, values: np.ndarray, mark: float | None = None) -> Axis:
        """From the smallest but one in two hundred to the largest of the values; 0.01 to 10 if there are none."""
        sizes = np.abs(values[np.isfinite(values)])
        logs = np.log10(sizes[sizes > 0])
        if not logs.size:
            return cls(label, -2.0, 1.0, mark)
        low, high = float(np.quantile(logs, 0.005)), float(logs.max())
        room = 0.04 * max(high - low, 0.5)
        return cls(label, low - room, high + room, mark)


def shown(epochs: Sequence[int]) -> list[int]:
    """The epochs that get a ridge: at most 16, evenly spread, the first and the last among them."""
    if len(epochs) <= _RIDGES:
        return list(epochs)
    return [epochs[round(place)] for place in np.linspace(0, len(epochs) - 1, _RIDGES)]


def ridgelines(panels: Mapping[str, Sequence[Mapping[int, np.ndarray]]], axes: Sequence[Axis], colour: str) -> Figure:
    """A row of panels per entry, a column per axis; in each a ridge per epoch, the first at the top.

    Args:
        panels: title -> for each axis, epoch -> values (their absolute values are shown; what is not finite is left
            out). A ridge is the density of the values' logarithm, scaled to a peak of the same height.
        axes: of the columns.
        colour: a name in `style.COLOURS`.
    """
    with styled():
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(7.2, 2.5 * len(panels) + 0.4), layout="constrained")
        grid = figure.subplots(len(panels), len(axes), squeeze=False, sharex="col")
        for row, (title, columns) in zip(grid, panels.items(), strict=True):
            for ax, epochs, axis in zip(row, columns, axes, strict=True):
                _panel(ax, epochs, axis, colour)
                ax.set_title(title)
            row[0].set_ylabel("epochs trained")
        for ax, axis in zip(grid[-1], axes, strict=True):
            _decades(ax, axis)
            ax.set_xlabel(axis.label)
    return figure


def density(values: np.ndarray, axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Points x in powers of ten and the density of log10 |values| there, its peak 1; all 0 for no values."""
    sizes = np.abs(values[np.isfinite(values)])
    logs = np.log10(np.maximum(sizes, 10.0**axis.low))
    counts, edges = np.histogram(np.minimum(logs, axis.high), bins=_GRID, range=(axis.low, axis.high))
    x = (edges[1:] + edges[:-1]) / 2
    reach = np.arange(-_GRID // 10, _GRID // 10 + 1) / (_BANDWIDTH * _GRID)
    smooth = np.convolve(counts, np.exp(-(reach**2) / 2), mode="same")
    return x, smooth / max(smooth.max(), 1e-300)


def _panel(ax: Axes, epochs: Mapping[int, np.ndarray], axis: Axis, colour: str) -> None:
    ridges = shown(sorted(epochs))
    fill, paper = COLOURS[colour][0], COLOURS["paper"][0]
    for level, epoch in enumerate(ridges):
        x, height = density(epochs[epoch], axis)
        base = float(len(ridges) - 1 - level)
        ax.fill_between(x, base, base + _OVERLAP * height, color=fill, linewidth=0, zorder=2 + level)
        ax.plot(x, base + _OVERLAP * height, color=paper, linewidth=0.6, zorder=2 + level)
    if axis.mark is not None:
        ink = COLOURS["ink"][0]
        ax.axvline(np.log10(axis.mark), color=ink, linewidth=0.7, linestyle=":", zorder=len(ridges) + 3)
    ticks = range(0, len(ridges), max(1, len(ridges) // 5))
    ax.set_yticks([len(ridges) - 1 - t for t in ticks], [str(ridges[t]) for t in ticks])
    ax.set_ylim(-0.2, len(ridges) - 1 + _OVERLAP + 0.1)
    ax.set_xlim(axis.low, axis.high)


def _decades(ax: Axes, axis: Axis) -> None:
    """Ticks that say the values, not their logarithms: decades, with 2 and 5 between them if they are few."""
    steps = (1, 2, 5) if axis.high - axis.low < 2.5 else (1,)
    every = max(1, round((axis.high - axis.low) / 6))
    powers = range(int(np.floor(axis.low)), int(np.ceil(axis.high)) + 1, every)
    ticks = {np.log10(step) + power: f"{step * 10.0**power:g}" for power in powers for step in steps}
    if every > 1 or axis.low < -3:
        ticks = {float(power): f"$10^{{{power}}}$" for power in powers}
    inside = {at: text for at, text in ticks.items() if axis.low <= at <= axis.high}
    ax.set_xticks(list(inside), list(inside.values()))
