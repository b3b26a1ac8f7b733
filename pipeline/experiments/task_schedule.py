"""Do the widths follow a changing set of tasks? (The paper's Figure 3 and Table 5.)

Adaptive networks end with other sizes than their static twins. Two more static networks a repeat tell what adapting
does from what size does: one has the hidden widths that the adaptive network has when accuracies are compared, at the
end of the phase with all tasks; the other, widths in proportion to these at which it costs as much until then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from pipeline import config
from pipeline.config import MOST_EPOCHS, Columns, Configuration, Depth, Name, Samples, Several, Width
from pipeline.experiments import plan
from pipeline.experiments.plan import Plan, Size, Workload, joint_name
from pipeline.results.measures import TRAINING, WIDTH
from pipeline.results.schema import Factor, Measure, Schema
from pipeline.seeds import generator, seed

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor
    from torch.optim import Optimizer

    from isotropic.networks.base import MLP
    from isotropic.networks.ensemble import Ensemble
    from pipeline.data.tasks import Tasks
    from pipeline.experiments.plan.observations import Observations
    from pipeline.experiments.plan.work import Work

QUESTION = "Do the widths of a network follow the tasks that it is trained on, and does that serve its accuracy?"
ADAPTIVE, STATIC = "adaptive", "static"
EQUAL_SIZE, EQUAL_COST = "static, equal size", "static, equal cost"
ROWS = Schema(
    phases={"training": "after an epoch"},
    measures=TRAINING
    | WIDTH
    | {
        "psi_norm": Measure("sum of the norms of ψ", "", 3),
        "sigma_largest": Measure("largest singular value", "", 3),
        "sigma_median": Measure("median singular value", "", 3),
        "sigma_above": Measure("singular values above the threshold", "", 1),
        "multiply_adds": Measure("multiply-adds of training until accuracies are compared"),
    },
    networks={
        "widths": Factor(
            "whether adapted; a static control is of the size with all tasks, or of the training cost until then",
            levels=(ADAPTIVE, STATIC, EQUAL_SIZE, EQUAL_COST),
        )
    },
    observations={"task": Factor("data set that is one of the tasks")},
)


class Phase(config.Settings):
    """Some epochs in which the loss counts only some tasks."""

    epochs: int = Field(ge=1, le=MOST_EPOCHS)
    active: Several[Name]


class Member(plan.Member):
    """A network whose widths are adapted after every epoch, or its static twin."""

    widths: Literal["adaptive", "static"]

    @property
    def label(self) -> str:
        """What the twins are told apart by."""
        return self.widths


class Settings(Plan):
    """The protocol's row `task_schedule`; `data` are the tasks, in the order of their blocks."""

    configuration: Configuration
    layers: Depth  # hidden layers
    narrowest: Width  # hidden widths are drawn uniformly from narrowest to widest, for each repeat
    widest: Width
    schedule: list[Phase] = Field(min_length=1, max_length=1000)
    train_samples: Samples | None  # the most of each task that are used; none: as many as the shortest has
    test_samples: Samples | None
    threshold: float = Field(gt=0)  # theta
    scaffold: Width  # Xi
    columns: Columns

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.widest < self.narrowest:
            raise ValueError(f"widest: {self.widest} is less than narrowest, {self.narrowest}")
        if self.epochs != sum(phase.epochs for phase in self.schedule):
            total = sum(phase.epochs for phase in self.schedule)
            raise ValueError(f"epochs: {self.epochs}, but those of the schedule are {total} together")
        active = {task for phase in self.schedule for task in phase.active}
        for task in active - set(self.data):
            raise ValueError(f"schedule: {task!r} is not one of the tasks, {', '.join(self.data)}")
        for task in self.data:
            if task not in active:
                raise ValueError(f"schedule: task {task!r} is never active; activate it or leave it out of data")
        if self.train_samples is not None and self.train_samples < self.batch_size:
            raise ValueError(f"train_samples: {self.train_samples} are less than a batch, {self.batch_size}")
        if not self.configuration.isotropic or self.configuration.compensation == "expectation":
            raise ValueError(f"configuration: {self.configuration.label} cannot be adapted without further data")
        return self

    def datasets(self) -> list[tuple[str, ...]]:
        """One round, on all of them."""
        return [tuple(self.data)]

    def members(self) -> list[Member]:
        """Both twins of every repeat; an ensemble holds one kind, since static ones may be much wider."""
        return [
            Member(repeat=repeat, configuration=self.configuration, widths=widths)
            for widths in ("adaptive", "static")
            for repeat in range(self.repeats)
        ]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """Drawn for the repeat, so that twins start alike.

        As `torch.randint` draws them from `generator` of these names, but without torch, for which whoever only plans
        need not wait: both are the same Mersenne Twister, and take what is left after a division.
        """
        from numpy import uint32
        from numpy.random import RandomState

        start = seed("task_schedule", joint_name(self.data), member.repeat, "widths")
        drawn = RandomState(start % 2**32).randint(2**32, size=self.layers, dtype=uint32)
        hidden = self.narrowest + drawn % (self.widest - self.narrowest + 1)
        return [features, *hidden.tolist(), classes]

    def workloads(self, member: Member, data: Sequence[Size]) -> list[Workload]:
        """One a phase, and one for all tests and spectra; then the same of both controls of an adaptive network.

        At the first widths: those that adapting gives are not known before, nor those of the controls.
        """
        whole = self._course(member, data, self.epochs, member.widths == ADAPTIVE)
        controls = self._course(member, data, self.compared, False) * 2 if member.widths == ADAPTIVE else []
        return [*whole, *controls]

    def _course(self, member: Member, data: Sequence[Size], epochs: int, adapted: bool) -> list[Workload]:
        """The first epochs of the schedule."""
        features = {name: each.features for name, each in zip(self.data, data, strict=True)}
        widths = tuple(self.widths(member, sum(features.values()), sum(each.classes for each in data)))
        train, test = (
            min([getattr(each, part) for each in data] + ([most] if most is not None else []))
            for part, most in (("train", self.train_samples), ("test", self.test_samples))
        )
        workloads, left = [], epochs
        for phase in self.schedule:
            if not left:
                break
            count = min(phase.epochs, left)
            active, left = set(phase.active), left - count
            rows, inputs = self.batch_size * len(active), sum(features[task] for task in active) // len(active)
            workload = Workload(widths, count, train // self.batch_size, rows, inputs, passes=0)
            workloads.append(replace(workload, changes=(count * adapted,) * self.layers, apart=True))
        inputs, passes = sum(features.values()) // len(data), (epochs + 1) * len(data) * test
        return [*workloads, Workload(widths, 0, 0, self.batch_size, inputs, passes, (epochs + 1,) * self.layers)]

    def stack_key(self, member: Member) -> Hashable:
        """Only twins of one kind."""
        return member.widths

    @property
    def compared(self) -> int:
        """Epochs trained when accuracies are compared: at the end of the phase with all tasks."""
        last = fullest([phase.active for phase in self.schedule])
        return sum(phase.epochs for phase in self.schedule[: last + 1])

    @property
    def ends(self) -> frozenset[int]:
        """Those of its phases."""
        return frozenset(accumulate(phase.epochs for phase in self.schedule))

    def active(self, epoch: int) -> list[str]:
        """The tasks that count in an epoch, from 1."""
        return [phase.active for phase in self.schedule for _ in range(phase.epochs)][epoch - 1]


def fullest(schedule: Sequence[Collection[str]]) -> int:
    """Of phases with these active tasks the place of that with the most; of several, the last."""
    return max(range(len(schedule)), key=lambda place: (len(schedule[place]), place))


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train the members through the schedule, adapting those that are adaptive after every epoch; then the controls.

    Controls are drawn from the seeds of their adaptive networks, and trained on the same samples in the same order
    until accuracies are compared. A network that diverged has none.
    """
    import torch

    from pipeline.data.tasks import Tasks, cut

    settings, members = work.settings, work.members
    cropped = cut(work.data, settings.train_samples, settings.test_samples, ("task_schedule",))
    tasks = Tasks(cropped, work.device, torch.get_default_dtype(), len(members) * settings.batch_size)
    # Widths differ between repeats: the network is named by where they are drawn from.
    drawn = f"{settings.narrowest}..{settings.widest}"
    networks = [[tasks.features, *[drawn] * settings.layers, tasks.labels[-1].stop]] * len(members)
    observed = work.observations(networks)
    adaptive = members[0].widths == ADAPTIVE  # so are then all (`stack_key`)
    _train(work, tasks, observed, "training", work.begun(), settings.epochs, adaptive)
    if adaptive and any(observed.alive):
        hidden, price = _hidden(observed, settings.layers), _price(settings, tasks)
        ends = [[int(width) for width in own] for own in hidden[:, settings.compared]]
        spent = price(hidden[:, : settings.compared]).tolist()
        for kind, widths in {
            EQUAL_SIZE: ends,
            EQUAL_COST: [scaled(own, price, target) for own, target in zip(ends, spent, strict=True)],
        }.items():
            control = observed.branch(configuration=kind, widths=kind)
            _train(work, tasks, control, kind, _drawn(work, tasks, widths), settings.compared, False)
    return observed.frame()


def _train(
    work: Work[Settings, Member],
    tasks: Tasks,
    observed: Observations,
    name: str,
    trained: tuple[Ensemble, Optimizer],
    epochs: int,
    adaptive: bool,
) -> None:
    """Take networks through the first epochs of the schedule, in a phase `name`; adaptive ones change after each."""
    from pipeline.training.divergence import stop_diverged
    from pipeline.training.tasks import one_epoch

    settings, streams, size = work.settings, work.streams, work.settings.batch_size
    ensemble, descent = trained
    phase = work.checkpoints.phase(name, observed, needed=False)
    phase.training(ensemble, descent)
    for epoch in phase.each(range(epochs + 1)):
        if epoch == 0:
            _observe(observed, 0, ensemble, tasks, settings.threshold)
            continue
        active = settings.active(epoch)
        loss = one_epoch(ensemble, descent, tasks, active, epoch, size, streams, settings.matmul, phase)
        place: dict[str, object] = {"epoch": epoch, "precision": "float32"}
        observed.stop(stop_diverged(ensemble, descent, [loss]), place)
        adapting = [adaptive and alive for alive in observed.alive]
        if any(adapting):
            ensemble, descent = _adapted(settings, adapting, ensemble, descent, streams, epoch)
            phase.training(ensemble, descent)
        observed.add({"phase": "training", **place}, {"train_loss": loss})
        _observe(observed, epoch, ensemble, tasks, settings.threshold)
        if epoch == settings.compared and any(observed.alive):
            spent = _price(settings, tasks)(_hidden(observed, settings.layers)[:, :epoch])
            observed.add({"phase": "training", **place}, {"multiply_adds": spent})


def _hidden(observed: Observations, layers: int) -> Tensor:
    """The hidden widths after each epoch, [K, epochs + 1, layers]; those of networks that diverged end with ones."""
    widths = observed.history("width").nan_to_num(1.0)  # layer by layer in each epoch
    return widths.reshape(len(widths), -1, layers)


def _price(settings: Settings, tasks: Tasks) -> Callable[[Tensor], Tensor]:
    """Hidden widths [..., T, l] in the T epochs until accuracies are compared -> multiply-adds of training [...].

        sum over epochs of steps B (2 sum over active tasks t of D_t n_1 + 3 T_a sum over l > 1 of n_{l-1} n_l)

    with T_a active tasks of D_t inputs. Of a map there is a product forward, one for the gradient of its weights
    and, if it is not the first, one for that of its inputs. Nothing else is counted, adapting neither. Widths that
    stay may be [..., 1, l].
    """
    import torch

    active = [settings.active(epoch) for epoch in range(1, settings.compared + 1)]
    features = {each.name: each.features for each in tasks.data}
    inputs = torch.tensor([sum(features[task] for task in own) for own in active], dtype=torch.float64)
    counts = torch.tensor([len(own) for own in active], dtype=torch.float64)
    samples = len(tasks.data[0].train) // settings.batch_size * settings.batch_size  # of each task, in an epoch
    classes = tasks.labels[-1].stop

    def price(hidden: Tensor) -> Tensor:
        later = (hidden[..., :-1] * hidden[..., 1:]).sum(-1) + hidden[..., -1] * classes
        return samples * (2 * inputs * hidden[..., 0] + 3 * counts * later).sum(-1)

    return price


def scaled(widths: Sequence[int], price: Callable[[Tensor], Tensor], target: float) -> list[int]:
    """Whole widths in proportion to these whose price, which rises with them, is as near the target as such come."""
    import torch

    def at(scale: float) -> list[int]:
        return [max(1, round(scale * width)) for width in widths]

    def of(own: Sequence[int]) -> float:
        return float(price(torch.tensor([own])))

    low, high = 0.0, 1.0
    while of(at(high)) < target:
        high *= 2
    for _ in range(60):  # digits of a float
        middle = (low + high) / 2
        low, high = (middle, high) if of(at(middle)) < target else (low, middle)
    below, above = at(low), at(high)
    # Layers of equal widths change at one scale; one after the other they come nearer.
    return min(([*above[:n], *below[n:]] for n in range(len(widths) + 1)), key=lambda own: abs(of(own) - target))


def _drawn(work: Work[Settings, Member], tasks: Tasks, hidden: Sequence[Sequence[int]]) -> tuple[Ensemble, Optimizer]:
    """Networks with these hidden widths, each drawn from the seed of its member, and an optimiser on them."""
    from isotropic.networks.ensemble import Ensemble
    from pipeline.experiments.plan.work import network
    from pipeline.training import optimiser

    networks = [
        network(work.settings, member, [tasks.features, *own, tasks.labels[-1].stop], seed(*name))
        for member, own, name in zip(work.members, hidden, work.streams, strict=True)
    ]
    ensemble = Ensemble(networks).to(work.device)
    return ensemble, optimiser.make(ensemble, work.settings)


def _adapted(
    settings: Settings,
    adapting: Sequence[bool],
    ensemble: Ensemble,
    descent: Optimizer,
    names: Sequence[tuple[object, ...]],
    epoch: int,
) -> tuple[Ensemble, Optimizer]:
    """The ensemble after the policy was applied to the members that are `adapting`."""
    from isotropic.surgery.policy import adapt
    from isotropic.surgery.restack import restack, unstack
    from pipeline.training import optimiser

    def make(net: MLP) -> Optimizer:
        return optimiser.make(net, settings)

    parts = unstack(ensemble, descent, make)
    for adapts, (net, own), name in zip(adapting, parts, names, strict=True):
        if adapts:
            draw = generator(*name, "columns", epoch)
            adapt(
                net,
                threshold=settings.threshold,
                scaffold=settings.scaffold,
                optimiser=own,
                columns=settings.columns,
                generator=draw,
            )
    return restack(parts, make)


def _observe(observed: Observations, epoch: int, ensemble: Ensemble, tasks: Tasks, threshold: float) -> None:
    """Accuracy and loss of every task, the widths, what the singular values are like, and the length of psi."""
    import torch

    from pipeline.training.tasks import measured

    place: dict[str, object] = {"phase": "training", "epoch": epoch, "precision": "float32"}
    for task, values in measured(ensemble, tasks).items():
        observed.add(place | {"task": task}, values)
    for layer in range(1, ensemble.depth):
        widths = torch.tensor([each[layer] for each in ensemble.member_widths])
        observed.add(place | {"layer": layer}, {"width": widths} | _spectrum(ensemble, layer, threshold))
    lengths = [affine.psi.detach().norm(dim=-1) for affine in ensemble.affine if affine.psi is not None]
    if lengths:
        observed.add(place, {"psi_norm": torch.stack(lengths).sum(0)})


def _spectrum(ensemble: Ensemble, layer: int, threshold: float) -> dict[str, Tensor]:
    """The largest and the median singular value of W_layer, and how many are above the threshold, [K] each.

    From the smaller Gram matrix in float64, which costs float32 weights no digits (`surgery.diagonalise`).
    """
    import torch

    weight = ensemble.affine[layer - 1].weight.detach().double()
    gram = weight @ weight.mT if weight.shape[-2] <= weight.shape[-1] else weight.mT @ weight
    values = torch.linalg.eigvalsh(gram).flip(-1).clamp_min(0).sqrt()  # [K, min(n, m)], descending
    ranks = [min(widths[layer], widths[layer - 1]) for widths in ensemble.member_widths]
    median = torch.stack([own[:rank].median() for own, rank in zip(values, ranks, strict=True)])
    return {
        "sigma_largest": values[:, 0],
        "sigma_median": median,
        "sigma_above": (values > threshold).double().sum(-1),
    }
