"""The directions of imports: no circle, and nothing from what computes to what shows or publishes."""

from collections.abc import Callable

import pytest
from imports import ROOT, beside, imported, reached, within

FOLDERS = ("isotropic", "pipeline", "stages")
FILES = sorted(path.relative_to(ROOT).as_posix() for top in FOLDERS for path in (ROOT / top).rglob("*.py"))
# Folder -> those that it must not import from.
FORBIDDEN = {
    "isotropic": ("pipeline",),
    "isotropic/networks": ("isotropic/normalise", "isotropic/surgery", "isotropic/training"),
    "isotropic/normalise": ("isotropic/training",),
    "pipeline/data": (
        "pipeline/experiments",
        "pipeline/execution",
        "pipeline/results",
        "pipeline/reporting",
        "pipeline/tracking",
    ),
    "pipeline/training": (
        "pipeline/experiments",
        "pipeline/execution",
        "pipeline/results",
        "pipeline/reporting",
        "pipeline/tracking",
    ),
    "pipeline/experiments": ("pipeline/execution", "pipeline/reporting", "pipeline/tracking"),
    "pipeline/results": (
        "pipeline/training",
        "pipeline/experiments",
        "pipeline/execution",
        "pipeline/reporting",
        "pipeline/tracking",
    ),
    "pipeline/execution": ("pipeline/reporting", "pipeline/tracking"),
    "pipeline/reporting": ("pipeline/training", "pipeline/execution", "pipeline/tracking"),
    "pipeline/tracking": ("pipeline/training", "pipeline/execution"),
}
# Folder -> those of these that it may import from nevertheless.
ALLOWED = {"pipeline/results/claims": ("pipeline/experiments",)}  # what a claim selects is what rows declare


def circles(of: Callable[[str], frozenset[str]]) -> list[str]:
    """Files that import themselves by way of others."""
    return [file for file in FILES if any(file in reached(other, of=of) for other in of(file))]


def test_no_circle() -> None:
    assert circles(beside) == []


def test_a_circle_would_be_found() -> None:
    low, high = "pipeline/seeds.py", "pipeline/experiments/plan/work.py"
    assert low in reached(high)
    assert {low, high} <= set(circles(lambda file: beside(file) | {high} if file == low else beside(file)))


def upward(file: str, folder: str) -> list[str]:
    """What a file in a folder imports and must not."""
    allowed = [place for inner, places in ALLOWED.items() if within(file, [inner]) for place in places]
    above = [*(place for place in FORBIDDEN[folder] if place not in allowed), "stages"]
    return [other for other in imported(file) if within(other, above)]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_nothing_is_imported_from_above(folder: str) -> None:
    wrong = {file: found for file in FILES if within(file, [folder]) if (found := upward(file, folder))}
    assert wrong == {}


def test_an_import_from_above_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert within("pipeline/tracking/runs.py", ["pipeline/tracking"])
    assert any(within(other, ["pipeline/reporting"]) for other in imported("pipeline/tracking/runs.py"))
    claims = "pipeline/results/claims/width_transitions.py"
    assert upward(claims, "pipeline/results") == []
    monkeypatch.setitem(ALLOWED, "pipeline/results/claims", ())
    assert "pipeline/experiments/width_transitions.py" in upward(claims, "pipeline/results")
