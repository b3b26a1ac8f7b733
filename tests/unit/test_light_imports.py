"""What experiments declare can be read without what computes: most stages read it, and compute nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# An import of what is None in sys.modules raises; it is one process, since every one takes its time to start.
BLOCKED = """
import sys
for name in ("torch", "torchvision", "scipy", "sklearn", "matplotlib", "mlflow", "pandas"):
    sys.modules[name] = None
"""

DECLARED = """
from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.experiments.plan import Size, architectures, optimisers
from pipeline.profile import load_profile

assert all(experiment(name).QUESTION and experiment(name).run for name in EXPERIMENTS)
read = set()
for profile in ("digits", "smoke", "desk", "paper"):
    for name, settings in load_profile(profile).experiments.items():
        for names in settings.datasets():
            for member in settings.members():
                sizes = [Size(64, 10, 1437, 360)] * len(names)
                assert settings.widths(member, 64, 10) and settings.workloads(member, sizes) and member.label
                hash(settings.stack_key(member))
                read.add(name)
assert read == set(EXPERIMENTS), read
"""

# One module a line, each of which must fail.
COMPUTES = """
for name in ("pipeline.training.engine", "pipeline.experiments.plan.work", "pipeline.results.rows"):
    try:
        __import__(name)
    except ImportError as error:
        print(name, error.name)
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_declarations_are_read_without_what_computes() -> None:
    """And the negative control, in the same process: what computes cannot be imported in it."""
    done = python(BLOCKED + DECLARED + COMPUTES)
    assert done.returncode == 0, done.stderr
    blocked = [line.split() for line in done.stdout.splitlines()]
    assert blocked == [
        ["pipeline.training.engine", "torch"],
        ["pipeline.experiments.plan.work", "torch"],
        ["pipeline.results.rows", "pandas"],
    ]
