"""Ways to grow and to prune a hidden width, isotropic and other, by the names that they have in rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pipeline  # of which functions are resolved on first use: the names of the methods need no torch

if TYPE_CHECKING:
    from torch import Generator
    from torch.optim import Optimizer

    from isotropic.networks.base import MLP
    from isotropic.surgery.activation_stats import Inputs


@dataclass(frozen=True)
class Means:
    """What a method may use.

    Attributes:
        optimiser: whose moments are carried along, or None.
        draws: random numbers, a generator for each member.
        inputs: over which a method takes means.
        columns: of new isotropic neurons, as in `grow`.
        noise: of Net2Wider with noise, as in `net2wider`.
    """

    optimiser: Optimizer | None
    draws: Sequence[Generator]
    inputs: Inputs
    columns: str
    noise: float


@dataclass(frozen=True)
class Method:
    """A way to change a width.

    Attributes:
        kind: of the networks that it is for, "isotropic" or "tanh".
        grows: whether it adds neurons or removes some.
        apply: with a network or an ensemble, the layer, and how many neurons.
    """

    kind: str
    grows: bool
    apply: Callable[[MLP, int, int, Means], object]


METHODS = {
    "isotropic growing": Method(
        "isotropic",
        True,
        lambda net, layer, count, by: pipeline.grow(
            net, layer, count, basis="singular", columns=by.columns, optimiser=by.optimiser, generator=by.draws
        ),
    ),
    "Net2Wider": Method(
        "tanh",
        True,
        lambda net, layer, count, by: pipeline.net2wider(
            net, layer, count, noise=0.0, optimiser=by.optimiser, generator=by.draws
        ),
    ),
    "Net2Wider with noise": Method(
        "tanh",
        True,
        lambda net, layer, count, by: pipeline.net2wider(
            net, layer, count, noise=by.noise, optimiser=by.optimiser, generator=by.draws
        ),
    ),
    "random neurons": Method(
        "tanh",
        True,
        lambda net, layer, count, by: pipeline.add_neurons(
            net, layer, count, optimiser=by.optimiser, generator=by.draws
        ),
    ),
    "isotropic pruning": Method(
        "isotropic",
        False,
        lambda net, layer, count, by: pipeline.prune(net, layer, count, optimiser=by.optimiser, inputs=by.inputs),
    ),
    "magnitude": Method(
        "tanh",
        False,
        lambda net, layer, count, by: pipeline.prune_by_magnitude(net, layer, count, optimiser=by.optimiser),
    ),
    "magnitude with mean": Method(
        "tanh",
        False,
        lambda net, layer, count, by: pipeline.prune_by_magnitude(
            net, layer, count, optimiser=by.optimiser, inputs=by.inputs
        ),
    ),
    "merging": Method(
        "tanh", False, lambda net, layer, count, by: pipeline.merge_neurons(net, layer, count, optimiser=by.optimiser)
    ),
}

OVER_DATA = ("magnitude with mean",)  # those that take a mean over inputs, whatever the network


def methods(kind: str, change: int) -> list[str]:
    """The methods that add (positive) or remove (negative) neurons of such networks."""
    return [name for name, each in METHODS.items() if each.kind == kind and each.grows == (change > 0)]
