"""The one table of sources: where data sets come from."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.config import Data, Source
from pipeline.data.arrays import arrays
from pipeline.data.caltech import caltech256
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.divide import divide
from pipeline.data.folder import image_folder
from pipeline.data.vision import cifar, emnist_aj, mnist
from pipeline.seeds import generator


def digits(settings: Data, name: str) -> Dataset:
    """scikit-learn's embedded 8 x 8 digits, values 0 to 16, divided 80/20 with equal shares of every class.

    Also turned by 90 degrees, or with all pixels permuted alike: other tasks of the same kind. All three are
    divided alike, so that no test image of one is, in another guise, a training image of another.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)  # float64 [1797, 64] of whole numbers, int64 [1797]
    pixels, disguise = _DISGUISES[settings.source]
    levels = torch.from_numpy(images).to(torch.uint8)[:, pixels()].contiguous()
    whole = Split(levels, torch.from_numpy(labels).to(torch.int64))
    train, test = divide(whole, "digits", stratified=True)
    description = f"scikit-learn's digits{disguise}, 8 x 8 grey, values 0 to 16, seeded stratified 80/20 split"
    return build(name, train, test, (1, 8, 8), 10, {"source": settings.source, "description": description})


_DISGUISES: dict[Source, tuple[Callable[[], Tensor], str]] = {  # which pixel goes where; in words
    "digits": (lambda: torch.arange(64), ""),
    "digits-permuted": (
        lambda: torch.randperm(64, generator=generator("data", "digits-permuted")),
        ", their pixels permuted",
    ),
    "digits-turned": (lambda: torch.arange(64).view(8, 8).rot90().flatten(), ", turned by 90 degrees"),
}

SOURCES: dict[Source, Callable[[Data, str], Dataset]] = {
    "mnist": mnist,
    "fashion-mnist": mnist,
    "emnist-aj": emnist_aj,
    "cifar10": cifar,
    "cifar100": cifar,
    "caltech256": caltech256,
    "digits": digits,
    "digits-permuted": digits,
    "digits-turned": digits,
    "image-folder": image_folder,
    "arrays": arrays,
}


def fetch(name: str, settings: Data) -> Dataset:
    """The data set that a profile calls `name`, from its source, downloaded if the settings allow it.

    Raises:
        InputError: it cannot be downloaded, is not there, cannot be read, or is not a proper data set.
    """
    return SOURCES[settings.source](settings, name)
