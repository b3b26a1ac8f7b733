"""Correlations of activations with pixels, against NumPy."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.data.dataset import Split, build
from pipeline.training import activations
from pipeline.training.activations import pixel_correlations


def test_correlations_in_several_parts_are_those_of_numpy(monkeypatch) -> None:
    draw = np.random.default_rng(0)
    images = torch.from_numpy(draw.integers(0, 255, (50, 6)).astype(np.uint8))
    images[:, 2] = 7  # never varies
    labels = torch.arange(50) % 2
    data = build(
        "noise", Split(images, labels), Split(images, labels), (1, 2, 3), 2, {"source": "", "description": ""}
    )
    y = torch.from_numpy(draw.normal(size=(50, 2))) + images[:, :2].double() / 100
    y = (y - y.mean(0)) / y.std(0, correction=0)
    monkeypatch.setattr(activations, "_TOGETHER", 20)
    found = pixel_correlations(y, data)
    assert found.shape == (2, 6) and (found[:, 2] == 0).all()
    for row in range(2):
        for column in (0, 1, 3, 4, 5):
            known = np.corrcoef(y[:, row], images[:, column].double())[0, 1]
            assert abs(found[row, column].item() - known) < 1e-6
