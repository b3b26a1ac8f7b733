"""How fast an experiment went, and on a GPU how near that is to what its memory allows."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise

from pipeline.execution.planned import Planned

_FLOAT = 4  # bytes


def bytes_moved(planned: Iterable[Planned]) -> int:
    """The least that must be read and written, in bytes, if nothing stays in a cache from one step to the next.

    For each parameter and step of Adam: it is read forward and, but in the first map, backward; its gradient is
    written and read; it and its two moments are read and written. 9 numbers in the first map and 10 in the others.
    For each value of a sample: a byte that is read, and a number that is written and read twice.
    """
    total = 0
    for job in planned:
        for workload in job.workloads:
            first, *others = (m * n + n for m, n in pairwise(workload.widths))
            networks = _FLOAT * (9 * first + 10 * sum(others))
            samples = workload.rows * workload.inputs * (1 + 3 * _FLOAT)
            total += len(job.members) * workload.epochs * workload.steps * (networks + samples)
    return total


def copy_bandwidth(size: int = 2**30) -> float:
    """Bytes a second that the GPU reads and writes in copying, measured."""
    import torch

    source = torch.empty(size, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        target.copy_(source)
    torch.cuda.synchronize()
    return 10 * 2 * size / (time.perf_counter() - started)


def summary(planned: Iterable[Planned], seconds: float, device: str) -> str:
    """Network-steps a second; on a GPU also the share of its copy bandwidth that the bytes moved come to."""
    jobs = list(planned)
    steps = sum(job.steps for job in jobs)
    words = f"{steps:,} network-steps in {seconds:.1f} s, {steps / seconds:,.0f} a second"
    if device != "cuda":
        return words
    moved, bandwidth = bytes_moved(jobs), copy_bandwidth()
    share = moved / seconds / bandwidth
    return f"{words}; at least {moved / 1e9:,.0f} GB moved, {share:.0%} of a copy's {bandwidth / 1e9:,.0f} GB/s"
