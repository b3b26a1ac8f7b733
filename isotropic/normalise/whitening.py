"""Batch normalisation as the diagonal of a whitening, and the whitening (METHOD section 8; Appendix B).

Both subtract the mean mu and divide by a root of the covariance C. The whitening uses all of C and commutes with
every rotation; batch normalisation uses the diagonal of C in the basis at hand, and commutes with permutations and
signs only. In the eigenbasis of C they are the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from isotropic.normalise.normalisers import EPS, MOMENTUM, Normaliser


class BatchNorm(Normaliser):
    """x -> (x - mu) / sqrt(v + eps), v = diag C: batch normalisation without scale and shift.

    Under h <- Q^T h the mean turns as a vector, mu <- Q^T mu, and the variances as the diagonal of
    Q^T diag(v) Q, which is v <- (Q * Q)^T v (Appendix B, with Eqn. 27). These variances are exactly those of the
    new basis where C was diagonal, and approximate elsewhere. The function that they define is the same where Q is
    a signed permutation or all v are equal, and another elsewhere: of full rank-2 C only a diagonal is kept.

    While training the batch's statistics are used, and the running ones follow; v is divided by B in use and by
    B - 1 in the running statistic, as in torch.nn.BatchNorm1d.

    Attributes:
        mean: the running mu, [n].
        variance: the running v, [n].
    """

    rows = (("mean", -1, 1), ("variance", -1, 2))
    least_trained = 2
    mean: Tensor
    variance: Tensor

    def __init__(self, width: int, eps: float = EPS, momentum: float = MOMENTUM) -> None:
        super().__init__(width, eps, momentum)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def normalise(self, x: Tensor) -> Tensor:
        """As `Normaliser.normalise`."""
        mean, variance = self.mean.to(x.dtype), self.variance.to(x.dtype)
        if self.training:
            mean, variance = x.mean(0), x.var(0, correction=0)
            self.follow("mean", mean)
            self.follow("variance", variance * (len(x) / (len(x) - 1)))
        return (x - mean) * torch.rsqrt(variance + self.eps)


class Whitening(Normaliser):
    """x -> (C + eps I)^(-1/2) (x - mu), with the symmetric root of the whole covariance.

    Under h <- Q^T h: mu <- Q^T mu and C <- Q^T C Q, exactly (Appendix B). Of all roots of C the symmetric one is
    taken because it alone turns with the basis: (Q^T C Q)^(-1/2) = Q^T C^(-1/2) Q. The root is computed in float64
    and costs n^3 a batch in training; its product costs n^2 a sample, where batch normalisation takes n.

    Attributes:
        mean: the running mu, [n].
        covariance: the running C, [n, n].
    """

    rows = (("mean", -1, 1), ("covariance", -2, 1), ("covariance", -1, 1))
    least_trained = 2
    mean: Tensor
    covariance: Tensor

    def __init__(self, width: int, eps: float = EPS, momentum: float = MOMENTUM) -> None:
        super().__init__(width, eps, momentum)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("covariance", torch.eye(width))

    @classmethod
    def of(cls, norm: BatchNorm) -> Whitening:
        """The whitening with the statistics of `norm`, C = diag(v): in this basis the same function."""
        whole = cls(norm.width, norm.eps, norm.momentum).to(norm.mean)
        whole.mean.copy_(norm.mean)
        whole.covariance.copy_(norm.variance.diag())
        return whole.train(norm.training)

    def normalise(self, x: Tensor) -> Tensor:
        """As `Normaliser.normalise`.

        Raises:
            ValueError: C + eps I is singular, as with eps = 0 and no more samples than n.
        """
        mean, covariance = self.mean.to(x.dtype), self.covariance.double()
        if self.training:
            mean = x.mean(0)
            beside = (x - mean).double()
            covariance = beside.mT @ beside / len(x)  # [n, n]
            self.follow("mean", mean)
            self.follow("covariance", (covariance * (len(x) / (len(x) - 1))))
        one = torch.eye(self.width, dtype=covariance.dtype, device=covariance.device)
        root: Tensor = _InverseRoot.apply(covariance + self.eps * one)
        return (x - mean) @ root.to(x)


class _InverseRoot(torch.autograd.Function):
    """C^(-1/2) of a symmetric positive definite C, with its gradient in closed form.

    With C = V diag(l) V^T and the gradient G of the root, the gradient of C is V (F * (V^T G V)) V^T with
    F_ij = (l_i^(-1/2) - l_j^(-1/2)) / (l_i - l_j) = -1 / (sqrt(l_i l_j) (sqrt(l_i) + sqrt(l_j))). This form has
    nothing that vanishes for equal eigenvalues, where autograd through an eigendecomposition divides by zero.
    """

    @staticmethod
    def forward(ctx: Any, c: Tensor) -> Tensor:
        values, v = torch.linalg.eigh(c)  # ascending
        if not values[0] > len(c) * torch.finfo(c.dtype).eps * values[-1]:
            raise ValueError(
                f"x: its covariance + eps has eigenvalues from {values[0]:.1e} to {values[-1]:.1e} and cannot be "
                "inverted; take more samples or a larger eps"
            )
        root = values.sqrt()
        ctx.save_for_backward(root, v)
        return (v / root) @ v.mT

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        root, v = ctx.saved_tensors
        (g,) = gradients
        f = -1 / (root[:, None] * root * (root[:, None] + root))
        return v @ (f * (v.mT @ g @ v)) @ v.mT
