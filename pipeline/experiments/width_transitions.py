"""How does a trained network take to another width, one neuron an epoch? (The first version's Figures 3, 4, 5.)"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import model_validator

from pipeline.config import Columns, Configuration, EpochCount, Samples, Several, Width
from pipeline.experiments.plan import ACTIVATION, Member, Plan, Size, Workload
from pipeline.results.measures import TRAINING, WIDTH
from pipeline.results.schema import Factor, Schema
from pipeline.seeds import generator

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiments.plan.work import Work

QUESTION = "How accurate does a trained network become as its hidden width moves to another, one neuron an epoch?"
ROWS = Schema(
    phases={"training": "after an epoch"},
    measures=TRAINING | WIDTH,
    networks=ACTIVATION
    | {
        "start": Factor("hidden width at the start", int, "neurons"),
        "end": Factor("hidden width at the end; missing before the width moves", int, "neurons"),
    },
)
CONTROL = Configuration(activation="tanh", intrinsic_length="none", compensation="none")


class Start(Member):
    """A network of hidden width `start`. An isotropic one is trained once and then taken to every end."""

    start: int


class Settings(Plan):
    """The protocol's row `width_transitions`."""

    configuration: Configuration
    hidden_widths: Several[Width]  # to start from, and to end at: every pair of them
    epochs_before: EpochCount  # of `epochs`, before the width moves
    neurons_per_epoch: Width  # by which the width moves
    columns: Columns
    expectation_samples: Samples  # training samples over which "expectation" takes the mean gain

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        moves = self.neurons_per_epoch * (self.epochs - self.epochs_before)
        if max(self.hidden_widths) - min(self.hidden_widths) > moves:
            raise ValueError(f"epochs: {self.epochs} end before every width of {self.hidden_widths} has arrived")
        if not self.configuration.isotropic:
            raise ValueError("configuration: standard tanh is the control; its width cannot move")
        return self

    def scheduled(self, start: int, end: int, epoch: int) -> int:
        """The hidden width in an epoch, counted from 1 at the start of training."""
        moved = self.neurons_per_epoch * max(epoch - self.epochs_before, 0)
        return min(start + moved, end) if end > start else max(start - moved, end)

    def members(self) -> list[Start]:
        """Every width to start from, isotropic and control, in every repeat."""
        return [
            Start(repeat=repeat, configuration=configuration, start=start)
            for configuration in (self.configuration, CONTROL)
            for start in self.hidden_widths
            for repeat in range(self.repeats)
        ]

    def widths(self, member: Start, features: int, classes: int) -> list[int]:
        """Those at the start."""
        return [features, member.start, classes]

    def workloads(self, member: Start, data: Sequence[Size]) -> list[Workload]:
        """Those before the width moves, and those of the way to each end; a control stays at its width."""
        (size,) = data
        start = self.widths(member, size.features, size.classes)
        workloads = self.trained(size, start, [start] * self.epochs_before)
        ends = self.hidden_widths if member.configuration.isotropic else [member.start]
        moving = range(self.epochs_before + 1, self.epochs + 1)
        for end in ends:
            hidden = (self.scheduled(member.start, end, epoch) for epoch in moving)
            first, *later = self.trained(size, start, ([size.features, n, size.classes] for n in hidden))
            # At every width that is pruned to, the mean gain over some of the training set.
            expects = member.configuration.compensation == "expectation" and end < member.start
            samples = size.sampled(self.expectation_samples) if expects else 0
            workloads += [
                first,
                *(replace(workload, passes=workload.passes + samples, changes=(1,)) for workload in later),
            ]
        return workloads

    def stack_key(self, member: Start) -> Hashable:
        """The members of one start and configuration: their widths are equal in every epoch."""
        return member.start, member.configuration.label


def run(work: Work[Settings, Start]) -> pd.DataFrame:
    """Train the members at their width, then take copies of them to each end; a control stays at its width."""
    import torch

    from isotropic.surgery.widths import resize
    from pipeline.training import evaluation

    settings, observed = work.settings, work.observations()
    ensemble, descent = work.begun()
    for epoch in work.epochs(ensemble, descent, observed, settings.epochs_before, "before"):
        observed.training(epoch)
    dtype = ensemble.affine[0].weight.dtype
    inputs = evaluation.Sample(work.images, settings.expectation_samples, dtype) if ensemble.expects.any() else None
    start, left = work.members[0].start, settings.epochs - settings.epochs_before
    orders = [(*name, "transition") for name in work.streams]
    for end in settings.hidden_widths if ensemble.isotropic else [start]:
        # Together, so that the copied optimiser holds the copied parameters.
        branch, branch_descent = copy.deepcopy((ensemble, descent))
        of_branch = observed.branch(end=end)
        for epoch in work.epochs(branch, branch_descent, of_branch, left, f"to {end}", orders, needed=False):
            number = settings.epochs_before + epoch.number
            of_branch.training(epoch, epoch=number)
            width = torch.full((len(work.members),), branch.widths[1])
            place = {"phase": "training", "epoch": number, "precision": "float32", "layer": 1}
            of_branch.add(place, {"width": width})
            columns = [generator(*name, "columns", number + 1) for name in work.streams]
            target = settings.scheduled(start, end, number + 1)
            resize(
                branch,
                1,
                target,
                basis="singular",
                columns=settings.columns,
                optimiser=branch_descent,
                generator=columns,
                inputs=inputs,
            )
    return observed.frame()
