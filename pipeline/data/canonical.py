"""An order of images that depends on nothing but the images, and a checksum that does not depend on their order.

Archives of one data set hold its images in different orders. By the checksum they can be told to be the same images;
in canonical order they give the same batches, and so the same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import torch

from pipeline.data.split import Split


def ordered(split: Split) -> Split:
    """The same images with their labels, sorted by the SHA-256 of each."""
    digests = _digests(split)
    order = torch.tensor(sorted(range(len(split)), key=digests.__getitem__))
    return Split(split.images[order], split.labels[order])


def images_checksum(train: Split, test: Split, shape: Sequence[int], classes: int) -> str:
    """ "sha256:..." of the training images and the test images with their labels, in whatever order they are.

    It is the SHA-256 of shape and numbers of classes, training images and test images as JSON, followed by the
    SHA-256 of every image, sorted: first those of the training images, then those of the test images.
    """
    whole = hashlib.sha256(json.dumps([*shape, classes, len(train), len(test)]).encode())
    for split in (train, test):
        for digest in sorted(_digests(split)):
            whole.update(digest)
    return f"sha256:{whole.hexdigest()}"


def _digests(split: Split) -> list[bytes]:
    """SHA-256 of the grey levels [C, H, W] of each image, followed by its label in eight bytes, the lowest first."""
    labels = split.labels.numpy().astype("<i8").view(np.uint8).reshape(len(split), 8)
    levels = np.concatenate((split.images.numpy(), labels), axis=1)
    return [hashlib.sha256(each.data).digest() for each in levels]
