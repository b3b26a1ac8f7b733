from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from pipeline.config import Data
from pipeline.data.dataset import Dataset
from pipeline.data.sources import fetch

Refusal = Callable[..., str]
CLASSES = 257


def get(root: Path) -> Dataset:
    return fetch("mine", Data(source="caltech256", root=str(root)))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two images of each class, one grey and one RGB, as light as the number of the class."""
    root = tmp_path / "caltech256" / "256_ObjectCategories"
    for number in range(CLASSES):
        folder = root / f"{number + 1:03d}.thing"
        folder.mkdir(parents=True)
        level = min(number, 255)
        Image.new("L", (5, 3), level).save(folder / f"{number + 1:03d}_0001.jpg")
        Image.new("RGB", (9, 12), (level, level, 0)).save(folder / f"{number + 1:03d}_0002.jpg")
    return root


def test_resized_and_divided(photographs: Path) -> None:
    data = get(photographs.parents[1])
    assert (data.shape, data.classes) == ((3, 64, 64), CLASSES)
    assert (len(data.train), len(data.test)) == (411, 103)
    labels = torch.cat([data.train.labels, data.test.labels])
    assert torch.bincount(labels).tolist() == [2] * CLASSES  # each image once
    images = torch.cat([data.train.images, data.test.images]).view(-1, 3, 64, 64).int()
    assert (images[:, 0] - labels.clamp(max=255).view(-1, 1, 1)).abs().max() <= 3  # JPEG loses a little
    assert len(data.train.labels.unique()) < CLASSES  # random, not stratified
    again = get(photographs.parents[1])
    assert again.provenance == data.provenance


def test_classes_missing(refusal: Refusal, photographs: Path) -> None:
    for path in (photographs / "257.thing").iterdir():
        path.unlink()
    assert "256 classes with images; 257 are needed" in refusal(get, photographs.parents[1])


def test_a_damaged_photograph(refusal: Refusal, photographs: Path) -> None:
    path = photographs / "100.thing" / "100_0002.jpg"
    path.write_bytes(path.read_bytes()[:-30])
    line = refusal(get, photographs.parents[1])
    assert "image 2 of 100.thing cannot be read" in line
