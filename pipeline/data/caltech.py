"""Caltech-256: photographs of many sizes, undivided."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.config import Data
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.divide import divide
from pipeline.data.reading import need_root, one_line, torchvision
from pipeline.errors import InputError

SIDE = 64  # pixels
CLASSES = 257


def caltech256(settings: Data, name: str) -> Dataset:
    """Caltech-256, RGB, resized to 64 x 64, 257 classes, a seeded random 80/20 split of 30,607 images.

    Raises:
        InputError: as `sources.fetch` says; also if not all classes are there.
    """
    from torchvision import datasets

    root = need_root(settings, name)
    with torchvision(settings, name):
        reader = datasets.Caltech256(str(root), download=settings.download)
    found = len(set(reader.y))
    if found != CLASSES:
        raise InputError(f"data.{name}: {reader.root} has {found} classes with images; {CLASSES} are needed")
    images = torch.empty(len(reader), 3, SIDE, SIDE, dtype=torch.uint8)
    for number in range(len(reader)):
        images[number] = _pixels(reader, number, name)
    whole = Split(images.flatten(1), torch.tensor(reader.y))
    train, test = divide(whole, settings.source, stratified=False)
    description = f"torchvision Caltech256, resized to {SIDE} x {SIDE} RGB, seeded 80/20 split"
    provenance = {"source": settings.source, "description": description}
    return build(name, train, test, (3, SIDE, SIDE), CLASSES, provenance)


def _pixels(reader: Any, number: int, name: str) -> Tensor:
    """One image of a torchvision Caltech256, uint8 [3, SIDE, SIDE]."""
    from PIL.Image import Resampling

    where = f"data.{name}: {reader.root}: image {reader.index[number]} of {reader.categories[reader.y[number]]}"
    with one_line(f"{where} cannot be read", "replace it"):
        image = reader[number][0].convert("RGB").resize((SIDE, SIDE), Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)
