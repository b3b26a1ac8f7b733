"""Every script in examples/ runs as its docstring says, and shows what it is there to show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "examples").glob("*.py") if path.stem != "digits")


def run(name: str, folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-W", "error::UserWarning:__main__", str(ROOT / "examples" / f"{name}.py"), *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(pattern: str, text: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, text)]


def test_widths_follow_and_accuracy_rises(tmp_path: Path) -> None:
    output = run("train_and_adapt", tmp_path)
    accuracies = numbers(r"accuracy ([\d.]+) %", output)
    assert len(accuracies) == 10 and accuracies[-1] > max(90, accuracies[0])
    assert re.search(r"\([+-][1-9]", output), "some width changed"


def test_growing_changes_nothing_and_the_new_task_is_learned(tmp_path: Path) -> None:
    output = run("grow_for_a_new_task", tmp_path)
    (moved,) = numbers(r"moved by (\S+)", output)
    first, last = numbers(r"learned: ([\d.]+) %", output)
    assert moved < 1e-5 and first > 90 and last > 85


def test_the_budget_is_kept_and_so_is_the_accuracy(tmp_path: Path) -> None:
    output = run("prune_to_a_budget", tmp_path, "1500")
    before, pruned, after = numbers(r"(?m)^(\d+) parameters", output)
    assert 1400 < pruned == after <= 1500 < before
    accuracies = numbers(r": ([\d.]+) %", output)
    assert accuracies[1] > accuracies[0] - 2, "half of the parameters were of no use"


def test_a_layer_is_pruned_by_hand(tmp_path: Path) -> None:
    """Its numbers: `test_one_network.py`."""
    output = run("one_network", tmp_path)
    moved, accuracies = numbers(r"moved by (\S+),", output), numbers(r"accuracy ([\d.]+) %", output)
    assert moved[0] < 1e-5 < moved[1] and moved == sorted(moved)
    assert accuracies[0] > 90 and accuracies[-1] > accuracies[0] - 3


def test_exported_networks_compute_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    output = run("sparsify_and_export", tmp_path, str(tmp_path))
    differences = numbers(r"differ by (\S+)", output)
    assert len(differences) == 3 and max(differences) < 1e-5
    dense, left = numbers(r"(\d+) (?:parameters|left)", output)
    assert left < 0.8 * dense
    assert {"digits.pt2", "digits.onnx"} <= {path.name for path in tmp_path.iterdir()}


def test_the_spectrum_spreads(tmp_path: Path) -> None:
    output = run("watch_a_spectrum", tmp_path)
    largest, smallest = (numbers(pattern, output) for pattern in (r"([\d.]+) to", r"to ([\d.]+)"))
    assert len(largest) == 21 and largest[0] == smallest[0] == 1
    assert largest[-1] > 2 and smallest[-1] < 0.2


def test_every_script_has_its_test() -> None:
    tested = set(re.findall(r'run\("(\w+)"', Path(__file__).read_text(encoding="utf-8")))
    assert tested == set(SCRIPTS)


def test_the_api_reference_has_every_public_name_and_no_warning(tmp_path: Path) -> None:
    import isotropic

    command = [sys.executable, str(ROOT / "docs/api.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and not done.stderr, done.stderr
    page = (tmp_path / "isotropic.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in page for name in isotropic.__all__)
