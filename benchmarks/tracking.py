"""How much publishing slows training down: `python -m benchmarks.tracking`, about five minutes."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

import pandas as pd

from benchmarks import machine
from benchmarks.bench import Bench, bench
from benchmarks.plan import full
from benchmarks.table import Table, signed
from benchmarks.workers import together
from pipeline.experiments.spectra import ROWS
from pipeline.results.rows import frame, read, write
from pipeline.tracking import publisher

ROUNDS, SECONDS, REPEATS, EPOCHS = 7, 10.0, 100, 50
WIDTHS = (64, 32, 32, 10)
SETTINGS = {"data": ["digits"], "repeats": REPEATS}


def main() -> None:
    """Print the table."""
    plan = full()
    print(f"{machine.description(plan)}\n", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracking-")))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        means = stack.enter_context(bench(plan))
        stores = {
            "none": None,
            "healthy (SQLite)": f"sqlite:///{folder}/mlflow.db",
            "hanging": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "dead": "http://127.0.0.1:9",
        }
        print(_table(means, folder, stores).markdown())


def _table(means: Bench, folder: Path, stores: dict[str, str | None]) -> Table:
    means.make(means.workers, WIDTHS)
    together(means.workers, "steps", 200)  # warm
    speeds: dict[str, list[float]] = {name: [] for name in stores}
    for number in range(ROUNDS):
        file = folder / f"{number}.parquet"
        write(_rows(number), file)  # others each time, so that a healthy store has all to write
        for name, store in stores.items():
            speeds[name].append(_speed(means, store, file))
    note = (
        f"Steps per second of all workers, medians over {ROUNDS} rounds of {SECONDS:g} s each, in which all stores "
        "took turns, and the change to no publishing in percent. One publication follows the other here without a "
        f"pause, of {REPEATS} runs with {EPOCHS} epochs; in a stage there is a minute between them."
    )
    rows: list[Sequence[str | int | float]] = []
    for name, found in speeds.items():
        ratios = [100 * (a / b - 1) for a, b in zip(found, speeds["none"], strict=True)]
        rows.append([name, median(found), signed(median(ratios)), f"{signed(min(ratios))} to {signed(max(ratios))}"])
    return Table("Training beside publishing", note, ["store", "steps a second", "change, %", "range"], rows)


def _speed(means: Bench, store: str | None, file: Path) -> float:
    """Steps per second of the workers while the store is published to again and again."""
    beside = None
    if store is not None:
        os.environ["MLFLOW_TRACKING_URI"] = store
        publisher._EVERY = 0.0
        beside = publisher.Publisher("benchmark", SETTINGS)
    steps, start = 0, time.perf_counter()
    while (now := time.perf_counter()) - start < SECONDS:
        if beside is not None:
            beside.offer(partial(read, file, "spectra", ROWS))
        together(means.workers, "steps", 500)
        steps += 500
    if beside is not None and beside._current is not None:
        beside._current.stop()
    return steps / (now - start)


def _rows(number: int) -> pd.DataFrame:
    place = {"experiment": "spectra", "data": "digits", "network": "64-32-32-10", "configuration": "trainable, none"}
    curves = ("train_loss", "test_loss", "test_accuracy")
    observed = (
        {**place, "repeat": repeat, "seed": repeat, "phase": "training", "epoch": epoch, "precision": "float32"}
        | {"measure": measure, "value": number + 1 / (1 + epoch + repeat)}
        for repeat in range(REPEATS)
        for epoch in range(EPOCHS)
        for measure in curves
    )
    return frame(observed, ROWS)


if __name__ == "__main__":
    main()
