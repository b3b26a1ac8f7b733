"""Does it matter how many neurons a network starts with, if its width then moves to the same end? (Table 2.)"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import model_validator

from pipeline.config import Columns, Configuration, Depth, EpochCount, Several, Width
from pipeline.experiments.plan import Member, Plan, Size, Workload
from pipeline.results.measures import ACCURACY, TRAINING, WIDTH
from pipeline.results.schema import Factor, Measure, Schema
from pipeline.seeds import generator

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiments.plan.work import Work

QUESTION = "Does the accuracy of a network depend on the width it started with, or only on the width it ends with?"
ROWS = Schema(
    phases={"training": "after an epoch", "final": "after the last epoch"},
    measures=TRAINING | WIDTH | ACCURACY | {"best_accuracy": Measure("best test accuracy of any epoch", "%", 2)},
    networks={
        "start": Factor("hidden width at the start", int, "neurons"),
        "end": Factor("hidden width at the end; missing before the width moves", int, "neurons"),
    },
)


class Pair(Member):
    """A network whose hidden widths all move from `start` to `end`."""

    start: int
    end: int


class Settings(Plan):
    """The protocol's row `abundance`."""

    spread: ClassVar[frozenset[str]] = frozenset({"data", "repeats", "hidden_widths"})

    configuration: Configuration
    hidden_widths: Several[Width]  # to start from, and to end at: every pair of them
    hidden_layers: Depth  # all of the same width
    epochs_at_start: EpochCount  # of `epochs`, before the width moves
    epochs_at_end: EpochCount  # of `epochs`, after it has arrived
    columns: Columns

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.moving_epochs < 1:
            raise ValueError(f"epochs: {self.epochs} leave none for the width to move between its start and end")
        if not self.configuration.isotropic or self.configuration.compensation == "expectation":
            raise ValueError(f"configuration: widths do not move here under ({self.configuration.label})")
        return self

    @property
    def moving_epochs(self) -> int:
        """Epochs during which the width moves."""
        return self.epochs - self.epochs_at_start - self.epochs_at_end

    def scheduled(self, start: int, end: int, epoch: int) -> int:
        """The hidden width in an epoch, counted from 1: on a straight line from start to end, rounded."""
        moved = min(max(epoch - self.epochs_at_start, 0), self.moving_epochs)
        return round(start + (end - start) * moved / self.moving_epochs)

    def members(self) -> list[Pair]:
        """Every pair of widths, in every repeat."""
        return [
            Pair(repeat=repeat, configuration=self.configuration, start=start, end=end)
            for start in self.hidden_widths
            for end in self.hidden_widths
            for repeat in range(self.repeats)
        ]

    def widths(self, member: Pair, features: int, classes: int) -> list[int]:
        """Those at the start."""
        return [features, *[member.start] * self.hidden_layers, classes]

    def workloads(self, member: Pair, data: Sequence[Size]) -> list[Workload]:
        """One for every width on the way from start to end."""
        (size,) = data

        def widths(epoch: int) -> list[int]:
            hidden = self.scheduled(member.start, member.end, epoch)
            return [size.features, *[hidden] * self.hidden_layers, size.classes]

        first, *later = self.trained(size, widths(0), map(widths, range(1, self.epochs + 1)))
        return [first, *(replace(workload, changes=(1,) * self.hidden_layers) for workload in later)]

    def stack_key(self, member: Pair) -> Hashable:
        """The members of a pair: their widths are equal in every epoch."""
        return member.start, member.end


def run(work: Work[Settings, Pair]) -> pd.DataFrame:
    """Train the members of one pair, changing their widths from the output to the input before each epoch."""
    import torch

    from isotropic.surgery.widths import resize

    settings, observed = work.settings, work.observations()
    start, end = work.members[0].start, work.members[0].end
    ensemble, descent = work.begun()
    for epoch in work.epochs(ensemble, descent, observed):
        place = {"epoch": epoch.number, "precision": "float32"}
        observed.training(epoch)
        for layer in range(1, ensemble.depth):
            width = torch.full((len(work.members),), ensemble.widths[layer])
            observed.add({"phase": "training", "layer": layer, **place}, {"width": width})
        target = settings.scheduled(start, end, epoch.number + 1)
        for layer in range(ensemble.depth - 1, 0, -1):
            columns = [generator(*name, "columns", layer, epoch.number + 1) for name in work.streams]
            resize(
                ensemble,
                layer,
                target,
                basis="singular",
                columns=settings.columns,
                optimiser=descent,
                generator=columns,
            )
    accuracies = observed.history("test_accuracy")
    place = {"epoch": settings.epochs, "precision": "float32"}
    observed.add({"phase": "final", **place}, {"accuracy": accuracies[:, -1], "best_accuracy": accuracies.amax(1)})
    return observed.frame()
