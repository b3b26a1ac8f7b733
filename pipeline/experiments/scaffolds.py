"""How soon do new neurons become active? (METHOD section 3, and the second version's appendix A.3.)"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from pydantic import Field, model_validator

from pipeline.config import Columns, Several, Width
from pipeline.experiments.plan import Size, Workload, in_layer
from pipeline.experiments.plan.optimisers import ByOptimiser, Optimised
from pipeline.results.measures import FUNCTION_CHANGE, TRAINING
from pipeline.results.schema import Factor, Measure, Schema
from pipeline.seeds import generator

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor
    from torch.optim import Optimizer

    from isotropic.networks.base import MLP
    from isotropic.networks.ensemble import Ensemble
    from pipeline.experiments.plan.observations import Observations
    from pipeline.experiments.plan.work import Work

QUESTION = "How soon do new neurons become active, by the columns that they are given?"
CONTROL = "not grown"
ROWS = Schema(
    phases={
        "training": "after an epoch",
        "grown": "right after growing",
        "steps": "new neurons after a step of the first epoch",
        "new": "new neurons after an epoch",
        "without": "the network beside itself without its new neurons",
    },
    measures=TRAINING
    | FUNCTION_CHANGE
    | {
        "row_norm": Measure("length of a new neuron’s row", "", None, log=True),
        "column_norm": Measure("length of a new neuron’s column", "", None),
        "active": Measure("new neurons that are active", "", 2),
    },
    observations={
        "columns": Factor("that the new neurons get", levels=(CONTROL, *get_args(Columns))),
        "step": Factor("of the optimiser since growing; 0 is before any", int, many=True),
    },
)


class Settings(ByOptimiser):
    """Decided here: the paper has no such experiment. Its optimiser is AdamW, and its columns are "normal"."""

    layer: int = Field(ge=1)  # l, the hidden layer that grows
    neurons: Width  # that it gains
    columns: Several[Columns]  # each kind in a copy of the same networks
    steps: int = Field(ge=1, le=1_000_000)  # of the first epoch after growing, after each of which norms are taken
    active_above: float = Field(gt=0)  # a new neuron is active once its row is longer than this share of the others'

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.layer > len(self.hidden):
            raise ValueError(f"layer: layer {self.layer} is no hidden layer; hidden has {len(self.hidden)}")
        return self

    def first_steps(self, samples: int) -> int:
        """How many of `steps` an epoch of so many samples has."""
        return min(self.steps, -(-samples // self.batch_size))

    def workloads(self, member: Optimised, data: Sequence[Size]) -> list[Workload]:
        """The training before; that of the control, diagonalised; of each kind first steps, alone, and the epochs.

        Beyond that a network is tested before growing and right after it, and with every epoch's test once more, with
        and without its new neurons.
        """
        (size,) = data
        start, left = self.widths(member, size.features, size.classes), self.epochs - self.epochs_before
        grown = [width + self.neurons * (number == self.layer) for number, width in enumerate(start)]
        (before,) = self.trained(size, start, [start] * self.epochs_before)
        (control,) = self.trained(size, start, [start] * left)
        (workload,) = self.trained(size, grown, [grown] * left)
        workload = replace(workload, passes=workload.passes + 2 * (left + 1) * size.test)
        steps = replace(workload, epochs=1, steps=self.first_steps(size.train), passes=size.test)
        control, steps = (replace(each, changes=in_layer(self.layer, 1)) for each in (control, steps))
        return [replace(before, passes=before.passes + size.test), control, *len(self.columns) * [steps, workload]]


def run(work: Work[Settings, Optimised]) -> pd.DataFrame:
    """Train the members, let copies of them grow with each kind of columns, and train these and a control on."""
    from isotropic.surgery.diagonalise import diagonalise
    from isotropic.surgery.widths import grow
    from pipeline.training import evaluation, optimiser

    settings, chosen, observed = work.settings, work.members[0].optimiser, work.observations()
    ensemble = work.initial()
    descent = optimiser.make(ensemble, settings.trained_by(chosen), chosen.momentum)
    for epoch in work.epochs(ensemble, descent, observed, settings.epochs_before, "before"):
        observed.training(epoch)
    growing = _Growing(work, evaluation.logits(ensemble, work.images))
    for kind in (CONTROL, *settings.columns):
        # Together, so that the copied optimiser holds the copied parameters.
        branch, branch_descent = copy.deepcopy((ensemble, descent))
        of_branch = observed.branch()
        if kind == CONTROL:  # in the basis in which the others grow, on which what Adam does depends
            diagonalise(branch, settings.layer, "left", optimiser=branch_descent)
        else:
            columns = [generator(*name, "columns") for name in work.streams]
            grow(
                branch,
                settings.layer,
                settings.neurons,
                basis="singular",
                columns=kind,
                optimiser=branch_descent,
                generator=columns,
            )
            growing.first_steps(kind, branch, branch_descent, of_branch)
        growing.epochs(kind, branch, branch_descent, of_branch)
    return observed.frame()


class _Growing:
    """What is done with every kind of columns alike; `z` are the logits before growing."""

    def __init__(self, work: Work[Settings, Optimised], z: Tensor) -> None:
        self.work, self.settings, self.data, self.z = work, work.settings, work.images, z
        self.orders = [(*name, "grown") for name in work.streams]  # the same with every kind

    def first_steps(self, kind: str, net: Ensemble, descent: Optimizer, observed: Observations) -> None:
        """The change of function by growing, and the new neurons in the first steps of the epochs, in a copy."""
        from isotropic.training import measures
        from isotropic.training.products import multiplying
        from isotropic.training.train_step import TrainStep
        from pipeline.data.batches import Standardiser
        from pipeline.training import engine, evaluation

        place = self._place(kind) | {"epoch": self.settings.epochs_before}
        after = evaluation.logits(net, self.data)
        observed.add({"phase": "grown", **place}, measures.function_change(self.z, after, self.data.test.labels))
        net, descent = copy.deepcopy((net, descent))
        phase = self.work.checkpoints.phase(f"first steps of {kind}", observed, needed=False)
        phase.training(net, descent)
        step, weight = TrainStep(net, descent, matmul=self.settings.matmul), net.affine[0].weight
        size, steps = self.settings.batch_size, self.settings.first_steps(len(self.data.train))
        batches = Standardiser(self.data, weight.device, weight.dtype, rows=len(net) * size)
        chosen = engine.shuffled(self.data, self.orders, 1).split(size, dim=1)
        for number in phase.each(list(range(steps + 1))):
            if number > 0:
                with multiplying(self.settings.matmul):
                    step(*batches.gather(chosen[number - 1]))
                phase.stepped(1)
            observed.add({"phase": "steps", "step": number, **place}, self._new(net))

    def epochs(self, kind: str, net: Ensemble, descent: Optimizer, observed: Observations) -> None:
        """All epochs that are left, with the new neurons after each, and what the function owes to them."""
        from isotropic.training import measures
        from pipeline.training import evaluation

        settings, place = self.settings, self._place(kind)
        left = settings.epochs - settings.epochs_before
        for epoch in self.work.epochs(net, descent, observed, left, f"epochs of {kind}", self.orders, needed=False):
            number = settings.epochs_before + epoch.number
            observed.training(epoch, epoch=number, columns=kind)
            if kind == CONTROL:
                continue
            z = evaluation.logits(net, self.data)
            owed = without(net, settings.layer, settings.neurons)
            change = measures.function_change(z, evaluation.logits(owed, self.data), self.data.test.labels)
            observed.add({"phase": "without", "epoch": number, **place}, change)
            observed.add({"phase": "new", "epoch": number, **place}, self._new(net))

    def _place(self, kind: str) -> dict[str, object]:
        return {"columns": kind, "precision": "float32"}

    def _new(self, net: MLP) -> dict[str, Tensor]:
        return new_neurons(net, self.settings.layer, self.settings.neurons, self.settings.active_above)


def new_neurons(net: MLP, layer: int, count: int, above: float) -> dict[str, Tensor]:
    """What has become of the last `count` neurons of a hidden layer, each [*K].

    row_norm     mean ||row of W_l||, what they take in; for the other neurons, right after growing, sigma_i
    column_norm  mean ||column of W_{l+1}||, what they pass on
    active       how many have a row longer than `above` times the median of the other neurons'
    """
    rows = net.affine[layer - 1].weight.detach().norm(dim=-1)  # [*K, n_l]
    columns = net.affine[layer].weight.detach().norm(dim=-2)
    others, new = rows[..., :-count], rows[..., -count:]
    active = new > above * others.median(dim=-1, keepdim=True).values
    return {
        "row_norm": new.mean(-1),
        "column_norm": columns[..., -count:].mean(-1),
        "active": active.double().sum(-1),
    }


def without(net: Ensemble, layer: int, count: int) -> Ensemble:
    """A copy in which nothing goes into the last `count` neurons of a hidden layer, or out of them."""
    left = copy.deepcopy(net)
    tensors = left.tensors()
    own, following = f"maps.{layer - 1}", f"maps.{layer}"
    for name, axis in ((f"{own}.weight", -2), (f"{own}.bias", -1), (f"{own}.psi", -1), (f"{following}.weight", -1)):
        if name in tensors:
            tensors[name].narrow(axis, tensors[name].shape[axis] - count, count).zero_()
    return left
