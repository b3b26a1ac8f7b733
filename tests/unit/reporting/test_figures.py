from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pipeline.reporting.figures import Plot, lines, no_logarithm
from pipeline.reporting.style import COLOURS, COOL, WARM
from pipeline.reporting.svg import copy, inline
from pipeline.results.measures import ACCURACY, FUNCTION_CHANGE
from pipeline.results.statistics import summarise

SERIES = {"a": COOL[0], "b": WARM[0]}


def means(lowest: float = 1e-7) -> pd.DataFrame:
    """Summaries of two configurations at three changes; `lowest` is a's mean at change 0."""
    table = pd.DataFrame({"configuration": ["a"] * 3 + ["b"] * 3, "change": [-5, 0, 5] * 2})
    table["mean"] = [1e-2, lowest, 2e-6, 3e-2, 1e-6, 1e-6]
    return table.assign(low=table["mean"] / 2, high=table["mean"] * 2)


def drawn(lowest: float = 1e-7) -> Figure:
    panels = {"float32": means(lowest)}
    return lines(panels, SERIES, FUNCTION_CHANGE["epsilon"], "change", "change", "legend", [-5, 0, 5])


def saved(folder: Path, lowest: float = 1e-7) -> dict[str, bytes]:
    Plot("x", "title", "caption", "alt", drawn(lowest)).save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_numbers_same_bytes(tmp_path: Path) -> None:
    first, second, other = (
        saved(tmp_path / name, lowest) for name, lowest in (("1", 1e-7), ("2", 1e-7), ("3", 1.5e-7))
    )
    assert set(first) == {"x.svg", "x.png"}
    assert first == second
    assert first["x.svg"] != other["x.svg"] and first["x.png"] != other["x.png"]  # negative control


def test_a_users_own_settings_of_matplotlib_change_no_byte(tmp_path: Path) -> None:
    """As in ~/.config/matplotlib/matplotlibrc; where no LaTeX is installed the first would fail."""
    own = {"text.usetex": True, "savefig.bbox": "tight", "savefig.transparent": True, "axes.labelpad": 9.0}
    plain = saved(tmp_path / "1")
    with rc_context(own):
        assert saved(tmp_path / "2") == plain


def marks(ax: Axes) -> dict[tuple[float, float], str]:
    """Where there are marks -> the colour that they are filled with."""
    (dots,) = [each for each in ax.collections if isinstance(each, PathCollection)]
    return {
        (float(x), float(y)): to_hex(fill)
        for (x, y), fill in zip(np.asarray(dots.get_offsets()), dots.get_facecolors(), strict=True)
    }


def observations() -> pd.DataFrame:
    """Of two configurations at three epochs, 4 repeats of each."""
    random = np.random.default_rng(0)
    places = [(kind, epoch, repeat) for kind in SERIES for epoch in (1, 2, 3) for repeat in range(4)]
    table = pd.DataFrame(places, columns=["configuration", "epoch", "repeat"])
    return table.assign(value=random.normal(table["epoch"], 1.0))


def test_a_band_is_the_interval_that_tables_show() -> None:
    table = summarise(observations(), ["configuration", "epoch"])
    (ax,) = lines({"": table}, SERIES, ACCURACY["accuracy"], "epoch", "epoch", "legend").axes
    assert [to_hex(band.get_facecolor()) for band in ax.patches] == [line.light for line in SERIES.values()]
    for band, line, kind in zip(ax.patches, ax.lines, SERIES, strict=True):
        own = table[table["configuration"] == kind]
        corners = {tuple(corner) for corner in np.asarray(band.get_path().vertices).tolist()}
        assert corners == {*zip(own["epoch"], own["low"], strict=True), *zip(own["epoch"], own["high"], strict=True)}
        assert np.asarray(line.get_ydata()).tolist() == own["mean"].tolist()
    assert marks(ax).keys() == set(zip(table["epoch"], table["mean"], strict=True))


def test_intervals_at_categories_stand_beside_each_other() -> None:
    table = summarise(observations(), ["configuration", "epoch"])
    figure = lines({"": table}, SERIES, ACCURACY["accuracy"], "epoch", "epoch", "legend", categories=[3, 1, 2])
    (bars,) = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    drawn = {(round(low[0], 2), low[1], high[1]) for low, high in bars.get_segments()}
    places = {3: 0, 1: 1, 2: 2}
    assert drawn == {
        (round(places[row.epoch] + (-0.18 if row.configuration == "a" else 0.18), 2), row.low, row.high)
        for row in table.itertuples()
    }
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["+3", "+1", "+2"]


