"""Table: a training step of an isotropic network in an ordinary loop, beside Linear and elementwise Tanh."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import median

import torch
from torch import nn
from torch.nn import functional

from benchmarks.bench import Bench
from benchmarks.interleaved import Timed, interleaved
from benchmarks.plan import Widths
from benchmarks.table import Table, name, spread
from benchmarks.workers import seconds
from isotropic import IsotropicActivation, IsotropicMLP

BATCHES = (48, 512)
_SHARE = 0.5  # of a turn elsewhere


def sequential(widths: Widths, activation: Callable[[], nn.Module]) -> nn.Module:
    """What users of torch write for an MLP."""
    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), activation())]
    return nn.Sequential(*layers[:-1])


# What is compared with the first of them.
FORMS: dict[str, Callable[[Widths], nn.Module]] = {
    "Linear + Tanh": lambda widths: sequential(widths, nn.Tanh),
    "Linear + IsotropicActivation": lambda widths: sequential(widths, IsotropicActivation),
    "IsotropicMLP": lambda widths: IsotropicMLP(widths, seed=0),
}


class Loops:
    """One network in every form, each with an optimiser, and a batch.

    Args:
        widths: of the network.
        batch: samples of a step.
    """

    def __init__(self, widths: Widths, batch: int) -> None:
        draw = torch.Generator().manual_seed(0)
        self.x = torch.randn(batch, widths[0], generator=draw)
        self.y = torch.randint(0, widths[-1], (batch,), generator=draw)
        self.nets = {form: make(widths) for form, make in FORMS.items()}
        self.optimisers = {form: torch.optim.AdamW(net.parameters()) for form, net in self.nets.items()}

    def steps(self, count: int, form: str) -> None:
        """`count` times forward, backward, and a step of AdamW."""
        net, optimiser = self.nets[form], self.optimisers[form]
        for _ in range(count):
            optimiser.zero_grad()
            functional.cross_entropy(net(self.x), self.y).backward()
            optimiser.step()


def activations(bench: Bench) -> Table:
    """Milliseconds of a step of each form, and its ratio to that with elementwise tanh."""
    note = (
        "Forward, backward and AdamW as users of torch write them, in one single-threaded process, in turns; medians "
        f"over {bench.plan.rounds} rounds. A ratio above 1 says that Linear + Tanh is faster."
    )
    first, *others = FORMS
    columns = [column for form in others for column in (f"{form}, ms", "ratio", "least to largest")]
    rows = [_row(bench, widths, batch) for widths in bench.plan.plain for batch in BATCHES]
    return Table("Isotropic and elementwise", note, ["network, batch", f"{first}, ms", *columns], rows)


def _row(bench: Bench, widths: Widths, batch: int) -> list[str | int | float]:
    workers = bench.workers[:1]
    workers[0].call("make", Loops, widths, batch)

    def timed(form: str) -> Timed:
        return lambda count: seconds(workers, "steps", count, form)

    times = interleaved({form: timed(form) for form in FORMS}, bench.plan.rounds, _SHARE * bench.plan.seconds)
    first, *others = ([1000 * t for t in own] for own in times.values())
    row: list[str | int | float] = [f"{name(widths)}, {batch}", median(first)]
    for own in others:
        ratios = [a / b for a, b in zip(own, first, strict=True)]
        row += [median(own), median(ratios), spread(ratios)]
    return row
