"""Table: memory of a worker."""

from __future__ import annotations

from benchmarks import machine
from benchmarks.bench import Bench, started
from benchmarks.plan import Widths
from benchmarks.table import Table, name
from benchmarks.workers import together

LARGEST = 3072  # inputs of the networks measured: images in the size of CIFAR-10


def memory(bench: Bench) -> Table:
    """What a worker holds after training and evaluating, in processes that did nothing else; only on Linux."""
    note = (
        f"The largest of {bench.plan.processes} processes, each after an epoch of K networks with its evaluation, "
        "and an adaptation. Own memory (USS: Private_Clean + Private_Dirty of /proc/self/smaps_rollup) is what the "
        "process adds to the others (aim: at most 600 MB); resident memory counts the pages of data and libraries "
        "too, which all processes share. MB are 10^6 bytes."
    )
    header = ["network", "K", "own memory, MB", "peak resident, MB"]
    if machine.memory() is None:
        return Table("Memory", "Not measured: this needs Linux.", header, [])
    rows = [_row(bench, widths) for widths in bench.plan.networks if widths[0] == LARGEST]
    return Table("Memory", note, header, rows)


def _row(bench: Bench, widths: Widths) -> list[str | int | float]:
    with started(bench.plan.processes, threads=1) as workers:
        k = bench.make(workers, widths)
        together(workers, "epoch")
        own, peak = (max(values) for values in zip(*together(workers, machine.memory), strict=True))
    return [name(widths), k, own, peak]
