"""Ridgelines: densities, axes and which epochs are shown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from matplotlib.axes import Axes

from pipeline.reporting.ridges import Axis, ridgelines
from pipeline.reporting.style import COLOURS

AXIS = Axis("singular value", -2.0, 2.0, 0.95)
OVERLAP = 1.8


def panel(epochs: Mapping[int, np.ndarray], axis: Axis = AXIS) -> Axes:
    (ax,) = ridgelines({"map 1": [epochs]}, [axis], "blue").axes
    return ax


def ridges(ax: Axes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Powers of ten and heights above the horizontal axis, from the highest ridge down."""
    own = [line for line in ax.lines if line.get_color() == COLOURS["paper"][0]]
    own.sort(key=lambda line: line.get_zorder())
    return [(np.log10(np.asarray(line.get_xdata())), np.asarray(line.get_ydata())) for line in own]


def test_a_density_peaks_where_the_values_are() -> None:
    ((x, height),) = ridges(panel({0: np.array([10.0, 10.0, 10.0, -1.0])}))
    assert x[height.argmax()] == pytest.approx(1, abs=0.02) and height.max() == pytest.approx(OVERLAP)
    assert height[np.abs(x).argmin()] == pytest.approx(OVERLAP / 3, rel=0.1)  # of |-1|
    assert height[np.abs(x + 1).argmin()] == pytest.approx(0, abs=1e-3)


def test_zeros_are_at_the_left_end_and_what_is_not_finite_is_left_out() -> None:
    ((x, height),) = ridges(panel({0: np.array([0.0, 1e-9, np.nan, np.inf])}))
    assert x[height.argmax()] == pytest.approx(AXIS.low) and height[len(x) // 2 :].max() < 1e-3
    assert ridges(panel({0: np.array([np.nan])})) == []


def test_ridges_have_the_same_peak_above_each_other_the_first_at_the_top() -> None:
    ax = panel({0: np.array([1.0]), 1: np.full(1000, 0.1), 2: np.array([np.nan]), 3: np.geomspace(1, 10, 99)})
    drawn = ridges(ax)
    assert [height.min() for _, height in drawn] == pytest.approx([3, 2, 0], abs=1e-3)
    assert [height.max() for _, height in drawn] == pytest.approx([3 + OVERLAP, 2 + OVERLAP, OVERLAP])
    assert [x[height.argmax()] for x, height in drawn[:2]] == pytest.approx([0, -1], abs=0.01)
    assert ax.get_yticks().tolist() == [3, 2, 1, 0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(("apart", "parted"), [(0.06, True), (0.015, False)])
def test_values_a_few_percent_apart_are_parted(apart: float, parted: bool) -> None:
    ((x, height),) = ridges(panel({0: np.repeat([1.0, 1 + apart], 50)}, Axis("x", -0.5, 0.5)))
    between = height[np.abs(x - np.log10(1 + apart) / 2).argmin()]
    assert (between < 0.75 * OVERLAP) == parted


def test_at_most_sixteen_epochs_with_the_ends() -> None:
    ax = panel({epoch: np.array([1.0, 10.0 ** (epoch / 40)]) for epoch in range(41)})
    drawn = ridges(ax)
    assert len(drawn) == 16 and ax.get_yticklabels()[0].get_text() == "0"
    x, height = drawn[-1]
    assert height[np.abs(x - 1).argmin()] == pytest.approx(OVERLAP, rel=0.05), "the last epoch's ten"


def test_axes_follow_the_values() -> None:
    axis = Axis.of("x", np.concatenate([np.geomspace(0.1, 10, 1000), [0.0, np.nan]]))
    assert axis.low < -0.95 and 1 < axis.high < 1.2
    assert Axis.of("x", np.zeros(3)) == Axis("x", -2.0, 1.0)


def test_a_panel_per_map_and_kind() -> None:
    values = {epoch: np.geomspace(0.1, 10, 20) for epoch in range(3)}
    figure = ridgelines({"map 1": [values, values], "map 2": [values, {0: np.array([np.nan])}]}, [AXIS, AXIS], "blue")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["map 1", "map 1", "map 2", "map 2"]
    low, high = figure.axes[2].get_xlim()
    written = [
        label.get_text() for label in figure.axes[2].get_xticklabels() if low <= label.get_position()[0] <= high
    ]
    assert written == ["0.01", "0.1", "1", "10", "100"]
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "", AXIS.label, AXIS.label]
    assert [bool(ax.get_ylabel()) for ax in figure.axes] == [True, False] * 2
