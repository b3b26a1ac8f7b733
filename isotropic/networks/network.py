"""One network, an ordinary torch module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor

from isotropic.activations import Activation
from isotropic.integers import integers
from isotropic.networks import state as states
from isotropic.networks.base import MLP, AffineMap, refuse_computed
from isotropic.networks.draw import Draw
from isotropic.networks.inputs import rows
from isotropic.networks.treatment import Treatment


class Treated(MLP):
    """One network, with its treatment as plain attributes.

    Attributes:
        treatment: the treatment.
        activation, intrinsic_length, compensation, psi_decay: its parts; lambda_psi can be assigned.
        flatten: whether each sample is flattened to n_0 numbers.
    """

    treatment: Treatment
    flatten = False

    @property
    def treatments(self) -> tuple[Treatment, ...]:
        """The one treatment."""
        return (self.treatment,)

    @property
    def activation(self) -> str:
        """The name of the activation."""
        return self.treatment.activation

    @property
    def intrinsic_length(self) -> str:
        """One of `INTRINSIC_LENGTHS`."""
        return self.treatment.intrinsic_length

    @property
    def compensation(self) -> str:
        """One of `COMPENSATIONS`."""
        return self.treatment.compensation

    @property
    def psi_decay(self) -> Tensor:
        """lambda_psi, a scalar; 0 where psi is not decayed. It is changed by assignment."""
        return super().psi_decay

    @psi_decay.setter
    def psi_decay(self, value: float) -> None:
        self.treatment = replace(self.treatment, psi_decay=float(value))

    def rows(self, x: Tensor) -> Tensor:
        """x [..., n_0] as it is; with `flatten` x [B, ...] as [B, n_0]."""
        return rows(x, self.affine[0].weight.shape[-1], self.flatten)

    def described(self) -> dict[str, Any]:
        """As in `MLP`."""
        return self.treatment.described()

    def check_same(self, known: dict[str, Any]) -> None:
        """As in `MLP`."""
        self.treatment.check_same(known)

    def adopt(self, known: dict[str, Any]) -> None:
        """As in `MLP`."""
        self.psi_decay = known["psi_decay"]


class IsotropicMLP(Treated):
    """A multilayer perceptron with isotropic activations (METHOD section 1).

        h_1 = W_1 x + b_1,    h_{l+1} = W_{l+1} (g_l h_l) + b_{l+1} + g_l psi_{l+1},    logits = h_L

    with g_l = tanh(r)/r, r^2 = ||h_l||^2 + o_l. Every W_l starts (semi-)orthogonal, b_l and psi_l at zero.

        net = IsotropicMLP([3072, 100, 100, 10], seed=0)
        net(x)                                 # x [..., 3072] -> logits [..., 10], as nn.Linear does
        net.widths                             # [3072, 100, 100, 10]
        net.maps[l - 1].weight, .bias, .psi    # affine map l
        net.activations[l - 1].o               # intrinsic length after map l

    Args:
        widths: n_0 (input), the hidden widths, n_L (output).
        activation: "isotropic-tanh", "isotropic-erf", ...: "isotropic-" before a name of `IsotropicActivation`; a
            callable r -> sigma(r), or a module that is one, of which each hidden layer has a copy with parameters of
            its own; or "tanh", elementwise, for comparison.
        intrinsic_length: "none" (o = 0), "constant" (changed only by pruning) or "trainable" (o = exp(lambda)).
        compensation: "none", "constant", "trainable", "trainable+decay" (add `net.penalty()` to the loss) or
            "expectation" (no psi; pruning corrects the next bias with the mean gain over data).
        psi_decay: lambda_psi of "trainable+decay".
        seed: of the initialisation; None draws from torch's global generator.
        dtype, device: of all tensors. The initial values are drawn in float64 and rounded; on "meta" none are.
        flatten: whether x [B, ...] is images, of which each sample is flattened to n_0 numbers.

    Raises:
        ValueError: fewer than two widths, a width below 1, an unknown name, or a treatment that the activation
            cannot have.
    """

    kind, can_deepen = "IsotropicMLP", True

    def __init__(
        self,
        widths: Sequence[int],
        activation: Activation = "isotropic-tanh",
        intrinsic_length: str = "trainable",
        compensation: str = "trainable+decay",
        psi_decay: float = 0.1,
        seed: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        flatten: bool = False,
    ) -> None:
        sizes = integers(widths)
        if sizes is None or len(sizes) < 2:
            raise ValueError(f"widths: {_listed(widths)} is not a list of two or more integers >= 1")
        treatment = Treatment.of(activation, intrinsic_length, compensation, psi_decay)
        draw = Draw(seed, dtype, device)
        treatment = treatment.rounded(draw.dtype)

        def affine(layer: int, rows: int, columns: int) -> AffineMap:
            zeros = draw.zeros(rows)
            psi = zeros.clone() if treatment.has_psi and layer > 1 else None
            return AffineMap(draw.orthogonal(rows, columns), zeros, psi, treatment.trains_psi)

        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
        super().__init__(
            [affine(layer, *shape) for layer, shape in enumerate(shapes, start=1)],
            [treatment.hidden(draw.zeros()) for _ in shapes[1:]],
        )
        self.treatment, self.flatten = treatment, flatten
        self.to(draw.device)
        self._flags("decay")  # which a step of training needs

    def forward(self, x: Tensor) -> Tensor:
        """x [..., n_0] -> logits [..., n_L]; with `flatten` x [B, ...] with n_0 numbers a sample -> [B, n_L].

        Raises:
            ValueError: x has another last axis.
            TypeError: x is no tensor.
        """
        x = self.rows(x)
        return self.trace(x)[0] if x.ndim > 1 else self.trace(x[None])[0][0]

    def redepth(self, depth: int) -> None:
        """As in `MLP`."""
        like, treatment = self.affine[0].weight, self.treatment
        while len(self.maps) > depth:
            del self.maps[-1], self.activations[-1]
        while len(self.maps) < depth:
            n = self.widths[-1]
            psi = like.new_empty(n) if treatment.has_psi else None
            self.maps.append(AffineMap(like.new_empty(n, n), like.new_empty(n), psi, treatment.trains_psi))
            self.activations.append(treatment.hidden(like))

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor], **arguments: Any) -> Self:
        """The network of a saved state, to the last bit, whatever was grown, pruned, inserted or removed.

            torch.save(net.state_dict(), path)
            net = IsotropicMLP.from_state_dict(torch.load(path, weights_only=True))

        Args:
            state: of a network of this class, or of it within DistributedDataParallel or torch.compile. Its tensors
                are copied; their dtype and device are those of the network.
            arguments: of the constructor, in place of what the state says: an activation of one's own, which no state
                can hold, or the treatments, which states of earlier versions do not hold.

        Raises:
            ValueError: the state is of another kind, has no treatments and none are given, or its maps do not follow
                each other.
        """
        own = states.unwrapped(state)
        known = states.known_of(own, arguments, cls.kind)
        return states.filled(cls(states.widths_of(own), **states.arguments(known, own)), own)

    def described(self) -> dict[str, Any]:
        """As in `MLP`; how inputs are read is of the class that reads them."""
        return super().described() | {"flatten": self.flatten}

    def extra_repr(self) -> str:
        """The widths and treatments, for print(net)."""
        flatten = ", flatten=True" if self.flatten else ""
        return f"{self.widths}, {self.activation!r}, {self.intrinsic_length!r}, {self.compensation!r}{flatten}"


def _listed(values: object) -> object:
    return list(values) if isinstance(values, Sequence) and not isinstance(values, str) else values


def check_network(net: object, name: str) -> None:
    """Raise a TypeError for what is none of the library's networks, before anything is asked of it."""
    if not isinstance(net, MLP):
        check_dense(net, name)


def check_dense(net: object, name: str) -> None:
    """Raise a TypeError unless `net` is an IsotropicMLP, for what takes its maps and activations and no more.

    Raises:
        ValueError: one of its tensors is computed from others, by a parametrisation or a mask.
    """
    if not isinstance(net, IsotropicMLP):
        raise TypeError(f"{name}: {type(net).__name__} is no IsotropicMLP, which is what this takes")
    refuse_computed(net, range(net.depth))
