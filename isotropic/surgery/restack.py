"""Ensembles with their optimisers taken apart into networks, and put together again.

Members whose widths change each in their own way are trained stacked, taken apart, changed, and stacked again at
the widths that they then have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from isotropic.networks.base import MLP
from isotropic.networks.ensemble import Ensemble
from isotropic.networks.network import IsotropicMLP
from isotropic.optimisers import kind_of

Make = Callable[[MLP], Optimizer]


def _common(key: str, optimiser: Optimizer) -> bool:
    """Whether a state is one that all members of an ensemble share, as they are trained in lockstep: of power 0."""
    kind = kind_of(optimiser)
    return kind is not None and kind.powers.get(key) == 0


def unstack(ensemble: Ensemble, optimiser: Optimizer, make: Make) -> list[tuple[IsotropicMLP, Optimizer]]:
    """Each member with an optimiser of its own, whose moments are the member's slice of the ensemble's.

    Args:
        ensemble, optimiser: K networks, and an optimiser on their parameters; both are left as they are.
        make: an optimiser without state for a network's parameters. Its settings, such as the learning rate, are
            taken from here and not from `optimiser`.
    """
    stacked = dict(ensemble.named_parameters())
    parts = []
    for k in range(len(ensemble)):
        net = ensemble.member(k)
        own = make(net)
        for name, parameter in net.named_parameters():
            state = optimiser.state.get(stacked[name], {})
            if state:
                own.state[parameter] = {
                    key: _slice(t, k, parameter, _common(key, optimiser)) for key, t in state.items()
                }
        parts.append((net, own))
    return parts


def restack(parts: Sequence[tuple[IsotropicMLP, Optimizer]], make: Make) -> tuple[Ensemble, Optimizer]:
    """The ensemble of some networks, with an optimiser that goes on from their moments, padded with zeros.

    Args:
        parts: networks, each with an optimiser on its parameters; they are left as they are.
        make: as in `unstack`.

    Raises:
        ValueError: the networks cannot be stacked, or have not taken equally many steps.
    """
    ensemble = Ensemble([net for net, _ in parts])
    optimiser = make(ensemble)
    own = [dict(net.named_parameters()) for net, _ in parts]
    for name, parameter in ensemble.named_parameters():
        # A member that does not train this parameter has no state of it, and is kept from using any.
        states = [
            each.state.get(params[name], {}) if name in params else {}
            for params, (_, each) in zip(own, parts, strict=True)
        ]
        for key in {key: None for state in states for key, t in state.items() if t is not None}:
            parted, begun = [state.get(key) for state in states], optimiser.state[parameter]
            padding = begun.get(key, torch.zeros_like(parameter)).detach()  # as Adagrad's sums begin
            begun[key] = _shared(key, parted) if _common(key, optimiser) else _join(parted, padding)
    return ensemble, optimiser


def _slice(t: Tensor | None, k: int, parameter: Tensor, common: bool) -> Tensor | None:
    """Member k's part of a state, of the shape of its parameter."""
    if t is None or common:
        return t if t is None else t.clone()
    return t[k][tuple(slice(n) for n in parameter.shape)].clone()


def _shared(key: str, states: Sequence[Tensor | None]) -> Tensor:
    """The one value that all members have."""
    known = [t for t in states if t is not None]
    values = {float(t) for t in known}
    if len(values) > 1:
        taken = ", ".join(f"{n:g}" for n in sorted(values))
        raise ValueError(f"parts: members that took {taken} steps" if key == "step" else f"parts: {key} is {taken}")
    return known[0].clone()


def _join(states: Sequence[Tensor | None], padding: Tensor) -> Tensor:
    """The members' parts of a state, in a copy of a tensor of the shape of the stacked parameter."""
    joined = padding.clone()
    for k, t in enumerate(states):
        if t is not None:
            joined[k][tuple(slice(n) for n in t.shape)] = t
    return joined
