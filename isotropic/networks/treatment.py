"""How a network treats its intrinsic lengths and compensatory vectors: plain values, which no device holds."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isotropic.activations import ACTIVATIONS, ISOTROPIC, Activation, is_isotropic, sigma_of
from isotropic.networks.activation import NO_LENGTH, Elementwise, Isotropic

INTRINSIC_LENGTHS = ("none", "constant", "trainable")
COMPENSATIONS = ("none", "constant", "trainable", "trainable+decay", "expectation")
WITH_PSI = ("constant", "trainable", "trainable+decay")  # those with compensatory vectors
_AS: dict[torch.dtype, type[np.floating[Any]]] = {
    torch.float16: np.float16,
    torch.float32: np.float32,
}  # a tensor would have to be asked for its number
INITIAL_LENGTH = 1e-6  # o at the start of training (EXPERIMENTS, "Common to all")


@dataclass(frozen=True)
class Treatment:
    """The treatments of one network, as the arguments of `IsotropicMLP` of the same names.

    Raises:
        ValueError: an unknown name, or a treatment that the activation cannot have.
        TypeError: an activation that is neither a name nor to be called.
    """

    activation: str
    intrinsic_length: str
    compensation: str
    psi_decay: float
    sigma: Activation | None = None  # of an activation that has no name: the callable or the module

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("activation", self.activation, ACTIVATIONS),
            ("intrinsic_length", self.intrinsic_length, INTRINSIC_LENGTHS),
            ("compensation", self.compensation, COMPENSATIONS),
        ):
            if value not in allowed and not (name == "activation" and self.sigma is not None):
                raise ValueError(f"{name}: {value!r} is not one of {', '.join(allowed)}")
        if not 0 <= self.psi_decay < math.inf:
            raise ValueError(f"psi_decay: {self.psi_decay!r} is not a finite number >= 0")
        if not self.isotropic and (self.intrinsic_length, self.compensation) != ("none", "none"):
            raise ValueError(
                f"activation {self.activation!r} has no intrinsic length and no psi, but intrinsic_length="
                f"{self.intrinsic_length!r} and compensation={self.compensation!r}; pass 'none' for both"
            )

    @classmethod
    def of(cls, activation: Activation, intrinsic_length: str, compensation: str, psi_decay: float) -> Treatment:
        """From the arguments of a network: its activation is a name, or a callable r -> sigma(r)."""
        if isinstance(activation, str):
            return cls(activation, intrinsic_length, compensation, float(psi_decay))
        sigma_of(activation)
        name = getattr(activation, "__name__", type(activation).__name__)
        return cls(f"isotropic: {name}", intrinsic_length, compensation, float(psi_decay), activation)

    def rounded(self, dtype: torch.dtype) -> Treatment:
        """With lambda_psi as a network of this dtype holds it."""
        return replace(self, psi_decay=float(_AS.get(dtype, np.float64)(self.psi_decay)))

    @property
    def isotropic(self) -> bool:
        """Whether the activation commutes with rotations."""
        return self.sigma is not None or is_isotropic(self.activation)

    @property
    def named(self) -> Activation:
        """Sigma of an isotropic activation: its name, the callable or the module."""
        return self.activation[len(ISOTROPIC) :] if self.sigma is None else self.sigma

    @property
    def has_length(self) -> bool:
        """Whether pruning changes the intrinsic length."""
        return self.intrinsic_length != "none"

    @property
    def has_psi(self) -> bool:
        """Whether there are compensatory vectors."""
        return self.compensation in WITH_PSI

    @property
    def expects(self) -> bool:
        """Whether pruning corrects a bias with a mean gain."""
        return self.compensation == "expectation"

    @property
    def decay(self) -> float:
        """lambda_psi; 0 where psi is not decayed."""
        return self.psi_decay if self.compensation == "trainable+decay" else 0.0

    @property
    def trains_length(self) -> bool:
        """Whether lambda = log o is a parameter."""
        return self.intrinsic_length == "trainable"

    @property
    def trains_psi(self) -> bool:
        """Whether psi is a parameter."""
        return self.compensation.startswith("trainable")

    def hidden(
        self, like: Tensor, log_o: float = math.log(INITIAL_LENGTH), alpha: Tensor | None = None
    ) -> Isotropic | Elementwise:
        """A hidden activation of the dtype and device of `like`, at first with this lambda if it has a length."""
        if not self.isotropic:
            return Elementwise(self.activation)
        length = like.new_full((), log_o if self.has_length else NO_LENGTH)
        return Isotropic(length, self.trains_length, alpha, copy.deepcopy(self.named))  # of a module, a copy each

    def described(self) -> dict[str, Any]:
        """For a saved state."""
        return {
            "activation": self.activation,
            "intrinsic_length": self.intrinsic_length,
            "compensation": self.compensation,
            "psi_decay": self.psi_decay,
        }

    def check_same(self, known: dict[str, Any]) -> None:
        """Raise a ValueError if a saved state, as `described`, is of another kind: all but lambda_psi count."""
        for name, own in self.described().items():
            if name != "psi_decay" and known.get(name, own) != own:
                raise ValueError(
                    f"state: its {name} is {known[name]!r}, and this network's {own!r}; load it into a network built "
                    "with the former, or take `from_state_dict`"
                )


Flag = Callable[[Treatment], bool | float]


def flags(treatments: tuple[Treatment, ...], shape: tuple[int, ...], of: Flag, like: Tensor) -> Tensor:
    """A property of each treatment, as a tensor of `shape` on the device of `like`, and in its dtype if a number."""
    values = [of(each) for each in treatments]
    dtype = torch.bool if isinstance(values[0], bool) else like.dtype
    return torch.tensor(values, dtype=dtype, device=like.device).reshape(shape)
