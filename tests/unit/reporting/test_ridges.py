"""Ridgelines: densities, axes and which epochs are shown."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.reporting.ridges import Axis, density, ridgelines, shown

AXIS = Axis("singular value", -2.0, 2.0, 0.95)


def test_a_density_peaks_where_the_values_are() -> None:
    x, height = density(np.array([10.0, 10.0, 10.0, -1.0]), AXIS)
    assert x[height.argmax()] == pytest.approx(1, abs=0.02) and height.max() == 1
    assert height[np.abs(x).argmin()] == pytest.approx(1 / 3, rel=0.1)  # of |-1|
    assert height[np.abs(x + 1).argmin()] == 0


def test_zeros_are_at_the_left_end_and_what_is_not_finite_is_left_out() -> None:
    x, height = density(np.array([0.0, 1e-9, np.nan, np.inf]), AXIS)
    assert height.argmax() == 0 and height[len(x) // 2 :].max() == 0
    assert density(np.array([np.nan]), AXIS)[1].max() == 0


def test_at_most_sixteen_epochs_with_the_ends() -> None:
    assert shown(range(41))[0] == 0 and shown(range(41))[-1] == 40 and len(set(shown(range(41)))) == 16
    assert shown([0, 1, 2]) == [0, 1, 2]


def test_axes_follow_the_values() -> None:
    axis = Axis.of("x", np.concatenate([np.geomspace(0.1, 10, 1000), [0.0, np.nan]]))
    assert axis.low < -0.95 and 1 < axis.high < 1.2
    assert Axis.of("x", np.zeros(3)) == Axis("x", -2.0, 1.0)


def test_a_panel_per_map_and_kind() -> None:
    values = {epoch: np.geomspace(0.1, 10, 20) for epoch in range(3)}
    figure = ridgelines({"map 1": [values, values], "map 2": [values, {0: np.array([np.nan])}]}, [AXIS, AXIS], "blue")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["map 1", "map 1", "map 2", "map 2"]
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["0.01", "0.1", "1", "10", "100"]
