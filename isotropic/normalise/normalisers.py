"""Normalisers that keep the symmetry of an isotropic network (METHOD section 8; the paper's Appendix B).

Each is a module x [B, n] -> [B, n] that says how it transforms: after `rotate(Q)` it satisfies
normaliser(x Q) = normaliser(x) Q, that is, h <- Q^T h for every sample, as `axes.rotate` turns a hidden width.
None scales or shifts afterwards: the affine map that follows does that.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from isotropic.axes import contract
from isotropic.integers import integer

EPS = 1e-5  # torch's default
MOMENTUM = 0.1  # of running statistics; torch's default
_SKEW = 1e-4  # how far Q^T Q may be from I: an orthogonal matrix in float32 is well within


class Normaliser(nn.Module):
    """What all have in common: a width, and the table of what turns with its basis.

    Attributes:
        rows: (tensor, axis, power) of everything that a change of basis Q touches: t <- Q^T t along that axis,
            with the elementwise squares of Q where the power is 2.
        least_trained: how many samples a batch of training needs.
    """

    rows: ClassVar[tuple[tuple[str, int, int], ...]] = ()
    least_trained: ClassVar[int] = 1

    def __init__(self, width: int, eps: float = EPS, momentum: float = MOMENTUM) -> None:
        super().__init__()
        width = integer("width", width)
        if not eps >= 0:
            raise ValueError(f"eps: {eps!r} is not >= 0")
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum: {momentum!r} is not between 0 and 1")
        self.width, self.eps, self.momentum = width, eps, momentum

    def forward(self, x: Tensor) -> Tensor:
        """x [B, n] -> [B, n], computed in at least float32, whatever autocast says, and rounded once to x's dtype.

        Raises:
            ValueError: another shape, or fewer samples than training needs.
        """
        self.check(x, self.least_trained if self.training else 1)
        with torch.autocast(x.device.type, enabled=False):
            return self.normalise(x.to(torch.promote_types(x.dtype, torch.float32))).to(x.dtype)

    def normalise(self, x: Tensor) -> Tensor:
        """x [B, n] in at least float32 -> [B, n]; statistics are taken from the batch in training alone."""
        raise NotImplementedError

    @torch.no_grad()
    def rotate(self, basis: Tensor) -> None:
        """Follow a change of basis h <- Q^T h, in place.

        Args:
            basis: Q, [n, n], orthogonal. Products are taken in float64 and rounded once.

        Raises:
            ValueError: Q is not of that shape, or not orthogonal.
        """
        wide = check_basis(basis, self.width)
        for name, axis, power in self.rows:
            t = getattr(self, name)
            t.copy_(contract(t, axis, wide if power == 1 else wide.square()))

    def check(self, x: Tensor, least: int = 1) -> None:
        """Raise ValueError unless x is [B, n] with B >= `least`."""
        if x.ndim != 2 or x.shape[1] != self.width or x.shape[0] < least:
            raise ValueError(f"x: shape {tuple(x.shape)} is not [B, {self.width}] with B >= {least}")

    def follow(self, name: str, now: Tensor) -> None:
        """Move a running statistic towards the batch's: t <- (1 - momentum) t + momentum now."""
        running = getattr(self, name)
        running.lerp_(now.detach().to(running.dtype), self.momentum)

    def extra_repr(self) -> str:
        """The settings, for print(net)."""
        return f"{self.width}, eps={self.eps}, momentum={self.momentum}"


class BatchNormOfNorm(Normaliser):
    """x_i -> x_i / (E_j ||x_j|| + eps): the batch norm of the norm (Eqn. 35).

    Every sample is divided by the batch's mean norm, so that norms are 1 on average but still differ: what RMSNorm
    takes from an isotropic activation is kept. While evaluating, the running mean of training is used (the paper
    gives none; as in batch normalisation). Nothing turns: a norm is invariant under rotations.

    Attributes:
        mean_norm: the running mean of ||x||, a scalar.
    """

    mean_norm: Tensor

    def __init__(self, width: int, eps: float = EPS, momentum: float = MOMENTUM) -> None:
        super().__init__(width, eps, momentum)
        self.register_buffer("mean_norm", torch.ones(()))

    def normalise(self, x: Tensor) -> Tensor:
        """As `Normaliser.normalise`."""
        size = self.mean_norm.to(x.dtype)
        if self.training:
            size = torch.linalg.vector_norm(x, dim=-1).mean()
            self.follow("mean_norm", size)
        return x / (size + self.eps)


