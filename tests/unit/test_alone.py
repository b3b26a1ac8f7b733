"""A stage of hours is the only one at its work."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import InputError
from stages import cli
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


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As NFS without its lock service; it is not another process that holds the lock."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    path = tmp_path / "experiment/.lock"
    with pytest.raises(SystemExit), cli.clear_errors(), alone(path):
        pytest.fail("it is at work without a lock")
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}: {os.strerror(number)}; its file system has no locks")


def test_errors_of_the_work_are_not_those_of_its_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="other"), alone(tmp_path / ".lock"):
        Path("other").read_bytes()
