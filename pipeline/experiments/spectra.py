"""How do singular values and biases evolve in training? (The paper's Figures 2, 4 and 5.)"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from pipeline.config import Configuration, Several, Widths
from pipeline.experiments.plan import ACTIVATION, Member, Plan, Size, Workload
from pipeline.results.measures import TRAINING
from pipeline.results.schema import INDEX, Measure, Schema

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from isotropic.networks.base import MLP
    from pipeline.experiments.plan.work import Work

QUESTION = "How do the singular values and biases of each map evolve in isotropic and in standard tanh networks?"
STANDARD = "standard tanh"  # label of a configuration
ROWS = Schema(
    phases={"training": "after an epoch", "spectrum": "one value of a map after an epoch"},
    measures=TRAINING
    | {"sigma": Measure("singular value", log=True), "bias": Measure("absolute value of the bias", log=True)},
    networks=ACTIVATION,
    observations={"index": INDEX},
)


class Settings(Plan):
    """The protocol's row `spectra`."""

    spread: ClassVar[frozenset[str]] = Plan.spread | {"threshold"}  # used on the rows, not in training

    hidden: Widths
    configurations: Several[Configuration]
    threshold: float = Field(gt=0)  # theta of METHOD section 5: the share of singular values under it is reported

    def members(self) -> list[Member]:
        """Every configuration of every repeat."""
        return [Member(repeat=r, configuration=c) for c in self.configurations for r in range(self.repeats)]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """The same for all."""
        return [features, *self.hidden, classes]

    def workloads(self, member: Member, data: Sequence[Size]) -> list[Workload]:
        """Training, and the singular values of every map before it and after each epoch."""
        *workloads, last = super().workloads(member, data)
        return [*workloads, replace(last, changes=(self.epochs + 1,) * (len(last.widths) - 1))]

    def stack_key(self, member: Member) -> Hashable:
        """Networks of one activation."""
        return member.configuration.activation


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train the members, observing all singular values and biases at the start and after every epoch."""

    observed = work.observations()
    ensemble, descent = work.begun()
    for epoch in work.epochs(ensemble, descent, observed):
        observed.training(epoch)
        for where, values in spectra(ensemble):
            observed.add({"epoch": epoch.number, "precision": "float32", **where}, values)
    work.keep("trained", ensemble, observed)
    return observed.frame()


def spectra(net: MLP) -> Iterator[tuple[dict[str, object], dict[str, Tensor]]]:
    """Where, and [*K] values: each singular value ("sigma") and bias ("bias") of each map, in descending order.

    Singular values are computed in float64 and rounded to float32, which a float32 weight determines them to and
    which rows hold in half the space. Biases are those of the basis that the network is in.
    """
    for layer, affine in enumerate(net.affine, start=1):
        ordered = {
            "sigma": _singular_values(affine.weight.detach()),
            "bias": affine.bias.detach().sort(-1, descending=True).values,
        }
        for measure, values in ordered.items():
            for index, value in enumerate(values.cpu().unbind(-1)):  # read at once, not one by one from a GPU
                yield {"phase": "spectrum", "layer": layer, "index": index}, {measure: value}


def _singular_values(weight: Tensor) -> Tensor:
    """Of W [*K, n, m]: [*K, min(n, m)], descending."""
    import torch

    return torch.linalg.svdvals(weight.double()).to(weight.dtype)
