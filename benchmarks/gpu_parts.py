"""The parts of `gpu_check`, each of which gives rows of its table."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import images
from benchmarks.interleaved import interleaved
from benchmarks.plan import TRAINING, Widths
from benchmarks.table import name
from isotropic import Ensemble, IsotropicMLP
from isotropic.training.gradient import Backward, cross_entropy
from isotropic.training.products import multiplying
from isotropic.training.train_step import TrainStep
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset
from pipeline.training import engine, epochs, optimiser

ROOT = Path(__file__).parents[1]
TESTS = "tests/isotropic/properties/test_on_devices.py"
NEAR = 1e-3  # relative: the same numbers, rounded otherwise, some steps later


@dataclass(frozen=True)
class Check:
    """Where and how much is checked.

    Attributes:
        device: cuda, or cpu to see that the script works.
        quick: tiny sizes.
        until: when it should end, by time.monotonic.
    """

    device: torch.device
    quick: bool
    until: float

    @property
    def left(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    value: str | float
    wanted: str
    failed: bool = False


def failure(what: str, error: Exception) -> Row:
    """What a GPU that was never seen may raise, as a line."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).replace("|", "/")
    return Row(f"{what}: failed", text[:300], "no exception", failed=True)


class Steps:
    """K networks on the device and their training, in a captured graph where there can be one.

    Args:
        check: where.
        widths: of every network.
        members: K.
        matmul: as in a profile.
        capture: of several steps; `eager` takes them one by one.
    """

    def __init__(
        self, check: Check, data: Dataset, members: int, widths: Widths, matmul: str, capture: epochs.Capture
    ) -> None:
        size = TRAINING.batch_size
        self.check, self.data, self.matmul, self.number = check, data, matmul, 0
        nets = [IsotropicMLP(widths, psi_decay=TRAINING.psi_decay, seed=k) for k in range(min(members, 8))]
        self.ensemble = Ensemble([nets[k % len(nets)] for k in range(members)]).to(check.device)
        self.optimiser = optimiser.make(self.ensemble, TRAINING)
        batches = Standardiser(data, check.device, torch.float32, rows=members * size)
        self.names = [("gpu", k) for k in range(members)]
        self.order = engine.shuffled(data, self.names, 1)
        self.of_an_epoch = -(-self.order.shape[1] // size)
        self.steps = epochs.DeviceSteps(
            TrainStep(self.ensemble, self.optimiser, matmul=matmul), batches, self.order, size, capture
        )

    def epoch(self) -> Tensor:
        """Mean losses, [K]."""
        with multiplying(self.matmul):
            return self.steps(self.order)

    def timed(self, count: int) -> float:
        """Seconds of so many epochs."""
        self.check.wait()
        started = time.perf_counter()
        for _ in range(count):
            self.epoch()
        self.check.wait()
        return time.perf_counter() - started


def eager(advance: epochs.Advance, times: int) -> epochs.Advance:
    """Stands for a capture: the same steps, each launched by itself."""

    def launch() -> None:
        for _ in range(times):
            advance()

    return launch


def capture_on(check: Check) -> epochs.Capture:
    """The graph of a GPU; a CPU has none."""
    return epochs.captured if check.device.type == "cuda" else eager


def data_for(check: Check, widths: Widths) -> Dataset:
    """Random images, on the device."""
    count = 20 * TRAINING.batch_size if check.quick else 200 * TRAINING.batch_size
    return images.random_images(images.SHAPES[widths[0]], count, 100).to(check.device)


def tests(check: Check) -> Iterator[Row]:
    """Those that are the same on every device: exactness, steps, measures."""
    which = f"{check.device.type} and closed_form" if check.quick else check.device.type
    options = ["--noconftest", "-p", "no:cacheprovider", "-o", "pythonpath=. tests/helpers", "-k", which]
    command = [sys.executable, "-m", "pytest", TESTS, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=max(check.left, 1))
    last = (done.stdout.strip() or done.stderr.strip() or "nothing printed").splitlines()[-1]
    yield Row(f"tests, {TESTS} on {check.device.type}", last.strip("= "), "none failed", failed=done.returncode != 0)


def graph(check: Check) -> Iterator[Row]:
    """The captured graph beside the same steps one by one: the same numbers, in less time."""
    for widths, members in ((64, 32, 32, 10), 32), ((3072, 100, 100, 10), 8):
        data = data_for(check, widths)
        both = {
            kind: Steps(check, data, members, widths, "float32", capture)
            for kind, capture in (("graph", capture_on(check)), ("eager", eager))
        }
        losses = [[steps.epoch() for _ in range(2)][-1] for steps in both.values()]
        tensors = [steps.ensemble.tensors() for steps in both.values()]
        apart = max(_apart(losses[0], losses[1]), *(_apart(t, tensors[1][key]) for key, t in tensors[0].items()))
        times = interleaved({kind: steps.timed for kind, steps in both.items()}, 3, _seconds(check))
        which = f"captured graph, {name(widths)}, K = {members}"
        yield Row(f"{which}: difference after two epochs", f"{apart:.1e}", f"below {NEAR:g}", failed=not apart < NEAR)
        yield Row(f"{which}: time of one by one over its own", _ratio(times, "eager", "graph"), "above 1")


def precisions(check: Check) -> Iterator[Row]:
    """TF32 and bfloat16 beside float32: what they cost in accuracy of logits and gain in time."""
    widths: Widths = (3072, 500, 500, 10)
    members = 1 if check.quick else 8
    data = data_for(check, widths)
    kinds = ("float32", "tf32", "bf16")
    made = {kind: Steps(check, data, members, widths, kind, capture_on(check)) for kind in kinds}
    exact = _logits(copy.deepcopy(made["float32"].ensemble).to(torch.float64), data, "float32")
    bounds = {"float32": 1e-5, "tf32": 1e-2, "bf16": 1e-1}
    for kind, steps in made.items():
        off = _apart(_logits(steps.ensemble, data, kind).double(), exact)
        what = f"logits with matmul: {kind} beside float64, largest difference"
        yield Row(
            what, f"{off:.1e}", f"below {bounds[kind]:g}, relative to the largest", failed=not off < bounds[kind]
        )
    times = interleaved({kind: steps.timed for kind, steps in made.items()}, 3, _seconds(check))
    for kind in kinds[1:]:
        yield Row(
            f"{name(widths)}, K = {members}: float32's time over {kind}'s", _ratio(times, "float32", kind), "above 1"
        )


def throughput(check: Check) -> Iterator[Row]:
    """Network-steps a second, and what share of a copy's bandwidth the bytes moved come to."""
    from pipeline.execution.planned import Planned
    from pipeline.execution.throughput import bytes_moved, copy_bandwidth
    from pipeline.experiments.plan import Workload

    bandwidth = copy_bandwidth() if check.device.type == "cuda" else None
    if bandwidth is not None:
        yield Row("bandwidth of a copy, GB/s", bandwidth / 1e9, "the data sheet")
    for widths in ((3072, 100, 100, 10), (3072, 500, 500, 10), (64, 32, 32, 10)):
        data = data_for(check, widths)
        for members in (1, 2) if check.quick else (1, 8, 32, 128):
            steps = Steps(check, data, members, widths, "float32", capture_on(check))
            steps.epoch()
            took = min(interleaved({"": steps.timed}, 3, _seconds(check))[""])
            rate = members * steps.of_an_epoch / took
            workload = Workload(widths, 1, steps.of_an_epoch, TRAINING.batch_size, widths[0], 0)
            moved = bytes_moved([Planned(TRAINING, (None,) * members, (), (workload,))])  # type: ignore[arg-type]
            share = f"{moved / took / bandwidth:.0%} of a copy's bandwidth" if bandwidth else "–"
            yield Row(f"{name(widths)}, K = {members}: network-steps a second", rate, share)


def first_losses(check: Check) -> Iterator[Row]:
    """Each experiment of profile smoke on random images: its first losses, here and on the CPU."""
    from benchmarks.gpu_experiments import first
    from pipeline.experiments import EXPERIMENTS

    for experiment in EXPERIMENTS[:2] if check.quick else EXPERIMENTS:
        if check.left <= 0:
            yield Row(f"first losses of {experiment}: not begun", "–", "time left (--minutes)", failed=True)
            continue
        try:
            here, there = first(experiment, check.device), first(experiment, torch.device("cpu"))
            off = max((abs(a - b) / max(abs(b), 1e-12) for a, b in zip(here, there, strict=True)), default=0.0)
            what = f"first losses of {experiment} ({len(here)}), beside a CPU's"
            yield Row(what, f"{off:.1e}", f"below {NEAR:g}, relative", failed=not off < NEAR)
        except Exception as error:  # one experiment is not the end of the others
            yield failure(f"first losses of {experiment}", error)


def _logits(ensemble: Ensemble, data: Dataset, matmul: str) -> Tensor:
    """[K, B, n_L] of the first images, as a training step multiplies."""
    seen: list[Tensor] = []

    def loss(h: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(h.clone())
        return cross_entropy(h, y)

    weight, k = ensemble.affine[0].weight, len(ensemble)
    batches = Standardiser(data, weight.device, weight.dtype, rows=k * TRAINING.batch_size)
    order = torch.arange(TRAINING.batch_size, device=weight.device).expand(k, -1)
    with multiplying(matmul):
        Backward(ensemble, loss, matmul=matmul)(*batches.gather(order))
    return seen[0]


def _apart(actual: Tensor, expected: Tensor) -> float:
    """The largest difference relative to the largest entry, -inf in both being equal."""
    same = actual == expected
    difference = torch.where(same, 0.0, (actual - expected).abs())
    largest = float(torch.where(expected.isfinite(), expected.abs(), 0.0).max())
    return float(difference.max()) / (largest or 1.0)


def _ratio(times: Mapping[str, list[float]], over: str, under: str) -> float:
    return min(times[over]) / min(times[under])


def _seconds(check: Check) -> float:
    return 0.02 if check.quick else 0.5


PARTS: dict[str, Callable[[Check], Iterable[Row]]] = {
    "tests": tests,
    "experiments": first_losses,
    "graph": graph,
    "precisions": precisions,
    "throughput": throughput,
}
