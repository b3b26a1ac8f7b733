"""A short measurement: ensembles of given shapes are trained and changed on noise for a moment, as by jobs."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch.optim import Optimizer

from isotropic.networks.ensemble import Ensemble
from isotropic.surgery.diagonalise import diagonalise
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset, Split
from pipeline.execution.cost import PASSED
from pipeline.execution.processes import context, single_threaded
from pipeline.experiments.plan.work import network
from pipeline.training import evaluation, optimiser
from pipeline.training.epochs import Epochs

_NOISE = 64_000_000  # bytes of images: more than a cache holds, so that to gather them costs what it does in a run
_SECONDS = 1.0  # for the steps of an ensemble, half as much for its passes, and a tenth for a change
_CHUNK = 0.1  # seconds that one reading of the clock spans, at least


@dataclass(frozen=True)
class Trial:
    """An ensemble to be measured.

    Attributes:
        settings: an experiment's Settings, for the optimiser.
        members: of the experiment.
        widths: n_0 .. n_L of all.
        rows: samples of each member in a step.
        images: that it is trained on.
    """

    settings: Any
    members: tuple[Any, ...]
    widths: tuple[int, ...]
    rows: int
    images: int


@dataclass(frozen=True)
class Timing:
    """Seconds that an ensemble takes.

    Attributes:
        step: for a step.
        forward: for a pass of `PASSED` samples.
        changes: layer -> for its diagonalisation; of the first and the last hidden one, of isotropic networks.
    """

    step: float
    forward: float
    changes: dict[int, float]


def measure(trials: Sequence[Trial], device: str, workers: int) -> tuple[list[Timing], int]:
    """Time every trial, in as many processes at once as a run has, since they share the memory's bandwidth.

    Each process goes through all trials, beginning with another one.

    Returns:
        timings: of each trial, the mean over the processes.
        resident: bytes of memory that a process has before it trains.
    """
    if workers == 1:
        found = [_all(trials, 0, device)]
    else:
        with ProcessPoolExecutor(workers, context(), initializer=single_threaded) as pool:
            starts = [number * len(trials) // workers for number in range(workers)]
            found = list(pool.map(_all, [trials] * workers, starts, [device] * workers))
    timings = [_mean(of_one) for of_one in zip(*(timings for timings, _ in found), strict=True)]
    return timings, max(resident for _, resident in found)


def _mean(timings: Sequence[Timing]) -> Timing:
    changes = {layer: statistics.mean(t.changes[layer] for t in timings) for layer in timings[0].changes}
    return Timing(statistics.mean(t.step for t in timings), statistics.mean(t.forward for t in timings), changes)


def _all(trials: Sequence[Trial], first: int, device: str) -> tuple[list[Timing], int]:
    """The timings of all trials in their order, although taken from number `first` on; and resident bytes."""
    resident = _resident()
    order = [*range(first, len(trials)), *range(first)]
    timings = {number: _timed(trials[number], torch.device(device)) for number in order}
    return [timings[number] for number in range(len(trials))], resident


def _timed(trial: Trial, device: torch.device) -> Timing:
    data = _noise(trial.widths[0], trial.widths[-1], trial.images).to(device)
    ensemble = _ensemble(trial).to(device)
    descent = optimiser.make(ensemble, trial.settings)
    weight = ensemble.affine[0].weight
    batches = Standardiser(data, device, weight.dtype, rows=len(ensemble) * trial.rows)

    @cache
    def epoch(steps: int) -> Epochs:  # on a GPU it is bound to a number of steps
        return Epochs(ensemble, descent, batches, trial.rows, trial.settings.matmul)

    def train(steps: int) -> None:
        order = torch.randint(len(data.train), (len(ensemble), steps * trial.rows), device=device)
        epoch(steps)(order)

    def test(times: int) -> None:
        for _ in range(times):
            evaluation.logits(ensemble, data)

    step, forward = _per_call(train, _SECONDS, device), _per_call(test, _SECONDS / 2, device)
    changed = sorted({1, ensemble.depth - 1}) if ensemble.isotropic else []
    return Timing(step, forward, {layer: _per_change(ensemble, descent, layer, device) for layer in changed})


def _per_change(ensemble: Ensemble, descent: Optimizer, layer: int, device: torch.device) -> float:
    def change(times: int) -> None:
        for _ in range(times):
            diagonalise(ensemble, layer, optimiser=descent)

    return _per_call(change, _SECONDS / 10, device)


def _ensemble(trial: Trial) -> Ensemble:
    """The members' networks, all with the same numbers where their configuration is the same: drawing takes long."""
    networks = {
        member.configuration: network(trial.settings, member, trial.widths, start=0) for member in trial.members
    }
    return Ensemble([networks[member.configuration] for member in trial.members])


def _noise(features: int, classes: int, images: int) -> Dataset:
    """Random images and labels, standardised as images are; not more than it takes to be out of the cache."""
    draw = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        images = torch.randint(0, 256, (count, features), dtype=torch.uint8, generator=draw)
        return Split(images, torch.randint(classes, (count,), generator=draw))

    mean = torch.full((features,), 127.5, dtype=torch.float64)
    count = min(images, max(_NOISE // features, PASSED))
    return Dataset("noise", (1, 1, features), classes, split(count), split(PASSED), mean, 1 / mean, {})


def _per_call(call: Callable[[int], None], budget: float, device: torch.device) -> float:
    """Median seconds of one of n calls made by `call(n)`, of as many readings as fit into `budget` seconds."""
    started, times, readings = time.perf_counter(), 1, list[float]()
    call(times)  # the first is slower: memory is new, the optimiser has no state
    while not readings or time.perf_counter() - started < budget:
        _wait(device)
        before = time.perf_counter()
        call(times)
        _wait(device)
        took = time.perf_counter() - before
        if took < _CHUNK:
            times *= 2
            call(times)  # so is, on a GPU, the first of a number of calls: it is captured
        else:
            readings.append(took / times)
    return statistics.median(readings)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _resident() -> int:
    """The most memory that this process has had, bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
