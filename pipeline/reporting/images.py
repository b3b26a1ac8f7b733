"""Small images side by side: what neurons look like in the space of the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipeline.reporting.figures import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def contact_sheets(panels: Mapping[str, np.ndarray], across: int, label: str) -> Figure:
    """Grids of images beside each other, all on one scale of colours with 0 in its middle.

    Args:
        panels: title -> images [n, H, W], drawn in rows of `across` from the top left.
        across: images in a row of a grid.
        label: what the colours are, for the bar beside them.
    """
    reach = max(float(np.abs(images).max()) for images in panels.values()) or 1.0
    down = max(-(-len(images) // across) for images in panels.values())
    with styled():
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(7.2, 0.5 + 3.2 * down / across), layout="constrained")
        figure.get_layout_engine().set(wspace=0.1)  # more than there is between two images
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for ax, (title, images) in zip(axes, panels.items(), strict=True):
            drawn = ax.imshow(sheet(images, across), cmap="PuOr_r", vmin=-reach, vmax=reach, interpolation="none")
            ax.set_title(title)
            ax.set_axis_off()
        bar = figure.colorbar(drawn, ax=list(axes), shrink=0.8, label=label)
        bar.outline.set_visible(False)
    return figure


def sheet(images: np.ndarray, across: int) -> np.ndarray:
    """Images [n, H, W] in rows of `across` with a pixel between them: a masked array, its gaps masked."""
    count, height, width = images.shape
    down = -(-count // across)
    grid = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for number, image in enumerate(images):
        top, left = (number // across) * (height + 1), (number % across) * (width + 1)
        grid[top : top + height, left : left + width] = image
    return np.ma.masked_invalid(grid)
