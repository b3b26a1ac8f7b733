from collections.abc import Callable

import pytest
import small

from pipeline.data.dataset import Dataset


@pytest.fixture
def noise() -> Callable[..., Dataset]:
    """A maker of small data sets of random images: enough where only the arithmetic is tested."""

    def make(train: int = 50, test: int = 20) -> Dataset:
        return small.noise(train, test, (1, 1, 6))

    return make
