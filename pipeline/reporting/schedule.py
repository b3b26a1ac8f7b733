"""The figure of a schedule: how widths and accuracies go over its epochs, repeat by repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.reporting.figures import styled
from pipeline.reporting.style import COLOURS, Line
from pipeline.results.statistics import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


@dataclass(frozen=True)
class Panel:
    """One small plot of a row.

    Attributes:
        title: above it.
        rows: observations with the columns configuration, repeat, epoch and value.
        singly: whether each repeat is a thin line; if not, a band is the 95% interval of the mean.
    """

    title: str
    rows: pd.DataFrame
    singly: bool = False


def over_epochs(
    grid: Mapping[str, Sequence[Panel]],
    series: Mapping[str, Line],
    boundaries: Mapping[str, int],
    legend: str,
) -> Figure:
    """Rows of panels, each with the mean over repeats of every series and the boundaries as dotted lines.

    Args:
        grid: label of the vertical axis, which the panels of a row share -> panels.
        series: configuration -> how it is drawn.
        boundaries: mark -> epoch.
        legend: heading of the legend.
    """
    with styled():
        from matplotlib.figure import Figure as NewFigure

        columns = max(len(panels) for panels in grid.values())
        figure = NewFigure(figsize=(7.2, 0.9 + 2.1 * len(grid)), layout="constrained")
        axes = figure.subplots(len(grid), columns, sharex=True, sharey="row", squeeze=False)
        lowest: dict[int, Axes] = {}
        for line_of_axes, (label, panels) in zip(axes, grid.items(), strict=True):
            line_of_axes[0].set_ylabel(label)
            for column, (ax, panel) in enumerate(zip_longest(line_of_axes, panels)):
                if panel is None:
                    ax.set_visible(False)
                    continue
                _panel(ax, panel, series)
                _mark(ax, boundaries)
                ax.set_title(panel.title, pad=12)
                ax.tick_params(labelbottom=True)
                lowest[column] = ax
        for ax in lowest.values():
            ax.set_xlabel("epochs trained")
        figure.legend(handles=_keys(series), title=legend, loc="outside lower center", ncols=len(series))
    return figure


def _panel(ax: Axes, panel: Panel, series: Mapping[str, Line]) -> None:
    from matplotlib.ticker import MaxNLocator

    for configuration, line in series.items():
        rows = panel.rows[panel.rows["configuration"] == configuration]
        if rows.empty:
            continue
        means = summarise(rows, ["epoch"]).sort_values("epoch")
        epochs, mean = means["epoch"].to_numpy(dtype=float), means["mean"].to_numpy(dtype=float)
        if panel.singly:
            for _, own in rows.sort_values("epoch").groupby("repeat"):
                at, values = (own[column].to_numpy(dtype=float) for column in ("epoch", "value"))
                ax.plot(at, values, color=line.light, linewidth=0.5, alpha=0.4)
        else:
            low, high = (means[name].fillna(means["mean"]).to_numpy(dtype=float) for name in ("low", "high"))
            ax.fill_between(epochs, low, high, color=line.light, alpha=0.15, linewidth=0)
        ax.plot(epochs, mean, color=line.light, linestyle=line.dashes, linewidth=1.9)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _mark(ax: Axes, boundaries: Mapping[str, int]) -> None:
    for name, epoch in boundaries.items():
        ax.axvline(epoch, color=COLOURS["ink"][0], linestyle=":", linewidth=0.8)
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        ax.annotate(name, (epoch, 1), xytext=(0, 2), ha="center", va="bottom", fontsize=7, **place)  # type: ignore[arg-type]


def _keys(series: Mapping[str, Line]) -> list[Line2D]:
    from matplotlib.lines import Line2D as NewLine

    return [
        NewLine([], [], color=line.light, linestyle=line.dashes, linewidth=1.9, label=label)
        for label, line in series.items()
    ]
