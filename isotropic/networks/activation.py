"""Activations as modules: one for anybody's network, and those that the networks here have between their maps."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from isotropic.activations import ELEMENTWISE, Activation, Sigma, sigma_of

# Vectors with an entry above this are scaled down to it before their norm is taken. No sum of fewer than 2^28 of its
# squares overflows, and every bounded sigma has reached its limit long before.
REACH = 2.0**50

# Log o where there is no length, o = 0 in every dtype: finite, since an average of infinities is NaN.
NO_LENGTH = -1e4


class IsotropicActivation(nn.Module):
    """f(h) = sigma(||h||) h / ||h|| along one axis: it commutes with rotations of that axis.

        f = IsotropicActivation()                 # tanh, over the last axis: [..., n] -> [..., n]
        f = IsotropicActivation("erf", dim=1)     # over the channels of [B, C, H, W], at each position
        f = IsotropicActivation(lambda r: r.log1p())

    It is right at every norm in every dtype: half precisions are computed in float32 and rounded once.

    Args:
        sigma: of the norm r, with sigma(0) = 0: "tanh", "erf", "arctan", "softsign" r / (1 + r), "algebraic"
            r / sqrt(1 + r^2), "relu" max(r - 1, 0), "identity"; a callable r -> sigma(r), of any shape, at best
            smooth and odd; or a module that is one, whose parameters are then part of this one.
        dim: the axis.

    Raises:
        ValueError: an unknown name.
        TypeError: a sigma that is neither a name nor to be called.
    """

    def __init__(self, sigma: Activation = "tanh", dim: int = -1) -> None:
        super().__init__()
        self.sigma, self.dim = sigma, dim  # a module is registered
        sigma_of(sigma)

    def forward(self, h: Tensor) -> Tensor:
        """h -> f(h), of the same shape and dtype."""
        return isotropic(h.movedim(self.dim, -1), sigma_of(self.sigma))[0].movedim(-1, self.dim)

    def extra_repr(self) -> str:
        """The function and the axis, for print(net)."""
        own = "" if isinstance(self.sigma, nn.Module) else f"{_name(self.sigma)}, "
        return f"{own}dim={self.dim}"


class Isotropic(nn.Module):
    """The isotropic activation of a network: h -> g h, g = sigma(r) / r, r^2 = ||h||^2 + o, o its intrinsic length.

    It commutes with every orthogonal matrix R: f(R h) = R f(h). The intrinsic length is kept as
    lambda = log o, so that training keeps it positive (METHOD section 1); o = 0 is lambda = `NO_LENGTH`, or -inf.

    With an alpha in [0, 1] it is parameterised, f_alpha(h) = alpha h + (1 - alpha) f(h), which is the same with
    g <- alpha + (1 - alpha) g: linear at 1.

    Attributes:
        log_o: lambda, of shape [*K]; a parameter where it is trained, a buffer elsewhere.
        alpha: [*K], a buffer, or None, which is 0.
        sigma: as in `IsotropicActivation`; a module with parameters is part of this one.
    """

    log_o: Tensor
    alpha: Tensor | None

    def __init__(self, log_o: Tensor, trained: bool, alpha: Tensor | None = None, sigma: Activation = "tanh") -> None:
        super().__init__()
        self.sigma = sigma
        sigma_of(sigma)
        self.register_buffer("alpha", alpha)
        if trained:
            self.log_o = nn.Parameter(log_o)
        else:
            self.register_buffer("log_o", log_o)

    @property
    def o(self) -> Tensor:
        """The intrinsic length o = exp(lambda) >= 0, of shape [*K]."""
        return self.log_o.exp()

    @property
    def function(self) -> Sigma:
        """Sigma, with its gain."""
        return sigma_of(self.sigma)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """h [*K, B, n] -> (g h [*K, B, n], g [*K, B, 1])."""
        return isotropic(h, self.function, self.log_o[..., None, None], self.alpha)

    def extra_repr(self) -> str:
        """The function, for print(net)."""
        return "" if isinstance(self.sigma, nn.Module) else _name(self.sigma)


class Elementwise(nn.Module):
    """An activation of each coordinate. It has no intrinsic length and no gain, and does not commute with rotations.

    Args:
        name: one of `activations.ELEMENTWISE`.
    """

    def __init__(self, name: str = "tanh") -> None:
        super().__init__()
        self.name = name

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """h [*K, B, n] -> (a [*K, B, n], None)."""
        return ELEMENTWISE[self.name].value(h), None

    def extra_repr(self) -> str:
        """The function, for print(net)."""
        return repr(self.name)


def isotropic(
    h: Tensor, sigma: Sigma, log_o: Tensor | None = None, alpha: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """h [..., n] -> (g h [..., n], g [..., 1]), both computed in at least float32 and rounded once to h's dtype.

    g = sigma(r) / r with r^2 = ||h||^2 + o; with an alpha g <- alpha + (1 - alpha) g. The sum of squares would
    overflow where r does not: a vector u = c h with c <= 1 is taken instead, c = 1 but for entries beyond `REACH`, so
    that there nothing is rounded. Then r = r_u / c, and g h = (sigma(r) / r_u) u.

    Args:
        h: any shape but a scalar.
        sigma: the function.
        log_o: lambda = log o, to be broadcast beside g; None is o = 0.
        alpha: [*K] of h [*K, B, n], or None.
    """
    wide = widened(h)
    scale = (REACH / wide.detach().abs().amax(-1, keepdim=True)).clamp(max=1.0)  # of a vector of zeros 1, as inf is
    u = wide * scale
    s = (u * u).sum(-1, keepdim=True)  # not vecdot, which autocast takes to half precision
    if log_o is not None:
        s = torch.addcmul(s, scale * scale, widened(log_o).exp())
    g = sigma.far(s, scale)
    if alpha is not None:
        share = widened(alpha)[..., None, None]
        g = share / scale + (1 - share) * g
    return _rounded(g * u, h), _rounded(g * scale, h)


def widened(t: Tensor) -> Tensor:
    """In at least float32."""
    return t.to(torch.promote_types(t.dtype, torch.float32))


def _rounded(t: Tensor, like: Tensor) -> Tensor:
    """In the dtype of `like`; of integers as it is, as torch.tanh gives floats for them."""
    return t.to(like.dtype) if like.is_floating_point() else t


fx.wrap("widened")  # of a tensor that is only traced the dtype is not known yet
fx.wrap("_rounded")


def _name(sigma: object) -> str:
    return repr(sigma) if isinstance(sigma, str) else getattr(sigma, "__name__", type(sigma).__name__)
