"""How much of the difference between activations is their learning rate? One of this project, not of the paper."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pipeline.config import Activation, Configuration, IntrinsicLength, Several, Width
from pipeline.experiments.plan import ACTIVATION, Member, Plan, Size, Workload
from pipeline.experiments.plan.architectures import ARCHITECTURE
from pipeline.results.measures import TRAINING
from pipeline.results.schema import Factor, Measure, Schema
from pipeline.seeds import generator

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.data.dataset import Dataset
    from pipeline.experiments.plan.work import Work

QUESTION = "How accurate is each activation at the paper’s learning rate, and at the best one of its own?"
ROWS = Schema(
    phases={
        "training": "after an epoch",
        "validation": "training images that were held out, after the last epoch",
    },
    measures=TRAINING | {"validation_accuracy": Measure("validation accuracy", "%", 2)},
    networks=ACTIVATION
    | {
        "hidden_width": ARCHITECTURE["hidden_width"],
        "learning_rate": Factor("learning rate that the network was trained with", float),
    },
)
ISOTROPIC, STANDARD = "isotropic-tanh", "tanh"  # the two activations that are compared


class AtRate(Member):
    """A network of one hidden layer, trained with a learning rate of its own."""

    hidden_width: int
    learning_rate: float


class Settings(Plan):
    """What a profile decides; the training is that of the protocol's row `width_transitions`."""

    spread: ClassVar[frozenset[str]] = Plan.spread | {
        "hidden_widths",
        "activations",
        "learning_rates",
        "learning_rate",  # of a member its own: this one only says which of them is the paper's
    }
    fewest_train: ClassVar[int] = 2  # one is held out

    hidden_widths: Several[Width]
    activations: Several[Activation]
    intrinsic_length: IntrinsicLength  # of the isotropic ones; nothing is pruned, so that there is no compensation
    learning_rates: Several[Annotated[float, Field(gt=0)]]
    validation: float = Field(gt=0, lt=1)  # share of the training images that is held out, to choose rates on

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.learning_rate not in self.learning_rates:
            rates = ", ".join(f"{rate:g}" for rate in self.learning_rates)
            raise ValueError(f"learning_rate: {self.learning_rate:g} must be one of learning_rates, {rates}")
        if missing := [each for each in (ISOTROPIC, STANDARD) if each not in self.activations]:
            raise ValueError(
                f"activations: {', '.join(missing)} must be there: {ISOTROPIC} and {STANDARD} are compared"
            )
        return self

    def configuration(self, activation: Activation) -> Configuration:
        """Of networks with an activation."""
        length = self.intrinsic_length if activation.startswith("isotropic-") else "none"
        return Configuration(activation=activation, intrinsic_length=length, compensation="none")

    def members(self) -> list[AtRate]:
        """Every activation at every learning rate in every width, in every repeat."""
        return [
            AtRate(repeat=repeat, configuration=self.configuration(each), hidden_width=width, learning_rate=rate)
            for each in self.activations
            for rate in self.learning_rates
            for width in self.hidden_widths
            for repeat in range(self.repeats)
        ]

    def widths(self, member: AtRate, features: int, classes: int) -> list[int]:
        """One hidden layer of the member's own width."""
        return [features, member.hidden_width, classes]

    def stack_key(self, member: AtRate) -> Hashable:
        """Networks of one activation that share an optimiser; narrow ones are padded."""
        return member.configuration.activation, member.learning_rate

    def trained_at(self, rate: float) -> Self:
        """These settings with the learning rate of a member."""
        return self.model_copy(update={"learning_rate": rate})

    def held_out(self, count: int) -> int:
        """How many of so many training images are held out: at least one, and one is left."""
        return min(max(round(self.validation * count), 1), count - 1)

    def train_images(self, count: int) -> int:
        """Those that are not held out."""
        return count - self.held_out(count)

    def workloads(self, member: AtRate, data: Sequence[Size]) -> list[Workload]:
        """Training on the images that are left, and those held out once after it."""
        (size,) = data
        held = self.held_out(size.train)
        *workloads, last = super().workloads(member, [replace(size, train=size.train - held)])
        return [*workloads, replace(last, passes=last.passes + held)]


def run(work: Work[Settings, AtRate]) -> pd.DataFrame:
    """Train without the images that are held out, and measure accuracy on them after the last epoch.

    Networks of a repeat start alike and see the same batches, whatever their activation and learning rate.
    """
    from isotropic.training.measures import accuracy
    from pipeline.training import evaluation

    settings = work.settings.trained_at(work.members[0].learning_rate)
    (data,) = work.data
    images, validation = divided(data, work.settings)
    own = work.on(settings, [images])
    observed = own.observations()
    ensemble, _ = own.trained(observed)
    held = validation.to(work.device)
    reached = accuracy(evaluation.logits(ensemble, held), held.test.labels)
    place: dict[str, object] = {"phase": "validation", "epoch": settings.epochs, "precision": "float32"}
    observed.add(place, {"validation_accuracy": reached})
    return observed.frame()


def divided(images: Dataset, settings: Settings) -> tuple[Dataset, Dataset]:
    """A data set without the training images that are held out, and one that has these in place of its test images.

    Which they are is drawn from the name of the data set: the same for all networks. Pixels are standardised by the
    mean and deviation over the images that are left.
    """
    import torch

    from pipeline.data.dataset import Split
    from pipeline.data.standardise import standardisation

    whole = images.train
    order = torch.randperm(len(whole), generator=generator("learning_rates", images.name, "validation"))
    held, left = (
        Split(whole.images[chosen], whole.labels[chosen])
        for chosen in order.tensor_split([settings.held_out(len(whole))])
    )
    mean, inverse_deviation = standardisation(left.images)
    rest = replace(images, train=left, mean=mean, inverse_deviation=inverse_deviation)
    return rest, replace(rest, test=held)
