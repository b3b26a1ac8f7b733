"""Prune a trained network to a budget of parameters, always the least important neuron of any layer next.

Run it with `python examples/prune_to_a_budget.py [BUDGET]`.
"""

from __future__ import annotations

import sys

import torch
from digits import accuracy, digits, train

from isotropic import IsotropicMLP, prune


def parameters(net: IsotropicMLP) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in net.parameters())


def least_important(net: IsotropicMLP) -> int:
    """The hidden layer whose map has the smallest singular value; a width beyond the rank counts as 0."""
    smallest = {}
    for layer in range(1, net.depth):
        weight = net.affine[layer - 1].weight.detach()
        values = torch.linalg.svdvals(weight)
        smallest[layer] = 0.0 if weight.shape[0] > len(values) else values[-1].item()
    return min((layer for layer in smallest if net.widths[layer] > 1), key=lambda layer: smallest[layer])


def main(budget: int = 1200) -> None:
    """Print the accuracy before, after pruning, and after some further training."""
    x, y, x_test, y_test = digits()
    torch.manual_seed(0)
    net = IsotropicMLP([64, 32, 32, 10], seed=0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.1)
    train(net, optimiser, x, y, epochs=20)
    print(f"{parameters(net)} parameters, widths {net.widths}: {accuracy(net, x_test, y_test):.1f} %")
    while parameters(net) > budget:
        if net.widths[1:-1] == [1, 1]:
            raise SystemExit(f"budget: {budget}, but one neuron a layer already has {parameters(net)} parameters")
        prune(net, least_important(net), count=1, optimiser=optimiser)
    print(f"{parameters(net)} parameters, widths {net.widths}: {accuracy(net, x_test, y_test):.1f} % as pruned")
    train(net, optimiser, x, y, epochs=5)
    print(f"{parameters(net)} parameters, widths {net.widths}: {accuracy(net, x_test, y_test):.1f} % after 5 epochs")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
