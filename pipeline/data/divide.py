"""A seeded division into training and test images, for sources that come undivided."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.data.dataset import Split
from pipeline.seeds import seed

TEST_SHARE = 0.2


def divide(whole: Split, source: str, stratified: bool) -> tuple[Split, Split]:
    """Training and test images, 80/20, drawn at random but the same on every machine.

    Args:
        whole: all images.
        source: the name the seed is made from.
        stratified: whether every class is to be divided alike.

    Raises:
        ValueError: too few images to divide, or to divide every class.
    """
    from sklearn.model_selection import train_test_split

    labels = whole.labels.numpy()
    parts = train_test_split(
        np.arange(len(whole)),
        test_size=TEST_SHARE,
        random_state=seed("data", source, "split") % 2**32,  # scikit-learn takes 32 bits
        stratify=labels if stratified else None,
    )
    train, test = (torch.from_numpy(part) for part in parts)
    return Split(whole.images[train], whole.labels[train]), Split(whole.images[test], whole.labels[test])
