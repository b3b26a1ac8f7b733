"""The directions of imports: no circle, and nothing from what computes to what shows or publishes."""

from collections.abc import Callable

import pytest
from imports import ROOT, beside, imported, reached, within

FOLDERS = ("pipeline", "stages")
FILES = sorted(path.relative_to(ROOT).as_posix() for top in FOLDERS for path in (ROOT / top).rglob("*.py"))
# Folder of pipeline/ -> those that it must not import from.
FORBIDDEN = {
    "model": ("surgery", "training", "data", "experiments", "execution", "results", "reporting", "tracking"),
    "surgery": ("data", "experiments", "execution", "results", "reporting", "tracking"),
    "data": ("experiments", "execution", "results", "reporting", "tracking"),
    "training": ("experiments", "execution", "results", "reporting", "tracking"),
    "experiments": ("execution", "reporting", "tracking"),
    "results": ("training", "experiments", "execution", "reporting", "tracking"),
    "execution": ("reporting", "tracking"),
    "reporting": ("training", "execution", "tracking"),
    "tracking": ("training", "execution"),
}


def circles(of: Callable[[str], frozenset[str]]) -> list[str]:
    """Files that import themselves by way of others."""
    return [file for file in FILES if any(file in reached(other, of=of) for other in of(file))]


def test_no_circle() -> None:
    assert circles(beside) == []


def test_a_circle_would_be_found() -> None:
    low, high = "pipeline/seeds.py", "pipeline/experiments/plan/work.py"
    assert low in reached(high)
    assert {low, high} <= set(circles(lambda file: beside(file) | {high} if file == low else beside(file)))


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_nothing_is_imported_from_above(folder: str) -> None:
    above = [*(f"pipeline/{name}" for name in FORBIDDEN[folder]), "stages"]
    wrong = {
        file: upward
        for file in FILES
        if within(file, [f"pipeline/{folder}"])
        if (upward := [other for other in imported(file) if within(other, above)])
    }
    assert wrong == {}


def test_an_import_from_above_would_be_found() -> None:
    assert within("pipeline/tracking/runs.py", ["pipeline/tracking"])
    assert any(within(other, ["pipeline/reporting"]) for other in imported("pipeline/tracking/runs.py"))
