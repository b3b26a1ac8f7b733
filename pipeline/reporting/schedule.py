"""The figure of a schedule: how widths and accuracies go over its epochs, repeat by repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.reporting.figures import keys, means_of, styled
from pipeline.reporting.style import COLOURS, Line
from pipeline.results.statistics import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
            for column, (ax, panel) in enumerate(zip_longest(line_of_axes, panels)):
                if panel is None:
                    ax.set_visible(False)
                    continue
                _panel(ax, panel, series)
                _mark(ax, boundaries)
                ax.set_title(panel.title, pad=12)
                ax.tick_params(labelbottom=True, labelleft=column == 0)
                lowest[column] = ax
            line_of_axes[0].set_ylabel(label)
        for ax in lowest.values():
            ax.set_xlabel("epochs trained")
        handles = keys(series, marker="", linewidth=1.9)
        figure.legend(handles=handles, title=legend, loc="outside lower center", ncols=len(series))
    return figure


def _panel(ax: Axes, panel: Panel, series: Mapping[str, Line]) -> None:
    import seaborn.objects as so

    rows = panel.rows.astype({"epoch": float, "value": float})
    means = summarise(rows, ["configuration", "epoch"]).sort_values("epoch")
    plot = means_of(means, series, "epoch").label(x="", y="")
    if panel.singly:
        single = {"x": "epoch", "y": "value", "color": "configuration", "group": "repeat"}
        plot = plot.add(so.Line(linewidth=0.5, alpha=0.4), legend=False, data=rows, **single)
    else:
        plot = plot.add(so.Band(alpha=0.15), legend=False, ymin="low", ymax="high")
    plot.add(so.Line(linewidth=1.9), legend=False, linestyle="configuration").on(ax).plot()
    ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]


def _mark(ax: Axes, boundaries: Mapping[str, int]) -> None:
    for name, epoch in boundaries.items():
        ax.axvline(epoch, color=COLOURS["ink"][0], linestyle=":", linewidth=0.8)
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        ax.annotate(name, (epoch, 1), xytext=(0, 2), ha="center", va="bottom", fontsize=7, **place)  # type: ignore[arg-type]
