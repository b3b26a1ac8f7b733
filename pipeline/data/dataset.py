"""A data set: images as grey levels, their labels, and how to standardise them; one file on disk."""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.data import facts
from pipeline.data.canonical import images_checksum
from pipeline.data.split import Split as Split
from pipeline.data.standardise import standardisation
from pipeline.errors import InputError
from pipeline.paths import denied, missing, written


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images, and the standardisation x = (image - mean) * inverse_deviation.

    Attributes:
        name: what the profile calls it.
        shape: (C, H, W) of an image.
        classes: number of classes; labels are 0 .. classes - 1.
        train, test: the images.
        mean: float64 [D], of each pixel over the training images, in grey levels.
        inverse_deviation: float64 [D], one over the biased standard deviation, in 1 / grey levels.
        provenance: source, description, train_count, test_count, checksum ("sha256:...", of all of this), images (one
            of the images in whatever order, see `canonical.py`) and origin, the file that it was read from, if one.
    """

    name: str
    shape: tuple[int, ...]
    classes: int
    train: Split
    test: Split
    mean: Tensor
    inverse_deviation: Tensor
    provenance: dict[str, str | int]

    @property
    def features(self) -> int:
        """D, the number of values of an image."""
        return math.prod(self.shape)

    def to(self, device: torch.device | str) -> Dataset:
        """The same data set with its tensors on `device`; nothing is copied if they are there already."""
        return replace(
            self,
            train=self.train.to(device),
            test=self.test.to(device),
            mean=self.mean.to(device),
            inverse_deviation=self.inverse_deviation.to(device),
        )


def build(
    name: str,
    train: Split,
    test: Split,
    shape: tuple[int, ...],
    classes: int,
    provenance: Mapping[str, str | int],
) -> Dataset:
    """A checked data set with its standardisation and checksum.

    Args:
        name: what the profile calls it.
        train, test: the images, of `shape` (C, H, W).
        shape, classes: what they must satisfy.
        provenance: source, description, and origin if there is one.

    Raises:
        InputError: no images, not one label per image, images of another size, labels out of range.
    """
    for part, split in (("train", train), ("test", test)):
        _check(f"data.{name}: {part}", split, shape, classes)
    mean, inverse_deviation = standardisation(train.images)
    counts = {"train_count": len(train), "test_count": len(test)}
    known = {**provenance, **counts, "images": images_checksum(train, test, shape, classes)}
    dataset = Dataset(name, shape, classes, train, test, mean, inverse_deviation, known)
    return replace(dataset, provenance=dataset.provenance | {"checksum": checksum(dataset)})


def _check(where: str, split: Split, shape: tuple[int, ...], classes: int) -> None:
    images, labels = split.images, split.labels
    if len(images) == 0:
        raise InputError(f"{where}: no images; at least one is needed")
    if len(images) != len(labels):
        raise InputError(f"{where}: {len(images)} images but {len(labels)} labels; one per image is needed")
    if images.shape[1] != math.prod(shape):
        wanted = " x ".join(map(str, shape))
        raise InputError(f"{where}: images of {images.shape[1]} values instead of {wanted}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise InputError(f"{where}: labels from {low} to {high}; valid are 0 to {classes - 1}")


_APART = ("checksum", "origin")  # of the provenance: a download and a file are one data set


def checksum(dataset: Dataset) -> str:
    """ "sha256:..." of all that a data set holds, but for the checksum itself, wherever it came from."""
    provenance = {key: value for key, value in dataset.provenance.items() if key not in _APART}
    words = [dataset.name, dataset.shape, dataset.classes, provenance]
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for tensor in _tensors(dataset).values():
        digest.update(tensor.numpy().data)
    return f"sha256:{digest.hexdigest()}"


def _tensors(dataset: Dataset) -> dict[str, Tensor]:
    tensors = {
        "train_images": dataset.train.images,
        "train_labels": dataset.train.labels,
        "test_images": dataset.test.images,
        "test_labels": dataset.test.labels,
        "mean": dataset.mean,
        "inverse_deviation": dataset.inverse_deviation,
    }
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def save(dataset: Dataset, path: Path) -> None:
    """Write a data set to one file, and its facts beside it; the same data set gives the same bytes."""
    content = {
        "name": dataset.name,
        "shape": list(dataset.shape),
        "classes": dataset.classes,
        "provenance": dataset.provenance,
        **_tensors(dataset),
    }
    _write(content, path)
    facts.write(dataset, path)


def _write(content: object, path: Path) -> None:
    # Not by torch: it writes the path's own, here temporary, name into the file, and hides what a full disk says.
    serialised = io.BytesIO()
    torch.save(content, serialised)
    with written(path) as beside:
        beside.write_bytes(serialised.getbuffer())


def save_absence(reason: str, path: Path) -> None:
    """Write, in place of a data set that cannot be had, files that say why."""
    _write({"absent": reason}, path)
    facts.write_absence(reason, path)


def load(path: Path) -> Dataset:
    """The data set in a file, memory-mapped (processes share its pages), with its checksum verified.

    A process verifies a file once, unless it has changed since.

    Raises:
        InputError: there is no such file, it is truncated or altered, or the data set could not be had.
    """
    if not path.is_file():
        raise missing(path)
    stat = path.stat()
    return _load(path.absolute(), path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _load(whole: Path, path: Path, changed: int, size: int) -> Dataset:
    try:
        content = _content(path)
        if isinstance(reason := content.get("absent"), str):
            raise InputError(f"{path}: {facts.ABSENT}: {' '.join(reason.split())}")
        dataset = _read(content)
        intact = checksum(dataset) == dataset.provenance["checksum"]
    except InputError:
        raise
    except PermissionError:
        raise denied(path) from None
    except Exception as error:  # a damaged archive of pickles can raise nearly anything
        raise InputError(f"{path}: not a whole data set file; delete it and fetch again") from error
    if not intact:
        raise InputError(f"{path}: altered since it was written (wrong checksum); delete it and fetch again")
    return dataset


def _content(path: Path) -> dict[str, Any]:
    """What is in a file; of a pickle nothing is executed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of what is odd in a damaged file, and then fails
        content = torch.load(path, mmap=True, weights_only=True)
    if not isinstance(content, dict):
        raise TypeError(f"{type(content).__name__}, no dict")
    return content


def _read(content: Mapping[str, Any]) -> Dataset:
    return Dataset(
        name=content["name"],
        shape=tuple(content["shape"]),
        classes=content["classes"],
        train=Split(content["train_images"], content["train_labels"]),
        test=Split(content["test_images"], content["test_labels"]),
        mean=content["mean"],
        inverse_deviation=content["inverse_deviation"],
        provenance=content["provenance"],
    )
