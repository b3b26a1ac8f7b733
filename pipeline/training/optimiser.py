"""The optimiser of a profile."""

from __future__ import annotations

from torch.optim import SGD, Adam, AdamW, Optimizer

from pipeline.config import Training
from pipeline.model.base import MLP


def make(net: MLP, settings: Training) -> Optimizer:
    """AdamW, Adam or SGD on every parameter, with torch's fused kernels; betas and eps are torch's defaults.

    Lockstep needs no more than this: each member's loss depends on its own slice of a stacked parameter, and
    all three optimisers act on each entry alone.
    """
    kind = {"adamw": AdamW, "adam": Adam, "sgd": SGD}[settings.optimiser]
    return kind(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
