"""A network with diagonal maps, in a form that stores and multiplies only what is left of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from isotropic.networks.activation import IsotropicTanh
from isotropic.networks.base import AffineMap
from isotropic.networks.network import IsotropicMLP


class DiagonalMap(nn.Module):
    """x -> s * x + b + g psi, with s elementwise on the first min(n, m) entries (METHOD section 6).

    Attributes:
        weight: s, the diagonal of W_l, [min(n_l, n_{l-1})].
        bias, psi: as in `AffineMap`, [n_l].
    """

    psi: Tensor | None

    def __init__(self, affine: AffineMap) -> None:
        super().__init__()
        self.weight = nn.Parameter(affine.weight.detach().diagonal().clone())
        self.bias = nn.Parameter(affine.bias.detach().clone())
        psi = None if affine.psi is None else affine.psi.detach().clone()
        if psi is not None and isinstance(affine.psi, nn.Parameter):
            self.psi = nn.Parameter(psi)
        else:
            self.register_buffer("psi", psi)

    def forward(self, x: Tensor, g: Tensor | None = None) -> Tensor:
        """x [B, n_{l-1}], g [B, 1] of the activation before -> [B, n_l]."""
        k, n = self.weight.shape[0], self.bias.shape[0]
        h = torch.addcmul(self.bias[:k], x[..., :k], self.weight)  # [B, k]
        if n > k:  # the rows beyond the diagonal have a bias only
            h = torch.cat([h, self.bias[k:].expand(*h.shape[:-1], n - k)], dim=-1)  # [B, n_l]
        if self.psi is not None and g is not None:
            h = torch.addcmul(h, g, self.psi)
        return h


class SparseMLP(nn.Module):
    """An isotropic network some of whose maps are diagonal; it computes what the network computes.

        sparse = sparsify(net)        # pipeline.sparsify: diagonalises a copy of net, then this
        sparse(x)                     # x [B, ...] -> logits [B, n_L], those of net up to rounding

    An ordinary module: it can be saved, moved, cast and trained by autograd. It cannot be diagonalised, grown or
    pruned; do that to the dense network.

    Args:
        net: whose values are copied; its maps `diagonal` hold nothing beside their diagonal.
        diagonal: those maps, counted from 1.

    Raises:
        ValueError: a map named diagonal has an entry beside its diagonal.
    """

    def __init__(self, net: IsotropicMLP, diagonal: Sequence[int]) -> None:
        super().__init__()
        _check(net, diagonal)
        self.maps = nn.ModuleList(
            DiagonalMap(affine) if layer in diagonal else _copy(affine)
            for layer, affine in enumerate(net.affine, start=1)
        )
        self.activations = nn.ModuleList(_length(activation) for activation in net.activations)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, ...] with n_0 numbers a sample -> logits [B, n_L]."""
        h = self.maps[0](x.flatten(1))
        for affine, activation in zip(list(self.maps)[1:], self.activations, strict=True):
            a, g = activation(h)
            h = affine(a, g)
        return h


def storage(net: nn.Module) -> int:
    """Bytes of all that a saved state of a network holds."""
    return sum(t.numel() * t.element_size() for t in net.state_dict().values())


def _copy(affine: AffineMap) -> AffineMap:
    psi = None if affine.psi is None else affine.psi.detach().clone()
    weight, bias = affine.weight.detach().clone(), affine.bias.detach().clone()
    return AffineMap(weight, bias, psi, isinstance(affine.psi, nn.Parameter))


def _length(activation: nn.Module) -> IsotropicTanh:
    assert isinstance(activation, IsotropicTanh)  # no other has diagonal maps
    alpha = None if activation.alpha is None else activation.alpha.clone()
    return IsotropicTanh(activation.log_o.detach().clone(), isinstance(activation.log_o, nn.Parameter), alpha)


def _check(net: IsotropicMLP, diagonal: Sequence[int]) -> None:
    if not net.isotropic:
        raise ValueError("activation 'tanh' does not commute with rotations: its maps cannot be made diagonal")
    for layer in diagonal:
        weight = net.affine[layer - 1].weight.detach()
        beside = int(weight.count_nonzero()) - int(weight.diagonal().count_nonzero())
        if beside:
            raise ValueError(f"diagonal: map {layer} has {beside} entries beside its diagonal; diagonalise it first")
