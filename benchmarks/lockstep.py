"""The engine's side of the comparison: an ensemble of K networks, trained as a worker of the pipeline trains it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.plan import PRECISIONS, Plan, Widths
from isotropic import Ensemble, IsotropicMLP, grow, prune
from pipeline.config import Training
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import load
from pipeline.execution.packing import most_together
from pipeline.seeds import generator
from pipeline.training import engine, optimiser
from pipeline.training.epochs import Epochs

ADAPTED = 2  # the map whose width is adapted


def members(widths: Widths, plan: Plan) -> int:
    """K, the members of an ensemble: as many as the pipeline stacks on a CPU, unless the plan says otherwise."""
    return plan.together or most_together(widths)


class Lockstep:
    """K networks with their optimiser and data.

    Args:
        file: the data set.
        widths: of every network.
        training: hyperparameters.
        members: K.
        number: the seed of the first network; the others count on.
    """

    def __init__(self, file: Path, widths: Widths, training: Training, members: int, number: int = 0) -> None:
        self.data, self.training = load(file), training
        numbers = range(number, number + members)
        self.ensemble = Ensemble([IsotropicMLP(widths, psi_decay=training.psi_decay, seed=k) for k in numbers])
        self.optimiser = optimiser.make(self.ensemble, training)
        self.names: list[tuple[object, ...]] = [("benchmark", k) for k in numbers]
        size = training.batch_size
        batches = Standardiser(self.data, "cpu", torch.float32, rows=members * size)
        self._one_epoch = Epochs(self.ensemble, self.optimiser, batches, size, training.matmul)
        self._epoch, self._order = 0, torch.empty(members, 0, dtype=torch.int64)  # what is left of it: [K, n]

    def steps(self, count: int) -> None:
        """Train all members on their next `count` batches, epoch after epoch, shuffled in each."""
        while count > 0:
            if self._order.shape[1] == 0:
                self._epoch += 1
                self._order = engine.shuffled(self.data, self.names, self._epoch)
            size = self.training.batch_size
            now, self._order = self._order.tensor_split([count * size], dim=1)
            self._one_epoch(now)
            count -= -(-now.shape[1] // size)

    def losses(self, order: Tensor) -> list[list[float]]:
        """Train on the images in the order [K, n]; the cross-entropy of each member before each step, in nats."""
        return [self._one_epoch(some).tolist() for some in order.split(self.training.batch_size, dim=1)]

    def images(self) -> tuple[int, int]:
        """Numbers of training and test images."""
        return len(self.data.train), len(self.data.test)

    def accuracies(self, epochs: int) -> list[float]:
        """Percent of the test set that each member has right after so many epochs."""
        training = self.training
        arguments = (self.data, epochs, training.batch_size, self.names, training.matmul)
        *_, last = engine.train(self.ensemble, self.optimiser, *arguments)
        return list(last.test_accuracy.tolist())

    def epoch(self) -> tuple[float, float, float]:
        """Seconds of an epoch with its evaluation of the test set, of the evaluation alone, and of an adaptation.

        The adaptation removes one neuron of map ADAPTED from every member, with its moments. It is given back
        afterwards, untimed: the next epoch shall be of the same widths.
        """
        size, matmul = self.training.batch_size, self.training.matmul
        epochs = engine.train(self.ensemble, self.optimiser, self.data, 1, size, self.names, matmul)
        times = [time.perf_counter()]
        next(epochs)  # the evaluation before training
        times.append(time.perf_counter())
        next(epochs)
        times.append(time.perf_counter())
        prune(self.ensemble, ADAPTED, 1, optimiser=self.optimiser)
        times.append(time.perf_counter())
        columns = [generator(*name, "columns") for name in self.names]
        grow(self.ensemble, ADAPTED, 1, optimiser=self.optimiser, generator=columns)
        evaluation, epoch, adaptation = (b - a for a, b in pairwise(times))
        return epoch, evaluation, adaptation


class Several:
    """Ensembles of different numbers of members, to be compared in one process.

    Args:
        file, widths, training: as in Lockstep.
        members: of each ensemble.
    """

    def __init__(self, file: Path, widths: Widths, training: Training, members: Sequence[int]) -> None:
        self.ensembles = {k: Lockstep(file, widths, training, k) for k in members}

    def steps(self, count: int, members: int) -> None:
        """Train the ensemble with so many members on its next `count` batches."""
        self.ensembles[members].steps(count)


class Precisions:
    """The same ensemble once for each precision of its products, to be compared in one process.

    Args:
        file, widths, training, members: as in Lockstep.
    """

    def __init__(self, file: Path, widths: Widths, training: Training, members: int) -> None:
        self.ensembles = {
            matmul: Lockstep(file, widths, training.model_copy(update={"matmul": matmul}), members)
            for matmul in PRECISIONS
        }

    def steps(self, count: int, matmul: str) -> None:
        """Train the ensemble with these products on its next `count` batches."""
        self.ensembles[matmul].steps(count)
