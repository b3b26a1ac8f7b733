"""`make gpu-check` without a GPU: what a CPU can do of it works, and what fails is a line of its table."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_check, gpu_parts

ROOT = Path(__file__).parents[2]
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here: `make gpu-check`")


def ran(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu_check", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@NO_GPU
def test_without_a_gpu_it_says_so():
    done = ran()
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("no CUDA device: ") and done.stderr.count("\n") == 1


def test_all_that_a_cpu_can_do():
    done = ran("--device", "cpu", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")][2:]
    assert {len(row) for row in rows} == {3}
    for part in (
        "tests, ",
        "first losses of ",
        "captured graph, ",
        "logits with matmul: ",
        "3072-500-500-10, K = 1: ",
    ):
        assert any(what.startswith(part) for what, *_ in rows), part
    (tests,) = (value for what, value, _ in rows if what.startswith("tests, "))
    assert " passed" in tests and "failed" not in tests


def test_a_part_that_fails_is_a_line_and_not_the_end(monkeypatch, capsys):
    def fails(check):
        yield gpu_parts.Row("half of it", 2.0, "–")
        raise RuntimeError("CUDA error: an illegal\nmemory access | was encountered")

    monkeypatch.setattr(gpu_check, "PARTS", {"fails": fails, "works": lambda check: [gpu_parts.Row("then", 1, "–")]})
    monkeypatch.setattr(sys, "argv", ["gpu_check", "--device", "cpu"])
    assert gpu_check.main() == 1
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "| half of it | 2.00 | – |",
        "| fails: failed | RuntimeError: CUDA error: an illegal memory access / was encountered | no exception |",
        "| then | 1 | – |",
    ]


def test_no_part_begins_too_late(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu_check", "--device", "cpu", "--minutes", "0"])
    assert gpu_check.main() == 1
    assert capsys.readouterr().out.count(": not begun |") == len(gpu_parts.PARTS)


def test_other_numbers_are_noticed(monkeypatch):
    """The negative control of a difference: a graph that takes fewer steps."""
    check = gpu_parts.Check(torch.device("cpu"), True, float("inf"))
    monkeypatch.setattr(gpu_parts, "capture_on", lambda check: lambda advance, times: advance)
    assert next(iter(gpu_parts.graph(check))).failed
