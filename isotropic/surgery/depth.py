"""Changing the depth: a layer is inserted while it is linear, and a linear one is merged into the map after it."""

from __future__ import annotations

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from isotropic.networks.base import AffineMap
from isotropic.networks.network import IsotropicMLP
from isotropic.surgery.carried import families_of


@torch.no_grad()
def insert_layer(net: IsotropicMLP, layer: int, optimiser: Optimizer | None = None) -> None:
    """Insert a hidden layer after map `layer`, as wide as its output, without changing the function.

    By parameterised isotropy, f_alpha(x) = alpha x + (1 - alpha) f(x) (METHOD section 1). What was h_l -> f(h_l) is

        h_l -> f_1(h_l) = h_l -> I h_l + 0 + g_1 0 -> f(h_l)        with g_1 = 1

    so that map l, the new map l + 1 and the old activation follow each other, and all later maps count one more. The
    new layer is linear until its alpha is lowered, `net.activations[layer - 1].alpha.fill_(0.9)`; at 0 it is as any
    other. alpha is not trained. Its map trains from the start.

    Args:
        net: an isotropic network; changed in place. For an ensemble, see `restack`.
        layer: l, 1 <= l <= L; after the last map, the new one becomes the last.
        optimiser: which is given the new parameters, each in the group of others of its kind, without moments yet
            (fused SGD: with a momentum of zero).

    Raises:
        ValueError: an ensemble, elementwise activations, layer out of range, or an optimiser of other parameters.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    _check(net, layer, net.depth)
    families_of(net, optimiser)
    # A parameter of each kind, map l's where it has one: the new ones join its group.
    kinds = {name.rpartition(".")[2]: p for name, p in net.named_parameters()}
    kinds |= dict(net.affine[layer - 1].named_parameters())
    weight, n = net.affine[layer - 1].weight, net.widths[layer]
    zeros, one = weight.new_zeros(n), weight.new_ones(())
    psi = zeros.clone() if bool(net.has_psi) else None
    identity = torch.eye(n, dtype=weight.dtype, device=weight.device)
    net.maps.insert(layer, AffineMap(identity, zeros, psi, net.compensation != "constant"))
    net.activations.insert(layer - 1, net.treatment.hidden(weight, alpha=one))
    if optimiser is not None:
        for name, parameter in net.named_parameters():
            if name.startswith((f"maps.{layer}.", f"activations.{layer - 1}.")):
                _add(optimiser, net, parameter, beside=kinds.get(name.rpartition(".")[2], weight))


@torch.no_grad()
def remove_layer(net: IsotropicMLP, layer: int, optimiser: Optimizer | None = None) -> None:
    """Remove hidden layer `layer`, which must be linear (alpha = 1), without changing the function.

    With g_l = 1 its two maps are one (derived from METHOD section 1):

        W <- W_{l+1} W_l      b <- W_{l+1} b_l + b_{l+1} + psi_{l+1}      psi <- W_{l+1} psi_l (l >= 2)

    Args:
        net: an isotropic network; changed in place.
        layer: l, 1 <= l <= L - 1.
        optimiser: which goes on with the merged map. Its moments begin anew, since the gradient of a product does not
            follow from those of its factors. Moments of all else are kept.

    Raises:
        ValueError: an ensemble, elementwise activations, layer out of range or not linear, or an optimiser of other
            parameters.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    _check(net, layer, net.depth - 1)
    alpha = getattr(net.activations[layer - 1], "alpha", None)
    if alpha is None or not bool(alpha == 1):
        value = 0 if alpha is None else alpha.item()
        raise ValueError(f"layer: {layer} is not linear (alpha is {value}, not 1), and cannot be removed exactly")
    families_of(net, optimiser)
    before = dict(net.named_parameters())
    first, second = net.affine[layer - 1], net.affine[layer]
    bias = second.weight @ first.bias + second.bias
    merged = {"weight": second.weight @ first.weight, "bias": bias if second.psi is None else bias + second.psi}
    if first.psi is not None:
        merged["psi"] = second.weight @ first.psi
    net.assign({f"maps.{layer - 1}.{name}": t.detach() for name, t in merged.items()})
    del net.maps[layer], net.activations[layer - 1]
    if optimiser is not None:
        _replace(optimiser, net, before, layer)


def _add(optimiser: Optimizer, net: IsotropicMLP, parameter: Parameter, beside: Parameter) -> None:
    """Put a parameter into the group of another, in the order that the network has."""
    _begin(optimiser, parameter)
    order = {id(p): i for i, p in enumerate(net.parameters())}
    for group in optimiser.param_groups:
        held = group["params"]
        if any(p is beside for p in held):
            later = (i for i, p in enumerate(held) if order.get(id(p), -1) > order[id(parameter)])
            held.insert(next(later, len(held)), parameter)


def _replace(optimiser: Optimizer, net: IsotropicMLP, before: dict[str, Parameter], layer: int) -> None:
    """Hold the parameters of the merged map in place of those of the map before the removed layer."""
    here = f"maps.{layer - 1}."
    after = {id(before[name]): p for name, p in net.named_parameters() if name.startswith(here)}
    kept = {id(p) for p in net.parameters()}
    gone = {id(p) for p in before.values()} - kept - after.keys()
    for group in optimiser.param_groups:
        group["params"] = [after.get(id(p), p) for p in group["params"] if id(p) not in gone]
    for p in after.values():
        _begin(optimiser, p)
    for p in before.values():
        if id(p) not in kept:
            optimiser.state.pop(p, None)


def _begin(optimiser: Optimizer, parameter: Parameter) -> None:
    """Give a parameter a momentum of zero if SGD is fused and others have one: its kernel takes all or none."""
    others = any(state.get("momentum_buffer") is not None for state in optimiser.state.values())
    if others and any(group.get("fused") for group in optimiser.param_groups):
        optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def _check(net: IsotropicMLP, layer: int, last: int) -> None:
    if not isinstance(net, IsotropicMLP):
        raise ValueError(
            f"net: {type(net).__name__} is no IsotropicMLP; of an ensemble, change the depth of each "
            "`ensemble.member(k)` and stack them again"
        )
    if not net.isotropic:
        raise ValueError(
            f"activation {net.activation!r} has no alpha that makes a layer linear; only isotropic activations have"
        )
    if type(layer) is not int or not 1 <= layer <= last:
        raise ValueError(f"layer: {layer!r} is not one of 1 to {last}")
