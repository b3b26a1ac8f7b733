"""How long do the logits become in training? A whole experiment: `test_repro.py` adds this file to the pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from pipeline.config import Configuration, Several, Widths
from pipeline.data.dataset import Dataset
from pipeline.experiments.plan import Member, Observations, Plan, stacked, streams
from pipeline.results.rows import frame
from pipeline.training import engine, measures, optimiser
from pipeline.training.checkpoint import Checkpoints

QUESTION = "How long do the logits become in training?"


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

    def together(self, member: Member) -> str:
        """An ensemble has one activation."""
        return member.configuration.activation


def run(
    settings: Settings,
    members: Sequence[Member],
    data: Sequence[Dataset],
    device: torch.device,
    checkpoints: Checkpoints,
) -> pd.DataFrame:
    """Train the members, and measure their logits after every epoch."""
    (images,) = (each.to(device) for each in data)
    names = streams("lengths", images.name, members)
    ensemble = stacked(settings, members, names, images.features, images.classes, device)
    observed = Observations("lengths", images.name, members, ensemble.member_widths)
    descent = optimiser.make(ensemble, settings)
    phase = checkpoints.phase("training", observed)
    for epoch in engine.train(
        ensemble, descent, images, settings.epochs, settings.batch_size, names, settings.matmul, phase
    ):
        observed.training(epoch)
        length = measures.logits(ensemble, images).norm(dim=-1).mean(-1)
        observed.add({"phase": "lengths", "epoch": epoch.number, "precision": "float32"}, {"length": length})
    return frame(observed.rows)
