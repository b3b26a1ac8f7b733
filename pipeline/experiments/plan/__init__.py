"""What every experiment says of itself: its settings, the networks to train, and how its rows are gathered."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pipeline import config
from pipeline.config import Configuration, Name, Several
from pipeline.model.ensemble import Ensemble
from pipeline.model.network import IsotropicMLP
from pipeline.seeds import seed
from pipeline.training.engine import Epoch


class Member(config.Settings):
    """What distinguishes one network of an experiment from another. Experiments add fields of their own.

    Members of one repeat share their initialisation and their order of samples, so that they can be compared in
    pairs.
    """

    repeat: int
    configuration: Configuration

    @property
    def label(self) -> str:
        """The configuration as rows name it."""
        return self.configuration.label


@dataclass(frozen=True)
class Size:
    """How large a data set is: n_0 and n_L of its networks, and its numbers of training and of test images."""

    features: int
    classes: int
    train: int
    test: int

    def sampled(self, count: int) -> int:
        """How many training samples `measures.Sample` takes for about `count`."""
        return len(range(0, self.train, max(1, self.train // count)))


@dataclass(frozen=True)
class Course:
    """Some epochs of a network at the same widths, by what they will cost.

    Attributes:
        widths: n_0 .. n_L.
        epochs: how many.
        steps: of the optimiser, in an epoch.
        rows: samples in a step.
        inputs: of n_0, those that a sample has; the others are zero and not multiplied.
        passes: samples that only go forward, in all these epochs together: the test set, and what else is measured.
    """

    widths: tuple[int, ...]
    epochs: int
    steps: int
    rows: int
    inputs: int
    passes: int


FLOAT64_PASS = 2  # what a sample's way through a float64 copy of a network costs, in passes of float32


class Plan(config.Training):
    """Base of every experiment's Settings: what a profile decides, and the networks that follow from it."""

    # Settings that say which networks there are rather than how one is trained: more of them keep the others.
    spread: ClassVar[frozenset[str]] = frozenset({"data", "repeats", "configurations"})

    data: Several[Name]

    def datasets(self) -> list[tuple[str, ...]]:
        """The data sets of each round of the experiment; all members are trained in each round."""
        return [(name,) for name in self.data]

    def members(self) -> Sequence[Any]:
        """All networks to train in a round."""
        raise AttributeError(f"{type(self).__module__}: Settings needs a method `members`")

    def widths(self, member: Any, features: int, classes: int) -> list[int]:
        """n_0 .. n_L of a member at its start."""
        raise AttributeError(f"{type(self).__module__}: Settings needs a method `widths`")

    def together(self, member: Any) -> Hashable:
        """Members for which this is equal may share an ensemble."""
        return len(self.widths(member, 1, 1))

    def courses(self, member: Any, data: Sequence[Size]) -> list[Course]:
        """What a member's training on a round's data sets consists of, one course after the other.

        Unless an experiment does otherwise: all epochs at the first widths, tested before them and after each.
        Members of one ensemble have the same courses but for widths and passes.
        """
        (size,) = data
        widths = self.widths(member, size.features, size.classes)
        return self.trained(size, widths, [widths] * self.epochs)

    def trained(self, size: Size, start: Sequence[int], widths: Iterable[Sequence[int]]) -> list[Course]:
        """The courses of `engine.train` from the widths `start`, with `widths` in its epochs, one for each."""
        epochs = Counter({tuple(start): 0})
        epochs.update(map(tuple, widths))
        steps = -(-size.train // self.batch_size)  # the last, short batch is one
        tests = [count + (number == 0) for number, count in enumerate(epochs.values())]  # one before all training
        return [
            Course(each, count, steps, self.batch_size, size.features, tested * size.test)
            for (each, count), tested in zip(epochs.items(), tests, strict=True)
        ]


def streams(experiment: str, data: str, members: Sequence[Member]) -> list[tuple[object, ...]]:
    """The name of each member's random streams: experiment, data set, repeat."""
    return [(experiment, data, member.repeat) for member in members]


def stacked(
    settings: Plan,
    members: Sequence[Member],
    names: Sequence[tuple[object, ...]],
    features: int,
    classes: int,
    device: torch.device,
) -> Ensemble:
    """The members' networks at their initialisation, each drawn from the seed of its stream."""
    networks = [
        network(settings, member, settings.widths(member, features, classes), seed(*name))
        for member, name in zip(members, names, strict=True)
    ]
    ensemble = Ensemble(networks)
    return ensemble.to(device)


def network(settings: Plan, member: Member, widths: Sequence[int], start: int) -> IsotropicMLP:
    """A member's network of these widths, drawn from the seed `start`."""
    return IsotropicMLP(
        widths,
        activation=member.configuration.activation,
        intrinsic_length=member.configuration.intrinsic_length,
        compensation=member.configuration.compensation,
        psi_decay=settings.psi_decay,
        seed=start,
    )


class Observations:
    """Rows as they are observed: one measure of all members at a time, of those that have not diverged."""

    def __init__(
        self, experiment: str, data: str, members: Sequence[Member], networks: Sequence[Sequence[object]]
    ) -> None:
        """For members with these widths, or descriptions of widths, at their start."""
        self.rows: list[dict[str, object]] = []
        self.going = [True] * len(members)  # whether each member is still trained
        self._who = [
            {
                "experiment": experiment,
                "data": data,
                "network": "-".join(str(width) for width in widths),
                "configuration": member.label,
                "repeat": member.repeat,
                "seed": seed(experiment, data, member.repeat),
            }
            for member, widths in zip(members, networks, strict=True)
        ]

    def branch(self) -> Observations:
        """Observations of copies of the same members, into the same rows: a copy that diverges stops alone."""
        other = copy.copy(self)
        other.going = list(self.going)
        return other

    def add(self, place: dict[str, object], values: dict[str, Tensor]) -> None:
        """One row per member and measure: `place` says when and where, each tensor is [K]."""
        for measure, tensor in values.items():
            for who, going, value in zip(self._who, self.going, tensor.tolist(), strict=True):
                if going:
                    self.rows.append(who | place | {"measure": measure, "value": value})

    def history(self, measure: str) -> Tensor:
        """What was observed of a measure of one number an observation, [K, T]; NaN from where a member diverged."""
        values = [
            [row["value"] for row in self.rows if row["measure"] == measure and who.items() <= row.items()]
            for who in self._who
        ]
        longest = max(map(len, values), default=0)
        return torch.tensor([own + [float("nan")] * (longest - len(own)) for own in values], dtype=torch.float64)

    def training(self, epoch: Epoch, /, **more: object) -> None:
        """The losses and the accuracy of an epoch, and the end of those that diverged in it.

        Args:
            epoch: as the engine yields it.
            more: of the place; `epoch` if it is not the engine's own count.
        """
        place = {"epoch": epoch.number, "precision": "float32", **more}
        self.stop(epoch.diverged, place)
        self.add({"phase": "training", **place}, epoch.measures())

    def stop(self, diverged: Tensor, place: dict[str, object]) -> None:
        """A last row for the members that diverged, boolean [K]: nothing is observed of them from here on."""
        for k, stopped in enumerate(diverged.tolist()):
            if stopped and self.going[k]:
                self.rows.append(self._who[k] | place | {"phase": "diverged", "measure": "diverged", "value": 1.0})
                self.going[k] = False
