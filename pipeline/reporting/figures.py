"""Figures: lines with 95% intervals, saved as svg and png with the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.paths import written
from pipeline.reporting.style import COLOURS, Line, Measure, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
            for suffix, metadata in (("svg", {"Date": None}), ("png", {})):
                with written(folder / f"{self.name}.{suffix}") as path:
                    self.figure.savefig(path, format=suffix, metadata=metadata)


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib with this project's settings, on a backend that needs no screen."""
    import matplotlib as mpl

    mpl.use("Agg")
    with mpl.rc_context(settings()):
        yield


def lines(
    panels: Mapping[str, pd.DataFrame],
    series: Mapping[str, Line],
    measure: Measure,
    x: str,
    x_label: str,
    categories: Sequence[int] | None = None,
) -> Figure:
    """Means with 95% intervals, one line per configuration, in panels side by side that share the vertical axis.

    Args:
        panels: title -> table of `statistics.summarise` by "configuration" and `x`.
        series: configuration -> how it is drawn, in the order of the legend.
        measure: what is shown. On a logarithmic axis, a mean that is not positive is drawn hollow on a marked
            floor, and an interval that reaches zero runs down to the bottom.
        x: column of the horizontal axis; `x_label` names it.
        categories: values of `x` to place evenly, from left to right; None for a plain numerical axis.
    """
    with styled():
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(7.2, 3.7), layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        floor = _floor(panels) if measure.log else None
        for ax, (title, means) in zip(axes, panels.items(), strict=True):
            for index, (configuration, line) in enumerate(series.items()):
                shift = 0.0 if categories is None else 0.5 * (index / max(len(series) - 1, 1) - 0.5)
                own = means[means["configuration"] == configuration]
                _line(ax, own, x, categories, shift, line, floor)
            ax.set_title(title)
            ax.set_xlabel(x_label)
            _ticks(ax, categories)
            if measure.log:
                _log_axis(ax, floor)
        axes[0].set_ylabel(measure.label)
        handles, _ = axes[0].get_legend_handles_labels()
        figure.legend(handles, list(series), loc="outside lower center", ncols=3, fontsize=7.5)
    return figure


def inline(svg: str, prefix: str, label: str) -> str:
    """An svg file as an element of a page: named for screen readers, unique identifiers, colours of the page.

    Colours become `var(--ink, #22262b)` and so on, so that the page can show the figure on a dark ground.
    """
    start = svg.index("<svg")
    body = svg[start:].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'href="#', f'href="#{prefix}-', body)
    body = re.sub(r"url\(#", f"url(#{prefix}-", body)
    for name, (light, _) in COLOURS.items():
        body = body.replace(light, f"var(--{name}, {light})")
    return body.strip()


def _line(
    ax: Axes,
    means: pd.DataFrame,
    x: str,
    categories: Sequence[int] | None,
    shift: float,
    line: Line,
    floor: float | None,
) -> None:
    """One series: the line through its means, the interval of each, and hollow markers on the floor."""
    means = means.sort_values(x)
    at = means[x].to_numpy(dtype=float)
    if categories is not None:
        at = np.array([list(categories).index(int(value)) for value in at]) + shift
    mean = means["mean"].to_numpy(dtype=float)
    low, high = (means[bound].fillna(means["mean"]).to_numpy(dtype=float) for bound in ("low", "high"))
    below = np.zeros_like(mean, dtype=bool) if floor is None else mean <= 0
    if floor is not None:
        mean, low, high = (np.where(values <= 0, floor, values) for values in (mean, low, high))
    style = {"color": line.light, "marker": line.marker, "linestyle": line.dashes}
    every = max(len(at) // 12, 1)
    ax.plot(at, mean, markevery=every, label=str(line), **style)  # type: ignore[arg-type]
    if categories is None:
        ax.fill_between(at, low, high, color=line.light, alpha=0.12, linewidth=0)
    else:
        ax.vlines(at, low, high, color=line.light, linewidth=0.9)
    hollow = {"markerfacecolor": COLOURS["paper"][0], "linestyle": "none"}
    ax.plot(at[below], mean[below], **(style | hollow))  # type: ignore[arg-type]


def _ticks(ax: Axes, categories: Sequence[int] | None) -> None:
    if categories is not None:
        ax.set_xticks(range(len(categories)), [f"{value:+d}".replace("-", "−") if value else "0" for value in categories])
        ax.tick_params(axis="x", labelsize=7)


def _floor(panels: Mapping[str, pd.DataFrame]) -> float:
    """A decade below every positive mean: where values that have no logarithm are put."""
    means = np.concatenate([table["mean"].to_numpy(dtype=float) for table in panels.values()])
    positive = means[means > 0]
    return 10.0 ** (np.floor(np.log10(positive.min())) - 1) if len(positive) else 1e-16


def _log_axis(ax: Axes, floor: float | None) -> None:
    ax.set_yscale("log")
    ax.set_ylim(bottom=floor)
