"""Data sets that torchvision downloads and reads.

Each function is a loader of the table in `sources.py` and raises InputError as `sources.fetch` says. Those of whole
data sets take a file SOURCE.npz in the root (its arrays as `arrays.py` says) in place of torchvision's files.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipeline.config import Data, Source
from pipeline.data import arrays, canonical
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.reading import need_root, place, torchvision
from pipeline.errors import InputError

# Images to train on and to test with, in a file that stands for the whole data set.
COUNTS: dict[Source, tuple[int, int]] = {
    "mnist": (60_000, 10_000),
    "fashion-mnist": (60_000, 10_000),
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
}
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LETTERS = 26
LETTERS_KEPT = 10  # A to J


def mnist(settings: Data, name: str) -> Dataset:
    """MNIST or Fashion-MNIST, 28 x 28 grey, 60,000 + 10,000 images, 10 classes."""
    from torchvision import datasets

    reader = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}[settings.source]
    facts = {"source": settings.source, "description": f"{reader.__name__}, 28 x 28 grey"}
    if (found := _from_file(settings, name, (1, 28, 28), 10)) is not None:
        train, test, facts["origin"] = found
    else:
        train, test = (Split(_flat(part.data), part.targets) for part in _both_parts(reader, settings, name))
    return build(name, train, test, (1, 28, 28), 10, facts)


def emnist_aj(settings: Data, name: str) -> Dataset:
    """EMNIST letters A to J in both cases, 28 x 28 grey, 48,000 + 8,000 images, labels 0 to 9."""
    from torchvision import datasets

    parts = _both_parts(datasets.EMNIST, settings, name, split="letters")
    train, test = (_first_letters(part.data, part.targets, f"data.{name}") for part in parts)
    description = "torchvision EMNIST letters A to J, turned upright, 28 x 28 grey"
    return build(name, train, test, (1, 28, 28), 10, {"source": settings.source, "description": description})


def _first_letters(images: Tensor, labels: Tensor, where: str) -> Split:
    """The images [N, 28, 28] of letters A to J, upright; EMNIST's files have them mirrored at the diagonal."""
    if len(images) != len(labels):
        raise InputError(f"{where}: {len(images)} images but {len(labels)} labels; one per image is needed")
    if bool(((labels < 1) | (labels > LETTERS)).any()):
        raise InputError(f"{where}: labels from {labels.min()} to {labels.max()}; EMNIST has 1 to {LETTERS}")
    kept = labels <= LETTERS_KEPT
    return Split(_flat(images[kept].mT), labels[kept] - 1)


def cifar(settings: Data, name: str) -> Dataset:
    """CIFAR-10 or CIFAR-100 (its 100 fine classes), 32 x 32 RGB, 50,000 + 10,000 images.

    They are put in canonical order, since the order differs between archives.
    """
    from torchvision import datasets

    readers = {"cifar10": (datasets.CIFAR10, 10), "cifar100": (datasets.CIFAR100, 100)}
    reader, classes = readers[settings.source]
    facts = {"source": settings.source, "description": f"{reader.__name__}, 32 x 32 RGB, in canonical order"}
    if (found := _from_file(settings, name, (3, 32, 32), classes)) is not None:
        train, test, facts["origin"] = found
    else:
        train, test = (
            Split(_flat(torch.from_numpy(part.data).permute(0, 3, 1, 2)), torch.tensor(part.targets))  # [N, C, H, W]
            for part in _both_parts(reader, settings, name)
        )
    return build(name, canonical.ordered(train), canonical.ordered(test), (3, 32, 32), classes, facts)


def _from_file(
    settings: Data, name: str, shape: tuple[int, int, int], classes: int
) -> tuple[Split, Split, str] | None:
    """Training and test images of a file SOURCE.npz in the root, and its name; None if there is none.

    Raises:
        InputError: its arrays are not as they should be or not so many, or it names its classes in another order than
            that of the data set's labels.
    """
    path = place(settings) / f"{settings.source}.npz"
    if not path.is_file():
        return None
    found = arrays.read(path, name)
    where = f"data.{name}: {path}"
    if (found.shape, found.classes) != (shape, classes):
        here, wanted = (" x ".join(map(str, each)) for each in (found.shape, shape))
        raise InputError(
            f"{where}: {found.classes} classes of {here}; {settings.source} has {classes} of {wanted}; give it to "
            "source arrays"
        )
    if found.validation is not None:
        raise InputError(f"{where}: has validation images, which {settings.source} has not; give it to source arrays")
    if (counts := (len(found.train), len(found.test))) != COUNTS[settings.source]:
        here, wanted = (" + ".join(f"{count:,}" for count in each) for each in (counts, COUNTS[settings.source]))
        raise InputError(f"{where}: {here} images; {settings.source} has {wanted}; give it to source arrays")
    if found.names and (said := _misnumbered(settings.source, list(found.names))):
        raise InputError(
            f"{where}: classes {', '.join(found.names)[:80]}; expected {said}, as {settings.source} numbers them, or "
            "no classes"
        )
    return found.train, found.test, path.name


def _misnumbered(source: Source, names: list[str]) -> str:
    """In which order the names of a data set's classes should have been; "" if they are."""
    from torchvision import datasets

    if source == "fashion-mnist":  # not numbered by name
        wanted = list(datasets.FashionMNIST.classes)
        return "" if names == wanted else ", ".join(wanted)
    if source == "mnist" and set(names) == set(_DIGITS):  # nor is this if figures are words
        return "" if names == _DIGITS else ", ".join(_DIGITS)
    return "" if names == sorted(names) else "them in alphabetical order"


def _both_parts(reader: Any, settings: Data, name: str, **options: str) -> list[Any]:
    """The training and the test part of a torchvision data set.

    Raises:
        InputError: it is not there, is damaged, or cannot be downloaded.
    """
    root = need_root(settings, name)
    with torchvision(settings, name):
        return [reader(str(root), train=train, download=settings.download, **options) for train in (True, False)]


def _flat(images: Tensor) -> Tensor:
    """Images [N, ...] as contiguous rows [N, D] of their own."""
    return images.contiguous().flatten(1)
