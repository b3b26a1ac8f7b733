"""What an experiment is given to do: some of its members, on a round's data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

import torch

from isotropic.networks.ensemble import Ensemble
from isotropic.networks.network import IsotropicMLP
from pipeline.data.dataset import Dataset
from pipeline.experiments import experiment
from pipeline.experiments.plan import Member, Plan, joint_name
from pipeline.experiments.plan.observations import Observations
from pipeline.results import correct
from pipeline.results.networks import Network
from pipeline.seeds import seed
from pipeline.training import engine, optimiser
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.engine import Epoch

if TYPE_CHECKING:
    import pandas as pd

PRECISIONS = {"float32": torch.float32, "float64": torch.float64}  # in which an exact change is measured

S = TypeVar("S", bound=Plan)
M = TypeVar("M", bound=Member)
Stream = tuple[object, ...]  # the name of a random stream
Trained = tuple[Ensemble, torch.optim.Optimizer]


class Work(Generic[S, M]):
    """Members that may share an ensemble, and what they are trained on.

        def run(work: Work[Settings, Member]) -> pd.DataFrame:
            observed = work.observations()
            ensemble, descent = work.begun()
            for epoch in work.epochs(ensemble, descent, observed):
                observed.add({"phase": ..., "epoch": epoch.number, ...}, {"measure": ...})   # [K]
            return observed.frame()

    Args:
        settings: of the experiment.
        members: those to be trained.
        data: of a round, wherever they are.
        device: on which networks are trained.
        checkpoints: of the job.

    Attributes:
        kept: networks that are left beside the rows.
    """

    def __init__(
        self,
        settings: S,
        members: Sequence[M],
        data: Sequence[Dataset],
        device: torch.device,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.settings, self.members, self.data, self.device = settings, members, data, device
        self.checkpoints = checkpoints or Checkpoints()
        self.kept: list[Network] = []
        self._observed: list[Observations] = []

    def on(self, settings: S, data: Sequence[Dataset]) -> Work[S, M]:
        """The same members by other settings and on other data; what is observed and kept there is so here, too."""
        other = Work(settings, self.members, data, self.device, self.checkpoints)
        other.kept, other._observed = self.kept, self._observed
        return other

    @cached_property
    def images(self) -> Dataset:
        """The round's only data set, on the device."""
        (images,) = self.data
        return images.to(self.device)

    @cached_property
    def streams(self) -> list[Stream]:
        """The name of each member's random streams."""
        return streams(self._experiment, self._data_name, self.members)

    def begun(self) -> Trained:
        """The members' networks at their initialisation, and an optimiser on them."""
        ensemble = self.initial()
        return ensemble, optimiser.make(ensemble, self.settings)

    def initial(self) -> Ensemble:
        """The members' networks at their initialisation."""
        features, classes = sum(each.features for each in self.data), sum(each.classes for each in self.data)
        return stacked(self.settings, self.members, self.streams, features, classes, self.device)

    def observations(self, widths: Sequence[Sequence[object]] | None = None) -> Observations:
        """An empty record of all members.

        Args:
            widths: of each, as rows name them; by default those at their start.
        """
        if widths is None:
            features, classes = sum(each.features for each in self.data), sum(each.classes for each in self.data)
            widths = [self.settings.widths(member, features, classes) for member in self.members]
        schema = experiment(self._experiment).ROWS
        ends = self.settings.ends
        observed = Observations(schema, self._experiment, self._data_name, self.members, widths, ends)
        self._observed.append(observed)
        return observed

    def correct(self) -> pd.DataFrame:
        """Which test images the networks had right, of all that was observed (`results/correct.py`)."""
        return correct.concatenated(
            (observed.bits() for observed in self._observed), experiment(self._experiment).ROWS
        )

    def epochs(
        self,
        ensemble: Ensemble,
        descent: torch.optim.Optimizer,
        observed: Observations,
        count: int | None = None,
        phase: str = "training",
        orders: Sequence[Stream] | None = None,
        needed: bool = True,
    ) -> Iterator[Epoch]:
        """Train, yielding at the start and after every epoch; between yields the ensemble may be changed.

        Args:
            ensemble, descent: networks, and their optimiser.
            observed: to which what follows from these epochs is added.
            count: of epochs, by default all that the settings say.
            phase: its name among those of the job.
            orders: names of the streams from which orders of samples are drawn, by default the members' own.
            needed: whether the networks are still needed once the phase has ended.
        """
        settings = self.settings
        kept = self.checkpoints.phase(phase, observed, needed)
        count = settings.epochs if count is None else count
        orders = self.streams if orders is None else orders
        return engine.train(ensemble, descent, self.images, count, settings.batch_size, orders, settings.matmul, kept)

    def trained(self, observed: Observations, keep: bool = False) -> Trained:
        """The members' networks after all epochs, observed after each: losses and accuracy.

        Args:
            observed: to which they are added.
            keep: whether the networks are left as "trained".
        """
        ensemble, descent = self.begun()
        for epoch in self.epochs(ensemble, descent, observed):
            observed.training(epoch)
        if keep:
            self.keep("trained", ensemble, observed)
        return ensemble, descent

    def keep(self, name: str, ensemble: Ensemble, observed: Observations, diagonal: Sequence[int] = ()) -> None:
        """Leave the networks of the first repeat beside the rows, if the settings say so, but for one that diverged.

        Of one repeat, since they are to be looked at and used: what is said of them is said by the rows of all.
        """
        for k, member in enumerate(self.members):
            if self.settings.keep_networks and member.repeat == 0 and observed.alive[k]:
                net, where = ensemble.member(k), observed.where(k)
                self.kept.append(Network.of(net, name, where, self.settings.psi_decay, diagonal))

    @property
    def _experiment(self) -> str:
        return type(self.settings).__module__.rpartition(".")[-1]

    @property
    def _data_name(self) -> str:
        return joint_name([each.name for each in self.data])


def streams(experiment: str, data: str, members: Sequence[Member]) -> list[Stream]:
    """The name of each member's random streams: experiment, data set, repeat."""
    return [(experiment, data, member.repeat) for member in members]


def stacked(
    settings: Plan,
    members: Sequence[Member],
    names: Sequence[Stream],
    features: int,
    classes: int,
    device: torch.device,
) -> Ensemble:
    """The members' networks at their initialisation, each drawn from the seed of its stream."""
    networks = [
        network(settings, member, settings.widths(member, features, classes), seed(*name))
        for member, name in zip(members, names, strict=True)
    ]
    return Ensemble(networks).to(device)


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
