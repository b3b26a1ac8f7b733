"""The training loop: K networks in lockstep, each with its own order of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.optim import Optimizer

from isotropic.networks.ensemble import Ensemble
from isotropic.training.measures import correct, cross_entropy, percent
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset
from pipeline.seeds import generator
from pipeline.training.checkpoint import Phase, unkept
from pipeline.training.divergence import stop_diverged
from pipeline.training.epochs import Epochs
from pipeline.training.evaluation import logits


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch, [K] each but for `correct`.

    Attributes:
        number: epochs trained so far; 0 is the initialisation.
        train_loss: mean cross-entropy over the epoch's samples as they were seen, nats; None at 0.
        test_loss: mean cross-entropy over the test set, nats.
        correct: which images of the test set each member has right, boolean [K, N].
        diverged: which members were stopped in this epoch, boolean.
    """

    number: int
    train_loss: Tensor | None
    test_loss: Tensor
    correct: Tensor
    diverged: Tensor

    @cached_property
    def test_accuracy(self) -> Tensor:
        """Percent of the test set."""
        return percent(self.correct)

    def halves(self) -> tuple[Epoch, Epoch]:
        """The same of the first and of the second half of the members."""
        train_loss = (None, None) if self.train_loss is None else self.train_loss.chunk(2)
        rest = (t.chunk(2) for t in (self.test_loss, self.correct, self.diverged))
        first, second = zip(train_loss, *rest, strict=True)
        return Epoch(self.number, *first), Epoch(self.number, *second)

    def measures(self) -> dict[str, Tensor]:
        """What there is, by the names used in rows."""
        known = {"test_loss": self.test_loss, "test_accuracy": self.test_accuracy}
        return known if self.train_loss is None else {"train_loss": self.train_loss, **known}


def train(
    ensemble: Ensemble,
    optimiser: Optimizer,
    data: Dataset,
    epochs: int,
    batch_size: int,
    streams: Sequence[tuple[object, ...]],
    matmul: str = "float32",
    phase: Phase | None = None,
) -> Iterator[Epoch]:
    """Train, yielding at the initialisation and after every epoch; between yields the ensemble may be changed.

    A member that diverges is stopped (`stop_diverged`), and the others go on.

    Args:
        ensemble, optimiser: K networks, and an optimiser on their parameters.
        data: on the ensemble's device.
        epochs, batch_size: the last short batch of an epoch is kept.
        streams: one name per member; member k's order in an epoch is drawn from seed(*streams[k], "order",
            epoch), so it depends neither on the other members nor on what ran before.
        matmul: how matrices are multiplied in training, "float32", "tf32" or "bf16" (`products.py`).
        phase: of a job, whose checkpoints this training goes on from; what was yielded before is not yielded again.
    """
    phase = phase or unkept()
    phase.training(ensemble, optimiser)
    weight = ensemble.affine[0].weight
    batches = Standardiser(data, weight.device, weight.dtype, rows=len(ensemble) * batch_size)
    one_epoch = Epochs(ensemble, optimiser, batches, batch_size, matmul)
    for number in phase.each(range(epochs + 1)):
        loss = one_epoch(shuffled(data, streams, number), phase) if number > 0 else None
        yield _measured(ensemble, optimiser, data, number, loss)


def shuffled(data: Dataset, streams: Sequence[tuple[object, ...]], number: int) -> Tensor:
    """The order [K, N] of the training samples in epoch `number`, drawn for each member from its own stream."""
    orders = [torch.randperm(len(data.train), generator=generator(*names, "order", number)) for names in streams]
    return torch.stack(orders).to(data.train.labels.device)


def _measured(
    ensemble: Ensemble, optimiser: Optimizer, data: Dataset, number: int, train_loss: Tensor | None
) -> Epoch:
    z, labels = logits(ensemble, data), data.test.labels
    test_loss = cross_entropy(z, labels)
    diverged = stop_diverged(ensemble, optimiser, [test_loss] if train_loss is None else [train_loss, test_loss])
    return Epoch(number, train_loss, test_loss, correct(z, labels), diverged)
