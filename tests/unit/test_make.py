"""What `make` runs as tests, also where a test calls it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from clones import ROOT, run


def test_all_tests_are_style_then_the_fast_then_the_slow_ones() -> None:
    printed = run(ROOT, "make", "--dry-run", "test-all")
    order = [printed.index(part) for part in ("ruff check", "mypy", '-m "not slow"', "-m slow")]
    assert order == sorted(order)
    fast = run(ROOT, "make", "--dry-run", "test")
    assert '-m "not slow"' in fast and "-m slow" not in fast and "mypy" not in fast


def test_a_make_called_by_a_test_gets_no_arguments_of_the_make_that_runs_the_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAKEFLAGS", " -- ARGS=--exitfirst")  # as after `make test ARGS=--exitfirst`
    monkeypatch.setenv("ARGS", "--exitfirst")
    command = ["make", "--dry-run", "test"]
    assert "--exitfirst" not in run(ROOT, *command)
    handed_down = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert "--exitfirst" in handed_down.stdout, "the control"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with this Makefile, and a Python that notes what it is asked to do, and in which surroundings."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/plots_page.py").touch()
    python = tmp_path / "python"
    python.write_text(
        f"""#!/bin/sh
echo "$PIP_USER|$PYTHONSAFEPATH$PYTHONWARNINGS|$SHELL|$USER|$*" >> "{tmp_path}/asked"
case "$*" in
    "-m venv .venv")
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        [ -e "{tmp_path}/ensurepip" ] || exit 1
        echo "#!{tmp_path}/moved/.venv/bin/python" > .venv/bin/pip
        cp .venv/bin/pip .venv/bin/dvc
        chmod +x .venv/bin/*;;
    "-m stages.plots_page .dvc/plots.html") mkdir -p .dvc; touch .dvc/plots.html;;
esac
"""
    )
    python.chmod(0o755)
    return tmp_path


def make(place: Path, target: str, **more: str) -> int:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", f"PYTHON={place / 'python'}", target]
    return subprocess.run(command, cwd=place, capture_output=True, env=known | more).returncode


def asked(place: Path) -> list[list[str]]:
    """Settings, then arguments, of each call of Python."""
    return [line.split("|") for line in (place / "asked").read_text().splitlines()]


def test_an_environment_that_was_begun_in_vain_is_made_again(place: Path) -> None:
    """As on Debian without python3-venv: it has a Python and no pip."""
    assert make(place, ".venv/installed") != 0
    assert (place / ".venv/bin/python").exists()
    (place / "ensurepip").touch()
    assert make(place, ".venv/installed") == 0
    assert asked(place)[-1][-1].startswith("-m pip install")


def test_a_clone_that_was_moved_still_works(place: Path) -> None:
    """Commands in its environment name a Python at the old place."""
    (place / "ensurepip").touch()
    with pytest.raises(FileNotFoundError):
        make(place, ".venv/bin/pip")
        subprocess.run([place / ".venv/bin/dvc"], check=True)
    assert make(place, "repro") == 0
    assert "-m dvc repro dvc.yaml" in [call[-1] for call in asked(place)]


def test_a_users_settings_of_pip_python_and_shell_are_not_for_the_environment(place: Path) -> None:
    (place / "ensurepip").touch()
    assert (
        make(
            place,
            "repro",
            PIP_USER="1",
            PYTHONSAFEPATH="1",
            PYTHONWARNINGS="error",
            SHELL="/usr/sbin/nologin",
            USER="me",
        )
        == 0
    )
    assert {tuple(call[:4]) for call in asked(place)} == {("0", "", "/bin/sh", "me")}


def test_a_user_without_a_name_has_a_number(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER", raising=False)
    (place / "ensurepip").touch()
    assert make(place, "repro") == 0
    assert {call[3] for call in asked(place)} == {str(os.getuid())}
