"""A stage of hours is the only one at its work."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from stages.alone import alone


def test_a_second_one_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "experiment/.lock"
    with alone(path):
        with (
            pytest.raises(InputError, match=r"\.lock: locked, so another process is running this experiment"),
            alone(path),
        ):
            pytest.fail("both are at work")
        with alone(tmp_path / "other/.lock"):
            pass
    with alone(path):
        pass


def test_it_is_released_by_an_error(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with pytest.raises(ZeroDivisionError), alone(path):
        raise ZeroDivisionError
    with alone(path):
        pass
