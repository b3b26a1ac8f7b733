"""What the tests of the data sets share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pipeline.data.dataset import Dataset, Split, build
from pipeline.errors import InputError


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Calls something that must raise an InputError of one line; returns the line."""

    def call(action: Callable[..., object], *arguments: object) -> str:
        with pytest.raises(InputError) as caught:
            action(*arguments)
        line = str(caught.value)
        assert "\n" not in line
        return line

    return call


@pytest.fixture
def dataset() -> Dataset:
    """50 + 20 random images of 2 x 3 x 4 in 5 classes."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        images = torch.randint(0, 256, (count, 24), dtype=torch.uint8, generator=generator)
        return Split(images, torch.randint(0, 5, (count,), generator=generator))

    return build("tiny", split(50), split(20), (2, 3, 4), 5, {"source": "digits", "description": "random"})
