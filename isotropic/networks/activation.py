"""The isotropic tanh, f(x) = tanh(|x|) x / |x|, and the elementwise one it is compared with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Below this value of s the series are exact to float64's rounding. Just above it the closed form of the slope
# has lost the most digits to cancellation: a relative error of 1e-13 in float64; by autograd, 3e-5 in float32.
_SERIES_BELOW = 2e-3


def gain(s: Tensor) -> Tensor:
    """g(s) = tanh(r) / r with r = sqrt(s), the factor by which an isotropic tanh scales a vector.

    METHOD section 1. A function of s = ||h||^2 + o rather than of r, so that value and gradient are finite
    everywhere: near zero the series g = 1 - s/3 + 2 s^2/15 - ... is used, and g(0) = 1.

    Args:
        s: squared lengths, s >= 0, any shape.

    Returns:
        g, of the shape of s, in (0, 1].
    """
    small = s < _SERIES_BELOW
    r = torch.where(small, 1.0, s).sqrt()
    s = torch.where(small, s, 0.0)  # large s would overflow in the series, unused, but with a gradient of NaN
    series = 1 + s * (-1 / 3 + s * (2 / 15 + s * (-17 / 315 + s * (62 / 2835 + s * (-1382 / 155925)))))
    return torch.where(small, series, r.tanh() / r)


def gain_and_slope(s: Tensor) -> tuple[Tensor, Tensor]:
    """g and its slope 2 dg/ds = (1 - g)/s - g^2, for the backward pass in closed form (METHOD section 12).

    In float32 both are computed in float64, where the cancellation in 1 - g costs nothing that float32 holds: that
    takes a third of the operations of a series beside the closed form. Below 1e-8 both are constant in float32.

    Args:
        s: squared lengths, s >= 0, any shape; autograd does not follow.

    Returns:
        g and 2 dg/ds, of the shape and dtype of s.
    """
    if s.dtype != torch.float32:
        g = gain(s)
        return g, _slope(s, g)
    wide = s.double().clamp_min_(1e-8)
    r = wide.sqrt()
    g = r.tanh().div_(r)
    return g.float(), (1 - g).div_(wide).addcmul_(g, g, value=-1).float()


def _slope(s: Tensor, g: Tensor) -> Tensor:
    """2 dg/ds for g = gain(s), by its series near s = 0."""
    small = s < _SERIES_BELOW
    series = -2 / 3 + s * (8 / 15 + s * (-34 / 105 + s * (496 / 2835 + s * (-2764 / 31185))))
    return torch.where(small, series, (1 - g) / torch.where(small, 1.0, s) - g * g)


class IsotropicTanh(nn.Module):
    """The isotropic tanh with an intrinsic length o: h -> g h, g = gain(||h||^2 + o).

    It commutes with every orthogonal matrix R: f(R h) = R f(h). The intrinsic length is kept as
    lambda = log o, so that training keeps it positive (METHOD section 1); o = 0 is lambda = -inf.

    With an alpha in [0, 1] it is parameterised, f_alpha(h) = alpha h + (1 - alpha) f(h), which is the same with
    g <- alpha + (1 - alpha) g: linear at 1.

    Attributes:
        log_o: lambda, of shape [*K]; a parameter where it is trained, a buffer elsewhere.
        alpha: [*K], a buffer, or None, which is 0.
    """

    log_o: Tensor
    alpha: Tensor | None

    def __init__(self, log_o: Tensor, trained: bool, alpha: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("alpha", alpha)
        if trained:
            self.log_o = nn.Parameter(log_o)
        else:
            self.register_buffer("log_o", log_o)

    @property
    def o(self) -> Tensor:
        """The intrinsic length o = exp(lambda) >= 0, of shape [*K]."""
        return self.log_o.exp()

    def squared_length(self, h: Tensor) -> Tensor:
        """s = ||h||^2 + o, one scalar a sample: [*K, B, n] -> [*K, B, 1]."""
        return torch.linalg.vecdot(h, h).unsqueeze(-1) + self.o[..., None, None]

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """h [*K, B, n] -> (g h [*K, B, n], g [*K, B, 1])."""
        g = gain(self.squared_length(h))
        if self.alpha is not None:
            alpha = self.alpha[..., None, None]
            g = alpha + (1 - alpha) * g
        return g * h, g


class Tanh(nn.Module):
    """The elementwise tanh. It has no intrinsic length and no gain, and does not commute with rotations."""

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """h [*K, B, n] -> (tanh h, None)."""
        return h.tanh(), None
