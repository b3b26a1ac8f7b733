"""How long do the logits become in training? A whole experiment: `test_repro.py` adds this file to the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.config import Configuration, Several, Widths
from pipeline.experiments.plan import Member, Plan
from pipeline.results.measures import TRAINING
from pipeline.results.schema import Measure, Schema

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiments.plan.work import Work

QUESTION = "How long do the logits become in training?"
ROWS = Schema(
    phases={"training": "after an epoch", "lengths": "the logits after an epoch"},
    measures=TRAINING | {"length": Measure("mean length of the logits")},
)


class Settings(Plan):
    """What a profile decides."""

    hidden: Widths
    configurations: Several[Configuration]

    def members(self) -> list[Member]:
        """Every configuration in every repeat."""
        return [Member(repeat=r, configuration=c) for c in self.configurations for r in range(self.repeats)]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """Those of the profile."""
        return [features, *self.hidden, classes]

    def stack_key(self, member: Member) -> str:
        """An ensemble has one activation."""
        return member.configuration.activation


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train the members, and measure their logits after every epoch."""
    from pipeline.training import evaluation

    observed = work.observations()
    ensemble, descent = work.begun()
    for epoch in work.epochs(ensemble, descent, observed):
        observed.training(epoch)
        length = evaluation.logits(ensemble, work.images).norm(dim=-1).mean(-1)
        observed.add({"phase": "lengths", "epoch": epoch.number, "precision": "float32"}, {"length": length})
    return observed.frame()
