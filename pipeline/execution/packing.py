"""Which networks of an experiment are stacked in one ensemble: as many as pay, padded where that costs less."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise
from typing import Any

# Members of one ensemble on a CPU: no more than share the cost of a step's small operations. With two processes on
# two cores a step of 3072-100-100-10 took 0.97, 0.95, 0.82 and 0.77 ms a network for 2, 4, 8 and 16 of them; with
# larger jobs workers are idle at the end. All numbers are fixed, so that a profile makes the same jobs everywhere.
_PARAMETERS_TOGETHER = 2_600_000
_MOST_TOGETHER = 32

# What a step costs on a CPU, in microseconds, as measured with batches of 48 on one core: each map's small
# operations, whatever is stacked; and for each member its parameters and hidden neurons.
_OF_A_MAP, _OF_A_PARAMETER, _OF_A_NEURON = 90.0, 0.004, 0.3
_SHARED_BY = 4  # networks of the same widths that an ensemble of their own would have, at the least: the repeats

# Bytes on a GPU: of a parameter with its gradient, its two moments and a copy in float64; of a member's other
# tensors, for each value of its layers, in a pass of 1,000 test samples.
_PARAMETER_BYTES, _LAYER_BYTES = 24, 16_000
_SHARE_OF_MEMORY = 0.8


def ensembles(settings: Any, features: int, classes: int, device: str) -> Iterator[tuple[Any, ...]]:
    """The members of a round, divided: only those together that may be, and no more than pay.

    Args:
        settings: of an experiment; `together` says which members may share an ensemble.
        features, classes: of the round's data.
        device: "cpu" or "cuda".
    """
    groups: dict[Hashable, list[Any]] = {}
    for member in settings.members():
        groups.setdefault(settings.stack_key(member), []).append(member)
    for group in groups.values():
        widths = [tuple(settings.widths(member, features, classes)) for member in group]
        for padded, members in _padded(group, widths):
            most = most_that_fit(padded) if device == "cuda" else most_together(padded)
            yield from (tuple(members[start : start + most]) for start in range(0, len(members), most))


def most_together(widths: Sequence[int]) -> int:
    """How many networks of these widths, n_0 .. n_L, pay in one ensemble on a CPU."""
    return max(1, min(_MOST_TOGETHER, _PARAMETERS_TOGETHER // _parameters(widths)))


def most_that_fit(widths: Sequence[int]) -> int:
    """How many networks of these widths have room on the GPU.

    By the memory that it has, not by what is free now: a run that goes on must be divided into the same jobs.
    """
    import torch

    _, there = torch.cuda.mem_get_info()
    own = _PARAMETER_BYTES * _parameters(widths) + _LAYER_BYTES * sum(widths)
    return max(1, int(_SHARE_OF_MEMORY * there / own))


def _padded(members: Sequence[Any], widths: Sequence[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], list[Any]]]:
    """Members whose widths are near enough to be padded to the widest of them, with those widths.

    A network is padded if that costs a step less than its share of the small operations of a further ensemble.
    """
    kinds: dict[tuple[int, ...], list[Any]] = {}
    for member, own in zip(members, widths, strict=True):
        kinds.setdefault(own, []).append(member)
    widest: tuple[int, ...] = ()
    together: list[Any] = []
    for own, some in sorted(kinds.items(), key=lambda kind: _cost(kind[0]), reverse=True):
        both = tuple(map(max, widest, own)) if together else own
        further = _OF_A_MAP * (len(own) - 1) / _SHARED_BY
        if together and max(_cost(both) - _cost(own), _cost(both) - _cost(widest)) > further:
            yield widest, together
            both, together = own, []
        widest, together = both, together + some
    yield widest, together


def _cost(widths: Sequence[int]) -> float:
    """What a member of these widths adds to a step, in microseconds."""
    return _OF_A_PARAMETER * _parameters(widths) + _OF_A_NEURON * sum(widths[1:-1])


def _parameters(widths: Sequence[int]) -> int:
    return sum(m * n + n for m, n in pairwise(widths))
