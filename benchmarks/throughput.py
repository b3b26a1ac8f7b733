"""Tables: how throughput grows with the members of an ensemble, and with processes."""

from __future__ import annotations

from statistics import median

from benchmarks.bench import Bench
from benchmarks.interleaved import Timed, interleaved
from benchmarks.lockstep import Several
from benchmarks.plan import Widths
from benchmarks.table import Table, name
from benchmarks.workers import Worker, seconds

Row = list[str | int | float]


def members(bench: Bench) -> Table:
    """Network-steps per second of one process, for each number of members."""
    note = f"Network-steps per second of one process; {_how(bench)}"
    header = ["network", *(f"K = {k}" for k in bench.plan.members)]
    return Table("Throughput and members", note, header, [_by_members(bench, each) for each in bench.plan.growing])


def processes(bench: Bench) -> Table:
    """Network-steps per second of all processes, for each number of them."""
    counts = _counts(len(bench.workers))
    note = f"Network-steps per second of all processes together; {_how(bench)}"
    header = ["network", "K", *(f"{count} process{'es' if count > 1 else ''}" for count in counts)]
    rows = [_by_processes(bench, each) for each in bench.plan.growing]
    return Table("Throughput and processes", note, header, rows)


def _how(bench: Bench) -> str:
    return f"medians over {bench.plan.rounds} rounds, in each of which all numbers had their turn."


def _counts(most: int) -> list[int]:
    """1, 2, 4, ... and the most."""
    return sorted({*(2**n for n in range(most.bit_length())), most})


def _by_members(bench: Bench, widths: Widths) -> Row:
    plan, worker = bench.plan, bench.workers[0]
    worker.call("make", Several, bench.files[widths[0]], widths, plan.training, plan.members)
    things = {k: _timed([worker], k) for k in plan.members}
    times = interleaved(things, plan.rounds, plan.seconds)
    return [name(widths), *(k / median(times[k]) for k in plan.members)]


def _by_processes(bench: Bench, widths: Widths) -> Row:
    k = bench.make(bench.workers, widths)
    things = {count: _timed(bench.workers[:count]) for count in _counts(len(bench.workers))}
    times = interleaved(things, bench.plan.rounds, bench.plan.seconds)
    return [name(widths), k, *(count * k / median(times[count]) for count in things)]


def _timed(workers: list[Worker], *which: int) -> Timed:
    return lambda count: seconds(workers, "steps", count, *which)