def test_what_has_no_logarithm_is_marked_on_a_floor() -> None:
    (ax,) = drawn(lowest=0.0).axes
    ticks = dict(zip([text.get_text() for text in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    floor = ticks["≤ 0"]
    assert floor < 1e-6 / 5 and ax.get_ylim()[0] < floor  # below all that is positive, and not cut off
    hollow = [place for place, fill in marks(ax).items() if fill == COLOURS["paper"][0]]
    assert [y for _, y in hollow] == [floor]
    assert len(marks(ax)) == 6


def test_without_such_values_there_is_no_floor() -> None:
    (ax,) = drawn().axes
    assert "≤ 0" not in [text.get_text() for text in ax.get_yticklabels()]
    assert set(marks(ax).values()) == {line.light for line in SERIES.values()}


def test_values_below_zero_are_as_any_other_on_a_linear_axis() -> None:
    table = means().assign(mean=-means()["mean"], low=-1.0, high=0.0)
    (ax,) = lines({"": table}, SERIES, ACCURACY["accuracy"], "change", "change", "legend").axes
    assert set(marks(ax).values()) == {line.light for line in SERIES.values()}


def test_a_missing_mean_leaves_a_gap() -> None:
    table = pd.DataFrame({"configuration": "a", "epoch": range(7), "mean": [0.0, 1, 2, np.nan, 4, 5, 6]})
    table = table.assign(low=table["mean"] - 1, high=table["mean"] + 1)
    (ax,) = lines({"": table}, SERIES, ACCURACY["accuracy"], "epoch", "epoch", "legend").axes
    assert [np.asarray(line.get_xdata()).tolist() for line in ax.lines] == [[0, 1, 2], [4, 5, 6]]
    assert [sorted(set(np.asarray(band.get_path().vertices)[:, 0])) for band in ax.patches] == [[0, 1, 2], [4, 5, 6]]


def test_long_lines_are_marked_about_a_dozen_times_and_short_ones_at_each_mean() -> None:
    long = pd.DataFrame({"configuration": "a", "epoch": range(60), "mean": 1.0, "low": 0.0, "high": 2.0})
    table = pd.concat([long, long.head(5).assign(configuration="b", mean=2.0)])
    (ax,) = lines({"": table}, SERIES, ACCURACY["accuracy"], "epoch", "epoch", "legend").axes
    assert list(marks(ax)) == [(x, 1) for x in range(0, 60, 5)] + [(x, 2) for x in range(5)]
    assert np.size(ax.lines[0].get_xdata()) == 60


def test_caption_says_what_has_no_logarithm() -> None:
    assert no_logarithm([means()]) == ""
    assert "≤ 0" in no_logarithm([means(0.0)])
    assert "interval" in no_logarithm([means().assign(low=-1.0)])


def test_panels_share_their_vertical_axis_or_have_their_own() -> None:
    panels = {"near": means(), "far": means().assign(mean=500.0, low=400.0, high=600.0)}
    for shared in (True, False):
        figure = lines(panels, SERIES, ACCURACY["accuracy"], "change", "change", "legend", shared=shared)
        near, far = (ax.get_ylim() for ax in figure.axes)
        assert (near == far) == shared
        assert [ax.yaxis.label.get_visible() for ax in figure.axes] == [True, False]
        numbers = [ax.yaxis.get_tick_params()["labelleft"] for ax in figure.axes]
        assert numbers == [True, not shared]


def test_a_missing_interval_leaves_the_mean() -> None:
    table = means().assign(low=float("nan"), high=float("nan"))
    figure = lines({"": table}, SERIES, FUNCTION_CHANGE["epsilon"], "change", "change", "legend")
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1e-2, 1e-7, 2e-6]


def test_panels_share_their_vertical_axis() -> None:
    panels = {"float32": means(), "float64": means(1e-15)}
    left, right = lines(panels, SERIES, FUNCTION_CHANGE["epsilon"], "change", "change", "legend", [-5, 0, 5]).axes
    assert left.get_ylim() == right.get_ylim() and left.get_ylim()[0] < 1e-15


@pytest.fixture(scope="module")
def element(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("figure")
    return inline(saved(folder)["x.svg"].decode(), "fig", 'a "label" & more')


def test_inline_svg_is_named_and_themed(element: str) -> None:
    root = ElementTree.fromstring(element)
    assert root.get("role") == "img" and root.get("aria-label") == 'a "label" & more'
    assert f"var(--ink, {COLOURS['ink'][0]})" in element and f"var(--blue, {COLOURS['blue'][0]})" in element
    assert "<metadata>" not in element and "<?xml" not in element


def test_all_colours_are_those_that_a_dark_page_replaces(element: str) -> None:
    plain = re.sub(r"var\(--\w+, #[0-9a-f]{6}\)", "", element)
    assert plain != element and not re.search(r"#[0-9a-f]{6}\b", plain)


def test_identifiers_are_prefixed_and_references_resolve(element: str) -> None:
    root = ElementTree.fromstring(element)
    whole, *names = [node.get("id") for node in root.iter() if node.get("id")]
    assert whole == root.get("id") == "fig"
    assert names and all(str(name).startswith("fig-") for name in names) and len(set(names)) == len(names)
    href = "{http://www.w3.org/1999/xlink}href"
    used = {str(node.get(href))[1:] for node in root.iter() if node.get(href)}
    assert used and used <= set(names)


def test_a_copy_shows_the_whole_of_a_figure_under_the_same_words(element: str) -> None:
    whole = ElementTree.fromstring(element)
    copied = ElementTree.fromstring(copy(element, "fig", 'a "label" & more'))
    (use,) = copied
    assert use.get("href") == f"#{whole.get('id')}" and copied.get("aria-label") == whole.get("aria-label")
    assert copied.get("viewBox") == whole.get("viewBox") == f"0 0 {use.get('width')} {use.get('height')}"


def test_a_figure_without_a_mean_is_drawn_empty() -> None:
    """As where every network of a change diverged."""
    table = means()[:0]
    for categories in (None, [-5, 0, 5]):
        figure = lines({"": table}, SERIES, ACCURACY["accuracy"], "change", "change", "legend", categories)
        assert [ax.get_ylabel() for ax in figure.axes] == [ACCURACY["accuracy"].label]
