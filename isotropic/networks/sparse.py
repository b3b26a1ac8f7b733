"""A network with diagonal maps, in a form that stores and multiplies only what is left of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from isotropic.networks import state as states
from isotropic.networks.base import AffineMap
from isotropic.networks.inputs import rows
from isotropic.networks.network import IsotropicMLP, check_dense


class DiagonalMap(nn.Module):
    """x -> s * x + b + g psi, with s elementwise on the first min(n, m) entries (METHOD section 6).

    Attributes:
        weight: s, the diagonal of W_l, [min(n_l, n_{l-1})].
        bias, psi: as in `AffineMap`, [n_l].
    """

    psi: Tensor | None

    def __init__(self, affine: AffineMap) -> None:
        super().__init__()
        self.weight = nn.Parameter(affine.weight.detach().diagonal().clone(), affine.weight.requires_grad)
        self.bias = nn.Parameter(affine.bias.detach().clone(), affine.bias.requires_grad)
        psi = None if affine.psi is None else affine.psi.detach().clone()
        if psi is not None and isinstance(affine.psi, nn.Parameter):
            self.psi = nn.Parameter(psi, affine.psi.requires_grad)
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

        sparse = sparsify(net)        # isotropic.sparsify: diagonalises a copy of net, then this
        sparse(x)                     # x as net takes it -> logits [..., n_L], those of net up to rounding

    An ordinary module: it can be saved, moved, cast and trained by autograd. It cannot be diagonalised, grown or
    pruned; do that to the dense network.

    Args:
        net: whose values are copied; its maps `diagonal` hold nothing beside their diagonal.
        diagonal: those maps, counted from 1.

    Raises:
        ValueError: a map named diagonal has an entry beside its diagonal.
        TypeError: a network that is no IsotropicMLP.
    """

    kind = "SparseMLP"

    def __init__(self, net: IsotropicMLP, diagonal: Sequence[int]) -> None:
        super().__init__()
        _check(net, diagonal)
        self.maps = nn.ModuleList(
            DiagonalMap(affine) if layer in diagonal else _copy(affine)
            for layer, affine in enumerate(net.affine, start=1)
        )
        self.activations = copy.deepcopy(net.activations)
        self.inputs, self.flatten, self.treatment = net.widths[0], net.flatten, net.treatment

    def forward(self, x: Tensor) -> Tensor:
        """x [..., n_0] -> logits [..., n_L]; flattened as the network's."""
        x = rows(x, self.inputs, self.flatten)
        if x.ndim == 1:
            return self(x[None])[0]
        h = self.maps[0](x)
        for affine, activation in zip(list(self.maps)[1:], self.activations, strict=True):
            a, g = activation(h)
            h = affine(a, g)
        return h

    def get_extra_state(self) -> Tensor:
        """As in `MLP`."""
        return states.packed(
            {"kind": self.kind, "widths": self.widths, "flatten": self.flatten} | self.treatment.described()
        )

    def set_extra_state(self, state: Tensor) -> None:
        """Raise a ValueError if a saved state is of another kind of network."""
        if known := states.unpacked(state):
            states.check_kind(known, self.kind)
            self.treatment.check_same(known)

    @property
    def widths(self) -> list[int]:
        """n_0 .. n_L."""
        return [self.inputs, *(cast("Tensor", affine.bias).shape[0] for affine in self.maps)]

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor], **arguments: Any) -> Self:
        """As `IsotropicMLP.from_state_dict`."""
        own = states.unwrapped(state)
        known = states.known_of(own, arguments, cls.kind)
        net = IsotropicMLP(**states.arguments(known, own))
        states.fit_alphas(net.activations, own)
        diagonal = [layer for layer in range(1, net.depth + 1) if own[f"maps.{layer - 1}.weight"].ndim == 1]
        return states.filled(cls(net, diagonal), own)


def storage(net: nn.Module) -> int:
    """Bytes of all numbers that a saved state of a network holds."""
    saved = (t for name, t in net.state_dict().items() if not name.endswith(states.EXTRA))
    return sum(t.numel() * t.element_size() for t in saved)


def _copy(affine: AffineMap) -> AffineMap:
    psi = None if affine.psi is None else affine.psi.detach().clone()
    weight, bias = affine.weight.detach().clone(), affine.bias.detach().clone()
    copied = AffineMap(weight, bias, psi, isinstance(affine.psi, nn.Parameter))
    for name, parameter in copied.named_parameters():
        parameter.requires_grad_(affine.get_parameter(name).requires_grad)
    return copied


def _check(net: IsotropicMLP, diagonal: Sequence[int]) -> None:
    if not net.isotropic:
        raise ValueError(
            f"activation {net.activation!r} does not commute with rotations: its maps cannot be made diagonal"
        )
    check_dense(net, "net")
    for layer in diagonal:
        weight = net.affine[layer - 1].weight.detach()
        if weight.is_meta:
            continue  # shapes alone
        beside = int(weight.count_nonzero()) - int(weight.diagonal().count_nonzero())
        if beside:
            raise ValueError(f"diagonal: map {layer} has {beside} entries beside its diagonal; diagonalise it first")
