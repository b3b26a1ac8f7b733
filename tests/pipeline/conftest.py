"""One clone for all tests in this folder, in which profile smoke was run as a user runs it."""

from pathlib import Path

import pytest
from clones import cloned, equipped, run


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = equipped(cloned(tmp_path_factory.mktemp("clone")))
    run(folder, "make", "repro")
    return folder
