"""Random images, and settings of a training that is over at once: for where only the arithmetic is tested."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch

from pipeline.config import Configuration
from pipeline.data.dataset import Dataset, Split, build

# What every experiment's settings need; tests change what they are about.
TRAINING: dict[str, Any] = {
    "data": ["noise"],
    "repeats": 2,
    "batch_size": 8,
    "optimiser": "adamw",
    "learning_rate": 1e-2,
    "weight_decay": 1e-3,
    "psi_decay": 0.1,
}
PSI = Configuration(intrinsic_length="trainable", compensation="trainable+decay")
STANDARD = Configuration(activation="tanh", intrinsic_length="none", compensation="none")


def noise(
    train: int = 41,
    test: int = 200,
    shape: Sequence[int] = (1, 1, 7),
    classes: int = 3,
    name: str = "noise",
    source: str = "noise",
    seed: int = 0,
) -> Dataset:
    """Random images with random labels."""
    draw = torch.Generator().manual_seed(seed)

    def split(count: int) -> Split:
        images = torch.randint(0, 256, (count, prod(shape)), dtype=torch.uint8, generator=draw)
        return Split(images, torch.randint(0, classes, (count,), generator=draw))

    provenance = {"source": source, "description": f"random images {name}"}
    return build(name, split(train), split(test), tuple(shape), classes, provenance)
