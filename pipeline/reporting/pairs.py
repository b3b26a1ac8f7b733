"""Start width by end width: what the tables and pictures of the two experiments that move widths have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.reporting.figures import styled
from pipeline.reporting.numbers import MISSING
from pipeline.reporting.tables import Group, Row, quantities
from pipeline.results.schema import Measure
from pipeline.results.statistics import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Of text on a coloured square. None of COLOURS, which a page on a dark ground replaces: a square stays as it is.
_LIGHT, _DARK = "#fdfdfd", "#000000"


def columns(widths: Sequence[int]) -> dict[str, tuple[str, ...]]:
    """Columns of a table by end width."""
    return {str(width): ("hidden width at the end", str(width)) for width in widths}


def group(values: pd.DataFrame, key: str, measure: Measure, widths: Sequence[int], extra: Mapping[str, str]) -> Group:
    """One line per start width, a cell per end width.

    Args:
        values: one number per network, with columns "start", "end" and "value".
        key, measure: what it is.
        widths: in the order of lines and columns.
        extra: further values of "start" -> their labels.
    """
    found = quantities(summarise(values, ["start", "end"]), "start", "end")
    labels = {str(width): str(width) for width in widths} | dict(extra)
    rows = [Row(key, label, [found.get((key, str(end))) for end in widths]) for key, label in labels.items()]
    return Group(key, measure.label, measure.decimals, rows)


def heat_map(panels: Mapping[str, pd.DataFrame], widths: Sequence[int]) -> Figure:
    """A coloured square per pair, with its number written in it; each panel has its own scale.

    Args:
        panels: title -> table of `summarise` by "start" and "end". The first panel is coloured from low to high;
            in the others 0 is neutral, since they show differences.
        widths: in the order of both axes; starts from bottom to top.
    """
    with styled():
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(7.2, 3.5), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for index, (ax, (title, means)) in enumerate(zip(axes, panels.items(), strict=True)):
            _squares(ax, means.pivot(index="start", columns="end", values="mean"), widths, difference=index > 0)
            ax.set_title(title)
            ax.set_xlabel("hidden width at the end (neurons)")
        axes[0].set_ylabel("hidden width at the start (neurons)")
    return figure


def _squares(ax: Axes, means: pd.DataFrame, widths: Sequence[int], difference: bool) -> None:
    import seaborn
    from seaborn.utils import relative_luminance

    grid = means.reindex(index=list(widths), columns=list(widths)).astype(float)
    texts = grid.map(lambda value: (f"{value:+z.1f}" if difference else f"{value:.1f}").replace("-", "−"))
    # Pale at the neutral end, so that the numbers can be read on every square.
    colours = {"cmap": "PuOr", "center": 0} if difference else {"cmap": "YlGnBu"}
    seaborn.heatmap(grid, ax=ax, annot=texts, fmt="", annot_kws={"size": 7}, cbar=False, **colours)
    squares = np.asarray(ax.collections[0].get_facecolor())[grid.notna().to_numpy().ravel()]
    for text, square in zip(ax.texts, squares, strict=True):  # seaborn's own choice is light on an orange square
        text.set_color(_LIGHT if relative_luminance(square) < 0.18 else _DARK)
    for row, column in np.argwhere(grid.isna().to_numpy()):
        ax.text(column + 0.5, row + 0.5, MISSING, ha="center", va="center", fontsize=7)
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.tick_params(length=0, rotation=0)
    ax.set_ylabel("")
