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
    grid = means.reindex(index=list(widths), columns=list(widths)).to_numpy(dtype=float, na_value=np.nan)
    reach = np.nanmax(np.abs(grid)) if difference and np.isfinite(grid).any() else None
    limits = {"vmin": -reach, "vmax": reach} if reach else {}
    # Pale at the neutral end, so that the numbers can be read on every square.
    image = ax.imshow(grid, origin="lower", aspect="auto", cmap="PuOr" if difference else "YlGnBu", **limits)
    for (row, column), value in np.ndenumerate(grid):
        if not np.isfinite(value):
            ax.text(column, row, MISSING, ha="center", va="center", fontsize=7)
        else:
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            text = (f"{value:+z.1f}" if difference else f"{value:.1f}").replace("-", "−")
            ax.text(column, row, text, ha="center", va="center", color=_LIGHT if dark else _DARK, fontsize=7)
    ax.set_xticks(range(len(widths)), [str(width) for width in widths])
    ax.set_yticks(range(len(widths)), [str(width) for width in widths])
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
