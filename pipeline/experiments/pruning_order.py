"""Which neurons can go, and what can stand in for them? (METHOD sections 4 and 5; the paper shows no such curves.)"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from pipeline.config import Configuration, Samples, Several, Width, Widths
from pipeline.experiments.plan import Member, Plan, Size, Workload, in_layer
from pipeline.results.measures import ACCURACY, FUNCTION_CHANGE, TRAINING
from pipeline.results.schema import CHANGE, Factor, Schema
from pipeline.seeds import generator

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from isotropic.networks.ensemble import Ensemble
    from isotropic.surgery.importance import Importance
    from pipeline.data.dataset import Dataset
    from pipeline.experiments.plan.work import Work

QUESTION = "How far does the function move as neurons are removed, by the order in which they go and the correction?"
SINGULAR, GRADIENT, DIRECTION, NEURON = CHOICES = (
    "singular value",
    "gradient",
    "random direction",
    "random neuron",
)
ORDERED = {SINGULAR: "singular-value", GRADIENT: "gradient"}  # as rows and as `prune` name them
RANDOM = (DIRECTION, NEURON)
CORRECTIONS = ("none", "linear", "isometric")  # as `prune` names them
ROWS = Schema(
    phases={"training": "after an epoch", "baseline": "before pruning", "adapted": "right after pruning"},
    measures=TRAINING | FUNCTION_CHANGE | ACCURACY,
    observations={
        "change": CHANGE,
        "choice": Factor("neurons that go first", levels=CHOICES),
        "correction": Factor("what stands in for neurons that go", levels=CORRECTIONS),
        "white": Factor("whether a correction is over white inputs, not over training data", bool),
    },
)


@dataclass(frozen=True)
class Way:
    """A way to prune.

    Attributes:
        choice: which neurons go first: those of the least "singular value", or of the least |dL/d sigma| over the
            training set, "gradient"; or, at random, singular directions or neurons as they stand.
        correction: as in `prune`.
        white: whether the correction is over white inputs, for which no data is needed, and not over training data.
    """

    choice: str
    correction: str
    white: bool = False


# White inputs predict nothing of a singular direction (`prune`), so this correction is of neurons as they stand.
WAYS = [Way(choice, correction) for correction in CORRECTIONS for choice in (*ORDERED, *RANDOM)]
WAYS += [Way(NEURON, correction, white=True) for correction in CORRECTIONS if correction != "none"]


class Settings(Plan):
    """Decided here: the paper has no such experiment."""

    hidden: Widths
    layer: int = Field(ge=1)  # l, the hidden layer that is pruned
    configuration: Configuration
    counts: Several[Width]  # neurons removed
    draws: int = Field(ge=1, le=1000)  # random orders of each repeat, of which the mean is taken
    correction_samples: Samples  # training samples over which neurons are predicted from each other

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.layer > len(self.hidden):
            raise ValueError(f"layer: layer {self.layer} is no hidden layer; hidden has {len(self.hidden)}")
        most = self.hidden[self.layer - 1] - 1
        if max(self.counts) > most:
            valid = f"neurons; valid are 1 to {most}" if most else f"neuron; layer {self.layer} has none to spare"
            raise ValueError(f"counts: {max(self.counts)} of {most + 1} {valid}")
        if not self.configuration.isotropic:
            raise ValueError("configuration: standard tanh cannot be diagonalised; valid is isotropic-tanh")
        if self.configuration.compensation == "expectation":
            raise ValueError("configuration: expectation needs data, and some of the corrections are to have none")
        return self

    def members(self) -> list[Member]:
        """One network a repeat: all is done to copies of it."""
        return [Member(repeat=repeat, configuration=self.configuration) for repeat in range(self.repeats)]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """The same for all."""
        return [features, *self.hidden, classes]

    def draws_of(self, way: Way) -> int:
        """How many orders there are in a way."""
        return self.draws if way.choice in RANDOM else 1

    def workloads(self, member: Member, data: Sequence[Size]) -> list[Workload]:
        """Training; the training set once, for its gradient; and the tests and the corrections of every curve."""
        (size,) = data
        curves = sum(self.draws_of(way) for way in WAYS)
        over_data = sum(self.draws_of(way) for way in WAYS if way.correction != "none" and not way.white)
        passes = size.train + (1 + curves * (1 + len(self.counts))) * size.test
        passes += over_data * len(self.counts) * size.sampled(self.correction_samples)
        changes = in_layer(self.layer, 1 + curves * len(self.counts))
        *workloads, last = super().workloads(member, data)
        return [*workloads, replace(last, passes=last.passes + passes, changes=changes)]


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train the members, then prune fresh copies of them in every way, without retraining."""

    settings, observed = work.settings, work.observations()
    ensemble, _ = work.trained(observed)
    pruning = _Pruning(work, ensemble)
    place: dict[str, object] = {"epoch": settings.epochs, "precision": "float32"}
    observed.add({"phase": "baseline", **place}, pruning.baseline())
    for way in work.checkpoints.phase("pruning", observed).each(WAYS):
        changes = pruning.curve(way)  # each [counts, K]
        for number, count in enumerate(settings.counts):
            values = {measure: each[number] for measure, each in changes.items()}
            observed.add({"phase": "adapted", **asdict(way), "change": -count, **place}, values)
    return observed.frame()


