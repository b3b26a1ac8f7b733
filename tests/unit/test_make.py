"""What `make` runs as tests, also where a test calls it."""

from __future__ import annotations

import os
import subprocess

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
