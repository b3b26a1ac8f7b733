"""Settings and members of experiments whose networks are trained in several ways."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline import config
from pipeline.config import MOST_EPOCHS, Configuration, Widths
from pipeline.experiments.plan import Member, Plan


class Descent(config.Settings):
    """A way to descend, by the name that it has in rows; what it leaves open is as in the experiment's settings."""

    name: str = Field(pattern=r"^[\w][\w .+-]{0,59}$")  # of words: it stands in tables
    optimiser: Literal["adamw", "adam", "sgd"] | None = None
    learning_rate: float | None = Field(default=None, gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)


class Descending(Member):
    """A network trained by one of the descents."""

    descent: Descent

    @property
    def label(self) -> str:
        """The descent: in all else the networks of a repeat are alike."""
        return self.descent.name


class ByDescent(Plan):
    """Base of the Settings of experiments whose networks are trained in several ways."""

    spread: ClassVar[frozenset[str]] = frozenset({"data", "repeats", "descents"})

    hidden: Widths
    epochs_before: int = Field(ge=1, le=MOST_EPOCHS)  # of `epochs`, before the change: so there are moments to carry
    descents: list[Descent] = Field(min_length=1, max_length=100)
    configuration: Configuration

    @model_validator(mode="after")
    def _descending(self) -> ByDescent:
        if self.epochs <= self.epochs_before:
            raise ValueError(f"epochs: {self.epochs} leave none after the change (after {self.epochs_before})")
        names = [descent.name for descent in self.descents]
        if len(set(names)) < len(names):
            raise ValueError(f"descents: {', '.join(names)} are not different names")
        for descent in self.descents:
            if descent.momentum and self.trained_by(descent).optimiser != "sgd":
                raise ValueError(f"descents: {descent.name}: momentum {descent.momentum} is for sgd alone")
        if not self.configuration.isotropic:
            raise ValueError("configuration: standard tanh does not commute with a change of basis itself")
        return self

    def trained_by(self, descent: Descent) -> Self:
        """These settings with the optimiser and the learning rate of a descent."""
        own = {"optimiser": descent.optimiser, "learning_rate": descent.learning_rate}
        return self.model_copy(update={name: value for name, value in own.items() if value is not None})

    def members(self) -> list[Descending]:
        """Every descent of every repeat."""
        return [
            Descending(repeat=repeat, configuration=self.configuration, descent=descent)
            for repeat in range(self.repeats)
            for descent in self.descents
        ]

    def widths(self, member: Descending, features: int, classes: int) -> list[int]:
        """The same for all."""
        return [features, *self.hidden, classes]

    def stack_key(self, member: Descending) -> Hashable:
        """The members of one descent: they share an optimiser."""
        return member.label
