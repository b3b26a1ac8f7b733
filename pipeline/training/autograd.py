"""The training loop for one network of any kind, by autograd.

For what the closed-form gradient of ensembles does not know, such as normalisers and kernels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from isotropic.networks.base import MLP
from isotropic.training.measures import correct, cross_entropy
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset
from pipeline.training.checkpoint import Phase, unkept
from pipeline.training.engine import Epoch, shuffled

_TOGETHER = 1000  # test samples at once


def train(
    net: nn.Module,
    optimiser: Optimizer,
    data: Dataset,
    epochs: int,
    batch_size: int,
    stream: tuple[object, ...],
    phase: Phase | None = None,
) -> Iterator[Epoch]:
    """Train, yielding at the initialisation and after every epoch; between yields the network may be changed.

    As `engine.train` does it for an ensemble, with the same order of samples for the same stream. The network is in
    training during an epoch and evaluating when it is yielded. If it diverges, it is set to zero.

    Args:
        net, optimiser: x [B, D] -> logits [B, C], and an optimiser on its parameters.
        data: on the network's device.
        epochs, batch_size: the last short batch of an epoch is kept, unless it is a single sample: that has no
            variance, which a normaliser needs.
        stream: names the order of samples.
        phase: of a job, whose checkpoints this training goes on from; what was yielded before is not yielded again.

    Yields:
        What is known after an epoch, [1] each.
    """
    phase = phase or unkept()
    phase.training(net, optimiser)
    weight = next(net.parameters())
    batches = Standardiser(data, weight.device, weight.dtype, rows=batch_size)
    for number in phase.each(range(epochs + 1)):
        loss = _epoch(net, optimiser, batches, shuffled(data, [stream], number), phase) if number > 0 else None
        net.eval()
        z, labels = logits(net, data), data.test.labels
        test_loss = cross_entropy(z, labels)[None]
        losses = [test_loss] if loss is None else [loss, test_loss]
        if stopped := not _finite([*losses, *net.parameters(), *net.buffers()]):
            _stop(net, optimiser)
        yield Epoch(number, loss, test_loss, correct(z, labels)[None], torch.tensor([stopped]))


def step(net: nn.Module, optimiser: Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """One step on a batch x [B, D], y [B]: the mean cross-entropy before it, without the penalty on psi."""
    optimiser.zero_grad()
    loss = functional.cross_entropy(net(x), y)
    (loss + net.penalty() if isinstance(net, MLP) else loss).backward()
    optimiser.step()
    return loss.detach()


@torch.no_grad()
def logits(net: nn.Module, data: Dataset) -> Tensor:
    """z [N, C] over the whole test set, in the network's dtype."""
    weight = next(net.parameters())
    samples = Standardiser(data, weight.device, weight.dtype, rows=_TOGETHER)
    return torch.cat([net(x) for x, _ in samples.in_order("test")])


def _epoch(net: nn.Module, optimiser: Optimizer, batches: Standardiser, order: Tensor, phase: Phase) -> Tensor:
    """Train on every sample once, in the order [1, N], a part of the phase a step; the mean cross-entropy, [1]."""
    net.train()
    several = [chosen for chosen in order.split(batches.rows, dim=1) if chosen.shape[1] > 1]
    total = torch.zeros(1, dtype=torch.float64, device=order.device)
    for chosen in phase.parts(several, total):
        x, y = batches.gather(chosen)  # [1, B, D], [1, B]
        total += step(net, optimiser, x[0], y[0]) * chosen.shape[1]
    return total / sum(chosen.shape[1] for chosen in several)


def _finite(tensors: Sequence[Tensor]) -> bool:
    """Whether all numbers are; -inf is let pass, as the logarithm of an intrinsic length of 0."""
    return not bool(torch.stack([(t.isnan() | t.isposinf()).any() for t in tensors]).any())  # a GPU is asked once


@torch.no_grad()
def _stop(net: nn.Module, optimiser: Optimizer) -> None:
    """Set a network that diverged to zero with its moments: what is not finite cannot be measured."""
    moments = [t for state in optimiser.state.values() for key, t in state.items() if key != "step"]
    for t in [*net.parameters(), *net.buffers(), *moments]:
        if t is not None:
            t.zero_()
