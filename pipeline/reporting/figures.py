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
    import seaborn.objects as so
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
    """Matplotlib with this project's settings and no others, on a backend that needs no screen."""
    import matplotlib as mpl

    mpl.use("Agg")
    with mpl.rc_context():
        mpl.rcdefaults()  # without what a user's matplotlibrc says: usetex, another font, a tight frame
        mpl.rcParams.update(settings())  # type: ignore[arg-type]  # its stub wants literal keys
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
    tables = [means.assign(panel=title).sort_values(x) for title, means in panels.items()]
    means = pd.concat(tables, ignore_index=True)
    groups = means.groupby(["panel", "configuration"])["mean"]
    order, every = groups.cumcount(), (groups.transform("size") // 12).clip(lower=1)
    hollow = (means["mean"] <= 0) & measure.log
    if measure.log:
        decades = _decades(means["mean"])
        values = means[["mean", "low", "high"]]
        means[values.columns] = values.mask(values <= 0, 10.0 ** decades[0])
    if categories is not None:
        middles = {value: index for index, value in enumerate(categories)}
        shifts = {label: 0.72 * ((index + 0.5) / len(series) - 0.5) for index, label in enumerate(series)}
        means[x] = means[x].map(middles).astype(float) + means["configuration"].map(shifts).astype(float)
    single = [label for label, line in series.items() if line.dashes == "none"]
    means["joined"] = means["mean"].mask(means["configuration"].isin(single))
    means["marked"] = means["mean"].where(hollow | (order % every == 0))
    means["fill"] = means["configuration"].mask(hollow, "hollow")
    with styled():
        import seaborn.objects as so
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(7.2, 3.9 if down == 1 else 1.3 + 2.1 * down), layout="constrained")
        interval = so.Band(alpha=0.12) if categories is None else so.Range(linewidth=0.9)
        dots = so.Dots(pointsize=settings()["lines.markersize"], stroke=1, fillalpha=1)
        (
            means_of(means, series, x)
            .add(interval, legend=False, ymin="low", ymax="high")
            .add(so.Line(), legend=False, y="joined", linestyle="configuration")
            .add(dots, legend=False, y="marked", marker="configuration", fillcolor="fill")
            .facet("panel", order=list(panels), wrap=across)
            .share(x=False, y=shared)
            .label(x=x_label, y=measure.label)
            .on(figure)
            .plot()
        )
        for ax in figure.axes:
            if categories is not None:
                ax.set_xticks(range(len(categories)), [signed(value) for value in categories])
                ax.tick_params(axis="x", labelsize=7)
            else:
                ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
            ax.set_yscale("log" if measure.log else "linear")
            if measure.log:
                _ticks(ax, decades, bool(hollow.any()))
        figure.legend(handles=keys(series), title=legend, loc="outside lower center", ncols=3)
    return figure


def means_of(means: pd.DataFrame, series: Mapping[str, Line], x: str) -> so.Plot:
    """Means, sorted by `x`, for seaborn to draw as `series` says; a missing one leaves a gap."""
    import seaborn.objects as so
    from matplotlib import rcParams

    means = pd.concat([means[means["configuration"] == label] for label in series])
    means["piece"] = means["mean"].isna().cumsum()
    colours = {label: line.light for label, line in series.items()}
    return (
        so.Plot(means, x=x, y="mean", color="configuration", group="piece")
        .scale(
            color=colours,
            fillcolor=colours | {"hollow": COLOURS["paper"][0]},
            linestyle={label: line.dashes for label, line in series.items()},
            marker={label: line.marker for label, line in series.items()},
        )
        .theme(rcParams)  # those set by `styled`, not seaborn's own
    )


def keys(series: Mapping[str, Line], **style: Any) -> list[Line2D]:
    """What a legend shows."""
    from matplotlib.lines import Line2D as NewLine

    return [
        NewLine([], [], color=line.light, linestyle=line.dashes, label=label, **({"marker": line.marker} | style))
        for label, line in series.items()
    ]


def no_logarithm(panels: Iterable[pd.DataFrame]) -> str:
    """How a figure with a logarithmic axis shows what has no logarithm, as a caption says it; "" if all has one."""
    means = pd.concat(panels)
    marks = "Means that are not positive are hollow marks at “≤ 0”." if (means["mean"] <= 0).any() else ""
    return f"{marks} An interval that reaches zero runs to the bottom." if (means["low"] <= 0).any() else marks


def _decades(means: pd.Series[float]) -> range:
    """Powers of ten around all means that are positive; what is not is drawn at the first, which is below them."""
    powers = np.log10(means[means > 0]) if (means > 0).any() else np.zeros(1)
    return range(int(np.floor(powers.min())) - 1, int(np.ceil(powers.max())) + 1)


def _ticks(ax: Axes, decades: range, zeros: bool) -> None:
    """Limits and ticks of a logarithmic axis; `zeros` are marked at the lowest decade."""
    floor, *above = decades
    ticks = {10.0**power: f"$10^{{{power}}}$" for power in above[:: -max(len(above) // 8, 1)][::-1]}
    if zeros:
        ticks = {10.0**floor: "≤ 0"} | ticks
    ax.set_ylim(10.0 ** (floor - (0.4 if zeros else 0)), 10.0 ** (above[-1] + 0.3))
    ax.set_yticks(list(ticks), list(ticks.values()))
    ax.minorticks_off()
