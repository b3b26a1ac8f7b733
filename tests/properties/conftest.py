"""Says at the end how many malformed inputs were tried: shown by `pytest -s`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from malformed import TRIED


@pytest.fixture(scope="session", autouse=True)
def _count() -> Iterator[None]:
    yield
    if TRIED:
        print(f"\nmalformed inputs tried: {TRIED.total()} ({', '.join(f'{n} {kind}' for kind, n in TRIED.items())})")
