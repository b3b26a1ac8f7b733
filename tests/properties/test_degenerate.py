"""Every experiment on degenerate data: a report without a warning, or one line before it trains."""

from __future__ import annotations

from pathlib import Path

import pytest
from degenerate import MOST, check_report, unsaid

from pipeline.experiments import EXPERIMENTS


def test_what_is_no_number_is_found() -> None:
    """Negative control; and the compensation "none" is one."""
    assert unsaid("accuracy nan %, −inf, [NaN], None") == ["nan", "inf", "NaN", "None"]
    assert unsaid("trainable, none; 1.0 – [–, –]; information; finance") == []


@pytest.mark.parametrize("given", MOST)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_report_says_what_it_can(name: str, given: str, tmp_path: Path) -> None:
    check_report(name, given, tmp_path)
