"""What the tests of the data sets share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small import noise

from pipeline.data.dataset import Dataset
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
    return noise(50, 20, (2, 3, 4), classes=5, name="tiny", source="digits")
