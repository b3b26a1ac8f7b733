"""Seconds per epoch of an isotropic network, evaluation of the whole test set included, on this machine.

    python -m benchmarks.epoch data/desk/cifar10.pt --hidden 100 100 --members 2

Trains K stacked networks in one process with one thread, which is what each worker of the pipeline does.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

from pipeline.config import Training
from pipeline.data.dataset import load
from pipeline.model.ensemble import Ensemble
from pipeline.model.network import IsotropicMLP
from pipeline.training import engine, optimiser


def main() -> None:
    """Print the median over epochs, after one epoch of warming up."""
    parser = argparse.ArgumentParser(description="Seconds per epoch of one network, evaluation included.")
    parser.add_argument("data", type=Path, help="a fetched data set, e.g. data/desk/cifar10.pt")
    parser.add_argument("--hidden", type=int, nargs="+", default=[100, 100], help="hidden widths")
    parser.add_argument("--members", type=int, default=2, help="networks trained together")
    parser.add_argument("--epochs", type=int, default=3, help="epochs timed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load(options.data)
    widths = [data.features, *options.hidden, data.classes]
    settings = Training(
        repeats=options.members,
        epochs=options.epochs + 1,
        batch_size=48,
        optimiser="adamw",
        learning_rate=1e-3,
        weight_decay=1e-3,
        psi_decay=0.1,
    )
    ensemble = Ensemble([IsotropicMLP(widths, seed=k) for k in range(options.members)])
    streams = [("benchmark", k) for k in range(options.members)]
    epochs = engine.train(
        ensemble, optimiser.make(ensemble, settings), data, settings.epochs, settings.batch_size, streams
    )
    times = []
    for _ in range(settings.epochs + 1):
        started = time.perf_counter()
        next(epochs)
        times.append(time.perf_counter() - started)
    median = statistics.median(times[2:]) / options.members  # after the evaluation at 0 and the warm-up
    steps = -(-len(data.train) // settings.batch_size)
    print(f"{'-'.join(map(str, widths))}, {options.members} together on one thread, torch {torch.__version__}:")
    print(f"{median:.2f} s per epoch and network, evaluation included; {1000 * median / steps:.3f} ms per step of 48")


if __name__ == "__main__":
    main()
