"""Table: the parallel form of a network beside its layers, one pass without gradients."""

from __future__ import annotations

from statistics import median

import torch

from benchmarks.bench import Bench
from benchmarks.interleaved import Timed, interleaved
from benchmarks.plan import Widths
from benchmarks.table import Table, spread
from benchmarks.workers import seconds
from isotropic import IsotropicMLP, ParallelMLP

_SHARE = 0.1  # of a turn elsewhere: a pass takes so little that this is a thousand passes


class Forms:
    """One network in both forms, to be compared in one process.

    Args:
        widths: of the network.
        batch: samples of a pass.
    """

    def __init__(self, widths: Widths, batch: int) -> None:
        net = IsotropicMLP(widths, seed=0)
        self.forms = {"layers": net, "parallel": ParallelMLP(net)}
        self.x = torch.randn(batch, widths[0], generator=torch.Generator().manual_seed(0))

    @torch.inference_mode()
    def steps(self, count: int, form: str) -> None:
        """`count` passes of one form."""
        net = self.forms[form]
        for _ in range(count):
            net(self.x)


def parallel(bench: Bench) -> Table:
    """Milliseconds of a pass of both forms, for one sample and for a batch, and their ratio."""
    size = bench.plan.training.batch_size
    note = (
        "One pass without gradients in one single-threaded process; the layers and then the parallel form, in turns; "
        f"medians over {bench.plan.rounds} rounds. A ratio above 1 says that the parallel form is faster. It has "
        "n_0 (n_1 + ... + n_L) weights, all in one product, where the layers have the sum of n_l n_{l-1}."
    )
    columns = ["layers, ms", "parallel, ms", "ratio", "least to largest"]
    header = ["network", "weights, parallel / layers", *(f"B = {b}: {name}" for b in (1, size) for name in columns)]
    return Table("The parallel form", note, header, [_row(bench, widths, size) for widths in bench.plan.deep])


def label(widths: Widths) -> str:
    """A deep network in few letters, e.g. "3072-100-...-10, 16 maps"."""
    return f"{widths[0]}-{widths[1]}-...-{widths[-1]}, {len(widths) - 1} maps"


def _row(bench: Bench, widths: Widths, size: int) -> list[str | int | float]:
    layers = sum(n * m for n, m in zip(widths[1:], widths[:-1], strict=True))
    row: list[str | int | float] = [label(widths), widths[0] * sum(widths[1:]) / layers]
    for batch in (1, size):
        row += _times(bench, widths, batch)
    return row


def _times(bench: Bench, widths: Widths, batch: int) -> list[str | int | float]:
    workers = bench.workers[:1]
    workers[0].call("make", Forms, widths, batch)

    def timed(form: str) -> Timed:
        return lambda count: seconds(workers, "steps", count, form)

    forms = {form: timed(form) for form in ("layers", "parallel")}
    times = interleaved(forms, bench.plan.rounds, _SHARE * bench.plan.seconds)
    layers, together = ([1000 * t for t in times[form]] for form in ("layers", "parallel"))
    ratios = [a / b for a, b in zip(layers, together, strict=True)]
    return [median(layers), median(together), median(ratios), spread(ratios)]
