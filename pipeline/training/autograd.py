"""Training one network by autograd: of those that have no backward pass in closed form, such as those of kernels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset
from pipeline.model.base import MLP
from pipeline.training.checkpoint import Phase, unkept
from pipeline.training.divergence import stop_diverged
from pipeline.training.engine import Epoch, shuffled
from pipeline.training.measures import accuracy, cross_entropy, logits


def train(
    net: MLP,
    optimiser: Optimizer,
    data: Dataset,
    epochs: int,
    batch_size: int,
    stream: tuple[object, ...],
    phase: Phase | None = None,
) -> Iterator[Epoch]:
    """As `engine.train`, for one network: its epochs have tensors [1], as those of an ensemble of one.

    Args:
        net, optimiser: a network, and an optimiser on its parameters.
        data: on the network's device.
        epochs, batch_size: the last short batch of an epoch is kept.
        stream: the order of samples in an epoch is drawn from seed(*stream, "order", epoch).
        phase: of a job, whose checkpoints this training goes on from.
    """
    phase = phase or unkept()
    phase.training(net, optimiser)
    weight = net.affine[0].weight
    batches = Standardiser(data, weight.device, weight.dtype, rows=batch_size)
    for number in phase.each(range(epochs + 1)):
        order = shuffled(data, [stream], number) if number > 0 else None
        loss = None if order is None else _one_epoch(net, optimiser, batches, order.split(batch_size, dim=1), phase)
        yield _measured(net, optimiser, data, number, loss)


def step(net: MLP, optimiser: Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """One step on inputs x [B, n_0] and labels y [B]: the cross-entropy before it, [], without the penalty on psi."""
    optimiser.zero_grad()
    loss = functional.cross_entropy(net.trace(x)[0], y)
    (loss + net.penalty()).backward()
    optimiser.step()
    return loss.detach()


def _one_epoch(
    net: MLP, optimiser: Optimizer, batches: Standardiser, order: tuple[Tensor, ...], phase: Phase
) -> Tensor:
    """Train on batches of samples, [1, B] each: the mean cross-entropy as it went, []."""
    total = torch.zeros((), dtype=torch.float64, device=order[0].device)
    for chosen in phase.parts(order, total):
        x, y = batches.gather(chosen)  # [1, B, D], [1, B]
        total.add_(step(net, optimiser, x[0], y[0]), alpha=chosen.shape[1])
    return total / sum(chosen.shape[1] for chosen in order)


def _measured(net: MLP, optimiser: Optimizer, data: Dataset, number: int, train_loss: Tensor | None) -> Epoch:
    z, labels = logits(net, data), data.test.labels
    test_loss = cross_entropy(z, labels)
    diverged = stop_diverged(net, optimiser, [test_loss] if train_loss is None else [train_loss, test_loss])
    before = None if train_loss is None else train_loss[None]
    return Epoch(number, before, test_loss[None], accuracy(z, labels)[None], diverged[None])
