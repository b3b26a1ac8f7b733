"""Pictures side by side: their order, their scale, and that the ground shows between them."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.experiments.components import ROWS
from pipeline.reporting.images import pictures

MEASURE = ROWS.measures["pixel_correlation"]


def drawn(images: np.ndarray, title: str = "kind") -> np.ndarray:
    """The one picture of a panel, [H, W, 4]."""
    figure = pictures({title: images}, MEASURE)
    assert figure.axes[0].get_title(loc="left") == title
    return np.asarray(figure.axes[0].images[0].get_array())


def test_pictures_are_in_order_with_gaps_that_let_the_ground_through() -> None:
    images = np.zeros((10, 1, 3, 2))
    images[9, 0, 2, 1] = 1.0
    whole = drawn(images)
    assert whole.shape == (2 * 3 + 1, 8 * 2 + 7, 4)
    assert (whole[3] == 0).all() and (whole[:, 2] == 0).all()
    assert (whole[4:, 6:] == 0).all(), "no more than ten"
    assert (whole[:3, :2, 3] == 1).all()
    marked = whole[6, 4]
    assert not np.allclose(marked, whole[0, 0]) and np.allclose(whole[5, 4], whole[0, 0])


def test_panels_share_a_scale_on_which_zero_is_pale_and_signs_differ() -> None:
    small, large = np.full((1, 1, 1, 1), 0.2), np.array([[[[-0.8, 0.0, 0.8]]]])
    figure = pictures({"small": small, "large": large}, MEASURE)
    first, second, bar = figure.axes
    colours = np.asarray(second.images[0].get_array())[0, :3]
    assert colours[1, :3].min() > 0.9
    assert not np.allclose(colours[0], colours[2]) and max(colours[0, :3].mean(), colours[2, :3].mean()) < 0.5
    pale = np.asarray(first.images[0].get_array())[0, 0]
    assert pale[:3].mean() > colours[2, :3].mean() + 0.2, "a fourth of the largest, though the largest of its panel"
    assert bar.get_ylabel() == MEASURE.label and bar.get_ylim() == pytest.approx((-0.8, 0.8))


def test_three_channels_are_colours_and_grey_is_zero() -> None:
    images = np.zeros((1, 3, 1, 2))
    images[0, :, 0, 1] = (1.0, -1.0, 0.5)
    figure = pictures({"kind": images}, MEASURE)
    assert len(figure.axes) == 1, "no colour bar"
    whole = np.asarray(figure.axes[0].images[0].get_array())
    assert whole[0, 0].tolist() == [0.5, 0.5, 0.5, 1.0] and whole[0, 1].tolist() == [1.0, 0.0, 0.75, 1.0]


def test_all_zero_is_drawn() -> None:
    assert drawn(np.zeros((1, 1, 2, 2)))[0, 0, :3].min() > 0.9
