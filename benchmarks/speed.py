"""Table: the engine beside the plain loop."""

from __future__ import annotations

from statistics import median

from benchmarks.bench import Bench
from benchmarks.interleaved import interleaved
from benchmarks.plan import Widths
from benchmarks.table import Table, name, spread
from benchmarks.workers import seconds


def speed(bench: Bench) -> Table:
    """Milliseconds per network and step of both, and their ratio."""
    plan = bench.plan
    note = (
        f"Batch {plan.training.batch_size}; medians over {plan.rounds} rounds, in each of which the plain loop and "
        f"then the engine ran for about {plan.seconds:g} s. The plain loop trains one network in one process with "
        "all cores; the engine trains K networks in each of its processes, and its time is shared among all of them."
    )
    header = ["network", "K", "plain loop, ms a step", "engine, ms a step", "ratio", "least to largest"]
    return Table("Training step", note, header, [_row(bench, widths) for widths in plan.networks])


def _row(bench: Bench, widths: Widths) -> list[str | int | float]:
    bench.make_plain(widths)
    k = bench.make(bench.workers, widths)
    times = interleaved(
        {
            "plain": lambda count: seconds([bench.plain], "steps", count),
            "engine": lambda count: seconds(bench.workers, "steps", count),
        },
        bench.plan.rounds,
        bench.plan.seconds,
    )
    plain = [1000 * t for t in times["plain"]]
    engine = [1000 * t / (k * len(bench.workers)) for t in times["engine"]]
    ratios = [a / b for a, b in zip(plain, engine, strict=True)]
    return [name(widths), k, median(plain), median(engine), median(ratios), spread(ratios)]
