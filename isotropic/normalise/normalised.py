"""An isotropic network with a normaliser after each hidden activation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from isotropic import axes
from isotropic.networks.base import AffineMap
from isotropic.networks.inputs import rows
from isotropic.networks.network import IsotropicMLP
from isotropic.normalise.normalisers import Normaliser, check_basis


class NormalisedMLP(nn.Module):
    """h_1 = W_1 x + b_1,  h_{l+1} = W_{l+1} N_l(g_l h_l) + b_{l+1},  logits = h_L (METHOD sections 1 and 8).

        net = NormalisedMLP(IsotropicMLP([64, 32, 10], compensation="none"), BatchNormOfNorm)
        net.rotate(1, basis)      # another basis of hidden width 1; with an equivariant normaliser no output changes

    A module to be trained by autograd. It has no psi: what a pruned bias adds is no longer proportional to g.

    Args:
        net: an isotropic network, whose values are copied.
        normaliser: the normaliser of a hidden layer, made from its width: a class, or any function.

    Attributes:
        maps, activations: as in IsotropicMLP.
        normalisers: N_1 .. N_{L-1}.

    Raises:
        ValueError: elementwise activations, or compensatory vectors.
    """

    def __init__(self, net: IsotropicMLP, normaliser: Callable[[int], Normaliser]) -> None:
        super().__init__()
        if not net.isotropic:
            raise ValueError(
                f"activation {net.activation!r} does not commute with rotations; a network with an isotropic one"
            )
        if any(affine.psi is not None for affine in net.affine):
            raise ValueError(
                f"compensation: {net.compensation!r} has vectors psi, which nothing multiplies behind a normaliser; "
                "one of none, expectation"
            )
        self.maps, self.activations = copy.deepcopy(net.maps), copy.deepcopy(net.activations)
        weight = net.affine[0].weight
        self.flatten = net.flatten
        self.normalisers = nn.ModuleList(normaliser(n).to(weight) for n in net.widths[1:-1])

    @property
    def affine(self) -> list[AffineMap]:
        """The maps, typed."""
        return cast("list[AffineMap]", list(self.maps))

    def forward(self, x: Tensor) -> Tensor:
        """x [B, n_0] -> logits [B, n_L]; flattened as the network's."""
        return self.after(len(self.normalisers), x)

    def after(self, layer: int, x: Tensor) -> Tensor:
        """h_{layer+1}, [B, n_{layer+1}]: what the map behind `layer` normalisers gives; 0 <= layer <= L - 1."""
        h: Tensor = self.maps[0](rows(x, self.affine[0].weight.shape[1], self.flatten))
        for index in range(layer):
            h = self.maps[index + 1](self.normalisers[index](self.activations[index](h)[0]))
        return h

    def activated(self, layer: int, x: Tensor) -> Tensor:
        """g_l h_l, [B, n_l]: what normaliser l = `layer` is given."""
        a: Tensor = self.activations[layer - 1](self.after(layer - 1, x))[0]
        return a

    @torch.no_grad()
    def rotate(self, layer: int, basis: Tensor) -> None:
        """Change the basis of hidden width `layer`: W_l <- Q^T W_l, b_l <- Q^T b_l, W_{l+1} <- W_{l+1} Q, N_l too.

        Optimisers are not carried along: make a new one.

        Args:
            layer: l, 1 <= l <= L - 1.
            basis: Q, [n_l, n_l], orthogonal.

        Raises:
            ValueError: the layer is out of range, or Q is not of that shape or not orthogonal; nothing is changed.
        """
        norm = self.norm(layer)
        wide = check_basis(basis, norm.width)
        own = {name: t.detach() for name, t in self.named_parameters()}
        turned = axes.rotate(own, layer, wide)
        for name, _ in axes.hidden_axes(layer):
            if name in own:
                own[name].copy_(turned[name])
        norm.rotate(wide)

    def norm(self, layer: int) -> Normaliser:
        """N_l behind hidden layer l = `layer`; ValueError where there is none."""
        if type(layer) is not int or not 1 <= layer <= len(self.normalisers):
            raise ValueError(
                f"layer: {layer!r} is not a hidden layer of this network; one of 1 to {len(self.normalisers)}"
            )
        return cast("Normaliser", self.normalisers[layer - 1])
