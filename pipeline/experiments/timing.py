"""What does adapting a width cost beside training? Seconds of wall-clock time, epoch by epoch.

All networks are trained by one job, one at a time, an epoch of each in turn: nothing else of this experiment runs
beside them, and a machine that slows down slows all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import Field, model_validator

from pipeline.config import MOST_EPOCHS, WIDEST, Columns, Configuration, EpochCount, Several, Width, Widths
from pipeline.experiments.plan import Member, Plan, Size, Workload, in_layer
from pipeline.results.schema import Factor, Measure, Schema
from pipeline.seeds import generator

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from pipeline.experiments.plan.work import Work

QUESTION = "What part of an epoch does it take to prune or to grow a layer?"
Adaptation = Literal["none", "prune", "grow"]
DONE = {False: "train", True: "train+test"}  # what an epoch has beside adaptation, by `testing`
ROWS = Schema(
    phases={"timed": "an epoch after the warm-up"},
    measures={
        "training_seconds": Measure("training", "s"),
        "testing_seconds": Measure("testing", "s"),
        "adapting_seconds": Measure("adapting", "s"),
        "threads": Measure("threads that share the work", "", 0),
    },
    networks={
        "testing": Factor("whether the network is tested after every epoch", bool),
        "adaptation": Factor("adaptation of a width after every epoch", levels=get_args(Adaptation)),
    },
)


class Case(Member):
    """What one network does in an epoch."""

    testing: bool
    adaptation: Adaptation

    @property
    def label(self) -> str:
        """The case as rows name it, e.g. "train+test, prune"."""
        return f"{DONE[self.testing]}, {self.adaptation}"


class Settings(Plan):
    """The protocol's row `timing`; `epochs` are those timed."""

    repeats: int = Field(ge=1, le=1)  # epochs are the repetitions; another network would only run beside them
    epochs: int = Field(ge=1, le=MOST_EPOCHS)
    hidden: Widths
    layer: int = Field(ge=1)  # l, the width that is adapted
    warm_up: EpochCount  # epochs before those timed, with everything that is done in them
    testing: Several[bool]
    adaptations: Several[Adaptation]
    neurons: Width  # added or removed after every epoch
    columns: Columns
    configuration: Configuration

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.layer > len(self.hidden):
            raise ValueError(f"layer: layer {self.layer} is no hidden layer; hidden has {len(self.hidden)}")
        width, moved = self.hidden[self.layer - 1], (self.warm_up + self.epochs) * self.neurons
        if "prune" in self.adaptations and moved >= width:
            raise ValueError(f"hidden: width {width} of layer {self.layer} is to lose {moved}; needs more")
        if "grow" in self.adaptations and width + moved > WIDEST:
            raise ValueError(f"neurons: width {width} of layer {self.layer} is to gain {moved}; at most {WIDEST}")
        if not self.configuration.isotropic or self.configuration.compensation == "expectation":
            raise ValueError(f"configuration: {self.configuration.label} cannot be adapted without further data")
        return self

    def members(self) -> list[Member]:
        """One, that stands for the networks of all cases: so they share a job."""
        return [Member(repeat=0, configuration=self.configuration)]

    def cases(self) -> list[Case]:
        """Every adaptation, with and without testing."""
        return [
            Case(repeat=0, configuration=self.configuration, testing=testing, adaptation=adaptation)
            for testing in self.testing
            for adaptation in self.adaptations
        ]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """The same for all at the start."""
        return [features, *self.hidden, classes]

    def workloads(self, member: Member, data: Sequence[Size]) -> list[Workload]:
        """One a case, since their networks take turns. Of widths that move by a neuron an epoch, the first."""
        (size,) = data
        widths, epochs = tuple(self.widths(member, size.features, size.classes)), self.warm_up + self.epochs
        steps = -(-size.train // self.batch_size)

        def workload(case: Case) -> Workload:
            passes, changes = epochs * size.test * case.testing, epochs * (case.adaptation != "none")
            batch = self.batch_size
            return Workload(widths, epochs, steps, batch, size.features, passes, in_layer(self.layer, changes))

        return [workload(case) for case in self.cases()]


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train all cases from the same initialisation on the same batches, and time the parts of each epoch."""
    from pipeline.experiments.plan.work import Work
    from pipeline.results.rows import frame

    settings = work.settings
    networks = [_Network(Work(settings, [case], work.data, work.device)) for case in settings.cases()]
    for number in range(1, settings.warm_up + settings.epochs + 1):
        for network in networks:
            network.epoch(number)
        work.checkpoints.steps += len(networks) * -(-len(work.images.train) // settings.batch_size)
        work.checkpoints.tell("timing", f"epoch {number}/{settings.warm_up + settings.epochs}")
    return frame((row for network in networks for row in network.observed.rows), ROWS)


class _Network:
    """One network with what it needs to do its case."""

    def __init__(self, work: Work[Settings, Case]) -> None:
        import torch

        from isotropic.surgery import widths
        from pipeline.data.batches import Standardiser
        from pipeline.training.epochs import Epochs

        (self.case,) = work.members
        self.settings, self.images, self.device, self.names = work.settings, work.images, work.device, work.streams
        self.net, self.descent = work.begun()
        size = self.settings.batch_size
        batches = Standardiser(self.images, self.device, torch.float32, rows=size)
        self.one_epoch = Epochs(self.net, self.descent, batches, size, self.settings.matmul)
        self.observed = work.observations()
        self.surgery = widths  # imported here: that is no part of what is timed

    def epoch(self, number: int) -> None:
        """Train, test and adapt as the case wants it; seconds are kept once the warm-up is over.

        A network that has diverged is left alone: what it would take is not what training takes.
        """
        import torch

        if not self.observed.alive[0]:
            return
        training: dict[str, Callable[[int], Tensor | None]] = {"training_seconds": self._train}
        testing = {"testing_seconds": self._test} if self.case.testing else {}
        adapting = {"adapting_seconds": self._adapt} if self.case.adaptation != "none" else {}
        values = {name: self._seconds(part, number) for name, part in (training | testing | adapting).items()}
        if number > self.settings.warm_up:
            # How many threads shared the work is part of what a time means.
            values["threads"] = torch.tensor([torch.get_num_threads()])
            self.observed.add({"phase": "timed", "epoch": number, "precision": "float32"}, values)

    def _seconds(self, part: Callable[[int], Tensor | None], number: int) -> Tensor:
        """Wall-clock time of a part of the epoch, [1]; work that a GPU was given counts until it is done."""
        import torch

        self._wait()
        started = time.perf_counter()
        part(number)
        self._wait()
        return torch.tensor([time.perf_counter() - started], dtype=torch.float64)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            import torch

            torch.cuda.synchronize(self.device)

    def _train(self, number: int) -> Tensor:
        from pipeline.training import engine
        from pipeline.training.divergence import stop_diverged

        loss = self.one_epoch(engine.shuffled(self.images, self.names, number))
        place: dict[str, object] = {"epoch": number, "precision": "float32"}
        self.observed.stop(stop_diverged(self.net, self.descent, [loss]), place)
        return loss

    def _test(self, number: int) -> Tensor:
        from isotropic.training import measures
        from pipeline.training import evaluation

        return measures.accuracy(evaluation.logits(self.net, self.images), self.images.test.labels)

    def _adapt(self, number: int) -> None:
        layer, neurons = self.settings.layer, self.settings.neurons
        if self.case.adaptation == "prune":
            self.surgery.prune(self.net, layer, neurons, optimiser=self.descent)
        else:
            columns = [generator(*name, "columns", number) for name in self.names]
            self.surgery.grow(
                self.net,
                layer,
                neurons,
                basis="singular",
                columns=self.settings.columns,
                optimiser=self.descent,
                generator=columns,
            )
