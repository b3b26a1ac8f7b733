"""Does a trained network compute the same function after its width was changed? (The paper's Tables 1 and 4.)"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd
import torch
from pydantic import Field, model_validator
from torch import Tensor

from pipeline.config import WIDEST, Columns, Configuration, Samples, Several, Width
from pipeline.data.dataset import Dataset
from pipeline.experiments.plan import FLOAT64_PASS, Course, Member, Observations, Plan, Size, stacked, streams
from pipeline.model.ensemble import Ensemble
from pipeline.results.rows import frame
from pipeline.seeds import generator
from pipeline.surgery.diagonalise import diagonalise
from pipeline.surgery.widths import grow, prune
from pipeline.training import engine, measures, optimiser

QUESTION = "How far do the logits of a trained network move when a layer is diagonalised, grown or pruned?"
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


class Settings(Plan):
    """The protocol's row `invariance`."""

    hidden: list[Width] = Field(min_length=2, max_length=100)
    layer: int = Field(ge=2)  # l, the map that is diagonalised on both sides and whose width is changed
    configurations: Several[Configuration]
    changes: Several[int]  # neurons added (positive) or removed (negative); diagonalisation alone, 0, is always done
    columns: Columns
    expectation_samples: Samples  # training samples over which "expectation" takes the mean gain

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.layer > len(self.hidden):
            raise ValueError(f"layer: layer {self.layer} is no hidden layer; hidden has {len(self.hidden)}")
        width = self.hidden[self.layer - 1]
        for change in self.changes:
            if change == 0 or not 1 <= width + change <= WIDEST:
                valid = f"{1 - width} to {WIDEST - width}, but not 0"
                raise ValueError(f"changes: {change} of {width} neurons; valid are {valid}")
        if any(configuration.activation == "tanh" for configuration in self.configurations):
            raise ValueError("configurations: standard tanh cannot be diagonalised; valid is isotropic-tanh alone")
        return self

    def members(self) -> list[Member]:
        """Every configuration of every repeat."""
        repeats = range(self.repeats)
        return [
            Member(repeat=r, configuration=configuration) for r in repeats for configuration in self.configurations
        ]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """The same for all."""
        return [features, *self.hidden, classes]

    def courses(self, member: Member, data: Sequence[Size]) -> list[Course]:
        """Training, and the tests before and after every change in both precisions."""
        (size,) = data
        passes = (len(self.changes) + 2) * size.test  # those, the baseline, and diagonalisation alone
        if member.configuration.compensation == "expectation":
            passes += sum(change < 0 for change in self.changes) * size.sampled(self.expectation_samples)
        *courses, last = super().courses(member, data)
        return [*courses, replace(last, passes=last.passes + (1 + FLOAT64_PASS) * passes)]


def run(settings: Settings, members: Sequence[Member], data: Sequence[Dataset], device: torch.device) -> pd.DataFrame:
    """Train the members, then change the width of a fresh copy of each in every way, without retraining."""
    (images,) = (each.to(device) for each in data)
    names = streams("invariance", images.name, members)
    ensemble = stacked(settings, members, names, images.features, images.classes, device)
    observed = Observations("invariance", images.name, members, ensemble.member_widths)
    descent = optimiser.make(ensemble, settings)
    for epoch in engine.train(
        ensemble, descent, images, settings.epochs, settings.batch_size, names, settings.matmul
    ):
        observed.training(epoch)
    for precision, dtype in PRECISIONS.items():
        trained = copy.deepcopy(ensemble).to(dtype)
        for place, values in _changes(settings, trained, images, names):
            observed.add(place | {"epoch": settings.epochs, "precision": precision}, values)
    return frame(observed.rows)


def _changes(
    settings: Settings, trained: Ensemble, data: Dataset, names: Sequence[tuple[object, ...]]
) -> Iterator[tuple[dict[str, object], dict[str, Tensor]]]:
    """The baseline, and each change of width from a fresh copy of the trained networks."""
    layer, labels = settings.layer, data.test.labels
    before, sigma = measures.logits(trained, data), measures.sigma_sum(trained, layer)
    yield {"phase": "baseline"}, {"accuracy": measures.accuracy(before, labels), "sigma_sum": sigma}
    # Only where a member needs them: they are many.
    inputs = measures.Sample(data, settings.expectation_samples, before.dtype) if trained.expects.any() else None
    for change in [0, *settings.changes]:
        changed = copy.deepcopy(trained)
        diagonalise(changed, layer, "full")
        if change > 0:
            columns = [generator(*name, "columns", change) for name in names]
            grow(changed, layer, change, settings.columns, generator=columns)
        elif change < 0:
            prune(changed, layer, -change, inputs=inputs)
        after, left = measures.logits(changed, data), measures.sigma_sum(changed, layer)
        values = measures.function_change(before, after, labels)
        values |= {"delta_sigma": sigma - left, "sigma_sum": left, "accuracy": measures.accuracy(after, labels)}
        yield {"phase": "adapted", "change": change}, values
