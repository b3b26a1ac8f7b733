"""Pictures of what is given as a number for each pixel, side by side in one panel for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipeline.reporting.figures import styled
from pipeline.results.schema import Measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACROSS = 8  # pictures in a line
_COLOURS = "PuOr"  # pale at 0, told apart with any colour vision; stays as it is on a dark ground


def pictures(panels: Mapping[str, np.ndarray], measure: Measure) -> Figure:
    """A panel of pictures per entry, all on the same scale, from -m to m, the largest size of any number.

    Args:
        panels: title -> [count, channels, height, width]. One channel is coloured by `measure`, with a colour bar;
            three are red, green and blue, grey at 0; of any other number the mean is coloured.
        measure: what the numbers are.
    """
    reach = max((float(np.abs(images).max()) for images in panels.values() if images.size), default=0.0) or 1.0
    with styled():
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.figure import Figure as NewFigure

        scale = ScalarMappable(Normalize(-reach, reach), colormaps[_COLOURS])
        tiled = {title: _tiled(_coloured(images, scale, reach)) for title, images in panels.items()}
        inches = [6.2 * image.shape[0] / image.shape[1] for image in tiled.values()]
        figure = NewFigure(figsize=(7.2, sum(inches) + 0.4 * len(inches)), layout="constrained")
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=inches)[:, 0]
        for ax, (title, image) in zip(axes, tiled.items(), strict=True):
            ax.imshow(image, interpolation="nearest")
            ax.set_title(title)
            ax.set_axis_off()
        if any(images.shape[1] != 3 for images in panels.values()):
            figure.colorbar(scale, ax=list(axes), label=measure.label, shrink=0.6, aspect=30)
    return figure


def _coloured(images: np.ndarray, scale: object, reach: float) -> np.ndarray:
    """[count, channels, height, width] -> red, green, blue and opacity, [count, height, width, 4]."""
    if images.shape[1] != 3:
        rgba: np.ndarray = scale.to_rgba(images.mean(1).ravel()).reshape(len(images), *images.shape[2:], 4)  # type: ignore[attr-defined]
        return rgba
    rgb = 0.5 + 0.5 * np.moveaxis(images, 1, -1) / reach
    return np.concatenate([rgb, np.ones_like(rgb[..., :1])], axis=-1)


def _tiled(images: np.ndarray) -> np.ndarray:
    """[count, height, width, 4] as one picture, with gaps that let the ground through: [H, W, 4]."""
    count, height, width, _ = images.shape
    gap = max(1, height // 10)
    down = -(-count // _ACROSS)
    whole = np.zeros((down * (height + gap) - gap, _ACROSS * (width + gap) - gap, 4))
    for place, image in enumerate(images):
        top, left = (place // _ACROSS) * (height + gap), (place % _ACROSS) * (width + gap)
        whole[top : top + height, left : left + width] = image
    return whole
