"""Does a trained network compute the same function after its width was changed? (The paper's Tables 1 and 4.)"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from pydantic import Field, model_validator

from pipeline.config import Columns, Compensation, Configuration, IntrinsicLength, Samples, Several, Width
from pipeline.experiments.plan import FLOAT64_PASS, Member, Plan, Size, Workload, check_changes, in_layer
from pipeline.results.measures import ACCURACY, FUNCTION_CHANGE, TRAINING
from pipeline.results.schema import CHANGE, Factor, Measure, Schema
from pipeline.seeds import generator

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from isotropic.networks.ensemble import Ensemble
    from pipeline.experiments.plan.work import Work

QUESTION = "How far do the logits of a trained network move when a layer is diagonalised, grown or pruned?"
# What is taken back of a pruning, METHOD section 4, in the network that was pruned: what o gained, psi, or both.
NO_LENGTH, NO_PSI, NEITHER = ABLATIONS = ("no length", "no psi", "neither")
ROWS = Schema(
    phases={
        "training": "after an epoch",
        "baseline": "before any change",
        "adapted": "fully diagonalised, then grown or pruned",
    },
    measures=TRAINING
    | FUNCTION_CHANGE
    | ACCURACY
    | {
        "sigma_sum": Measure("sum of singular values", "", 2),
        "delta_sigma": Measure("sum of singular values, before − after", "", 2),
    },
    networks={
        "intrinsic_length": Factor("of the networks", levels=get_args(IntrinsicLength)),
        "compensation": Factor("for what pruning removes, ψ", levels=get_args(Compensation)),
    },
    observations={
        "change": CHANGE,
        "ablation": Factor(
            "what no longer stands in for the neurons that this network lost; of networks with both", levels=ABLATIONS
        ),
    },
)


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
        check_changes(self.changes, self.hidden[self.layer - 1])
        if not all(configuration.isotropic for configuration in self.configurations):
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

    def workloads(self, member: Member, data: Sequence[Size]) -> list[Workload]:
        """Training, and the tests before and after every change, each after a diagonalisation, in both precisions."""
        (size,) = data
        passes = (len(self.changes) + 2) * size.test  # those, the baseline, and diagonalisation alone
        prunings = sum(change < 0 for change in self.changes)
        if corrected(member.configuration):
            passes += prunings * len(ABLATIONS) * size.test
        if member.configuration.compensation == "expectation":
            passes += prunings * size.sampled(self.expectation_samples)
        changes = in_layer(self.layer, 2 * (1 + 2 * len(self.changes)))
        *workloads, last = super().workloads(member, data)
        return [*workloads, replace(last, passes=last.passes + (1 + FLOAT64_PASS) * passes, changes=changes)]


def corrected(configuration: Configuration) -> bool:
    """Whether a network has both an intrinsic length and psi, so that either can be taken back alone."""
    return configuration.intrinsic_length != "none" and configuration.compensation not in ("none", "expectation")


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train the members, then change the width of a fresh copy of each in every way, without retraining."""
    from pipeline.experiments.plan.work import PRECISIONS

    settings, observed = work.settings, work.observations()
    ensemble, _ = work.trained(observed, keep=True)
    both = [corrected(member.configuration) for member in work.members]
    ablated = observed.branch()
    ablated.alive = [alive and own for alive, own in zip(observed.alive, both, strict=True)]
    for precision, dtype in PRECISIONS.items():
        changing = _Changing(work, copy.deepcopy(ensemble).to(dtype))
        place: dict[str, object] = {"epoch": settings.epochs, "precision": precision}
        observed.add({"phase": "baseline", **place}, changing.baseline())
        for change in work.checkpoints.phase(f"changes in {precision}", observed).each([0, *settings.changes]):
            changed = changing.by(change)
            observed.add({"phase": "adapted", "change": change, **place}, changing.measured(changed))
            for ablation in ABLATIONS if change < 0 and any(ablated.alive) else ():
                at = {"phase": "adapted", "change": change, "ablation": ablation}
                ablated.add(at | place, changing.without(changed, ablation))
    return observed.frame()


class _Changing:
    """The trained networks in a precision, and each change of width from a fresh copy of them."""

    def __init__(self, work: Work[Settings, Member], trained: Ensemble) -> None:
        from isotropic.training import measures
        from pipeline.training import evaluation

        self.settings, self.trained, self.data, self.streams = work.settings, trained, work.images, work.streams
        self.z, self.sigma = evaluation.logits(trained, self.data), measures.sigma_sum(trained, self.settings.layer)
        # Only where a member needs them: they are many.
        some = self.settings.expectation_samples
        self.inputs = evaluation.Sample(self.data, some, self.z.dtype) if trained.expects.any() else None

    def baseline(self) -> dict[str, Tensor]:
        from isotropic.training import measures

        labels = self.data.test.labels
        values = {"accuracy": measures.accuracy(self.z, labels), "correct": measures.correct(self.z, labels)}
        return values | {"sigma_sum": self.sigma}

    def by(self, change: int) -> Ensemble:
        """A copy that was diagonalised, then gained (positive) or lost (negative) neurons."""
        from isotropic.surgery.diagonalise import diagonalise
        from isotropic.surgery.widths import grow, prune

        layer, changed = self.settings.layer, copy.deepcopy(self.trained)
        diagonalise(changed, layer, "full")
        if change > 0:
            columns = [generator(*name, "columns", change) for name in self.streams]
            grow(changed, layer, change, basis="singular", columns=self.settings.columns, generator=columns)
        elif change < 0:
            prune(changed, layer, -change, inputs=self.inputs)
        return changed

    def measured(self, changed: Ensemble) -> dict[str, Tensor]:
        """What the change did."""
        from isotropic.training import measures
        from pipeline.training import evaluation

        labels, after = self.data.test.labels, evaluation.logits(changed, self.data)
        left = measures.sigma_sum(changed, self.settings.layer)
        values = measures.function_change(self.z, after, labels)
        return values | {
            "delta_sigma": self.sigma - left,
            "sigma_sum": left,
            "accuracy": measures.accuracy(after, labels),
            "correct": measures.correct(after, labels),
        }

    def without(self, pruned: Ensemble, ablation: str) -> dict[str, Tensor]:
        """What the pruning did to the function, but for what o_l and psi_{l+1} gained in it.

        Both are taken from the trained networks: no change of basis of layer l touches them, and neither loses an
        entry with its neurons.
        """
        from isotropic.training import measures
        from pipeline.training import evaluation

        layer, changed = self.settings.layer, copy.deepcopy(pruned)
        names = {NO_LENGTH: f"activations.{layer - 1}.log_o", NO_PSI: f"maps.{layer}.psi"}
        trained = self.trained.tensors()
        back = {name: trained[name] for way, name in names.items() if ablation in (way, NEITHER)}
        changed.assign(back)
        return measures.function_change(self.z, evaluation.logits(changed, self.data), self.data.test.labels)
