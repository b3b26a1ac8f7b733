"""Affine maps of grids of channels: a convolution, and a map that reads a whole grid.

Grids are [B, H, W, n], channels last as an activation wants them; what is stored in memory is torch's channels_last.
A kernel's positions are the leading axes of its weight and psi (`axes`), its bias has none.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from isotropic.networks.base import AffineMap


class Convolution(AffineMap):
    """h[q] = b + sum_p W[p] x[s q + p] + psi[p] g[s q + p], x and g zero outside the grid (METHOD section 9).

    The gain is one more channel, that psi reads: one convolution of n_{l-1} + 1 channels.

    Attributes:
        weight: [k, k, n_l, n_{l-1}].
        bias: [n_l].
        psi: [k, k, n_l], or None.
        stride: s. On each side k // 2 zeros are padded.
    """

    def __init__(self, weight: Tensor, bias: Tensor, psi: Tensor | None, psi_trained: bool, stride: int) -> None:
        super().__init__(weight, bias, psi, psi_trained)
        self.stride = stride

    def forward(self, x: Tensor, g: Tensor | None = None, block: slice | None = None) -> Tensor:
        """x [B, H, W, n_{l-1}] and the gains g [B, H, W, 1] before the map -> [B, H_l, W_l, n_l]."""
        x, weight = _with_gain(self, x, g)
        rows = weight.movedim((-2, -1), (0, 1))  # [n_l, n_{l-1} (+ 1), k, k], as torch wants it
        h = functional.conv2d(x.movedim(-1, 1), rows, self.bias, self.stride, weight.shape[0] // 2)
        return h.movedim(1, -1)


class GridMap(AffineMap):
    """h = b + sum_p W[p] x[p] + psi[p] g[p] over all positions p of a grid: a dense map of it.

    Attributes:
        weight: [H, W, n_l, n_{l-1}].
        bias: [n_l].
        psi: [H, W, n_l], or None.
    """

    def forward(self, x: Tensor, g: Tensor | None = None, block: slice | None = None) -> Tensor:
        """x [B, H, W, n_{l-1}] and the gains g [B, H, W, 1] before the map -> [B, n_l]."""
        x, weight = _with_gain(self, x, g)
        return functional.linear(x.flatten(1), weight.movedim(-2, 0).flatten(1), self.bias)


def side_after(side: int, kernel: int, stride: int) -> int:
    """H_l from H_{l-1}, or W_l from W_{l-1}, of a convolution."""
    return (side + 2 * (kernel // 2) - kernel) // stride + 1


def _with_gain(affine: AffineMap, x: Tensor, g: Tensor | None) -> tuple[Tensor, Tensor]:
    """x with the gain as its last channel, and W with the column psi that reads it."""
    if affine.psi is None or g is None:
        return x, affine.weight
    return torch.cat([x, g], dim=-1), torch.cat([affine.weight, affine.psi[..., None]], dim=-1)
