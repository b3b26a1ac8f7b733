"""Images of one's own: a folder with `train/` and `test/`, and in each one folder per class."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.config import Data
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.divide import divide
from pipeline.data.reading import need_root, one_line
from pipeline.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

# PIL's names for the kinds of pixels that are taken -> what they become, without loss. A palette becomes grey if all
# that it shows is grey; what could be transparent is taken where nothing is.
MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGB": "RGB", "RGBA": "RGB"}
# What systems leave beside images, in lower case; other such names start with a dot.
_STRAY = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r", "@eadir", "lost+found"}
_OTHERS = ("val", "valid", "validation", "dev")  # as ImageNet and others have them beside train/


def image_folder(settings: Data, name: str) -> Dataset:
    """A data set from folders `train/CLASS/IMAGE` and `test/CLASS/IMAGE` below the root.

    Classes are the folders of `train/`, numbered by name. Images are grey or RGB, in any format that PIL reads; where
    both occur, all become RGB. They are turned as their EXIF orientation says, as every viewer shows them (a damaged
    EXIF block says nothing), and must then have one size, unless `side` in the settings resizes them. Without `test/`
    a seeded fifth of each class of `train/` is kept for testing. Names that start with a dot, and what systems leave
    (Thumbs.db), are passed over; and so is a folder of validation images, which the description says.

    Raises:
        InputError: a folder is missing or is written in another case, has no classes, one that training lacks, or
            images beside them; a class without images, or with too few to divide; an unreadable image, or one of
            another size, of several frames, of more than 8 bits, or with transparent pixels.
    """
    root = need_root(settings, name)
    _check_case(root, name)
    classes = _classes(root / "train", name)
    numbers = {_same(folder): number for number, folder in enumerate(classes)}
    train = [(image, numbers[_same(folder)]) for folder in classes for image in _images(folder, name)]
    test = []
    divided = not (root / "test").exists()
    _check_link(root / "test", name)
    for folder in [] if divided else _classes(root / "test", name):
        if _same(folder) not in numbers:
            raise InputError(f"data.{name}: {folder} is a class that {root / 'train'} does not have")
        test += [(image, numbers[_same(folder)]) for image in _images(folder, name)]
    reader = _Reader([image for image, _ in train + test], settings.side, name)
    description = "folder of images, one folder per class"
    if others := [other for other in _OTHERS if (root / other).is_dir()]:
        description += f", {' and '.join(others)}/ left out"
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
    from PIL import Image

    for path in folder.iterdir():
        _check_link(path, name)
    there = sorted(path for path in folder.iterdir() if not _stray(path))
    classes = [path for path in there if path.is_dir()]
    if not classes:
        raise InputError(f"data.{name}: {folder} has no folder per class; expected e.g. {folder}/cat/1.png")
    if loose := [path for path in there if path.suffix.lower() in Image.registered_extensions() and path.is_file()]:
        raise InputError(f"data.{name}: {loose[0]} is in no folder of a class; move it into one, or remove it")
    known: dict[str, Path] = {}
    for path in classes:
        if (other := known.setdefault(_same(path), path)) != path:
            raise InputError(f"data.{name}: {path} and {other} are one name, spelt in two ways in Unicode; join them")
    return classes


def _same(folder: Path) -> str:
    """The name of a class, as it is read: some systems take é apart, so that train/ and test/ may differ."""
    return unicodedata.normalize("NFC", folder.name)


def _check_case(root: Path, name: str) -> None:
    """Raise InputError for `Test/` or `TRAIN/`, which some systems take for what is meant and others do not see."""
    for path in root.iterdir():
        if path.is_dir() and path.name not in ("train", "test") and path.name.lower() in ("train", "test"):
            raise InputError(f"data.{name}: {path}: is {path.name.lower()}/ meant? rename it")


def _images(folder: Path, name: str) -> list[Path]:
    """The image files of a class, by name."""
    files = sorted(path for path in folder.iterdir() if not _stray(path))
    if not files:
        raise InputError(f"data.{name}: {folder} has no images; add some or remove the folder")
    for path in files:
        if not path.is_file():  # a pipe would be waited for
            kind = "a folder" if path.is_dir() else "no file" if path.exists() else "a link to nothing"
            raise InputError(f"data.{name}: {path} is not a readable image: it is {kind}; remove it")
    return files


def _check_link(path: Path, name: str) -> None:
    """Raise InputError for a link to a folder that is not there, such as one on a disk that is not mounted."""
    if path.is_symlink() and not path.exists():
        raise InputError(f"data.{name}: {path} is a link to nothing; is what it leads to mounted?")


def _stray(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in _STRAY


def _divided(whole: Split, name: str, root: Path) -> tuple[Split, Split]:
    counts = torch.bincount(whole.labels)
    if int(counts.min()) < 2 or 5 * len(counts) > len(whole):
        need = f"{root / 'test'} is not there, and to divide {root / 'train'} takes"
        raise InputError(f"data.{name}: {need} at least 2 images of each class and 5 per class on average")
    return divide(whole, "image-folder", stratified=True)


class _Reader:
    """Reads image files as pixels that are all alike.

    As open files: of a name Pillow maps a TIFF into memory as if it were turned already.
    """

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
        """What the pixels of a file become: from its first bytes, but for palettes and what could be transparent."""
        from PIL import Image

        with self._clear(path), path.open("rb") as content, Image.open(content) as image:
            kind, several = image.mode, getattr(image, "is_animated", False) and image.format != "MPO"
            deep = _is_deep(image)
            mode = _opaque(image).mode if kind in MODES and not several else ""
        if several:  # but the photographs of some telephones, with a preview after the image
            raise InputError(
                f"data.{self._name}: {path} has several frames; save the one that is meant, or remove it"
            )
        if deep:  # of which Pillow would give the upper eight, where grey ones have a kind of their own
            raise InputError(f"data.{self._name}: {path} has more than 8 bits a channel: convert or remove it")
        if mode not in ("L", "RGB"):
            what = "transparent pixels" if kind in MODES else "pixels"
            needed = "grey (L) or RGB are needed: convert or remove it"
            raise InputError(f"data.{self._name}: {path} has {what} of kind {kind!r}; {needed}")
        return mode

    def _pixels(self, path: Path) -> np.ndarray:
        """The image in a file, uint8 [C, H, W]."""
        from PIL import Image

        with self._clear(path), path.open("rb") as content, Image.open(content) as file:
            image = _opaque(_turned(file)).convert(self._mode)
            if self._side is not None:
                image = image.resize((self._side, self._side), Image.Resampling.BILINEAR)
            pixels = np.array(image)  # [H, W] or [H, W, 3]
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    @contextmanager
    def _clear(self, path: Path) -> Iterator[None]:
        where = f"data.{self._name}: {path} is not a readable image"
        # What Pillow warns of is beside the pixels, such as an EXIF block that is cut short.
        with one_line(where, "replace or remove it"), warnings.catch_warnings(action="ignore", category=UserWarning):
            yield


def _is_deep(image: Image.Image) -> bool:
    """Whether a file has more than 8 bits a channel, which only what its pixels are decoded from tells."""
    tiles = getattr(image, "tile", [])  # how it will be decoded: (codec, extents, offset, arguments)
    largest = [args[-1] for codec, _, _, args in tiles if codec.startswith("ppm") and isinstance(args, tuple)]
    if any(value > 255 for value in largest):  # that a portable pixmap may have, in bytes or in plain text
        return True
    return re.search(r"(RGB[AXa]?|LA|CMYK);16[BLN]|SGI16", str(tiles)) is not None


def _turned(image: Image.Image) -> Image.Image:
    """An image as its EXIF orientation says; as it is stored where its EXIF block is damaged, as viewers do."""
    from PIL import ImageOps

    image.load()  # first: that the pixels are damaged is not passed over
    with suppress(Exception):  # whatever Pillow trips over; in place, it is turned before the block is written anew
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _opaque(image: Image.Image) -> Image.Image:
    """An image without alpha, palette or transparent colour, in L or RGB; with them if some pixel is transparent.

    Where all is as it should be already, the image itself, of which no pixel has been read.
    """
    if image.mode in ("1", "L", "RGB") and "transparency" not in image.info:
        return image if image.mode != "1" else image.convert("L")
    whole = image.convert("RGBA")
    if whole.getchannel("A").getextrema() != (255, 255):
        return whole
    colours = whole.convert("RGB")
    red, green, blue = (channel.tobytes() for channel in colours.split())
    grey = image.mode in ("1", "L", "LA") or (image.mode in ("P", "PA") and red == green == blue)
    return colours.convert("L") if grey else colours
