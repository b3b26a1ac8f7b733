"""One network, an ordinary torch module."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from isotropic.networks.activation import IsotropicTanh, Tanh
from isotropic.networks.base import MLP, AffineMap

ACTIVATIONS = ("isotropic-tanh", "tanh")
INTRINSIC_LENGTHS = ("none", "constant", "trainable")
COMPENSATIONS = ("none", "constant", "trainable", "trainable+decay", "expectation")
WITH_PSI = ("constant", "trainable", "trainable+decay")  # those with compensatory vectors
INITIAL_LENGTH = 1e-6  # o at the start of training (EXPERIMENTS, "Common to all")


class IsotropicMLP(MLP):
    """A multilayer perceptron with isotropic activations (METHOD section 1).

        h_1 = W_1 x + b_1,    h_{l+1} = W_{l+1} (g_l h_l) + b_{l+1} + g_l psi_{l+1},    logits = h_L

    with g_l = tanh(r)/r, r^2 = ||h_l||^2 + o_l. Every W_l starts (semi-)orthogonal, b_l and psi_l at zero.

        net = IsotropicMLP([3072, 100, 100, 10], seed=0)
        net(x)                                 # x [B, ...] -> logits [B, 10]
        net.widths                             # [3072, 100, 100, 10]
        net.maps[l - 1].weight, .bias, .psi    # affine map l
        net.activations[l - 1].o               # intrinsic length after map l

    Args:
        widths: n_0 (input), the hidden widths, n_L (output).
        activation: "isotropic-tanh", or "tanh", elementwise, for comparison.
        intrinsic_length: "none" (o = 0), "constant" (changed only by pruning) or "trainable" (o = exp(lambda)).
        compensation: "none", "constant", "trainable", "trainable+decay" (add `net.penalty()` to the loss) or
            "expectation" (no psi; pruning corrects the next bias with the mean gain over data).
        psi_decay: lambda_psi of "trainable+decay".
        seed: of the initialisation; None draws from torch's global generator.
        dtype, device: of all tensors. The initial values are drawn in float64 and rounded.

    Raises:
        ValueError: fewer than two widths, a width below 1, an unknown name, or a treatment that the activation
            cannot have.
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: str = "isotropic-tanh",
        intrinsic_length: str = "trainable",
        compensation: str = "trainable+decay",
        psi_decay: float = 0.1,
        seed: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        if len(widths) < 2 or any(type(n) is not int or n < 1 for n in widths):
            raise ValueError(f"widths: {list(widths)} is not a list of two or more integers >= 1")
        check_treatment(activation, intrinsic_length, compensation)
        dtype = dtype or torch.get_default_dtype()
        generator = None if seed is None else torch.Generator().manual_seed(seed)

        def affine(layer: int, rows: int, columns: int) -> AffineMap:
            weight = torch.empty(rows, columns, dtype=torch.float64)
            nn.init.orthogonal_(weight, generator=generator)
            zeros = torch.zeros(rows, dtype=dtype)
            psi = zeros.clone() if compensation in WITH_PSI and layer > 1 else None
            return AffineMap(weight.to(dtype), zeros, psi, compensation != "constant")

        shapes = list(zip(widths[1:], widths[:-1], strict=True))
        super().__init__(
            [affine(layer, *shape) for layer, shape in enumerate(shapes, start=1)],
            [initial_activation(activation, intrinsic_length, dtype) for _ in shapes[1:]],
        )
        self.activation = activation
        self.intrinsic_length = intrinsic_length
        self.compensation = compensation
        self._treat(*treatment(intrinsic_length, compensation, psi_decay, dtype))
        self.to(device)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, ...] with n_0 numbers a sample -> logits [B, n_L]."""
        return self.trace(x.flatten(1))[0]

    def extra_repr(self) -> str:
        """The widths and treatments, for print(net)."""
        return f"{self.widths}, {self.activation!r}, {self.intrinsic_length!r}, {self.compensation!r}"


def initial_activation(activation: str, intrinsic_length: str, dtype: torch.dtype) -> IsotropicTanh | Tanh:
    """A hidden activation at the start of training."""
    if activation == "tanh":
        return Tanh()
    log_o = -math.inf if intrinsic_length == "none" else math.log(INITIAL_LENGTH)
    return IsotropicTanh(torch.tensor(log_o, dtype=dtype), intrinsic_length == "trainable")


def treatment(
    intrinsic_length: str, compensation: str, psi_decay: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """has_length, has_psi, expects and psi_decay of a network, as in `MLP`."""
    return (
        torch.tensor(intrinsic_length != "none"),
        torch.tensor(compensation in WITH_PSI),
        torch.tensor(compensation == "expectation"),
        torch.tensor(psi_decay if compensation == "trainable+decay" else 0.0, dtype=dtype),
    )


def check_treatment(activation: str, intrinsic_length: str, compensation: str) -> None:
    """Raise a ValueError for an unknown name, or a treatment that the activation cannot have."""
    for name, value, allowed in (
        ("activation", activation, ACTIVATIONS),
        ("intrinsic_length", intrinsic_length, INTRINSIC_LENGTHS),
        ("compensation", compensation, COMPENSATIONS),
    ):
        if value not in allowed:
            raise ValueError(f"{name}: {value!r} is not one of {', '.join(allowed)}")
    if activation == "tanh" and (intrinsic_length, compensation) != ("none", "none"):
        raise ValueError(
            f"activation 'tanh' has no intrinsic length and no psi, but intrinsic_length={intrinsic_length!r} and "
            f"compensation={compensation!r}; pass 'none' for both"
        )
