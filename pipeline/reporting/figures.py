"""Figures: lines with 95% intervals, saved as svg and png with the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.paths import written
from pipeline.reporting.numbers import signed
from pipeline.reporting.style import COLOURS, DOTS, Line, settings
from pipeline.results.schema import Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


@dataclass(frozen=True)
class Plot:
    """A figure with its words: `name` is the stem of its files, `alt` what it shows for those who cannot see it."""

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure

    def save(self, folder: Path) -> None:
        """Write NAME.svg and NAME.png."""
        with styled():
            with written(folder / f"{self.name}.svg") as path:
                self.figure.savefig(path, format="svg", metadata={"Date": None})
            self.figure.set_layout_engine("none")  # it is laid out, which takes as long as to draw it
            with written(folder / f"{self.name}.png") as path:
                self.figure.savefig(path, format="png", dpi=DOTS)


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib with this project's settings, on a backend that needs no screen."""
    import matplotlib as mpl

    mpl.use("Agg")
    with mpl.rc_context(settings()):  # type: ignore[arg-type]  # its stub wants literal keys
        yield


def lines(
    panels: Mapping[str, pd.DataFrame],
    series: Mapping[str, Line],
    measure: Measure,
    x: str,
    x_label: str,
    legend: str,
    categories: Sequence[int] | None = None,
    across: int | None = None,
    shared: bool = True,
) -> Figure:
    """Means with 95% intervals, one line per configuration, in panels.

    Args:
        panels: title -> table of `statistics.summarise` by "configuration" and `x`.
        series: configuration -> how it is drawn, in the order of the legend.
        measure: what is shown. On a logarithmic axis, a mean that is not positive is drawn hollow on a floor
            marked as such, and an interval that reaches zero runs down to that floor.
        x: column of the horizontal axis; `x_label` names it.
        legend: heading of the legend: what the series are, how many repeats, on what.
        categories: values of `x` to place evenly, from left to right; None for a plain numerical axis.
        across: panels side by side, before a new row is begun; None for all.
        shared: whether all panels have the same vertical axis.
    """
    across = across or len(panels)
    down = -(-len(panels) // across)
    with styled():
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(7.2, 3.9 if down == 1 else 1.3 + 2.1 * down), layout="constrained")
        axes = list(figure.subplots(down, across, sharey=shared, squeeze=False).flat)
        for unused in axes[len(panels) :]:
            unused.remove()  # not only hidden: what a caller marks in all axes of the figure would show
        scale = _Decades.of(panels.values()) if measure.log else None
        for ax, (title, means) in zip(axes, panels.items(), strict=False):
            for index, (configuration, line) in enumerate(series.items()):
                shift = 0.0 if categories is None else 0.72 * ((index + 0.5) / len(series) - 0.5)
                _line(ax, means[means["configuration"] == configuration], x, categories, shift, line, scale)
            ax.set_title(title)
            ax.set_xlabel(x_label)
            if categories is not None:
                ax.set_xticks(range(len(categories)), [signed(value) for value in categories])
                ax.tick_params(axis="x", labelsize=7)
            else:
                ax.xaxis.get_major_locator().set_params(integer=True)
            if scale is not None:
                scale.apply(ax)
        for ax in axes[: len(panels) : across if shared else 1]:
            ax.set_ylabel(measure.label)
        figure.legend(handles=_keys(series), title=legend, loc="outside lower center", ncols=3)
    return figure


def _keys(series: Mapping[str, Line]) -> list[Line2D]:
    from matplotlib.lines import Line2D as NewLine

    return [
        NewLine([], [], color=line.light, marker=line.marker, linestyle=line.dashes, label=label)
        for label, line in series.items()
    ]


def no_logarithm(panels: Iterable[pd.DataFrame]) -> str:
    """How a figure with a logarithmic axis shows what has no logarithm, as a caption says it; "" if all has one."""
    means = pd.concat(panels)
    marks = "Means that are not positive are hollow marks at “≤ 0”." if (means["mean"] <= 0).any() else ""
    return f"{marks} An interval that reaches zero runs to the bottom." if (means["low"] <= 0).any() else marks


@dataclass(frozen=True)
class _Decades:
    """A logarithmic axis with a place for what has no logarithm.

    Attributes:
        floor: the decade below every positive mean; values that are not positive are drawn there.
        top: the decade above every mean.
        zeros: whether there are such values; if so the floor is marked.
    """

    floor: int
    top: int
    zeros: bool

    @classmethod
    def of(cls, tables: Iterable[pd.DataFrame]) -> _Decades:
        means = np.concatenate([table["mean"].to_numpy(dtype=float) for table in tables])
        positive = np.log10(means[means > 0]) if (means > 0).any() else np.zeros(1)
        return cls(int(np.floor(positive.min())) - 1, int(np.ceil(positive.max())), bool((means <= 0).any()))

    def place(self, values: np.ndarray) -> np.ndarray:
        """The values, with those that are not positive on the floor."""
        return np.where(values <= 0, 10.0**self.floor, values)

    def apply(self, ax: Axes) -> None:
        """Scale, limits and ticks."""
        decades = list(range(self.top, self.floor, -max((self.top - self.floor) // 8, 1)))[::-1]
        ticks = {10.0**power: f"$10^{{{power}}}$" for power in decades}
        if self.zeros:
            ticks = {10.0**self.floor: "≤ 0"} | {at: text for at, text in ticks.items() if at > 10.0**self.floor * 5}
        ax.set_yscale("log")
        ax.set_ylim(10.0 ** (self.floor - (0.4 if self.zeros else 0)), 10.0 ** (self.top + 0.3))
        ax.set_yticks(list(ticks), list(ticks.values()))
        ax.minorticks_off()


def _line(
    ax: Axes,
    means: pd.DataFrame,
    x: str,
    categories: Sequence[int] | None,
    shift: float,
    line: Line,
    scale: _Decades | None,
) -> None:
    """One series: the line through its means, the interval of each, and hollow marks where there is no logarithm."""
    means = means.sort_values(x)
    at = means[x].to_numpy(dtype=float)
    if categories is not None:
        at = np.array([list(categories).index(int(value)) for value in at]) + shift
    mean, low, high = (means[name].fillna(means["mean"]).to_numpy(dtype=float) for name in ("mean", "low", "high"))
    hollow = np.zeros(len(at), dtype=bool) if scale is None else mean <= 0
    if scale is not None:
        mean, low, high = scale.place(mean), scale.place(low), scale.place(high)
    style: dict[str, Any] = {"color": line.light, "marker": line.marker}
    marked = np.flatnonzero(~hollow)[:: max(len(at) // 12, 1)]
    if categories is None:
        ax.fill_between(at, low, high, color=line.light, alpha=0.12, linewidth=0)
    else:
        ax.vlines(at, low, high, color=line.light, linewidth=0.9)
    ax.plot(at, mean, linestyle=line.dashes, markevery=list(marked), **style)
    ax.plot(at[hollow], mean[hollow], linestyle="none", markerfacecolor=COLOURS["paper"][0], **style)
