"""Repeats are independent: neither their initialisations nor their orders of samples have anything in common."""

from __future__ import annotations

import made_rows
import pytest
import torch
from torch import Tensor

from pipeline.experiments import EXPERIMENTS
from pipeline.experiments.plan.work import network, streams
from pipeline.seeds import generator, seed

REPEATS = 6
SAMPLES = 2000


def repeats(name: str, data: str) -> list[tuple[object, ...]]:
    settings = made_rows.settings(name, repeats=1)
    first = settings.members()[0]
    return streams(name, data, [first.model_copy(update={"repeat": repeat}) for repeat in range(REPEATS)])


def initial(name: str, stream: tuple[object, ...]) -> Tensor:
    settings = made_rows.settings(name, repeats=1)
    net = network(settings, settings.members()[0], [64, 64, 10], seed(*stream))
    return net.affine[0].weight.detach().flatten()


def order(stream: tuple[object, ...], epoch: int) -> Tensor:
    return torch.randperm(SAMPLES, generator=generator(*stream, "order", epoch)).double()


def likeness(vectors: list[Tensor]) -> float:
    """The largest correlation between two of some vectors, in absolute value."""
    return float((torch.corrcoef(torch.stack(vectors)) - torch.eye(len(vectors))).abs().max())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_repeats_have_nothing_in_common(name: str) -> None:
    own = [*repeats(name, "digits"), *repeats(name, "mnist")]
    # Of independent vectors of n numbers, a correlation has a deviation of n^-1/2; 66 pairs stay within 5 of these.
    weights = [initial(name, stream) for stream in own]
    assert likeness(weights) < 5 * len(weights[0]) ** -0.5
    orders = [order(stream, epoch) for stream in own for epoch in (1, 2)]
    assert likeness(orders) < 5 * SAMPLES**-0.5


def test_experiments_share_no_stream() -> None:
    names = [stream for name in EXPERIMENTS for stream in repeats(name, "digits")]
    assert len({seed(*name) for name in names}) == len(names)


def test_what_has_something_in_common_would_be_seen() -> None:
    """Negative control: the same stream twice, and one that differs in a hundredth of its places."""
    stream = repeats("spectra", "digits")[0]
    a = order(stream, 1)
    assert likeness([a, order(stream, 1)]) > 0.99
    b = order(stream, 2)
    b[: SAMPLES // 4] = a[: SAMPLES // 4]
    assert likeness([a, b]) > 5 * SAMPLES**-0.5
