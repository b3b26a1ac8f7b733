"""What every experiment says of itself: its settings, the networks to train, and how its rows are gathered."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from pipeline import config
from pipeline.config import Configuration
from pipeline.model.ensemble import Ensemble
from pipeline.model.network import IsotropicMLP
from pipeline.seeds import seed


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


class Plan(config.Training):
    """Base of every experiment's Settings: what a profile decides, and the networks that follow from it."""

    # Settings that say which networks there are rather than how one is trained: more of them keep the others.
    spread: ClassVar[frozenset[str]] = frozenset({"data", "repeats", "configurations"})

    data: list[str] = Field(min_length=1)

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
        IsotropicMLP(
            settings.widths(member, features, classes),
            activation=member.configuration.activation,
            intrinsic_length=member.configuration.intrinsic_length,
            compensation=member.configuration.compensation,
            psi_decay=settings.psi_decay,
            seed=seed(*name),
        )
        for member, name in zip(members, names, strict=True)
    ]
    ensemble = Ensemble(networks)
    return ensemble.to(device)


class Observations:
    """Rows as they are observed: one measure of all members at a time."""

    def __init__(
        self, experiment: str, data: str, members: Sequence[Member], networks: Sequence[Sequence[object]]
    ) -> None:
        """For members with these widths, or descriptions of widths, at their start."""
        self.rows: list[dict[str, object]] = []
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

    def add(self, place: dict[str, object], values: dict[str, Tensor]) -> None:
        """One row per member and measure: `place` says when and where, each tensor is [K]."""
        for measure, tensor in values.items():
            for who, value in zip(self._who, tensor.tolist(), strict=True):
                self.rows.append(who | place | {"measure": measure, "value": value})
