"""Changing the depth: a layer is inserted while it is linear, and a linear one is merged into the map after it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from isotropic.changes import change
from isotropic.integers import index
from isotropic.networks.base import AffineMap
from isotropic.networks.network import IsotropicMLP
from isotropic.successors import succeed
from isotropic.surgery.edit import families_of
from isotropic.surgery.finite import require_finite
from isotropic.surgery.holders import Holders
from isotropic.surgery.modules import averages_of, bare, check_modules


@change
def insert_layer(
    net: IsotropicMLP, layer: int, optimiser: object = None, *, also: object = (), unknown: str = "error"
) -> None:
    """Insert a hidden layer after map `layer`, as wide as its output, without changing the function.

    By parameterised isotropy, f_alpha(x) = alpha x + (1 - alpha) f(x) (METHOD section 1). What was h_l -> f(h_l) is

        h_l -> f_1(h_l) = h_l -> I h_l + 0 + g_1 0 -> f(h_l)        with g_1 = 1

    so that map l, the new map l + 1 and the old activation follow each other, and all later maps count one more. The
    new layer is linear until its alpha is lowered, `net.activations[layer - 1].alpha.fill_(0.9)`; at 0 it is as any
    other. alpha is not trained. Its map trains from the start.

    Args:
        net: an isotropic network; changed in place. For an ensemble, see `restack`.
        layer: l, 1 <= l <= L; after the last map, the new one becomes the last.
        optimiser: as in `diagonalise`, which is given the new parameters without moments yet (fused SGD: with a
            momentum of zero; Adagrad: with its initial sum): the weight beside that of map l, in its group; the bias
            and psi beside map l's bias; log_o beside those of other layers. Names in groups follow.
        also, unknown: as in `diagonalise`.

    Raises:
        ValueError: an ensemble, elementwise activations, layer out of range, or an optimiser of other parameters.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    net = bare(net)
    layer = _check(net, layer, "is not a map of this network", net.depth)
    averages = cast("list[IsotropicMLP]", averages_of(also, net, range(1, net.depth)))
    holders = Holders(net, optimiser, unknown)
    families_of(net, holders)
    before = {id(p): name for name, p in net.named_parameters()}
    for each in (net, *averages):
        _insert(each, layer)
    added = {name: p for name, p in net.named_parameters() if id(p) not in before}
    holders.rename({before[id(p)]: name for name, p in net.named_parameters() if id(p) in before})
    named = dict(net.named_parameters())
    for name, parameter in added.items():
        holders.add(name, parameter, [each for each in _beside(name, layer, net) if each in named], list(named))


def _insert(net: IsotropicMLP, layer: int) -> None:
    weight, n = net.affine[layer - 1].weight, net.widths[layer]
    zeros, one = weight.new_zeros(n), weight.new_ones(())
    psi = zeros.clone() if net.treatment.has_psi else None
    identity = torch.eye(n, dtype=weight.dtype, device=weight.device)
    net.maps.insert(layer, AffineMap(identity, zeros, psi, net.compensation != "constant"))
    net.activations.insert(layer - 1, net.treatment.hidden(weight, alpha=one))


def _beside(name: str, layer: int, net: IsotropicMLP) -> list[str]:
    """Parameters whose group a new one joins, the first that is held: its own kind of map l, then of other layers."""
    leaf, here = name.rpartition(".")[2], f"maps.{layer - 1}"
    if leaf == "log_o":
        others = sorted(range(net.depth - 1), key=lambda number: abs(number - layer))
        return [f"activations.{number}.log_o" for number in others] + [f"{here}.bias", f"{here}.weight"]
    return [f"{here}.weight"] if leaf == "weight" else [f"{here}.bias", f"{here}.weight"]


@change
def remove_layer(
    net: IsotropicMLP, layer: int, *, optimiser: object = None, also: object = (), unknown: str = "error"
) -> None:
    """Remove hidden layer `layer`, which must be linear (alpha = 1), without changing the function.

    With g_l = 1 its two maps are one (derived from METHOD section 1):

        W <- W_{l+1} W_l      b <- W_{l+1} b_l + b_{l+1} + psi_{l+1}      psi <- W_{l+1} psi_l (l >= 2)

    Args:
        net: an isotropic network; changed in place.
        layer: l, 1 <= l <= L - 1.
        optimiser: as in `diagonalise`, which goes on with the merged map. Its moments begin anew, and it has no
            gradient, since those of a product do not follow from those of its factors. Moments of all else are kept.
        also, unknown: as in `diagonalise`.

    Raises:
        ValueError: an ensemble, elementwise activations, layer out of range or not linear, values not finite, or an
            optimiser of other parameters.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    net = bare(net)
    layer = _check(net, layer, "is not a hidden layer of this network", net.depth - 1)
    averages = cast("list[IsotropicMLP]", averages_of(also, net, range(1, net.depth)))
    for each in (net, *averages):
        alpha = getattr(each.activations[layer - 1], "alpha", None)
        if alpha is None or not bool(alpha == 1):
            value = 0 if alpha is None else alpha.item()
            raise ValueError(f"layer: {layer} is not linear (alpha is {value}, not 1), and cannot be removed exactly")
        for name, t in each.tensors().items():
            if name.startswith((f"maps.{layer - 1}.", f"maps.{layer}.")):
                require_finite(name, t)
    holders = Holders(net, optimiser, unknown)
    families_of(net, holders)
    for each in averages:
        _merge(each, layer)
    before = dict(net.named_parameters())
    _merge(net, layer)
    after = {id(p): name for name, p in net.named_parameters()}
    here, gone = f"maps.{layer - 1}.", (f"maps.{layer}.", f"activations.{layer - 1}.")
    merged = {name: (before[name], p) for name, p in net.named_parameters() if name.startswith(here)}
    holders.replace(merged, {}, anew=True)
    holders.drop([name for name in before if name.startswith(gone)])
    holders.rename({name: after[id(p)] for name, p in holders.named.items()})


def _merge(net: IsotropicMLP, layer: int) -> None:
    first, second = net.affine[layer - 1], net.affine[layer]
    wide = second.weight.double()  # rounded once, and in what autocast leaves alone
    bias = wide @ first.bias.double() + second.bias.double()
    merged: dict[str, Tensor] = {
        "weight": wide @ first.weight.double(),
        "bias": bias if second.psi is None else bias + second.psi.double(),
    }
    if first.psi is not None:
        merged["psi"] = wide @ first.psi.double()
    before = dict(net.named_parameters())
    net.assign({f"maps.{layer - 1}.{name}": t.detach().to(second.weight.dtype) for name, t in merged.items()})
    for name, parameter in net.named_parameters():
        if parameter is not before[name]:
            succeed(before[name], parameter, None)
    del net.maps[layer], net.activations[layer - 1]


def _check(net: IsotropicMLP, layer: int, what: str, last: int) -> int:
    if not isinstance(net, IsotropicMLP):
        raise ValueError(
            f"net: {type(net).__name__} is no IsotropicMLP; of an ensemble, change the depth of each "
            "`ensemble.member(k)` and stack them again"
        )
    if not net.isotropic:
        raise ValueError(
            f"activation {net.activation!r} has no alpha that makes a layer linear; only isotropic activations have"
        )
    layer = index(layer, "layer", what, 1, last)
    check_modules(net, range(net.depth))
    return layer
