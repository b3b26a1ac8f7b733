"""Images of one's own: a folder with `train/` and `test/`, and in each one folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pipeline.config import Data
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.reading import need_root, one_line
from pipeline.errors import InputError

# PIL's names for the kinds of pixels that are taken -> what they become, without loss.
MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}


def image_folder(settings: Data, name: str) -> Dataset:
    """A data set from folders `train/CLASS/IMAGE` and `test/CLASS/IMAGE` below the root.

    Classes are the folders of `train/`, numbered by name. Every image must have the same shape and be grey or
    RGB, in any format that PIL reads. Names that start with a dot are passed over.

    Raises:
        InputError: a folder is missing, has no classes or has one that training lacks; a class without images;
            an unreadable image, or one of another shape.
    """
    root = need_root(settings, name)
    classes = _classes(root / "train", name)
    numbers = {folder.name: number for number, folder in enumerate(classes)}
    train = [(image, numbers[folder.name]) for folder in classes for image in _images(folder, name)]
    test = []
    for folder in _classes(root / "test", name):
        if folder.name not in numbers:
            raise InputError(f"data.{name}: {folder} is a class that {root / 'train'} does not have")
        test += [(image, numbers[folder.name]) for image in _images(folder, name)]
    shape = _pixels(train[0][0], name).shape
    description = "folder of images, one folder per class"
    return build(
        name,
        _read(train, shape, name),
        _read(test, shape, name),
        shape,
        len(classes),
        {"source": settings.source, "description": description},
    )


def _classes(folder: Path, name: str) -> list[Path]:
    """The class folders of `train/` or `test/`, by name."""
    if not folder.is_dir():
        raise InputError(f"data.{name}: no folder {folder}; expected one with a folder per class")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise InputError(f"data.{name}: {folder} has no folder per class; expected e.g. {folder}/cat/1.png")
    return classes


def _images(folder: Path, name: str) -> list[Path]:
    """The image files of a class, by name."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not files:
        raise InputError(f"data.{name}: {folder} has no images; add some or remove the folder")
    return files


def _read(files: list[tuple[Path, int]], shape: tuple[int, ...], name: str) -> Split:
    images = torch.empty(len(files), *shape, dtype=torch.uint8)  # [N, C, H, W]
    for row, (path, _) in zip(images.numpy(), files, strict=True):
        pixels = _pixels(path, name)
        if pixels.shape != shape:
            found, wanted = (" x ".join(map(str, size)) for size in (pixels.shape, shape))
            raise InputError(f"data.{name}: {path} is {found}; the first image is {wanted} and all must be alike")
        row[...] = pixels
    return Split(images.flatten(1), torch.tensor([number for _, number in files]))


def _pixels(path: Path, name: str) -> np.ndarray:
    """The image in a file, uint8 [C, H, W]."""
    from PIL import Image

    where = f"data.{name}: {path} is not a readable image"
    with one_line(where, "replace or remove it"), Image.open(path) as image:
        mode = image.mode
        pixels = np.array(image.convert(MODES.get(mode, "RGB")))  # [H, W] or [H, W, 3]
    if mode not in MODES:
        raise InputError(f"data.{name}: {path} has pixels of kind {mode!r}; grey (L) or RGB are needed")
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
