"""Rows and a report to publish, and the settings that they came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

LABELS = ("trainable, none", "trainable, trainable")

_numbers = count()


@pytest.fixture
def settings() -> dict[str, Any]:
    treatments = [dict(zip(("intrinsic_length", "compensation"), each.split(", "), strict=True)) for each in LABELS]
    return {"data": ["digits"], "repeats": 2, "optimiser": "adamw", "configurations": treatments}


@pytest.fixture
def rows(invariance_rows: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return invariance_rows(changes=(10, 2, 0, -2, -10), repeats=2, configurations=LABELS)


@pytest.fixture
def profile() -> str:
    """A name of its own for each test, so that they can share a store."""
    return f"profile{next(_numbers)}"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    on: dict[str, Any] = {"scale": "tiny", "basis": {"data": "digits: small images"}}
    claims = [
        {"id": "exact-growth", "outcome": "reproduced", "reason": "", "criterion": {"sentence": "It is exact."}} | on,
        {"id": "a: part", "outcome": "not judged", "reason": "2 repeats", "criterion": {"sentence": "It is."}} | on,
    ]
    (tmp_path / "claims.json").write_text(json.dumps(claims))
    (tmp_path / "epsilon.svg").write_text("<svg/>")
    (tmp_path / "section.html").write_text("a part of the page, not an artifact")
    return tmp_path
