"""Ridgelines: how a distribution moves over epochs, one density above the other, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.reporting.figures import styled
from pipeline.reporting.frames import spread
from pipeline.reporting.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of a density: how many points, and that it is between the ends of the axis.
_DENSITY = {"gridsize": 250, "cut": 0, "log_scale": True, "common_norm": False, "legend": False, "linewidth": 0.6}
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
        from matplotlib.ticker import LogLocator

        figure = NewFigure(figsize=(7.2, 2.5 * len(panels) + 0.4), layout="constrained")
        grid = figure.subplots(len(panels), len(axes), squeeze=False, sharex="col")
        for row, (title, columns) in zip(grid, panels.items(), strict=True):
            for ax, epochs, axis in zip(row, columns, axes, strict=True):
                ax.set(xlabel=axis.label, ylabel="epochs trained")  # seaborn takes long to find that it shows none
                _panel(ax, epochs, axis, colour)
                ax.set_title(title)
        for ax, axis in zip(grid[-1], axes, strict=True):  # ticks at decades, and between them if they are few
            small = axis.low < -3
            steps = (1, 2, 5) if axis.high - axis.low < 2.5 and not small else (1,)
            ax.xaxis.set_major_locator(LogLocator(subs=steps))
            ax.xaxis.set_major_formatter(ax.xaxis.get_major_formatter() if small else "{x:g}")
            ax.minorticks_off()
        for inner in grid[:-1].flat:
            inner.set_xlabel("")
        for inner in grid[:, 1:].flat:
            inner.set_ylabel("")
    return figure


def _panel(ax: Axes, epochs: Mapping[int, np.ndarray], axis: Axis, colour: str) -> None:
    import seaborn

    ridges, width = spread(sorted(epochs), _RIDGES), _BANDWIDTH * (axis.high - axis.low)
    counts = pd.concat([_counts(epochs[epoch], axis, width / 3).assign(epoch=epoch) for epoch in ridges])

    def deviations(kernel: Any) -> float:  # the bandwidth as seaborn wants it
        return float(width / np.sqrt(np.cov(kernel.dataset, aweights=kernel.weights)))

    seaborn.kdeplot(counts, x="value", weights="count", hue="epoch", bw_method=deviations, ax=ax, **_DENSITY)
    for line, epoch in zip(ax.lines, counts["epoch"].unique()[::-1], strict=True):  # in this order
        level = ridges.index(epoch)
        base = float(len(ridges) - 1 - level)
        x, height = map(np.asarray, line.get_data())
        line.set(ydata=base + _OVERLAP * height / height.max(), color=COLOURS["paper"][0], zorder=2 + level)
        ax.fill_between(x, base, line.get_ydata(), color=COLOURS[colour][0], linewidth=0, zorder=2 + level)
    if axis.mark is not None:
        ax.axvline(axis.mark, color=COLOURS["ink"][0], linewidth=0.7, linestyle=":", zorder=len(ridges) + 3)
    ticks = range(0, len(ridges), max(1, len(ridges) // 5))
    ax.set_yticks([len(ridges) - 1 - t for t in ticks], [str(ridges[t]) for t in ticks])
    ax.set(xlim=(10.0**axis.low, 10.0**axis.high), ylim=(-0.2, len(ridges) - 1 + _OVERLAP + 0.1))


def _counts(values: np.ndarray, axis: Axis, step: float) -> pd.DataFrame:
    """How many of the values have which size, in steps of a power of ten; empty if there are none.

    The ends of the axis are there too, and count for next to nothing: equal values alone have no density.
    """
    sizes = np.clip(np.abs(values[np.isfinite(values)]), 10.0**axis.low, 10.0**axis.high)
    steps, counts = np.unique(np.round((np.log10(sizes) - axis.low) / step), return_counts=True)
    at = 10.0 ** np.array([axis.low, *axis.low + steps * step, axis.high])
    return pd.DataFrame({"value": at, "count": [1e-6, *counts, 1e-6]}).head(len(at) if len(sizes) else 0)
