"""Train in an ordinary torch loop, and let every hidden layer find its width: `adapt` after each epoch.

Run it with `python examples/train_and_adapt.py`.
"""

from __future__ import annotations

import torch
from digits import accuracy, digits
from torch.nn import functional as F

from isotropic import IsotropicMLP, adapt


def main() -> None:
    """Print the widths and the accuracy after every epoch."""
    x, y, x_test, y_test = digits()
    torch.manual_seed(0)
    net = IsotropicMLP([64, 16, 16, 10], seed=0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.1)
    for epoch in range(1, 11):
        for batch in torch.randperm(len(x)).split(48):
            optimiser.zero_grad()
            loss = F.cross_entropy(net(x[batch]), y[batch]) + net.penalty()
            loss.backward()
            optimiser.step()
        changes = adapt(net, threshold=0.95, scaffold=5, optimiser=optimiser)  # its moments are carried along
        words = ", ".join(f"{change.difference:+d}" for change in changes)
        print(f"epoch {epoch:2}: accuracy {accuracy(net, x_test, y_test):.1f} %, widths {net.widths} ({words})")


if __name__ == "__main__":
    main()
