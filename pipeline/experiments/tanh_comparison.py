"""Is an isotropic tanh as accurate as the elementwise one, and where? (The paper's Table 7.)"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, ClassVar

from pydantic import model_validator

from pipeline.config import Configuration, Depth, Several, Width
from pipeline.experiments.plan import ACTIVATION, Plan
from pipeline.experiments.plan.architectures import ARCHITECTURE, Architecture
from pipeline.results.measures import TRAINING
from pipeline.results.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiments.plan.work import Work

QUESTION = "Do networks with isotropic tanh reach the accuracy of standard tanh, at any width and depth?"
ROWS = Schema({"training": "after an epoch"}, TRAINING, networks=ACTIVATION | ARCHITECTURE)
STANDARD = Configuration(activation="tanh", intrinsic_length="none", compensation="none").label


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

    def members(self) -> list[Architecture]:
        """Both activations of every repeat of every architecture."""
        return [
            Architecture(repeat=repeat, configuration=configuration, hidden_width=width, hidden_layers=layers)
            for width in self.hidden_widths
            for layers in self.hidden_layers
            for configuration in self.configurations
            for repeat in range(self.repeats)
        ]

    def widths(self, member: Architecture, features: int, classes: int) -> list[int]:
        """The member's own hidden widths."""
        return [features, *[member.hidden_width] * member.hidden_layers, classes]

    def stack_key(self, member: Architecture) -> Hashable:
        """One activation and one depth; narrow networks are padded."""
        return member.configuration.activation, member.hidden_layers


def run(work: Work[Settings, Architecture]) -> pd.DataFrame:
    """Train, and measure after every epoch. The two activations of a repeat start alike and see the same batches."""

    observed = work.observations()
    work.trained(observed, keep=True)
    return observed.frame()
