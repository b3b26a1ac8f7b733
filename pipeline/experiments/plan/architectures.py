"""Settings and members of experiments with networks of several widths and depths."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from pipeline.config import Configuration, Several, Width
from pipeline.experiments.plan import Member, Plan
from pipeline.results.schema import Factor

ARCHITECTURE = {
    "hidden_width": Factor("width of each hidden layer", int, "neurons"),
    "hidden_layers": Factor("number of hidden layers", int),
}


class Architecture(Member):
    """A network of hidden layers of one width."""

    hidden_width: int
    hidden_layers: int


class Architectures(Plan):
    """Isotropic networks with every number of hidden layers in every width."""

    spread: ClassVar[frozenset[str]] = Plan.spread | {"hidden_widths", "hidden_layers"}

    hidden_widths: Several[Width]
    hidden_layers: Several[Annotated[int, Field(ge=2, le=100)]]  # one alone leaves no map to make diagonal
    configurations: list[Configuration] = Field(min_length=1, max_length=1)

    @model_validator(mode="after")
    def _isotropic(self) -> Architectures:
        if not self.configurations[0].isotropic:
            raise ValueError("configurations: standard tanh cannot be diagonalised; valid is isotropic-tanh")
        return self

    def members(self) -> list[Architecture]:
        """Every architecture of every repeat."""
        return [
            Architecture(repeat=r, configuration=c, hidden_width=width, hidden_layers=layers)
            for width in self.hidden_widths
            for layers in self.hidden_layers
            for c in self.configurations
            for r in range(self.repeats)
        ]

    def widths(self, member: Architecture, features: int, classes: int) -> list[int]:
        """The hidden layers are of one width."""
        return [features, *[member.hidden_width] * member.hidden_layers, classes]

    def stack_key(self, member: Architecture) -> Hashable:
        """Networks of one architecture."""
        return member.hidden_width, member.hidden_layers
