"""Start width by end width: what the tables and pictures of the two experiments that move widths have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.reporting.figures import styled
from pipeline.reporting.numbers import MISSING
from pipeline.reporting.page import Basis, By, DataSet, Page, Series, Setting
from pipeline.reporting.protocol import basis
from pipeline.reporting.style import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Of text on a coloured square. None of COLOURS, which a page on a dark ground replaces: a square stays as it is.
_LIGHT, _DARK = "#fdfdfd", "#000000"
_WORDS = {"start": "from", "end": "to"}


class Pairs(Page):
    """A page of networks whose hidden width moves from a start to an end."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.widths = sorted(settings.hidden_widths)
        end = "hidden width at the end"
        self.starts = By.levels("start", "hidden width at the start", self.widths)
        self.ends = By("end", end, {str(width): (end, str(width)) for width in self.widths})

    def panels(self, column: str) -> By:
        """By start, "from width 8", or by end, "to width 8"."""
        return By(column, column, {str(width): f"{_WORDS[column]} width {width}" for width in self.widths})

    def series(self, column: str, styles: Iterable[Line]) -> Series:
        """By start, "from 8", or by end, "to 8"."""
        drawn = zip(self.widths, cycle(styles), strict=False)
        return {str(width): (f"{_WORDS[column]} {width}", line) for width, line in drawn}

    def basis(self, protocol: Sequence[Setting]) -> Basis:
        """What is taken to several ends counts as several networks."""
        arrived = self.rows[self.rows["end"].notna()]
        network = f"{self.network}, from and to {', '.join(map(str, self.widths))}"
        return basis(arrived, protocol, self.data.words, network)


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
