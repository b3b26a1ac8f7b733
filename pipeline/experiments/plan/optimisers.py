"""Settings and members of experiments whose networks are trained in several ways."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Self

from pydantic import Field, model_validator

from pipeline import config
from pipeline.config import MOST_EPOCHS, Configuration, Optimiser, Widths
from pipeline.experiments.plan import Member, Plan


class NamedOptimiser(config.Settings):
    """An optimiser, by the name that it has in rows; what it leaves open is as in the experiment's settings."""

    # Of words, since it stands in tables, and of letters that the font of figures has: Latin, Greek and Cyrillic.
    name: str = Field(pattern=r"^[0-9A-Za-zÀ-ɏͰ-ӿ][0-9A-Za-zÀ-ɏͰ-ӿ_ .+-]{0,59}$")
    optimiser: Optimiser | None = None
    learning_rate: float | None = Field(default=None, gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)


class Optimised(Member):
    """A network trained by one of the optimisers."""

    optimiser: NamedOptimiser

    @property
    def label(self) -> str:
        """The optimiser: in all else the networks of a repeat are alike."""
        return self.optimiser.name


class ByOptimiser(Plan):
    """Base of the Settings of experiments whose networks are trained in several ways."""

    spread: ClassVar[frozenset[str]] = frozenset({"data", "repeats", "optimisers"})

    hidden: Widths
    epochs_before: int = Field(ge=1, le=MOST_EPOCHS)  # of `epochs`, before the change: so there are moments to carry
    optimisers: list[NamedOptimiser] = Field(min_length=1, max_length=100)
    configuration: Configuration

    @model_validator(mode="after")
    def _optimised(self) -> ByOptimiser:
        if self.epochs <= self.epochs_before:
            raise ValueError(f"epochs: {self.epochs} leave none after the change (after {self.epochs_before})")
        names = [optimiser.name for optimiser in self.optimisers]
        if len(set(names)) < len(names):
            raise ValueError(f"optimisers: {', '.join(names)} are not different names")
        for optimiser in self.optimisers:
            if optimiser.momentum and self.trained_by(optimiser).optimiser != "sgd":
                raise ValueError(f"optimisers: {optimiser.name}: momentum {optimiser.momentum} is for sgd alone")
        if not self.configuration.isotropic:
            raise ValueError("configuration: standard tanh does not commute with a change of basis itself")
        return self

    def trained_by(self, optimiser: NamedOptimiser) -> Self:
        """These settings with the optimiser and the learning rate of one of them."""
        own = {"optimiser": optimiser.optimiser, "learning_rate": optimiser.learning_rate}
        return self.model_copy(update={name: value for name, value in own.items() if value is not None})

    def members(self) -> list[Optimised]:
        """Every optimiser of every repeat."""
        return [
            Optimised(repeat=repeat, configuration=self.configuration, optimiser=optimiser)
            for repeat in range(self.repeats)
            for optimiser in self.optimisers
        ]

    def widths(self, member: Optimised, features: int, classes: int) -> list[int]:
        """The same for all."""
        return [features, *self.hidden, classes]

    def stack_key(self, member: Optimised) -> Hashable:
        """The members of one optimiser: they share an optimiser."""
        return member.label