class _MeanSquare(Normaliser):
    """One that divides by the root of a mean square over neurons: over as many as there were when it was made.

    A mean over n neurons would change with every neuron that is added, and with it the function, though it is zero.

    Attributes:
        entries: n when it was made, an integer scalar; part of a saved state.
    """

    entries: Tensor

    def __init__(self, width: int, eps: float = EPS, momentum: float = MOMENTUM) -> None:
        super().__init__(width, eps, momentum)
        self.register_buffer("entries", torch.tensor(width))

    def share(self, x: Tensor) -> Tensor:
        """What a mean of x over the neurons that there are is multiplied by: width / entries, 1 before growing."""
        return self.width / self.entries.to(torch.promote_types(x.dtype, torch.float32))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state_dict.setdefault(f"{prefix}entries", self.entries)  # states saved before it was kept
        super()._load_from_state_dict(state_dict, prefix, *rest)


class FrobNorm(_MeanSquare):
    """X -> sqrt(B n) X / ||X||_F, with X the batch [B, n] (Eqn. 36); n stays as it was when this was made.

    Scaled so that every entry has a mean square of 1 over the batch: with B = 1 it is RMSNorm. eps is added to the
    mean square, as RMSNorm does. While evaluating, the running mean square of training is used (derived here:
    ||X||_F^2 / (B n) is a mean over the batch, of which a running mean can be kept). Nothing turns.

    Attributes:
        mean_square: the running mean of ||X||_F^2 / (B n), a scalar.
    """

    mean_square: Tensor

    def __init__(self, width: int, eps: float = EPS, momentum: float = MOMENTUM) -> None:
        super().__init__(width, eps, momentum)
        self.register_buffer("mean_square", torch.ones(()))

    def normalise(self, x: Tensor) -> Tensor:
        """As `Normaliser.normalise`."""
        square = self.mean_square.to(x.dtype)
        if self.training:
            square = x.square().mean() * self.share(x)
            self.follow("mean_square", square)
        return x * torch.rsqrt(square + self.eps)


class GeneralisedLayerNorm(_MeanSquare):
    """x -> sqrt(n) P x / sqrt(||P x||^2 + n eps) with P = I - m m^T, ||m|| = 1 (Eqn. 37).

    The mean is taken along m; with m = (1, ..., 1)/sqrt(n) this is LayerNorm without scale and shift. It commutes
    with the rotations that leave m fixed, and with all of them if m turns too: m <- Q^T m (Eqn. 38).

    Its outputs all have the norm sqrt(n), so beside an isotropic activation it makes the activation void, as
    RMSNorm does: use it between blocks, not inside a layer. n stays as it was when this was made.

    Args:
        width: n, at least 2.
        trained: whether m is a parameter; it is divided by its length in every use.

    Attributes:
        direction: m, [n].

    Raises:
        ValueError: width below 2, where nothing is left beside the mean.
    """

    rows = (("direction", -1, 1),)
    direction: Tensor

    def __init__(self, width: int, eps: float = EPS, trained: bool = False) -> None:
        super().__init__(width, eps)
        if width < 2:
            raise ValueError(f"width: {width} leaves nothing beside the mean; at least 2")
        uniform = torch.full((width,), width**-0.5)
        if trained:
            self.direction = nn.Parameter(uniform)
        else:
            self.register_buffer("direction", uniform)

    def normalise(self, x: Tensor) -> Tensor:
        """As `Normaliser.normalise`."""
        m = functional.normalize(self.direction.to(x.dtype), dim=0)
        beside = x - (x @ m)[:, None] * m  # P x, [B, n]
        return beside * torch.rsqrt(beside.square().mean(-1, keepdim=True) * self.share(x) + self.eps)

    def extra_repr(self) -> str:
        """The settings, for print(net)."""
        return f"{self.width}, eps={self.eps}, trained={isinstance(self.direction, nn.Parameter)}"


def check_basis(basis: Tensor, width: int) -> Tensor:
    """Q in float64; ValueError unless it is [width, width] and orthogonal."""
    if basis.shape != (width, width):
        raise ValueError(f"basis: shape {tuple(basis.shape)} is not [{width}, {width}]")
    wide = basis.double()
    skew = (wide.mT @ wide - torch.eye(width, dtype=wide.dtype, device=wide.device)).abs().max().item()
    if not skew <= _SKEW:  # NaN is refused too
        raise ValueError(f"basis: not orthogonal, Q^T Q differs from I by {skew:.1e}")
    return wide
