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

Make = Callable[[MLP], Optimizer]
_COMMON = "step"  # a state that all members of an ensemble share: they are trained in lockstep


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
                own.state[parameter] = {key: _slice(key, t, k, parameter) for key, t in state.items()}
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
        if keys := {key for state in states for key, t in state.items() if t is not None}:
            optimiser.state[parameter] = {key: _join(key, [s.get(key) for s in states], parameter) for key in keys}
    return ensemble, optimiser


def _slice(key: str, t: Tensor | None, k: int, parameter: Tensor) -> Tensor | None:
    """Member k's part of a state, of the shape of its parameter."""
    if t is None or key == _COMMON:
        return t if t is None else t.clone()
    return t[k][tuple(slice(n) for n in parameter.shape)].clone()


def _join(key: str, states: Sequence[Tensor | None], parameter: Tensor) -> Tensor:
    """The members' parts of a state, in a tensor of the shape of the stacked parameter."""
    known = [(k, t) for k, t in enumerate(states) if t is not None]
    if key == _COMMON:
        steps = {float(t) for _, t in known}
        if len(steps) > 1:
            raise ValueError(f"parts: members that took {', '.join(f'{n:g}' for n in sorted(steps))} steps")
        return known[0][1].clone()
    joined = torch.zeros_like(parameter)
    for k, t in known:
        joined[k][tuple(slice(n) for n in t.shape)] = t
    return joined.detach()
