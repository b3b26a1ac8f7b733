"""Does training commute with a change of basis? (A claim of the paper that it has no experiment for.)"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import model_validator

from pipeline.experiments.plan import FLOAT64_PASS, Size, Workload
from pipeline.experiments.plan.optimisers import ByOptimiser, Optimised
from pipeline.results.measures import FUNCTION_CHANGE, TRAINING
from pipeline.results.schema import Schema
from pipeline.seeds import generator

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import Tensor
    from torch.optim import Optimizer

    from isotropic.networks.base import MLP
    from pipeline.experiments.plan.observations import Observations
    from pipeline.experiments.plan.work import Work

QUESTION = "Does training commute with a change of basis of the hidden layers?"
ROWS = Schema(
    phases={"training": "after an epoch, not turned", "turned": "turned, beside the network that was not"},
    measures=TRAINING | FUNCTION_CHANGE,
)


class Settings(ByOptimiser):
    """Decided here: the paper has no such experiment."""

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.matmul != "float32":
            raise ValueError(f"matmul: {self.matmul} rounds in every precision alike; valid here is float32")
        return self

    def workloads(self, member: Optimised, data: Sequence[Size]) -> list[Workload]:
        """In each precision one network to the change of basis and two from there on, tested and then compared.

        A step in float64 counts as one in float32: a workload knows no precision of its steps.
        """
        (size,) = data
        widths, left = self.widths(member, size.features, size.classes), self.epochs - self.epochs_before
        epochs = 2 * (self.epochs_before + 2 * left)
        passes = (1 + FLOAT64_PASS) * (self.epochs_before + 1 + 2 * 2 * (left + 1)) * size.test
        (workload,) = self.trained(size, widths, [widths] * epochs)
        return [replace(workload, passes=passes, changes=(2,))]  # all hidden widths at once, in each precision


def run(work: Work[Settings, Optimised]) -> pd.DataFrame:
    """Train the members, turn copies of them with their moments, and train both on, in each precision."""
    from pipeline.experiments.plan.work import PRECISIONS

    # The same in both precisions: a network that diverged in one is not observed in the other.
    observed = work.observations()
    for precision, dtype in PRECISIONS.items():
        _both_orders(work, observed, precision, dtype)
    return observed.frame()


def _both_orders(work: Work[Settings, Optimised], observed: Observations, precision: str, dtype: torch.dtype) -> None:
    """Rotate-then-train beside train-then-rotate (METHOD section 2), from networks trained up to the change of basis.

    A rotation changes no output, so train-then-rotate has the logits of training alone. What is measured (METHOD
    section 10) is how far the networks that were turned are from those that never were; at the change itself, what
    the rotation did. Both are trained in one ensemble, the turned ones as its second half.
    """
    from isotropic.surgery.restack import restack, unstack
    from isotropic.training import measures
    from pipeline.training import evaluation, optimiser

    settings, chosen, data = work.settings, work.members[0].optimiser, work.images

    def make(net: MLP) -> Optimizer:
        return optimiser.make(net, settings.trained_by(chosen), chosen.momentum)

    ensemble, before = work.initial().to(dtype), settings.epochs_before
    descent = make(ensemble)
    for epoch in work.epochs(ensemble, descent, observed, before, f"before in {precision}"):
        observed.training(epoch, precision=precision)
    # Together, so that the copied optimiser holds the copied parameters.
    turned, turned_descent = copy.deepcopy((ensemble, descent))
    turn(turned, turned_descent, bases(settings.hidden, work.streams))
    parts = [*unstack(ensemble, descent, make), *unstack(turned, turned_descent, make)]
    both, both_descent = restack(parts, make)
    orders, left = 2 * [(*name, "turned") for name in work.streams], settings.epochs - before
    for epoch in work.epochs(both, both_descent, observed, left, f"turned in {precision}", orders, needed=False):
        plain, other = epoch.halves()
        place: dict[str, object] = {"epoch": before + epoch.number, "precision": precision}
        observed.stop(other.diverged, place)
        if epoch.number > 0:  # the epoch of the change was observed before it
            observed.training(plain, **place)
        z, changed = evaluation.logits(both, data).chunk(2)
        observed.add({"phase": "turned", **place}, measures.function_change(z, changed, data.test.labels))


def bases(hidden: Sequence[int], names: Sequence[tuple[object, ...]]) -> list[Tensor]:
    """A random orthogonal Q for each hidden width n_l of each stream, [K, n_l, n_l], float64; one tensor a width."""
    import torch

    return [
        torch.stack([_orthogonal(width, generator(*name, "basis", layer)) for name in names])
        for layer, width in enumerate(hidden, start=1)
    ]


def _orthogonal(n: int, draw: torch.Generator) -> Tensor:
    import torch

    return torch.linalg.qr(torch.randn(n, n, generator=draw, dtype=torch.float64)).Q


def turn(net: MLP, descent: Optimizer, turns: Sequence[Tensor]) -> None:
    """Change the basis of hidden widths 1, 2, ... by these Q_l [*K, n_l, n_l]; no output changes (METHOD section 2).

        W_l <- Q_l^T W_l Q_{l-1}     b_l <- Q_l^T b_l     psi_l <- Q_l^T psi_l

    with Q = I at the input and at the output. Momentum and Adam's first moment turn as their parameters do, Adam's
    second moment by the squares of Q, which is no more than an approximation.
    """
    import torch

    from isotropic.surgery.edit import Edit

    with torch.no_grad():
        edit = Edit(net, 1, descent)
        for layer, basis in enumerate(turns, start=1):
            edit.rotate(basis.to(edit.weight), layer)
        edit.commit()
