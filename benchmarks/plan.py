"""What is measured: the networks, the sizes of the data, and how long and how often."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Training

Widths = tuple[int, ...]
PRECISIONS = ("float32", "bf16")  # of the products that are compared

# The protocol's training. Repeats and epochs mean nothing here: the benchmark decides how many steps it takes.
TRAINING = Training(
    repeats=1, epochs=1, batch_size=48, optimiser="adamw", learning_rate=1e-3, weight_decay=1e-3, psi_decay=0.1
)


@dataclass(frozen=True)
class Plan:
    """All sizes of a benchmark.

    Attributes:
        networks: widths n_0 .. n_L; n_0 says which images they are trained on (`images.SHAPES`).
        images: number of inputs -> numbers of training and test images. The digits are always all of them.
        growing: networks of which throughput is measured against members and processes.
        peers: networks that are compared with other ways to train them.
        deep: networks that are compared with their parallel form.
        plain: networks that are compared with the same widths of elementwise tanh.
        members: numbers of members it is measured for.
        together: members of an ensemble everywhere else; None is what the pipeline would choose.
        processes: workers of the engine.
        threads: of the plain loop.
        rounds, seconds: each thing compared runs for about `seconds` in each of the rounds.
        epochs: epochs timed, after one that is not.
        real: further data sets, as `stages.fetch` leaves them, on which accuracies are compared; digits always are.
        pairs, real_epochs: networks, and their epochs, whose accuracies are compared.
        training: the hyperparameters of both sides.
    """

    networks: tuple[Widths, ...]
    images: dict[int, tuple[int, int]]
    growing: tuple[Widths, ...]
    peers: tuple[Widths, ...]
    deep: tuple[Widths, ...]
    plain: tuple[Widths, ...]
    members: tuple[int, ...]
    together: int | None
    processes: int
    threads: int
    rounds: int
    seconds: float
    epochs: int
    pairs: int
    real_epochs: int
    real: tuple[Path, ...] = ()
    training: Training = TRAINING


def full() -> Plan:
    """The paper's networks on images in the numbers of CIFAR-10 and MNIST: minutes."""
    networks = (
        (3072, 100, 100, 10),
        (3072, 500, 500, 10),
        (3072, 1000, 1000, 1000, 10),
        (784, 500, 500, 10),
        (64, 32, 32, 10),
    )
    return Plan(
        networks=networks,
        images={3072: (50_000, 10_000), 784: (60_000, 10_000)},
        growing=((3072, 100, 100, 10), (64, 32, 32, 10)),
        peers=networks,
        deep=tuple(
            (inputs, *[width] * (maps - 1), 10)
            for inputs, width in ((100, 100), (500, 500), (3072, 100))
            for maps in (4, 8, 16)
        ),
        plain=((784, 100, 100, 10), (784, 1000, 1000, 10)),
        members=(1, 2, 4, 8, 16, 32),
        together=None,
        processes=os.cpu_count() or 1,
        threads=os.cpu_count() or 1,
        rounds=7,
        seconds=2.0,
        epochs=3,
        pairs=16,
        real_epochs=10,
    )


def quick() -> Plan:
    """Every table at sizes that mean nothing: seconds, to see that the benchmark works."""
    return Plan(
        networks=((3072, 8, 8, 10), (784, 8, 8, 8, 10), (64, 8, 8, 10)),
        images={3072: (96, 48), 784: (96, 48)},
        growing=((64, 8, 8, 10),),
        peers=((64, 8, 8, 10),),  # torch.compile takes ten seconds for each
        deep=((8, 8, 8, 8, 10),),
        plain=((64, 8, 8, 10),),
        members=(1, 2),
        together=2,
        processes=2,
        threads=1,  # threads that wait for a busy core would make seconds minutes
        rounds=2,
        seconds=0.02,
        epochs=1,
        pairs=4,
        real_epochs=1,
    )
