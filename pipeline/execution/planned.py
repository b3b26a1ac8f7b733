"""The jobs that are to come, from the sizes of their data sets alone, and what each will cost."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.execution import packing
from pipeline.execution.cost import PASSED, Costs, Shape
from pipeline.experiments.plan import Plan, Size, Workload

_APART = (
    1.7  # what a change of a network takes, in those of one alone, if it is unstacked and stacked for it: measured
)
_COPIES = 8  # bytes a parameter that a copy in float64 takes, as surgery and spectra make them


@dataclass(frozen=True)
class Planned:
    """A job that is to come.

    Attributes:
        settings, members: of the experiment.
        data: the sizes of the round's data sets.
        workloads: of the ensemble: those of its members, at padded widths.
    """

    settings: Plan
    members: tuple[Any, ...]
    data: tuple[Size, ...]
    workloads: tuple[Workload, ...]

    def shape(self, workload: Workload, rows: int) -> Shape:
        """Of the ensemble in a workload, on so many samples."""
        isotropic = self.members[0].configuration.isotropic
        return Shape(len(self.members), workload.widths, rows, workload.inputs, isotropic)

    @property
    def steps(self) -> int:
        """Network-steps: the steps of each network, added up."""
        return len(self.members) * sum(workload.epochs * workload.steps for workload in self.workloads)

    def seconds(self, costs: Costs) -> float:
        """Of all workloads."""
        return sum(
            workload.epochs * workload.steps * costs.step.seconds(self.shape(workload, workload.rows))
            + workload.passes / PASSED * costs.forward.seconds(self.shape(workload, PASSED))
            + self._changing(workload, costs)
            for workload in self.workloads
        )

    def _changing(self, workload: Workload, costs: Costs) -> float:
        shape, each = self.shape(workload, workload.rows), 1.0
        if workload.apart:
            shape, each = replace(shape, members=1), _APART * shape.members
        return each * sum(
            count * costs.change.seconds(shape.change(layer))
            for layer, count in enumerate(workload.changes, start=1)
            if count
        )

    @property
    def memory(self) -> int:
        """Bytes, at the largest: networks with gradients, moments and a copy, and the buffers to train or test."""
        return max((self._memory(workload) for workload in self.workloads), default=0)

    def _memory(self, workload: Workload) -> int:
        shape, features = self.shape(workload, workload.rows), workload.widths[0]
        networks = shape.members * shape.parameters * (4 * 4 + _COPIES)
        # Images as bytes and as float32; of every layer its output, its activation, and the gradient of each.
        training = shape.members * workload.rows * (5 * features + 4 * 4 * sum(workload.widths[1:]))
        testing = PASSED * (5 * features + 2 * 4 * shape.members * max(workload.widths[1:]))
        return networks + max(training, testing)


def plan(settings: Plan, known: Mapping[str, Size], device: str) -> list[Planned]:
    """The jobs of an experiment, of the rounds whose data sets are all known."""
    return [
        job
        for names in settings.datasets()
        if known.keys() >= set(names)
        for job in _round(settings, tuple(known[name] for name in names), device)
    ]


def _round(settings: Plan, data: tuple[Size, ...], device: str) -> Iterator[Planned]:
    features, classes = sum(size.features for size in data), sum(size.classes for size in data)
    for members in packing.ensembles(settings, features, classes, device):
        yield of(settings, members, data)


def of(settings: Plan, members: tuple[Any, ...], data: tuple[Size, ...]) -> Planned:
    """What a job with these members will do on the data sets of a round."""
    workloads = zip(*(settings.workloads(member, data) for member in members), strict=True)
    return Planned(settings, members, data, tuple(_padded(together) for together in workloads))


def _padded(workloads: Sequence[Workload]) -> Workload:
    """What the members of an ensemble do together, at the largest of their widths, and with all passes of any."""
    widest = tuple(max(widths) for widths in zip(*(workload.widths for workload in workloads), strict=True))
    passes = max(workload.passes for workload in workloads)
    together = {replace(workload, widths=widest, passes=passes) for workload in workloads}
    if len(together) > 1:
        raise ValueError(f"workloads: members of one ensemble differ in more than widths and passes: {together}")
    return together.pop()


def makespan(seconds: Sequence[float], workers: int) -> float:
    """When the last of some jobs ends, if every worker that is free takes the next."""
    ends = [0.0] * workers
    for took in seconds:
        heapq.heapreplace(ends, ends[0] + took)
    return max(ends)