class _Pruning:
    """The trained networks, which stay as they are, and the curve of each way to prune them."""

    def __init__(self, work: Work[Settings, Member], trained: Ensemble) -> None:
        from isotropic.surgery.diagonalise import diagonalise
        from pipeline.data.batches import Standardiser
        from pipeline.training import evaluation

        settings, data = work.settings, work.images
        self.settings, self.trained, self.data, self.names = settings, trained, data, work.streams
        weight = trained.affine[0].weight
        test = Standardiser(data, weight.device, weight.dtype, rows=len(data.test))
        ((self.x, self.labels),) = test.in_order("test")  # all of it at once
        self.inputs = evaluation.Sample(data, settings.correction_samples, weight.dtype)
        self.diagonal = copy.deepcopy(trained)
        diagonalise(self.diagonal, settings.layer, "left")
        loss_gradient(trained, data)

    def baseline(self) -> dict[str, Tensor]:
        from isotropic.training import measures

        return {"accuracy": measures.accuracy(self.trained.trace(self.x)[0], self.labels)}

    def curve(self, way: Way) -> dict[str, Tensor]:
        """What `function_change` measures after each count, the mean over draws, each [counts, K]."""
        import torch

        draws = [self._drawn(way, draw) for draw in range(self.settings.draws_of(way))]
        return {measure: torch.stack([each[measure] for each in draws]).mean(0) for measure in draws[0]}

    def _drawn(self, way: Way, draw: int) -> dict[str, Tensor]:
        from isotropic.training.pruning_curve import pruning_curve

        layer = self.settings.layer
        choice: Importance = ORDERED.get(way.choice, "")
        if way.choice in RANDOM:  # of a draw the same order with every correction
            choice = orders(self.settings.hidden[layer - 1], [(*name, way.choice, draw) for name in self.names])
        net = self.diagonal if way.choice == DIRECTION else self.trained
        inputs = None if way.white else self.inputs
        return pruning_curve(
            net,
            layer,
            self.settings.counts,
            self.x,
            self.labels,
            choice=choice,
            correction=way.correction,
            inputs=inputs,
        )


def orders(width: int, names: Sequence[tuple[object, ...]]) -> Tensor:
    """A random order of `width` neurons for each stream, [K, width]."""
    import torch

    return torch.stack([torch.randperm(width, generator=generator(*name)) for name in names])


def loss_gradient(net: Ensemble, data: Dataset) -> None:
    """Write into `.grad` the gradient of each member's mean cross-entropy over the whole training set."""
    from isotropic.training import measures
    from pipeline.data.batches import Standardiser

    net.zero_grad(set_to_none=True)
    weight = net.affine[0].weight
    for x, y in Standardiser(data, weight.device, weight.dtype, rows=1000).in_order("train"):
        share = len(y) / len(data.train)
        (share * measures.cross_entropy(net.trace(x)[0], y)).sum().backward()  # adds up, each member in its slice
