"""The one table of sources: where data sets come from."""

from __future__ import annotations

from collections.abc import Callable

import torch

from pipeline.config import Data, Source
from pipeline.data.caltech import caltech256
from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.divide import divide
from pipeline.data.folder import image_folder
from pipeline.data.vision import cifar, emnist_aj, mnist


def digits(settings: Data, name: str) -> Dataset:
    """scikit-learn's embedded 8 x 8 digits, values 0 to 16, divided 80/20 with equal shares of every class."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)  # float64 [1797, 64] of whole numbers, int64 [1797]
    whole = Split(torch.from_numpy(images).to(torch.uint8), torch.from_numpy(labels).to(torch.int64))
    train, test = divide(whole, settings.source, stratified=True)
    description = "scikit-learn's digits, 8 x 8 grey, values 0 to 16, seeded stratified 80/20 split"
    return build(name, train, test, (1, 8, 8), 10, {"source": settings.source, "description": description})


SOURCES: dict[Source, Callable[[Data, str], Dataset]] = {
    "mnist": mnist,
    "fashion-mnist": mnist,
    "emnist-aj": emnist_aj,
    "cifar10": cifar,
    "cifar100": cifar,
    "caltech256": caltech256,
    "digits": digits,
    "image-folder": image_folder,
}


def fetch(name: str, settings: Data) -> Dataset:
    """The data set that a profile calls `name`, from its source, downloaded if the settings allow it.

    Raises:
        InputError: it cannot be downloaded, is not there, cannot be read, or is not a proper data set.
    """
    return SOURCES[settings.source](settings, name)
