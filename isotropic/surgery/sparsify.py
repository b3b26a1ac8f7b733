"""Sparsification: every second map made diagonal, which changes no output (METHOD section 6)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from isotropic.changes import change
from isotropic.networks.base import MLP, refuse_computed
from isotropic.networks.network import IsotropicMLP
from isotropic.networks.sparse import SparseMLP
from isotropic.surgery.diagonalise import diagonalise
from isotropic.surgery.edit import Edit, refuse_kernels
from isotropic.surgery.modules import bare


def alternate_maps(depth: int) -> list[int]:
    """2, 4, 6, ... up to L - 1: the maps that can be diagonal together. Two neighbours cannot: they share a width."""
    return list(range(2, depth, 2))


def diagonalise_alternate(net: MLP) -> None:
    """Full diagonalisation of every second map, in place, of one network or of an ensemble.

    Raises:
        ValueError: as `diagonalise`.
    """
    for layer in alternate_maps(net.depth):
        diagonalise(net, layer, "full")


@change
def triangularise(
    net: MLP, layer: int, *, optimiser: object = None, also: object = (), unknown: str = "error"
) -> None:
    """Turn hidden width `layer` so that W_l becomes upper triangular, in place; no output changes (derived here).

        W_l = Q R (QR decomposition)     W_l <- R     b_l <- Q^T b_l     psi_l <- Q^T psi_l     W_{l+1} <- W_{l+1} Q

    with all entries below the diagonal exactly 0: n_l (n_l - 1) / 2 of them if n_l <= n_{l-1} + 1, which is as many
    as a basis of one hidden width can give (`joint.most_zeros`). It is for a width whose maps are both dense, such as
    the one that alternate diagonalisation leaves over where the number of hidden widths is odd.

    Args:
        net: an isotropic network or an ensemble of them.
        layer: l, 1 <= l <= L - 1.
        optimiser, also, unknown: as in `diagonalise`.

    Raises:
        ValueError, TypeError: as `diagonalise`, and kernels. The network is unchanged on any error.
    """
    edit = Edit(net, layer, optimiser, also=also, unknown=unknown)
    refuse_kernels(edit.net)
    weight = edit.weight
    basis, triangle = torch.linalg.qr(weight.double(), mode="complete")
    edit.rotate(basis)
    edit.own.tensors[f"maps.{edit.layer - 1}.weight"] = triangle.triu().to(weight.dtype)
    edit.commit()


def triangularise_unpaired(net: MLP) -> None:
    """The hidden width that alternate diagonalisation leaves over, if their number is odd, as in `triangularise`."""
    if net.depth % 2 == 0:
        triangularise(net, net.depth - 1)


def sparsify(net: IsotropicMLP) -> nn.Module:
    """The same function with every second map a Hadamard product.

    Full diagonalisation of a copy's maps 2, 4, 6, ... <= L - 1; each then has min(n_l, n_{l-1}) weights instead of
    n_l n_{l-1}.

    Args:
        net: an isotropic network, or a view of nn.Linear modules that `attach` gave; unchanged.

    Returns:
        A module with the same logits up to rounding, which stores and multiplies only what is left: a `SparseMLP`, or
        a copy of the whole model of the view with a `DiagonalLinear` in place of every second of its layers.

    Raises:
        ValueError: as `diagonalise`, or a view of converted layers, whose constant channel a diagonal would lose.
    """
    inner: Any = bare(net)
    own = isinstance(inner, MLP)
    refuse_computed(inner, range(inner.depth))
    changed = copy.deepcopy(inner) if own else inner.copied()
    diagonalise_alternate(changed)
    layers = alternate_maps(inner.depth)
    sparse: nn.Module = SparseMLP(changed, layers) if own else changed.with_diagonals(layers)
    return sparse


def parameter_count(widths: Sequence[int], diagonal: Sequence[int] = (), rest: bool = True) -> int:
    """Parameters of a network with these maps diagonal, from its widths n_0 .. n_L alone.

    Weights and biases; with `rest`, also psi_l of every map but the first and o of every hidden layer.
    """
    maps = enumerate(pairwise(widths), start=1)
    weights = sum(min(m, n) if layer in diagonal else m * n for layer, (m, n) in maps)
    counted = weights + sum(widths[1:])
    return counted + sum(widths[2:]) + len(widths) - 2 if rest else counted
