"""Images of one's own: a folder with `train/` and `test/`, and in each one folder per class."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch

from pipeline.config import Data
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.divide import divide
from pipeline.data.reading import need_root, one_line
from pipeline.errors import InputError

# PIL's names for the kinds of pixels that are taken -> what they become, without loss.
MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}


def image_folder(settings: Data, name: str) -> Dataset:
    """A data set from folders `train/CLASS/IMAGE` and `test/CLASS/IMAGE` below the root.

    Classes are the folders of `train/`, numbered by name. Images are grey or RGB, in any format that PIL reads; where
    both occur, all become RGB. They must have one size, unless `side` in the settings resizes them. Without `test/` a
    seeded fifth of each class of `train/` is kept for testing. Names that start with a dot are passed over.

    Raises:
        InputError: a folder is missing, has no classes or has one that training lacks; a class without images, or
            with too few to divide; an unreadable image, or one of another size.
    """
    root = need_root(settings, name)
    classes = _classes(root / "train", name)
    numbers = {folder.name: number for number, folder in enumerate(classes)}
    train = [(image, numbers[folder.name]) for folder in classes for image in _images(folder, name)]
    test = []
    divided = not (root / "test").exists()
    for folder in [] if divided else _classes(root / "test", name):
        if folder.name not in numbers:
            raise InputError(f"data.{name}: {folder} is a class that {root / 'train'} does not have")
        test += [(image, numbers[folder.name]) for image in _images(folder, name)]
    reader = _Reader([image for image, _ in train + test], settings.side, name)
    description = "folder of images, one folder per class"
    if settings.side is not None:
        description += f", resized to {settings.side} x {settings.side}"
    if divided:
        description += ", seeded stratified 80/20 split"
        parts = _divided(reader.read(train), name, root)
    else:
        parts = reader.read(train), reader.read(test)
    facts = {"source": settings.source, "description": description}
    return build(name, *parts, reader.shape, len(classes), facts)


def _classes(folder: Path, name: str) -> list[Path]:
    """The class folders of `train/` or `test/`, by name."""
    if not folder.is_dir():
        raise InputError(f"data.{name}: no folder {folder}; expected one with a folder per class, {folder}/cat/1.png")
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


def _divided(whole: Split, name: str, root: Path) -> tuple[Split, Split]:
    counts = torch.bincount(whole.labels)
    if int(counts.min()) < 2 or 5 * len(counts) > len(whole):
        need = f"{root / 'test'} is not there, and to divide {root / 'train'} takes"
        raise InputError(f"data.{name}: {need} at least 2 images of each class and 5 per class on average")
    return divide(whole, "image-folder", stratified=True)


class _Reader:
    """Reads image files as pixels that are all alike."""

    def __init__(self, files: list[Path], side: int | None, name: str) -> None:
        self._side, self._name = side, name
        self._mode = "RGB" if "RGB" in {self._mode_of(file) for file in files} else "L"
        self.shape = self._pixels(files[0]).shape  # [C, H, W]

    def read(self, files: list[tuple[Path, int]]) -> Split:
        """The images in some files with their labels."""
        images = torch.empty(len(files), *self.shape, dtype=torch.uint8)  # [N, C, H, W]
        for row, (path, _) in zip(images.numpy(), files, strict=True):
            pixels = self._pixels(path)
            if pixels.shape != self.shape:
                found, wanted = (" x ".join(map(str, shape[1:])) for shape in (pixels.shape, self.shape))
                remedy = f"all must be alike, or `side: {self.shape[1]}` in the profile resizes them"
                raise InputError(f"data.{self._name}: {path} is {found}; the first image is {wanted} and {remedy}")
            row[...] = pixels
        return Split(images.flatten(1), torch.tensor([number for _, number in files]))

    def _mode_of(self, path: Path) -> str:
        """What the pixels of a file become, from its first bytes."""
        from PIL import Image

        with self._clear(path), Image.open(path) as image:
            mode = image.mode
        if mode not in MODES:
            needed = "grey (L) or RGB are needed: convert or remove it"
            raise InputError(f"data.{self._name}: {path} has pixels of kind {mode!r}; {needed}")
        return MODES[mode]

    def _pixels(self, path: Path) -> np.ndarray:
        """The image in a file, uint8 [C, H, W]."""
        from PIL import Image

        with self._clear(path), Image.open(path) as file:
            image = file.convert(self._mode)
            if self._side is not None:
                image = image.resize((self._side, self._side), Image.Resampling.BILINEAR)
            pixels = np.array(image)  # [H, W] or [H, W, 3]
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def _clear(self, path: Path) -> AbstractContextManager[None]:
        return one_line(f"data.{self._name}: {path} is not a readable image", "replace or remove it")
