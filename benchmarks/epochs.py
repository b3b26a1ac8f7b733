"""Table: an epoch with its evaluation, and an adaptation beside it."""

from __future__ import annotations

from statistics import median

from benchmarks.bench import Bench
from benchmarks.lockstep import ADAPTED
from benchmarks.plan import Widths
from benchmarks.table import Table, name
from benchmarks.workers import together


def epochs(bench: Bench) -> Table:
    """Seconds of an epoch, what part of it evaluation is, and how it compares with an adaptation."""
    plan = bench.plan
    note = (
        f"Each of {plan.processes} processes trains K networks; medians over them (epochs timed: {plan.epochs}, "
        "after one of warming up). An epoch ends with the evaluation of all test images (aim: at most 6 % of it). An "
        f"adaptation removes one neuron of map {ADAPTED} from all K networks, with the optimiser's moments (aim: at "
        "most 2 % of an epoch)."
    )
    header = [
        "network",
        "images",
        "K",
        "epoch of K, s",
        "per network, s",
        "evaluation, % of the epoch",
        "adaptation of K, ms",
        "adaptation, % of an epoch",
    ]
    return Table("Epoch, evaluation, adaptation", note, header, [_row(bench, widths) for widths in plan.networks])


def _row(bench: Bench, widths: Widths) -> list[str | int | float]:
    k = bench.make(bench.workers, widths)
    train, test = bench.workers[0].call("images")
    together(bench.workers, "epoch")
    found = [times for _ in range(bench.plan.epochs) for times in together(bench.workers, "epoch")]
    epoch, evaluation, adaptation = (median(times) for times in zip(*found, strict=True))
    # Shares of medians, not medians of shares: they can then be checked against the row.
    shares = [100 * evaluation / epoch, 1000 * adaptation, 100 * adaptation / epoch]
    return [name(widths), f"{train:,} + {test:,}", k, epoch, epoch / (k * len(bench.workers)), *shares]
