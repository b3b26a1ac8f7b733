"""The singular values of each map at one epoch, the largest first: a picture of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.reporting.figures import styled
from pipeline.reporting.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def descending(heading: str, colour: str, low: float, high: float, *maps: np.ndarray) -> Figure:
    """A panel per map: mean over repeats of each value, from the least to the largest repeat as a band.

    Args:
        heading: above all.
        colour: a name in `style.COLOURS`.
        low, high: ends of the vertical axis, in powers of ten; what is below is drawn at the lower one.
        maps: of each map [2, R, n]: at the first epoch, whose mean is dotted, and now.
    """
    with styled():
        from matplotlib.figure import Figure as NewFigure

        width, height = 0.6 + 2.6 * len(maps), 2.7  # wide, since MLflow shows little of what is high
        figure = NewFigure(figsize=(width, height))
        axes = figure.subplots(1, len(maps), sharey=True, squeeze=False)[0]
        # By hand: to find it takes as long as all the rest, and would move the panels from picture to picture.
        figure.subplots_adjust(left=0.6 / width, right=0.99, top=1 - 0.65 / height, bottom=0.45 / height, wspace=0.06)
        for layer, (ax, values) in enumerate(zip(axes, maps, strict=True), start=1):
            first, now = np.maximum(values, 10.0**low)
            rank = np.arange(1, now.shape[1] + 1)
            ax.plot(rank, first.mean(0), color=COLOURS["ink"][0], linestyle=":", linewidth=0.9)
            ax.fill_between(rank, now.min(0), now.max(0), color=COLOURS[colour][0], alpha=0.25, linewidth=0)
            ax.plot(rank, now.mean(0), color=COLOURS[colour][0], marker="o", markersize=2.4)
            ax.set_title(f"map {layer}", y=1.0)  # given, since to find it takes a third of the time
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.set_xlim(1 - 0.02 * len(rank), 1.02 * len(rank))
        axes[0].set_yscale("log")
        axes[0].set_ylim(10.0**low, 10.0**high)
        axes[0].minorticks_off()
        axes[0].set_ylabel("singular value")
        axes[len(maps) // 2].set_xlabel("rank, the largest first")
        figure.text(0.6 / width, 1 - 0.06 / height, heading, va="top", fontsize=8.5)
    return figure
