import pytest
from small import noise

from pipeline.data.dataset import Dataset


@pytest.fixture(scope="session")
def data() -> Dataset:
    """Noise; a module whose experiment has to learn has data of its own."""
    return noise()
