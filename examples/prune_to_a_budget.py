"""Prune a trained network to a budget of parameters, the least important neuron of any layer first.

Run it with `python examples/prune_to_a_budget.py [BUDGET]`.
"""

from __future__ import annotations

import sys

import torch
from digits import accuracy, digits, train

from isotropic import IsotropicMLP, count, prune_to


def size(net: IsotropicMLP) -> str:
    """Parameters and widths, in words."""
    return f"{count(net).parameters} parameters, widths {net.widths}"


def main(budget: int = 1200) -> None:
    """Print the accuracy before, after pruning, and after some further training."""
    x, y, x_test, y_test = digits()
    torch.manual_seed(0)
    net = IsotropicMLP([64, 32, 32, 10], seed=0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.1)
    train(net, optimiser, x, y, epochs=20)
    print(f"{size(net)}: {accuracy(net, x_test, y_test):.1f} %")
    prune_to(net, budget, round_to=1, optimiser=optimiser)
    print(f"{size(net)}: {accuracy(net, x_test, y_test):.1f} % as pruned")
    train(net, optimiser, x, y, epochs=5)
    print(f"{size(net)}: {accuracy(net, x_test, y_test):.1f} % after 5 epochs")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
