"""What the examples share: scikit-learn's 8 x 8 digits as tensors, and a loop that trains on them."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from isotropic import IsotropicMLP


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs, standardised by pixel, and labels: [1437, 64] and [1437] to train, [360, 64] and [360] to test."""
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32), torch.tensor(labels)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    mean, deviation = x[train].mean(0), x[train].std(0).clamp_min(1e-3)
    x = (x - mean) / deviation
    return x[train], y[train], x[test], y[test]


def train(net: IsotropicMLP, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor, epochs: int) -> None:
    """Epochs of an ordinary loop, in batches of 48; `penalty` is the decay of the compensatory vectors."""
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(48):
            optimiser.zero_grad()
            loss = F.cross_entropy(net(x[batch]), y[batch]) + net.penalty()
            loss.backward()
            optimiser.step()


@torch.no_grad()
def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Percent of samples whose largest logit is the label's."""
    return 100 * (net(x).argmax(-1) == y).float().mean().item()
