"""Set-up of every test run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

# One thread: the tensors are tiny, and threads that wait for a busy core cost a hundred times what they save.
torch.set_num_threads(1)

# The same examples in every run, and no time limit for one of them on a busy machine.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")

# What test modules of several folders share. Not the folder above: its tests/pipeline would hide the package.
sys.path.insert(0, str(Path(__file__).parent / "helpers"))

# What `make test` leaves to `make test-all`, the longest first so that no worker is left with it at the end.
SLOW = {
    "tests/pipeline": "profile smoke, and every command of the README, in a clone",
    "tests/profiles": "a profile of one's own, and what is published, each in a clone",
    "tests/faults": "dozens of kills, each followed by a run to the end",
    "tests/unit/tracking/test_models.py": "MLflow's server, and models that other processes load",
    "tests/unit/tracking/test_server.py": "MLflow's server",
    "tests/unit/tracking/test_publisher.py": "stores that are filled while something trains",
    "tests/unit/tracking/test_failures.py": "stores that do not answer: waiting for time-outs",
    "tests/browser": "a Chromium, which not everyone has",
    "tests/unit/test_benchmarks.py": "times this machine",
    "tests/properties/test_small.py": "80 experiments with their reports, less telling than test_degenerate.py",
    "tests/unit/test_library.py": "all tests of the library once more, without other packages: a minute",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow, and put it behind the rest."""
    for path in SLOW:
        if not (config.rootpath / path).exists():
            raise pytest.UsageError(f"tests/conftest.py: SLOW: {path} does not exist")
    order = {path: number for number, path in enumerate(SLOW)}

    def place(item: pytest.Item) -> int:
        return next((number for path, number in order.items() if f"{item.nodeid}/".startswith(path)), -1)

    for item in items:
        if place(item) >= 0:
            item.add_marker(pytest.mark.slow)
    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, whatever `--dist` says: a worker takes a whole file, whose fixtures are dear; or tests/pipeline."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/pipeline" if nodeid.startswith("tests/pipeline/") else super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # in the order above, not by the number of tests
    return Scheduling(config, log)
