"""Saved states: a network's treatments beside its tensors, and a network made to fit the state that it is given.

What a state holds of a network besides its parameters and buffers is JSON in a tensor of bytes, so that
`torch.load(..., weights_only=True)` and formats that know nothing but tensors keep it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from isotropic.activations import ACTIVATIONS
from isotropic.networks.activation import Isotropic
from isotropic.successors import follow

if TYPE_CHECKING:
    from isotropic.networks.base import MLP

Network = TypeVar("Network", bound=nn.Module)
EXTRA = "_extra_state"  # torch's name for it
_WRAPPERS = re.compile(r"(?:(?:module|_orig_mod)\.)+")  # DistributedDataParallel, AveragedModel, torch.compile


def packed(known: dict[str, Any]) -> Tensor:
    """As bytes in a tensor on the CPU, of floats, so that averages that are taken of whole states can be taken."""
    return torch.tensor(list(json.dumps(known).encode()), dtype=torch.float32, device="cpu")


def unpacked(t: Tensor | None) -> dict[str, Any]:
    """What `packed` was given; nothing of None, or of a tensor without data. An average of states may hold floats."""
    if t is None or t.is_meta:
        return {}
    try:
        known: dict[str, Any] = json.loads(bytes(t.detach().cpu().double().round().to(torch.uint8).tolist()))
    except ValueError as e:
        raise ValueError(f"state: its {EXTRA!r} is not what a network of this library saves ({e})") from e
    return known


def unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state without what DDP, torch.compile and AveragedModel put before its names, and the latter's count.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            f"state: a {type(state).__name__} is no state; give net.state_dict(), or what torch.load makes of a file"
        )
    inside = {_WRAPPERS.sub("", name): t for name, t in state.items() if _WRAPPERS.match(name)}
    return inside or dict(state)


def known_of(state: Mapping[str, Tensor], changed: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What a state says of its network, with what the caller knows better.

    Raises:
        ValueError: it says nothing, or is of another kind of network.
    """
    known = unpacked(state.get(EXTRA))
    within = [name.removesuffix(EXTRA) for name in state if name.endswith(f".{EXTRA}")]
    if not known and within:
        raise ValueError(
            f"state: is of a larger model, with networks under {', '.join(map(repr, within))}; give the part of one, "
            f"under names without {within[0]!r}"
        )
    if not known and not changed:
        raise ValueError(
            f"state: has no {EXTRA!r} ({_first(state)}); one of an earlier version has none: "
            f"give its treatments, as in {kind}.from_state_dict(state, intrinsic_length='trainable', "
            "compensation='trainable+decay')"
        )
    check_kind(known, kind)
    return known | dict(changed)


def check_kind(known: Mapping[str, Any], kind: str) -> None:
    """Raise a ValueError if a state is not of a network of this kind."""
    if known.get("kind", kind) != kind:
        raise ValueError(f"state: is of {known['kind']}, not of {kind}; {known['kind']}.from_state_dict reads it")


def widths_of(state: Mapping[str, Tensor]) -> list[int]:
    """n_0 .. n_L of a state with maps.0.weight ..., [*P, n_l, n_{l-1}].

    Raises:
        ValueError: it has no maps, or they do not follow each other.
    """
    weights = _weights(state)
    if not weights:
        raise ValueError(f"state: has no maps.0.weight; {_first(state)}")
    widths = [weights[0].shape[-1]]
    for index, weight in enumerate(weights):
        if weight.shape[-1] != widths[-1]:
            raise ValueError(
                f"state: maps.{index}.weight takes {weight.shape[-1]} numbers, and the map before gives {widths[-1]}"
            )
        widths.append(weight.shape[-2])
    for name, t in state.items():
        match = re.fullmatch(r"maps\.(\d+)\.(bias|psi)", name)
        if match and t.shape[-1] != (n := widths[int(match[1]) + 1]):
            raise ValueError(f"state: {name} has {t.shape[-1]} entries, and its map {n}")
    return widths


def _first(state: Mapping[str, Tensor]) -> str:
    return f"its first names are {', '.join(map(str, list(state)[:3])) or 'none'}"


