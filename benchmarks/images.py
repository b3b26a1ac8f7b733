"""Images to train on: random ones in the sizes of real sets (timing does not depend on the values), real digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from pipeline.config import Data
from pipeline.data.dataset import Dataset, Split, build, save
from pipeline.data.sources import fetch
from pipeline.seeds import generator

SHAPES = {3072: (3, 32, 32), 784: (1, 28, 28), 64: (1, 8, 8)}  # number of inputs -> C, H, W
CLASSES = 10


def write(folder: Path, inputs: Iterable[int], counts: Mapping[int, tuple[int, int]]) -> dict[int, Path]:
    """One data set file for each number of inputs, as the pipeline has them on disk.

    Args:
        folder: where to.
        inputs: numbers of inputs, keys of SHAPES.
        counts: numbers of training and test images of the random ones.
    """
    files = {}
    for n in sorted(set(inputs)):
        files[n] = folder / f"{n}.pt"
        save(random_images(SHAPES[n], *counts[n]) if n in counts else digits(), files[n])
    return files


def digits() -> Dataset:
    """scikit-learn's digits, as profile `digits` has them."""
    return fetch("digits", Data(source="digits"))


def random_images(shape: tuple[int, int, int], train: int, test: int) -> Dataset:
    """Uniform grey levels and labels of CLASSES classes."""
    size = math.prod(shape)
    random = generator("benchmark", size)

    def split(count: int) -> Split:
        levels = torch.randint(256, (count, size), dtype=torch.uint8, generator=random)
        return Split(levels, torch.randint(CLASSES, (count,), generator=random))

    origin = {"source": "benchmark", "description": "noise"}
    return build(f"random-{size}", split(train), split(test), shape, CLASSES, origin)
