"""Is an isotropic tanh as accurate as the elementwise one, and where? (The paper's Table 7.)"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, ClassVar

from pydantic import model_validator

from pipeline.config import Configuration, Depth, Several, Width
from pipeline.experiments import plan
from pipeline.experiments.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiments.plan.work import Work

QUESTION = "Do networks with isotropic tanh reach the accuracy of standard tanh, at any width and depth?"


class Member(plan.Member):
    """A network of `hidden` widths."""

    hidden: list[int]


class Settings(Plan):
    """The protocol's row `tanh_comparison`: every number of hidden layers with every width, all of one width."""

    spread: ClassVar[frozenset[str]] = Plan.spread | {"hidden_widths", "hidden_layers"}

    hidden_widths: Several[Width]
    hidden_layers: Several[Depth]  # h
    configurations: list[Configuration]  # the two that are compared

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        activations = [configuration.activation for configuration in self.configurations]
        if activations != ["isotropic-tanh", "tanh"]:
            found = ", ".join(activations) or "none"
            raise ValueError(f"configurations: isotropic-tanh and then tanh are compared; found {found}")
        return self

    def members(self) -> list[Member]:
        """Both activations of every repeat of every architecture."""
        return [
            Member(repeat=repeat, configuration=configuration, hidden=[width] * layers)
            for width in self.hidden_widths
            for layers in self.hidden_layers
            for configuration in self.configurations
            for repeat in range(self.repeats)
        ]

    def widths(self, member: Member, features: int, classes: int) -> list[int]:
        """The member's own hidden widths."""
        return [features, *member.hidden, classes]

    def together(self, member: Member) -> Hashable:
        """One activation and one depth; narrow networks are padded."""
        return member.configuration.activation, len(member.hidden)


def run(work: Work[Settings, Member]) -> pd.DataFrame:
    """Train, and measure after every epoch. The two activations of a repeat start alike and see the same batches."""
    from pipeline.results.rows import frame

    observed = work.observations()
    work.trained(observed, keep=True)
    return frame(observed.rows)
