from collections.abc import Callable

import pytest
import torch

from pipeline.data.dataset import Dataset, Split, build


@pytest.fixture
def noise() -> Callable[..., Dataset]:
    """A maker of small data sets of random images: enough where only the arithmetic is tested."""

    def make(train: int = 50, test: int = 20, features: int = 6, classes: int = 3) -> Dataset:
        draw = torch.Generator().manual_seed(0)

        def split(count: int) -> Split:
            images = torch.randint(0, 256, (count, features), dtype=torch.uint8, generator=draw)
            return Split(images, torch.randint(0, classes, (count,), generator=draw))

        return build("noise", split(train), split(test), (1, 1, features), classes, {"source": "noise"})

    return make
