"""A shallower network inside a deeper one: classes of isotropic networks are nested (Appendix C)."""

from __future__ import annotations

import torch

from isotropic.activations import sigma_of
from isotropic.changes import change
from isotropic.integers import index, whole
from isotropic.networks.activation import isotropic
from isotropic.networks.network import IsotropicMLP, check_dense


@change
def embed(net: IsotropicMLP, layer: int, length: float, width: int | None = None) -> IsotropicMLP:
    """A network with one hidden layer more that computes the same in the limit of a large intrinsic length.

    Behind map l stands a new activation with o = `length` and then the map I / g(o), and the activation that was
    behind map l follows. The new gain is g(||h||^2 + o) = g(o) (1 - ||h||^2 / (2 o) + ...), in the limit a constant
    that the new map divides away: the saturated limit in which a deeper network contains every shallower one
    (Appendix C). The relative error of h is at most ||h||^2 / (2 o) where tanh is saturated.

    Args:
        net: an isotropic network with intrinsic lengths; unchanged.
        layer: l, 1 <= l <= L; with L the new layer stands before the logits.
        length: o of the new layer, > 0.
        width: of the new layer, at least n_l, which is the default; what is beyond is filled with zeros.

    Raises:
        ValueError: elementwise activations, no intrinsic lengths, or layer, length or width out of range.
        TypeError: a network that is no IsotropicMLP.
    """
    layer, width = _checked(net, layer, length, width)
    n = net.widths[layer]
    widths = [*net.widths[:layer], width, *net.widths[layer:]]
    like = net.affine[0].weight
    deeper = IsotropicMLP(
        widths,
        net.treatment.sigma or net.activation,
        net.intrinsic_length,
        net.compensation,
        seed=0,  # of values that are replaced; torch's global generator stays as it is
        dtype=like.dtype,
        device=like.device,
        flatten=net.flatten,
    )
    deeper.treatment = net.treatment
    tensors = {_behind(name, layer): t.clone() for name, t in net.tensors().items()}
    log_o = torch.tensor(length, dtype=torch.float64).log().to(like)
    for name in (f"maps.{layer - 1}.{part}" for part in ("weight", "bias", "psi")):  # rows of zeros beyond n
        if name in tensors:
            t = tensors[name]
            tensors[name] = torch.cat([t, t.new_zeros(width - n, *t.shape[1:])])
    g = isotropic(like.new_zeros(1, 1), sigma_of(net.treatment.named), log_o)[1]
    blank = {name: torch.zeros_like(t) for name, t in deeper.tensors().items() if name.startswith(f"maps.{layer}.")}
    blank[f"maps.{layer}.weight"].fill_diagonal_(float(1 / g))
    deeper.assign(tensors | blank | {f"activations.{layer - 1}.log_o": log_o})
    return deeper


def _behind(name: str, layer: int) -> str:
    """The name of a tensor of the network in one with a map and an activation more behind map `layer`."""
    kind, index, leaf = name.split(".", 2)
    moved = int(index) >= (layer if kind == "maps" else layer - 1)
    return f"{kind}.{int(index) + moved}.{leaf}"


def _checked(net: IsotropicMLP, layer: int, length: float, width: int | None) -> tuple[int, int]:
    check_dense(net, "net")
    if not net.isotropic or net.intrinsic_length == "none":
        raise ValueError(
            f"net: activation {net.activation!r} with intrinsic_length {net.intrinsic_length!r} cannot be saturated; "
            "'isotropic-tanh' with 'constant' or 'trainable'"
        )
    layer = index(layer, "layer", "is not a map of this network", 1, net.depth)
    if not 0 < length < float("inf"):
        raise ValueError(f"length: {length!r} is not a finite number > 0")
    least = net.widths[layer]
    if width is None:
        return layer, least
    if (number := whole(width)) is None or number < least:
        raise ValueError(f"width: {width!r} is not an integer >= {least}, the width of map {layer}")
    return layer, number
