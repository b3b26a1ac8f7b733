"""Tables: training products in bfloat16 beside float32, their speed and the accuracy that they lead to."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import mean, median, stdev

from benchmarks.bench import Bench
from benchmarks.interleaved import Timed, interleaved
from benchmarks.lockstep import Lockstep, Precisions, members
from benchmarks.plan import PRECISIONS, Widths
from benchmarks.table import Table, name, signed, spread
from benchmarks.workers import seconds, together
from pipeline.data.dataset import load


def precision(bench: Bench) -> Table:
    """Milliseconds per network and step with products in float32 and in bfloat16."""
    note = (
        f"The engine with `matmul: float32` and `bf16` in turns; medians over {bench.plan.rounds} rounds. Weights, "
        "gradients and moments are float32 in both."
    )
    header = ["network", "K", "float32, ms a step", "bf16, ms a step", "ratio", "least to largest"]
    return Table("Products in bfloat16", note, header, [_speeds(bench, widths) for widths in bench.plan.networks])


def accuracy(bench: Bench) -> Table:
    """Test accuracy after training with both, paired: a pair starts alike and sees the same batches."""
    plan = bench.plan
    note = (
        f"Real images, {plan.pairs} pairs of networks that start alike and see the same batches, {plan.real_epochs} "
        "epochs; the difference with its 95 % interval (Student's t)."
    )
    header = ["data", "network", "float32, %", "bf16, %", "bf16 − float32, points", "95 % interval"]
    rows = [_accuracies(bench, file, widths) for file, widths in bench.real]
    return Table("Accuracy with products in bfloat16", note, header, rows)


def _speeds(bench: Bench, widths: Widths) -> list[str | int | float]:
    plan, k = bench.plan, members(widths, bench.plan)
    together(bench.workers, "make", Precisions, bench.files[widths[0]], widths, plan.training, k)

    def timed(matmul: str) -> Timed:
        return lambda count: seconds(bench.workers, "steps", count, matmul)

    times = interleaved({matmul: timed(matmul) for matmul in PRECISIONS}, plan.rounds, plan.seconds)
    low, high = ([1000 * t / (k * len(bench.workers)) for t in times[matmul]] for matmul in ("bf16", "float32"))
    ratios = [a / b for a, b in zip(high, low, strict=True)]
    return [name(widths), k, median(high), median(low), median(ratios), spread(ratios)]


def _accuracies(bench: Bench, file: Path, widths: Widths) -> list[str | int | float]:
    plan, found = bench.plan, {}
    for matmul in PRECISIONS:
        training = plan.training.model_copy(update={"matmul": matmul})
        shares = [len(range(place, plan.pairs, len(bench.workers))) for place in range(len(bench.workers))]
        first = [sum(shares[:place]) for place in range(len(shares))]
        for worker, share, number in zip(bench.workers, shares, first, strict=True):
            worker.tell("make", Lockstep, file, widths, training, share, number)
        for worker in bench.workers:
            worker.answer()
        found[matmul] = [each for own in together(bench.workers, "accuracies", plan.real_epochs) for each in own]
    differences = [low - high for low, high in zip(found["bf16"], found["float32"], strict=True)]
    difference, reach = mean(differences), _reach(differences)
    bounds = f"{signed(difference - reach)} to {signed(difference + reach)}"
    return [load(file).name, name(widths), mean(found["float32"]), mean(found["bf16"]), signed(difference), bounds]


def _reach(values: list[float]) -> float:
    """Half the width of the 95 % interval of the mean."""
    from scipy.stats import t

    count = len(values)
    return float(t.ppf(0.975, count - 1)) * stdev(values) / math.sqrt(count)
