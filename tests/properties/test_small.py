"""Every experiment on little data that degenerates less than that of `test_degenerate.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from degenerate import OTHERS, check_report

from pipeline.experiments import EXPERIMENTS


@pytest.mark.parametrize("given", OTHERS)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_report_says_what_it_can(name: str, given: str, tmp_path: Path) -> None:
    check_report(name, given, tmp_path)
