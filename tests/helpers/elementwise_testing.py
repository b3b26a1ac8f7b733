"""What tests of elementwise tanh share: networks as if trained, and each method by its name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from isotropic_testing import inputs, network
from torch import Generator, Tensor
from torch.optim import Optimizer

from isotropic import IsotropicMLP
from isotropic.networks.base import MLP
from isotropic.surgery.elementwise import add_neurons, merge_neurons, net2wider, prune_by_magnitude

WIDTHS, LAYER, N = [5, 6, 7, 4, 3], 2, 7
Draws = Generator | list[Generator]

# Each with `count` neurons more or fewer, random numbers from `draw` where it needs any.
METHODS: dict[str, Callable[[MLP, int, Optimizer | None, Draws], None]] = {
    "net2wider": lambda net, count, o, draw: net2wider(net, LAYER, count, noise=0.0, optimiser=o, generator=draw),
    "net2wider, noise": lambda net, count, o, draw: net2wider(
        net, LAYER, count, noise=0.1, optimiser=o, generator=draw
    ),
    "add": lambda net, count, o, draw: add_neurons(net, LAYER, count, optimiser=o, generator=draw),
    "magnitude": lambda net, count, o, draw: prune_by_magnitude(net, LAYER, count, optimiser=o),
    "magnitude, mean": lambda net, count, o, draw: prune_by_magnitude(
        net, LAYER, count, optimiser=o, inputs=inputs(net)
    ),
    "merge": lambda net, count, o, draw: merge_neurons(net, LAYER, count, optimiser=o),
}
PRUNING = ("magnitude", "magnitude, mean", "merge")


def tanh_network(widths: list[int] = WIDTHS, seed: int = 0, dtype: torch.dtype = torch.float64) -> IsotropicMLP:
    """As if trained: no two neurons alike, no bias zero."""
    net = IsotropicMLP(widths, "tanh", "none", "none", seed=seed, dtype=dtype)
    trained = network(widths, "none", "none", seed, dtype).tensors()
    net.assign({name: trained[name] for name in net.tensors()})
    return net


def draw(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def part(net: MLP, name: str) -> Tensor:
    return net.tensors()[name].clone()
