"""Training on several tasks at once, of which only some count, and what is measured of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from isotropic.networks.base import MLP
from isotropic.networks.ensemble import Ensemble
from isotropic.training.gradient import block_cross_entropy
from isotropic.training.measures import correct, cross_entropy, percent
from isotropic.training.products import multiplying
from isotropic.training.train_step import TrainStep
from pipeline.data.tasks import Tasks
from pipeline.training.checkpoint import Phase, unkept
from pipeline.training.engine import shuffled


def one_epoch(
    ensemble: Ensemble,
    optimiser: Optimizer,
    tasks: Tasks,
    active: Collection[str],
    number: int,
    batch_size: int,
    streams: Sequence[tuple[object, ...]],
    matmul: str = "float32",
    phase: Phase | None = None,
) -> Tensor:
    """Train on every sample of the active tasks once; the loss is the mean of their cross-entropies.

    Args:
        ensemble, optimiser: K networks, and an optimiser on their parameters.
        tasks: all of equal length.
        active: names of the data sets that count; at least one.
        number: of the epoch.
        batch_size: samples of each task in a step; a last, shorter step is dropped.
        streams: one name per member; its order of a task's samples is drawn from seed(*name, task, "order",
            number).
        matmul: how matrices are multiplied, "float32", "tf32" or "bf16" (`products.py`).
        phase: of a job; each step is a part of it.

    Returns:
        The mean loss over the epoch's steps as it went, [K], in nats.
    """
    orders = [
        shuffled(each, [(*name, each.name) for name in streams], number) if each.name in active else None
        for each in tasks.data
    ]
    inputs, labels = (
        [block for block, order in zip(blocks, orders, strict=True) if order is not None]
        for blocks in (tasks.inputs, tasks.labels)
    )
    train_step = TrainStep(ensemble, optimiser, block_cross_entropy(labels), inputs, matmul)
    steps = len(tasks.data[0].train) // batch_size
    total = torch.zeros(len(ensemble), dtype=torch.float64, device=ensemble.affine[0].weight.device)
    with multiplying(matmul):
        for step in (phase or unkept()).parts(range(steps), total):
            here = slice(step * batch_size, (step + 1) * batch_size)
            x, y = tasks.gather([None if order is None else order[:, here] for order in orders])
            total.add_(train_step(x, y))
    return total / steps


@torch.no_grad()
def measured(net: MLP, tasks: Tasks) -> dict[str, dict[str, Tensor]]:
    """Task -> `test_accuracy` (percent) and `test_loss` (nats), [*K] each, over its test set and its own classes.

    And `correct`, boolean [*K, N]: which images of its test set are right.
    """
    found = {}
    for number, (each, inputs, block) in enumerate(zip(tasks.data, tasks.inputs, tasks.labels, strict=True)):
        z = torch.cat([net.trace(x, inputs)[0][..., block] for x in tasks.test(number)], dim=-2)  # [*K, N, C]
        labels, right = each.test.labels, correct(z, each.test.labels)
        values = {"test_accuracy": percent(right), "test_loss": cross_entropy(z, labels)}
        found[each.name] = values | {"correct": right}
    return found
