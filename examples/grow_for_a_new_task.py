"""Grow a trained network for a new task: it first learns the digits 0 to 4, then all ten, with twice the neurons.

Run it with `python examples/grow_for_a_new_task.py`.
"""

from __future__ import annotations

import torch
from digits import accuracy, digits, train

from isotropic import IsotropicMLP, grow


def main() -> None:
    """Print the accuracy on both tasks before and after, and what growing changed."""
    x, y, x_test, y_test = digits()
    torch.manual_seed(0)
    net = IsotropicMLP([64, 8, 8, 10], seed=0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    few, few_test = y < 5, y_test < 5
    train(net, optimiser, x[few], y[few], epochs=10)
    print(f"0 to 4 learned: {accuracy(net, x_test[few_test], y_test[few_test]):.1f} % with widths {net.widths}")

    before = net(x_test).detach()
    for layer in (2, 1):
        grow(net, layer, count=8, optimiser=optimiser)
    change = (net(x_test) - before).norm(dim=-1).mean().item()
    print(f"grown to {net.widths}: the logits moved by {change:.1e}")

    train(net, optimiser, x, y, epochs=10)
    print(f"all ten learned: {accuracy(net, x_test, y_test):.1f} %")


if __name__ == "__main__":
    main()
