"""Every activation there is: isotropic ones f(h) = g(||h||^2) h, and the elementwise ones they are compared with.

An isotropic activation is a function sigma of the norm r, f(h) = sigma(r) h / r, that is, a gain g = sigma(r) / r. It
is written as a function of s = r^2 rather than of r, so that value and gradient are finite everywhere: where sigma is
smooth and odd, g is smooth in s, and near zero its series is used. Another activation is one entry more in `SIGMAS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Below this value of s the series are exact to float64's rounding. Just above it the closed form of the slope
# has lost the most digits to cancellation: a relative error of 1e-13 in float64; by autograd, 3e-5 in float32.
_SERIES_BELOW = 2e-3
_TINY = 1e-30  # of s, instead of 0, where r is taken as a root: r = 1e-15 adds nothing to what it stands beside

Function = Callable[[Tensor], Tensor]


class Sigma:
    """A function of the norm, r -> sigma(r), by its gain g(s) = sigma(r) / r with s = r^2.

    Attributes:
        bounded: whether sigma(r) tends to a constant, so that g = constant / r far out; otherwise g does.
        closed: whether `gain_and_slope` has the slope in closed form; otherwise autograd has to find it.
    """

    bounded, closed = True, True

    def gain(self, s: Tensor) -> Tensor:
        """g(s), of the shape of s >= 0; autograd follows."""
        raise NotImplementedError

    def gain_and_slope(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """g and its slope 2 dg/ds, of the shape and dtype of s; autograd does not follow (METHOD section 12)."""
        raise NotImplementedError

    def far(self, s: Tensor, scale: Tensor) -> Tensor:
        """sigma(r / scale) / r, r = sqrt(s): the gain of a vector that was scaled down, for which 1 >= scale > 0.

        Where scale is not 1, r is so large (`isotropic.REACH`) that sigma or g is its limit to rounding.
        """
        return self.gain(s) if self.bounded else self.gain(s) / scale


class Smooth(Sigma):
    """A bounded sigma that is smooth and odd: its closed form, and near zero the series of g in s.

    The slope in closed form loses digits to a cancellation near zero. In float32 it is therefore computed in float64,
    which takes a third of the operations of a series beside the closed form; below 1e-8 it is constant in float32.

    Args:
        sigma: r -> sigma(r).
        slope: (s, g) -> 2 dg/ds = (sigma'(r) - g) / s.
        series: c_0, c_1, ... of g = c_0 + c_1 s + ...
        slope_in_place: the same as `slope` with fewer temporaries, for what a step of training computes.
    """

    def __init__(
        self,
        sigma: Function,
        slope: Callable[[Tensor, Tensor], Tensor],
        series: Sequence[float],
        slope_in_place: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self._sigma, self._slope, self._series = sigma, slope, tuple(series)
        self._slope_in_place = slope_in_place or slope
        self._slope_series = tuple(2 * k * c for k, c in enumerate(series))[1:]

    def gain(self, s: Tensor) -> Tensor:
        """As `Sigma.gain`."""
        small = s < _SERIES_BELOW
        r = torch.where(small, 1.0, s).sqrt()
        s = torch.where(small, s, 0.0)  # large s would overflow in the series, unused, but with a gradient of NaN
        return torch.where(small, _polynomial(self._series, s), self._sigma(r) / r)

    def gain_and_slope(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """As `Sigma.gain_and_slope`."""
        if s.dtype != torch.float32:
            g, small = self.gain(s), s < _SERIES_BELOW
            closed = self._slope(torch.where(small, 1.0, s), g)
            return g, torch.where(small, _polynomial(self._slope_series, s), closed)
        wide = s.double().clamp_min_(1e-8)
        r = wide.sqrt()
        g = self._sigma(r).div_(r)
        return g.float(), self._slope_in_place(wide, g).float()


class Closed(Sigma):
    """A gain and a slope that are closed forms without a cancellation.

    Args:
        gain: s -> g.
        slope: s -> 2 dg/ds.
        bounded: as in `Sigma`.
    """

    def __init__(self, gain: Function, slope: Function, bounded: bool) -> None:
        self._gain, self._slope, self.bounded = gain, slope, bounded

    def gain(self, s: Tensor) -> Tensor:
        """As `Sigma.gain`."""
        return self._gain(s)

    def gain_and_slope(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """As `Sigma.gain_and_slope`."""
        return self._gain(s), self._slope(s)


class Custom(Sigma):
    """Anyone's r -> sigma(r), a function or a module, with sigma(0) = 0.

    Nothing is known of it near zero. Below r_0 = sqrt(eps) it counts as linear, g = sigma(r_0) / r_0, which differs
    from sigma'(0) by r_0 sigma''(0) / 2: what a gain in this dtype can hold of a function that has no series.
    """

    closed = False

    def __init__(self, sigma: Function) -> None:
        self._sigma = sigma

    def gain(self, s: Tensor) -> Tensor:
        """As `Sigma.gain`."""
        return self.far(s, torch.ones_like(s))

    def far(self, s: Tensor, scale: Tensor) -> Tensor:
        """As `Sigma.far`."""
        found = torch.finfo(s.dtype)
        r = s.clamp(min=found.eps).sqrt()
        return self._sigma((r / scale).clamp(max=found.max)) / r


@dataclass(frozen=True)
class Elementwise:
    """A function of each coordinate by itself.

    Attributes:
        value: h -> a.
        back: (dL/da, which may be overwritten, h, a) -> dL/dh.
    """

    value: Function
    back: Callable[[Tensor, Tensor, Tensor], Tensor]


def _polynomial(coefficients: Sequence[float], s: Tensor) -> Tensor:
    """c_0 + c_1 s + c_2 s^2 + ..., by Horner's rule."""
    value = coefficients[-2] + s * coefficients[-1]
    for c in coefficients[-3::-1]:
        value = c + s * value
    return value


def _root(s: Tensor) -> Tensor:
    """r, with a slope of zero at s = 0 instead of an infinite one."""
    return s.clamp(min=_TINY).sqrt()


def _tanh_slope(s: Tensor, g: Tensor) -> Tensor:
    return (1 - g) / s - g * g


def _tanh_slope_in_place(s: Tensor, g: Tensor) -> Tensor:
    return (1 - g).div_(s).addcmul_(g, g, value=-1)


def _erf_slope(s: Tensor, g: Tensor) -> Tensor:
    return (_ERF * (-s).exp() - g) / s


def _softsign_slope(s: Tensor) -> Tensor:
    """-1 / (r (1 + r)^2): infinite at s = 0, where it only ever multiplies h h^T = 0, so that 0 stands for it there.

    With an intrinsic length s is never 0.
    """
    r = _root(s)
    return torch.where(s > _TINY, -1 / (r * (1 + r).square()), 0.0)


def _relu_slope(s: Tensor) -> Tensor:
    return torch.where(s > RELU_BIAS**2, RELU_BIAS * s.clamp(min=RELU_BIAS**2).pow(-1.5), 0.0)


_ERF = 2 / math.sqrt(math.pi)
RELU_BIAS = 1.0  # b of "relu", max(r - b, 0)

SIGMAS: dict[str, Sigma] = {
    "tanh": Smooth(
        torch.tanh,
        _tanh_slope,
        (1, -1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155925),
        _tanh_slope_in_place,
    ),
    "erf": Smooth(torch.erf, _erf_slope, [_ERF * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(7)]),
    "arctan": Smooth(torch.arctan, lambda s, g: (1 / (1 + s) - g) / s, [(-1) ** k / (2 * k + 1) for k in range(7)]),
    "softsign": Closed(lambda s: 1 / (1 + _root(s)), _softsign_slope, bounded=True),  # r / (1 + r)
    "algebraic": Closed(
        lambda s: 1 / (1 + s).sqrt(), lambda s: -(1 + s).pow(-1.5), bounded=True
    ),  # r / sqrt(1 + r^2)
    "relu": Closed(lambda s: (1 - RELU_BIAS / _root(s)).relu(), _relu_slope, bounded=False),  # max(r - b, 0)
    "identity": Closed(torch.ones_like, torch.zeros_like, bounded=False),
}

ELEMENTWISE: dict[str, Elementwise] = {
    "tanh": Elementwise(torch.tanh, lambda d, h, a: d.addcmul_(d, a.square(), value=-1)),
}

ISOTROPIC = "isotropic-"
ACTIVATIONS = (*(ISOTROPIC + name for name in SIGMAS), *ELEMENTWISE)  # what a network takes by name

Activation = str | Callable[[Tensor], Tensor]  # a module is one, too


def is_isotropic(activation: Activation) -> bool:
    """Whether what a network is given as its activation acts on the norm: all but the elementwise names."""
    return not isinstance(activation, str) or activation.startswith(ISOTROPIC)


def sigma_of(sigma: Activation | Sigma) -> Sigma:
    """An entry of `SIGMAS` by its name, or anyone's r -> sigma(r).

    Raises:
        ValueError: an unknown name.
        TypeError: neither a name nor something to call.
    """
    if isinstance(sigma, Sigma):
        return sigma
    if isinstance(sigma, str):
        if sigma not in SIGMAS:
            raise ValueError(f"sigma: {sigma!r} is not one of {', '.join(SIGMAS)}, nor a callable r -> sigma(r)")
        return SIGMAS[sigma]
    if not callable(sigma) or isinstance(sigma, type):  # nn.ReLU is a class, nn.ReLU() a module
        raise TypeError(f"sigma: {sigma!r} is not a name ({', '.join(SIGMAS)}), a callable r -> sigma(r) or a module")
    return Custom(sigma)
