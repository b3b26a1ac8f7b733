"""What a profile will take on this machine, before it runs: its jobs at costs from a short measurement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.device import resolve
from pipeline.execution import cost, overhead, processes, trial
from pipeline.execution.cost import PASSED, Costs, Shape
from pipeline.execution.planned import Planned, makespan, plan
from pipeline.execution.sizes import sizes
from pipeline.execution.trial import Trial
from pipeline.experiments.plan import Size
from pipeline.profile import Profile

TRIALS = 18  # ensembles that are measured: those with the most work, and as many as the model needs


@dataclass(frozen=True)
class Expected:
    """What an experiment will take.

    Attributes:
        experiment: its name.
        data: the data sets of the rounds that count here.
        missing: those of the rounds that do not.
        jobs, networks, steps: how many; steps are network-steps.
        workers: processes at once.
        seconds: of wall-clock time, for the jobs.
        around: seconds for starts, tables and figures.
        own: bytes of memory that each worker has for itself.
        shared: bytes of images and labels, which workers share.
    """

    experiment: str
    data: list[str]
    missing: list[str]
    jobs: int
    networks: int
    steps: int
    workers: int
    seconds: float
    around: float
    own: int
    shared: int


@dataclass(frozen=True)
class Estimate:
    """What a profile will take.

    Attributes:
        device: "cpu" or "cuda".
        experiments: one after the other.
        closing: seconds for the start of DVC, the page and the publication of all.
        unknown: data sets whose rounds do not count here, with the reason.
        measured: how many ensembles were timed.
        step_error, pass_error, change_error: the largest relative error of the model among these, for a step, for a
            pass and for a change of width.
        process: bytes of memory of a process before it trains.
    """

    device: str
    experiments: list[Expected]
    closing: float
    unknown: dict[str, str]
    measured: int
    step_error: float
    pass_error: float
    change_error: float
    process: int

    @property
    def memory(self) -> int:
        """Bytes at once, at most: of the workers, of what they share, and of the process that waits for them."""
        return max(
            (
                each.workers * each.own + each.shared + (self.process if each.workers > 1 else 0)
                for each in self.experiments
            ),
            default=0,
        )


def estimate(profile: Profile) -> Estimate:
    """Measure for about a minute, and add up.

    Raises:
        InputError: a fetched data set is damaged, or the device is not there.
    """
    device = resolve(profile.execution.device)
    known, unknown = sizes(profile)
    planned = {name: plan(profile.settings(name), known, device) for name in profile.experiments}
    everything = [job for some in planned.values() for job in some]
    shapes, timings, process = _measured(
        everything, device, processes.workers(profile.execution, len(everything), device)
    )
    costs, beside = _costs(shapes, timings), overhead.measure(profile.execution) if everything else overhead.NOTHING
    experiments = []
    for name, some in planned.items():
        rounds = [names for names in profile.settings(name).datasets() if known.keys() >= set(names)]
        data = list(dict.fromkeys(each for names in rounds for each in names))
        missing = [each for each in profile.settings(name).data if each not in data]
        workers = processes.workers(profile.execution, len(some), device)
        around = beside.around(len(rounds)) if rounds else 0.0
        experiments.append(_expected(name, data, missing, some, workers, costs, around, process))
    closing = beside.closing(sum(each.networks for each in experiments))
    errors = costs.step.error, costs.forward.error, costs.change.error
    return Estimate(device, experiments, closing, unknown, len(shapes), *errors, process)


def _costs(shapes: Sequence[Shape], timings: Sequence[trial.Timing]) -> Costs:
    changes = {
        shape.change(layer): seconds
        for shape, timing in zip(shapes, timings, strict=True)
        for layer, seconds in timing.changes.items()
    }
    return Costs(
        cost.fit(shapes, [timing.step for timing in timings]),
        cost.fit([replace(shape, rows=PASSED) for shape in shapes], [timing.forward for timing in timings]),
        cost.fit(list(changes), list(changes.values())),
    )


def _expected(
    name: str,
    data: list[str],
    missing: list[str],
    planned: Sequence[Planned],
    workers: int,
    costs: Costs,
    around: float,
    process: int,
) -> Expected:
    return Expected(
        experiment=name,
        data=data,
        missing=missing,
        jobs=len(planned),
        networks=sum(len(job.members) for job in planned),
        steps=sum(job.steps for job in planned),
        workers=workers,
        seconds=makespan([job.seconds(costs) for job in planned], workers),
        around=around,
        own=max((process + job.memory for job in planned), default=0),
        shared=max((_bytes(job.data) for job in planned), default=0),
    )


def _measured(planned: Sequence[Planned], device: str, workers: int) -> tuple[list[Shape], list[trial.Timing], int]:
    """Shapes that span those of the jobs, with their timings; and the main memory of a process before it trains."""
    candidates: dict[Shape, Trial] = {}
    work: Counter[Shape] = Counter()
    for job in planned:
        for workload in job.workloads:
            # On noise with all inputs, which costs a step of few inputs what it costs, but for the optimiser.
            whole = replace(workload, widths=(workload.inputs, *workload.widths[1:]))
            there = Trial(job.settings, job.members, whole.widths, whole.rows, max(size.train for size in job.data))
            shape = job.shape(whole, whole.rows)
            candidates.setdefault(shape, there)
            work[shape] += workload.epochs * workload.steps * shape.work
    if not candidates:
        return [], [], 0
    shapes = cost.spanning(work, TRIALS)
    timings, process = trial.measure([candidates[shape] for shape in shapes], device, workers)
    return shapes, timings, 0 if device == "cuda" else process  # there, it is the GPU's memory that counts


def _bytes(data: Sequence[Size]) -> int:
    """Of images, a byte a value, and labels of 8 bytes."""
    return sum((size.train + size.test) * (size.features + 8) for size in data)