@torch.inference_mode(mode=False)  # in which parameters could not be trained afterwards
def fit(net: MLP, state: Mapping[str, Tensor]) -> None:
    """Give `net` the depth and the hidden widths of a state that is about to be loaded into it.

    What has the right shape already stays as it is. A parameter of another shape is replaced; an optimiser that goes
    on with the old one warns.

    Raises:
        ValueError: the state has another input or output, another kernel, or of a network with kernels or of an
            ensemble another depth, or lacks a part of what carries a width that changes. Nothing is changed.
    """
    weights = _weights(state)
    if not weights or any(w.ndim != net.affine[0].weight.ndim for w in weights):
        return  # torch says what is missing, or of another kind
    widths = widths_of(state)
    if (widths[0], widths[-1]) != (net.widths[0], net.widths[-1]):
        raise ValueError(
            f"state: its widths are {widths}, and this network goes from {net.widths[0]} to {net.widths[-1]}; "
            "only hidden widths and the depth are changed to fit"
        )
    if len(weights) != net.depth and not net.can_deepen:
        raise ValueError(f"state: has {len(weights)} maps, and this {type(net).__name__} {net.depth}")
    for index, (w, affine) in enumerate(zip(weights, net.affine, strict=False)):
        if w.shape[:-2] != affine.weight.shape[:-2]:
            raise ValueError(
                f"state: maps.{index}.weight is {list(w.shape)}, and this network's {list(affine.weight.shape)}; "
                "only hidden widths and the depth are changed to fit"
            )
    _check_whole(net, state, widths)
    before = dict(net.named_parameters())
    if len(weights) != net.depth:
        net.redepth(len(weights))
    fit_alphas(net.activations, state)
    own, rows = net.tensors(), {row.tensor for layer in range(1, net.depth) for row in net.axes(layer)}
    shaped = rows | {name for name in own if name.startswith("maps.")}  # with another depth the last map is another
    net.assign(
        {
            name: own[name].new_empty(state[name].shape)
            for name in sorted(shaped & own.keys() & state.keys())
            if own[name].shape != state[name].shape and own[name].ndim == state[name].ndim
        }
    )
    follow(before, dict(net.named_parameters()))


def _check_whole(net: MLP, state: Mapping[str, Tensor], widths: list[int]) -> None:
    """Raise a ValueError if a state of other widths or depth lacks what these shape: it would not fit the rest."""
    if len(widths) - 1 != net.depth:
        has_psi = any(treatment.has_psi for treatment in net.treatments)
        needed = [f"maps.{number}.bias" for number in range(len(widths) - 1)]
        needed += [f"maps.{number}.psi" for number in range(1, len(widths) - 1) if has_psi]
    else:
        own = net.tensors()
        changing = [layer for layer in range(1, net.depth) if widths[layer] != net.widths[layer]]
        needed = [row.tensor for layer in changing for row in net.axes(layer) if row.tensor in own]
    missing = next((name for name in needed if name not in state), None)
    if missing is not None:
        raise ValueError(
            f"state: is of widths {widths} and has no {missing}, so that this network, of {net.widths}, cannot take "
            "them; give a state of the whole network"
        )


def fit_alphas(activations: nn.ModuleList, state: Mapping[str, Tensor]) -> None:
    """Let the activations have an alpha where a state has one, and nowhere else."""
    for index, activation in enumerate(activations):
        name = f"activations.{index}.alpha"
        if isinstance(activation, Isotropic) and (name in state) != (activation.alpha is not None):
            activation.alpha = torch.empty_like(activation.log_o) if name in state else None


def _weights(state: Mapping[str, Tensor]) -> list[Tensor]:
    found: list[Tensor] = []
    while (name := f"maps.{len(found)}.weight") in state:
        found.append(state[name])
    return found


def filled(net: Network, state: Mapping[str, Tensor]) -> Network:
    """A network on the device "meta" with copies of a state's tensors."""
    net.load_state_dict({name: t.detach().clone() for name, t in state.items()}, assign=True)
    return net


def arguments(known: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments of a network's constructor in what a state says of it: shapes alone, in the state's dtype.

    Raises:
        ValueError: the activation is somebody's own, and was not given.
    """
    activation = known.get("activation")
    if isinstance(activation, str) and activation not in ACTIVATIONS:
        raise ValueError(f"state: its activation {activation!r} is none of the library's; give activation=")
    floating = next(t.dtype for name, t in state.items() if t.is_floating_point() and name != EXTRA)
    given = {name: value for name, value in known.items() if name != "kind"}
    return {"dtype": floating, "device": "meta"} | given
