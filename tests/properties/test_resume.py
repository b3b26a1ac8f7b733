"""A job that is interrupted anywhere, and goes on from its last checkpoint, leaves the same rows to the last bit."""

from __future__ import annotations

import random

import made_rows
import pandas as pd
import pytest
import torch
from small import noise

from isotropic.training import products
from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.experiments.plan.work import Work
from pipeline.results import correct
from pipeline.training.checkpoint import Checkpoints

CPU = torch.device("cpu")
# Of the others every row follows from names and numbers; `timing` is a measurement, and begins again.
REPEATABLE = [name for name in EXPERIMENTS if name != "timing"]
MEASURED = ("latency_dense", "latency_sparse", "latency_ratio")


class Killed(BaseException):
    """What ends a job in these tests: not even `except Exception` stops it."""


class Job:
    """An experiment's first ensemble on noise, which can be ended at any checkpoint."""

    def __init__(self, name: str) -> None:
        self.module = experiment(name)
        self.settings = made_rows.settings(name, repeats=1 + (name != "timing"))
        (names, *_) = self.settings.datasets()
        self.data = [noise(150, 40, (1, 3, 4), 4, each, seed=seed) for seed, each in enumerate(names)]
        first, *rest = self.settings.members()
        key = self.settings.stack_key(first)
        self.members = [first, *(member for member in rest if self.settings.stack_key(member) == key)]
        self.last: bytes | None = None
        self.written = 0
        self.kept: list[str] = []  # digests of networks
        self.correct = b""  # which test images were right
        self.steps = 0

    def run(self, survives: float = float("inf"), every: float = 0.0) -> pd.DataFrame:
        """The rows; killed once it has written this many checkpoints."""
        left = survives

        def write(content: bytes) -> None:
            nonlocal left
            self.last, self.written = content, self.written + 1
            left -= 1
            if left <= 0:
                raise Killed

        checkpoints = Checkpoints(write, self.last, every)
        work = Work(self.settings, self.members, self.data, CPU, checkpoints)
        rows = self.module.run(work)
        self.correct = correct.to_bytes(work.correct())
        self.kept, self.steps = [network.digest for network in work.kept], checkpoints.steps
        return rows[~rows["measure"].isin(MEASURED)].reset_index(drop=True)


@pytest.mark.parametrize("name", REPEATABLE)
def test_interrupted_anywhere_the_rows_are_the_same(name: str) -> None:
    assert_resumes(name)


@pytest.mark.parametrize("name", ["invariance", "scaffolds"])
def test_so_they_are_where_weights_are_stepped_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of wide maps are, here of all."""
    calls: list[int] = []
    of_each = products.OneDnnProducts.of_each
    monkeypatch.setattr(products, "_LARGE", 1)
    monkeypatch.setattr(products.OneDnnProducts, "of_each", lambda d, a: calls.append(1) or of_each(d, a))
    assert_resumes(name)
    assert calls


def assert_resumes(name: str) -> None:
    job = Job(name)
    whole = job.run(every=float("inf"))
    kept, right, steps = job.kept, job.correct, job.steps
    job.run()
    assert job.written > 4, "there are places to be interrupted at"
    draw = random.Random(name)
    for longest in (2, max(3, job.written // 3)):  # killed again and again, and now and then
        job.last, kills = None, 0
        while True:
            try:
                rows = job.run(survives=draw.randint(1, longest))
                break
            except Killed:
                kills += 1
        assert kills > 1
        pd.testing.assert_frame_equal(rows, whole, check_exact=True)
        assert job.kept == kept, "the same networks are left"
        assert job.correct == right, "the same bytes"
        assert job.steps == steps, "steps before and after are counted once"


def test_the_moments_are_needed_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a resume that forgets what the optimiser knew gives other rows."""
    job = Job("spectra")
    whole = job.run(every=float("inf"))
    right = job.correct
    restored = "pipeline.training.checkpoint._restore"
    original = __import__("pipeline.training.checkpoint", fromlist=["_restore"])._restore
    monkeypatch.setattr(restored, lambda net, optimiser, state: original(net, optimiser, state | {"moments": {}}))
    with pytest.raises(Killed):
        job.run(survives=6)
    rows = job.run()
    assert not rows["value"].equals(whole["value"])
    assert job.correct != right
