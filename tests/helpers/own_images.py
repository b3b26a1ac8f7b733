"""A folder of images as a user may have one: three shapes in three colours, in files of several kinds."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ["cross", "disc", "square"]


def shape(kind: str, side: int, generator: np.random.Generator, grey: bool) -> Image.Image:
    """A shape of its class's colour, somewhere near the middle, with noise."""
    y, x = np.mgrid[:side, :side] / side - 0.5 - generator.uniform(-0.1, 0.1, (2, 1, 1))
    inside = {
        "cross": np.minimum(abs(x), abs(y)) < 0.1,
        "disc": x**2 + y**2 < 0.09,
        "square": np.maximum(abs(x), abs(y)) < 0.35,
    }[kind]
    light = 60 + 130 * inside[..., None] * np.roll([1.0, 0.2, 0.2], CLASSES.index(kind))  # [side, side, 3]
    image = Image.fromarray((light + generator.normal(0, 20, (side, side, 3))).clip(0, 255).astype(np.uint8))
    return image.convert("L") if grey else image


def draw(root: Path) -> None:
    """Two sizes, PNG and JPEG, one in ten grey: 40 of each class to train on and 15 to test."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 15)):
        for kind in CLASSES:
            folder = root / part / kind
            folder.mkdir(parents=True)
            for number in range(count):
                image = shape(kind, (12, 16)[number % 2], generator, grey=number % 10 == 9)
                image.save(folder / f"{number}.{('png', 'jpg')[number // 2 % 2]}")
            (folder / ".DS_Store").write_bytes(b"\0")
