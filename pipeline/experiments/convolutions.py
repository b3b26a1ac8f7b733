"""Can channels of a convolutional network be grown and pruned? (The second version's appendix D, a sketch there.)"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from pipeline.config import MOST_EPOCHS, Columns, Configuration, Several, Widths
from pipeline.experiments.plan import FLOAT64_PASS, Member, Plan, Size, Workload, check_changes
from pipeline.results.measures import ACCURACY, FUNCTION_CHANGE, TRAINING
from pipeline.results.schema import CHANGE, Factor, Measure, Schema
from pipeline.seeds import generator, seed

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor
    from torch.optim import Optimizer

    from isotropic.networks.convolutional import IsotropicConvNet
    from pipeline.data.dataset import Dataset
    from pipeline.experiments.plan.observations import Observations
    from pipeline.experiments.plan.work import Work

QUESTION = "Does a trained convolutional network compute the same function after channels were added or removed?"

# What takes the place of a pruned channel's bias: all that METHOD section 4 says, for kernels; and less.
WHOLE, NO_LENGTH, NO_PSI, VECTOR = WAYS = ("length and psi", "no length", "no psi", "psi a vector")
ROWS = Schema(
    phases={
        "training": "after an epoch",
        "baseline": "before any change",
        "adapted": "diagonalised, then grown or pruned",
        "trained on": "after further epochs",
    },
    measures=TRAINING
    | FUNCTION_CHANGE
    | ACCURACY
    | {"accuracy_after": Measure("test accuracy after further training", "%", 2)},
    observations={
        "change": replace(CHANGE, unit="channels"),
        "stand_in": Factor("what takes the place of a pruned channel’s bias", levels=WAYS),
    },
)


class Settings(Plan):
    """Decided here: the paper has no such experiment."""

    channels: Widths
    kernel: int = Field(ge=1, le=99)
    stride: int = Field(ge=1, le=99)
    layers: Several[Annotated[int, Field(ge=1)]]  # whose channels are changed, one at a time
    changes: Several[int]  # channels added (positive) or removed (negative); diagonalisation alone, 0, is always done
    columns: Columns
    trained_on: list[int] = Field(max_length=1000)  # of these and 0, after which the networks are trained on
    epochs_after: int = Field(ge=1, le=MOST_EPOCHS)  # of that further training
    configuration: Configuration

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for layer in self.layers:
            if layer > len(self.channels):
                raise ValueError(f"layers: layer {layer} is no hidden layer; channels has {len(self.channels)}")
            check_changes(self.changes, self.channels[layer - 1], "channels")
        for number, change in enumerate(self.trained_on):
            if change not in {0, *self.changes} or change in self.trained_on[:number]:
                valid = ", ".join(map(str, [0, *self.changes]))
                raise ValueError(f"trained_on: {change} is not one of {valid}, or is there twice")
        how = self.configuration
        if how.intrinsic_length == "none" or how.compensation in ("none", "expectation"):
            raise ValueError(
                f"configuration: {how.label} lacks an intrinsic length or psi; here pruning with "
                "both is compared with less"
            )
        if self.matmul != "float32":
            raise ValueError(f"matmul: {self.matmul} is for dense networks; valid here is float32")
        if self.batch_size < 2:
            raise ValueError(f"batch_size: {self.batch_size}: batches of one are left out; valid are 2 or more")
        return self

    def members(self) -> list[Member]:
        """One a repeat: every change and every way is tried on the same trained network."""
        return [Member(repeat=repeat, configuration=self.configuration) for repeat in range(self.repeats)]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """The values of an image, the channels, the classes."""
        return [features, *self.channels, classes]

    def trials(self) -> list[tuple[int, int, str]]:
        """(layer, change, way): the ways differ where channels are pruned."""
        changes = [(layer, change) for layer in self.layers for change in [0, *self.changes]]
        return [(*each, way) for each in changes for way in (WAYS if each[1] < 0 else WAYS[:1])]

    def further(self) -> list[tuple[int, int]]:
        """(layer, change): after which the networks are trained on."""
        return list(product(self.layers, self.trained_on))

    def workloads(self, member: Member, data: Sequence[Size]) -> list[Workload]:
        """Training before the changes and after each, the tests of these, and of every trial in both precisions.

        Widths are those of a dense network that multiplies as often (`dense`). What autograd adds to a step is not
        counted, and trials count as if no channel were added or removed.
        """
        (size,) = data
        steps, trials = -(-size.train // self.batch_size), (1 + FLOAT64_PASS) * (1 + len(self.trials()))

        def workload(channels: Sequence[int], epochs: int, changes: Iterable[int], more: int = 0) -> Workload:
            widths, tests = self.dense(size, channels), 1 + epochs + more
            made = sum(1 + (change != 0) for change in changes)  # each after a diagonalisation
            return Workload(widths, epochs, steps, self.batch_size, size.features, tests * size.test, (made,))

        tried = [change for _, change, _ in 2 * self.trials()]
        after = [workload(self.changed(*each), self.epochs_after, each[1:]) for each in self.further()]
        return [workload(self.channels, self.epochs, tried, trials), *after]

    def changed(self, layer: int, change: int) -> list[int]:
        """The channels after a change of one layer's."""
        return [n + change * (number == layer) for number, n in enumerate(self.channels, start=1)]

    def dense(self, size: Size, channels: Sequence[int]) -> tuple[int, int, int]:
        """Widths of the network with one hidden layer that multiplies as often as these convolutions for a sample.

        Map l multiplies k^2 n_l (n_{l-1} + 1) times at each position of its grid, psi counted, and the last one
        n_L (n_{L-1} + 1) times at each of the last grid. A size does not tell colours from positions, so images count
        as grey; of images in three colours the maps after the first then count for thrice what they are.
        """
        grid, reads, multiplied = float(size.features), [1, *(n + 1 for n in channels)], 0.0
        for before, after in zip(reads, channels, strict=False):
            grid /= self.stride**2
            multiplied += grid * self.kernel**2 * before * after
        multiplied += grid * reads[-1] * size.classes
        return size.features, max(1, round(multiplied / (size.features + size.classes))), size.classes

    def stack_key(self, member: Member) -> Hashable:
        """None: networks of kernels are not stacked."""
        return member.repeat


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train a network, change the channels of fresh copies in every way, and train the best of these on."""
    from isotropic.training.products import multiplying

    with multiplying("float32"):  # cuDNN's convolutions too
        return _observed(work)


def _observed(work: Work[Settings, Member]) -> pd.DataFrame:
    from pipeline.experiments.plan.work import PRECISIONS
    from pipeline.training import autograd, optimiser

    settings, images, checkpoints, (name,) = work.settings, work.images, work.checkpoints, work.streams
    observed = work.observations()
    net = _network(settings, images, seed(*name)).to(work.device)
    descent = optimiser.make(net, settings)
    phase = checkpoints.phase("training", observed)
    for epoch in autograd.train(net, descent, images, settings.epochs, settings.batch_size, name, phase):
        observed.training(epoch)
    for precision, dtype in PRECISIONS.items():
        changing = _Changing(settings, copy.deepcopy(net).to(dtype), images, name)
        place: dict[str, object] = {"epoch": settings.epochs, "precision": precision}
        observed.add({"phase": "baseline", **place}, changing.baseline())
        phase = checkpoints.phase(f"changes in {precision}", observed)
        for layer, change, way in phase.each(settings.trials()):
            at = {"phase": "adapted", "layer": layer, "change": change, "stand_in": way}
            observed.add(at | place, changing.by(layer, change, way))
    for layer, change in settings.further():
        # Together, so that the copied optimiser holds the copied parameters.
        changed, own = copy.deepcopy((net, descent))
        _change(changed, own, settings, layer, change, name)
        _trained_on(work, changed, own, observed.branch(), layer, change)
    return observed.frame()


def _trained_on(
    work: Work[Settings, Member],
    net: IsotropicConvNet,
    descent: Optimizer,
    observed: Observations,
    layer: int,
    change: int,
) -> None:
    """Train a changed network on, with the same batches after every change, and observe where that leads."""
    from pipeline.training import autograd

    settings, (name,) = work.settings, work.streams
    size, count, order = settings.batch_size, settings.epochs_after, (*name, "after")
    phase = work.checkpoints.phase(f"after {change} in layer {layer}", observed, needed=False)
    for epoch in autograd.train(net, descent, work.images, count, size, order, phase):
        number = settings.epochs + epoch.number
        place: dict[str, object] = {"epoch": number, "precision": "float32", "layer": layer, "change": change}
        observed.stop(epoch.diverged, place)
        if epoch.number == settings.epochs_after:
            observed.add({"phase": "trained on", **place}, {"accuracy_after": epoch.test_accuracy})


def _network(settings: Settings, images: Dataset, start: int) -> IsotropicConvNet:
    """The network for these images at its initialisation, drawn from the seed `start`."""
    from isotropic.networks.convolutional import IsotropicConvNet

    return IsotropicConvNet(
        images.shape,
        settings.channels,
        images.classes,
        settings.kernel,
        settings.stride,
        intrinsic_length=settings.configuration.intrinsic_length,
        compensation=settings.configuration.compensation,
        psi_decay=settings.psi_decay,
        seed=start,
    )


def _change(
    net: IsotropicConvNet,
    descent: Optimizer | None,
    settings: Settings,
    layer: int,
    change: int,
    name: tuple[object, ...],
) -> None:
    """Diagonalise, then add or remove channels."""
    from isotropic.surgery.diagonalise import diagonalise
    from isotropic.surgery.widths import resize

    diagonalise(net, layer, optimiser=descent)
    columns = generator(*name, "columns", layer, change)
    resize(
        net,
        layer,
        net.widths[layer] + change,
        basis="singular",
        columns=settings.columns,
        optimiser=descent,
        generator=columns,
    )


class _Changing:
    """A trained network in a precision, and each change of its channels from a fresh copy of it."""

    def __init__(
        self, settings: Settings, trained: IsotropicConvNet, data: Dataset, name: tuple[object, ...]
    ) -> None:
        from pipeline.training import evaluation

        self.settings, self.trained, self.data, self.name = settings, trained, data, name
        self.z = evaluation.logits(trained, data)

    def baseline(self) -> dict[str, Tensor]:
        from isotropic.training import measures

        return {"accuracy": measures.accuracy(self.z, self.data.test.labels)[None]}

    def by(self, layer: int, change: int, way: str) -> dict[str, Tensor]:
        """What diagonalising, then adding or removing channels does, each [1]."""
        from isotropic.training import measures
        from pipeline.training import evaluation

        changed, labels = copy.deepcopy(self.trained), self.data.test.labels
        if way == NO_LENGTH:
            changed.treatment = replace(changed.treatment, intrinsic_length="none")
        if way == NO_PSI:
            changed.treatment = replace(changed.treatment, compensation="none")
        _change(changed, None, self.settings, layer, change, self.name)
        if way == VECTOR:
            one_vector(changed, self.trained, layer)
        after = evaluation.logits(changed, self.data)
        values = measures.function_change(self.z, after, labels) | {"accuracy": measures.accuracy(after, labels)}
        return {measure: value[None] for measure, value in values.items()}


def one_vector(net: IsotropicConvNet, before: IsotropicConvNet, layer: int) -> None:
    """Put in place of what psi_{l+1} gained when layer l was pruned its mean over positions: the same at each."""
    psi, old = net.affine[layer].psi, before.affine[layer].psi
    assert psi is not None and old is not None  # as the settings want it
    psi, old = psi.detach(), old.detach()
    psi.copy_(old + (psi - old).mean((0, 1)))
