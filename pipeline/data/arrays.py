"""Images in one `.npz` file of numpy, under the names of MedMNIST or of Keras."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.config import Data
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.reading import need_file, one_line
from pipeline.errors import InputError

# Whose names they are -> part of the data set -> the names of its images and of its labels.
_STYLES = {
    "MedMNIST": {part: (f"{part}_images", f"{part}_labels") for part in ("train", "val", "test")},
    "Keras": {part: (f"x_{part}", f"y_{part}") for part in ("train", "val", "test")},
}


@dataclass(frozen=True)
class Arrays:
    """What a file holds.

    Attributes:
        train, validation, test: the images with their labels; no validation if the file has none.
        shape: (C, H, W) of an image.
        classes: how many there are.
        names: of the classes, in the order of their labels; none if the file has none.
    """

    train: Split
    validation: Split | None
    test: Split
    shape: tuple[int, int, int]
    classes: int
    names: tuple[str, ...]


def arrays(settings: Data, name: str) -> Dataset:
    """A data set from the `.npz` file that is the root.

    It has `train_images`, `train_labels`, `test_images`, `test_labels` (MedMNIST), or `x_train`, `y_train`, `x_test`,
    `y_test` (Keras): images uint8 [N, H, W], [N, H, W, 1] or [N, H, W, 3], labels whole numbers [N] or [N, 1] from 0.
    `val_images` and `val_labels` (`x_val`, `y_val`) are left out, or joined to the training images, as `validation`
    in the settings says. `classes`, names in the order of the labels, says how many classes there are; without it
    all that training has. Pickles in it are not opened.

    Raises:
        InputError: there is no such file, an array is missing, or of another shape or type, labels are not those of
            the classes, or there are no validation images to join.
    """
    path = need_file(settings, name)
    found = read(path, name)
    train, words = found.train, f"arrays of {path.name}"
    if found.validation is None and settings.validation == "join":
        raise InputError(
            f"data.{name}: {path}: has no validation images to join; expected val_images and val_labels, or x_val "
            "and y_val, or no `validation` in the profile"
        )
    if found.validation is not None:
        joined = settings.validation == "join"
        words += f", validation images {'joined to training' if joined else 'left out'}"
        if joined:
            train = Split(
                torch.cat((train.images, found.validation.images)), torch.cat((train.labels, found.validation.labels))
            )
    kind = "RGB" if found.shape[0] == 3 else "grey"
    words += f", {found.shape[1]} x {found.shape[2]} {kind}"
    facts = {"source": settings.source, "description": words, "origin": path.name}
    return build(name, train, found.test, found.shape, found.classes, facts)


def read(path: Path, name: str) -> Arrays:
    """What is in a file, for the data set that a profile calls `name`.

    Raises:
        InputError: as of `arrays`, but for a file that is not there.
    """
    where = f"data.{name}: {path}"
    with _opened(path, where) as file:
        style = _style(set(file.files), where)
        # A part that was left empty; its labels are asked first, since images are many bytes to read twice.
        if "val" in style and all(_array(file, each, where).size == 0 for each in style["val"][::-1]):
            del style["val"]
        parts = {part: _images(file, own, where) for part, own in style.items()}
        shapes = {part: images.shape[1:] for part, images in parts.items()}
        if len(set(shapes.values())) > 1:
            said = ", ".join(f"{style[part][0]} of {_by(shape)}" for part, shape in shapes.items())
            raise InputError(f"{where}: {said}; all images must have one size")
        labels = {part: _labels(file, style[part], len(images), where) for part, images in parts.items()}
        names = _names(file, where) if "classes" in file.files else ()
    count = len(names) or _counted(labels["train"], style["train"][1], where)
    for part, own in labels.items():
        if not 0 <= own.min() <= own.max() < count:
            known = "classes has" if names else f"{style['train'][1]} has"
            raise InputError(
                f"{where}: {style[part][1]} from {own.min()} to {own.max()}; {known} {count} classes, so that valid "
                f"are 0 to {count - 1}"
            )
    split = {part: Split(_rows(images), torch.from_numpy(labels[part])) for part, images in parts.items()}
    height, width, channels = shapes["train"]
    return Arrays(split["train"], split.get("val"), split["test"], (channels, height, width), count, names)


@contextmanager
def _opened(path: Path, where: str) -> Iterator[np.lib.npyio.NpzFile]:
    """The file, whose arrays are read as they are asked for, all of it compared with its checksums before.

    numpy reads as much as the header of an array says, and what is left over would not be missed.
    """
    with ExitStack() as stack:
        content = stack.enter_context(path.open("rb"))
        if not zipfile.is_zipfile(content):
            raise InputError(f"{where}: is not a whole .npz file; numpy.savez writes one")
        content.seek(0)
        with one_line(f"{where}: is damaged", "write it again"):
            file = stack.enter_context(np.load(content, allow_pickle=False))
            damaged = file.zip.testzip()
        if damaged is not None:
            raise InputError(f"{where}: is damaged in {damaged}; write it again")
        yield file


def _style(names: set[str], where: str) -> dict[str, tuple[str, str]]:
    """Part -> the names of its images and labels, in whichever style the file has.

    Raises:
        InputError: it has neither, or both, or only images or labels of a part.
    """
    found = ", ".join(sorted(names)[:12]) or "nothing"
    begun = [parts for parts in _STYLES.values() if any(names & set(pair) for pair in parts.values())]
    if len(begun) != 1:
        problem = "names of both MedMNIST and Keras" if begun else "no images"
        wanted = " or ".join(", ".join((*parts["train"], *parts["test"])) for parts in _STYLES.values())
        raise InputError(f"{where}: has {problem}; it has {found}; expected {wanted}")
    parts = {part: pair for part, pair in begun[0].items() if part != "val" or names & set(pair)}
    if missing := [each for pair in parts.values() for each in pair if each not in names]:
        raise InputError(f"{where}: {', '.join(missing)} is missing; it has {found}")
    return parts


def _array(file: np.lib.npyio.NpzFile, name: str, where: str) -> NDArray[Any]:
    """An array of a file; what would have to be unpickled is refused."""
    with one_line(f"{where}: {name} cannot be read", "expected an array of numpy without Python objects"):
        found = file[name]
    if not isinstance(found, np.ndarray):  # bytes, of what is in the archive without being an array
        raise InputError(f"{where}: {name} is not an array of numpy; numpy.savez writes them")
    return found


def _images(file: np.lib.npyio.NpzFile, own: tuple[str, str], where: str) -> NDArray[np.uint8]:
    """uint8 [N, H, W, C], C 1 or 3."""
    images = stored = _array(file, own[0], where)
    if images.dtype != np.uint8:
        raise InputError(f"{where}: {own[0]} is {images.dtype}; expected uint8, grey levels from 0 to 255")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.size == 0:
        raise InputError(
            f"{where}: {own[0]} is {_by(stored.shape)}; expected N x H x W, N x H x W x 1 or N x H x W x 3, none of "
            "them 0"
        )
    return images


def _labels(file: np.lib.npyio.NpzFile, own: tuple[str, str], count: int, where: str) -> NDArray[np.int64]:
    """int64 [N]."""
    labels = _array(file, own[1], where)
    if labels.dtype.kind not in "iu":
        raise InputError(f"{where}: {own[1]} is {labels.dtype}; expected whole numbers, one per image, from 0")
    if labels.shape not in ((count,), (count, 1)):
        raise InputError(
            f"{where}: {own[1]} is {_by(labels.shape)} for {count} images; expected one label per image, "
            f"{count} or {count} x 1"
        )
    if (low := int(labels.min())) < 0 or (high := int(labels.max())) > np.iinfo(np.int64).max:
        raise InputError(f"{where}: {own[1]} has {low if low < 0 else high}; expected whole numbers from 0")
    return labels.reshape(count).astype(np.int64)


def _names(file: np.lib.npyio.NpzFile, where: str) -> tuple[str, ...]:
    names = _array(file, "classes", where)
    if names.ndim != 1 or names.dtype.kind not in "US" or len(names) == 0:
        raise InputError(f"{where}: classes is {names.dtype} of {_by(names.shape)}; expected a list of names")
    found = tuple(
        each.decode("utf-8", "backslashreplace") if isinstance(each, bytes) else str(each) for each in names.tolist()
    )
    if twice := sorted({each for each in found if found.count(each) > 1}):
        raise InputError(f"{where}: classes has {twice[0]!r} twice; each class has one name")
    return found


def _counted(labels: NDArray[np.int64], name: str, where: str) -> int:
    """How many classes there are, each of which training must have where no names say how many."""
    there = np.unique(labels)
    if not np.array_equal(there, np.arange(len(there))):
        low, high = int(there[0]), int(there[-1])
        raise InputError(
            f"{where}: {name} has {len(there)} different labels from {low} to {high}; expected 0 to "
            f"{len(there) - 1}, or `classes`, the names of all classes in the order of their labels"
        )
    return len(there)


def _rows(images: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 [N, C * H * W] from [N, H, W, C]."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).flatten(1)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single value"
