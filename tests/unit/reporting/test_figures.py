from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.reporting.figures import Plot, lines, no_logarithm
from pipeline.reporting.style import COLOURS, COOL, MEASURES, WARM
from pipeline.reporting.svg import inline

SERIES = {"a": COOL[0], "b": WARM[0]}


def means(lowest: float = 1e-7) -> pd.DataFrame:
    """Summaries of two configurations at three changes; `lowest` is a's mean at change 0."""
    table = pd.DataFrame({"configuration": ["a"] * 3 + ["b"] * 3, "change": [-5, 0, 5] * 2})
    table["mean"] = [1e-2, lowest, 2e-6, 3e-2, 1e-6, 1e-6]
    return table.assign(low=table["mean"] / 2, high=table["mean"] * 2)


def drawn(lowest: float = 1e-7) -> Figure:
    panels = {"float32": means(lowest)}
    return lines(panels, SERIES, MEASURES["epsilon"], "change", "change", "legend", [-5, 0, 5])


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


def test_what_has_no_logarithm_is_marked_on_a_floor() -> None:
    (ax,) = drawn(lowest=0.0).axes
    ticks = dict(zip([text.get_text() for text in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    floor = ticks["≤ 0"]
    assert floor < 1e-6 / 5 and ax.get_ylim()[0] < floor  # below all that is positive, and not cut off
    hollow = [
        line for line in ax.lines if line.get_markerfacecolor() == COLOURS["paper"][0] and len(line.get_ydata())
    ]
    assert [line.get_ydata().tolist() for line in hollow] == [[floor]]


def test_without_such_values_there_is_no_floor() -> None:
    (ax,) = drawn().axes
    assert "≤ 0" not in [text.get_text() for text in ax.get_yticklabels()]
    assert all(np.isfinite(line.get_ydata()).all() for line in ax.lines)


def test_caption_says_what_has_no_logarithm() -> None:
    assert no_logarithm([means()]) == ""
    assert "≤ 0" in no_logarithm([means(0.0)])
    assert "interval" in no_logarithm([means().assign(low=-1.0)])


def test_panels_share_their_vertical_axis_or_have_their_own() -> None:
    panels = {"near": means(), "far": means().assign(mean=500.0, low=400.0, high=600.0)}
    for shared in (True, False):
        figure = lines(panels, SERIES, MEASURES["accuracy"], "change", "change", "legend", shared=shared)
        near, far = (ax.get_ylim() for ax in figure.axes)
        assert (near == far) == shared
        assert [bool(ax.get_ylabel()) for ax in figure.axes] == [True, not shared]


def test_a_missing_interval_leaves_the_mean() -> None:
    table = means().assign(low=float("nan"), high=float("nan"))
    figure = lines({"": table}, SERIES, MEASURES["epsilon"], "change", "change", "legend")
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1e-2, 1e-7, 2e-6]


def test_panels_share_their_vertical_axis() -> None:
    panels = {"float32": means(), "float64": means(1e-15)}
    left, right = lines(panels, SERIES, MEASURES["epsilon"], "change", "change", "legend", [-5, 0, 5]).axes
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


def test_identifiers_are_prefixed_and_references_resolve(element: str) -> None:
    root = ElementTree.fromstring(element)
    names = [node.get("id") for node in root.iter() if node.get("id")]
    assert names and all(str(name).startswith("fig-") for name in names) and len(set(names)) == len(names)
    href = "{http://www.w3.org/1999/xlink}href"
    used = {str(node.get(href))[1:] for node in root.iter() if node.get(href)}
    assert used and used <= set(names)
