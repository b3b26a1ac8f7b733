"""What settings ask of the data and of the machine, compared with what is there before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from heapq import nlargest
from pathlib import Path

from pipeline import paths
from pipeline.errors import InputError
from pipeline.execution.planned import Planned
from pipeline.execution.processes import workers
from pipeline.experiments.plan import Size
from pipeline.profile import Profile
from pipeline.results.text import counted

_PROCESS = 250_000_000  # bytes of a process with torch, before it trains
# Where Linux says how much memory a container or a job of a batch system may use; elsewhere there are no such files.
_GROUPS, _OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_NAMES = ("memory.max", "memory.limit_in_bytes")  # of version 2 and, in a folder `memory`, of version 1


def check(profile: Profile, name: str, sizes: Mapping[str, Size], planned: Sequence[Planned], device: str) -> None:
    """Check an experiment against the sizes of its data sets and the memory of this machine.

    Args:
        profile: the profile.
        name: of the experiment.
        sizes: of the data sets that are there.
        planned: what its jobs will do on them.
        device: "cpu" or "cuda".

    Raises:
        InputError: a batch is larger than a training set, there are too few images, the jobs that run at once do not
            fit into memory, or results are to be kept in a kind of place that is not known.
    """
    settings, where = profile.settings(name), f"{paths.profile(profile.name)}: experiments.{name}"
    for data, size in sizes.items():
        for part, count, fewest in (
            ("training", size.train, settings.fewest_train),
            ("test", size.test, settings.fewest_test),
        ):
            if count < fewest:
                there = f"{data} has {counted(count, f'{part} image')}"
                raise InputError(f"{where}.data: {there}; valid are {fewest} or more")
        if settings.batch_size > (most := settings.train_images(size.train)):
            left = "" if most == size.train else f", of which {most} {'is' if most == 1 else 'are'} trained on"
            valid = f"valid are 1 to {most}" if most > 1 else "valid is 1"
            there = f"{data} has {counted(size.train, 'training image')}{left}; {valid}"
            raise InputError(f"{where}.batch_size: {settings.batch_size}, but {there}")
    _check_address(f"{paths.profile(profile.name)}: execution.shards", profile.execution.shards)
    if profile.execution.runner == "ray":
        return  # whose machines are others
    needed = [_PROCESS + job.memory for job in planned]
    _check_memory(where, needed, workers(profile.execution, len(needed), device), memory(device))


def _check_address(where: str, address: str) -> None:
    """Raise InputError if results are to be kept somewhere that cannot be written from here."""
    valid = "valid is a folder, or an address such as s3://bucket/shards"
    if re.match(r"[A-Za-z][\w+.-]+:(?!//)", address):  # not a drive of Windows, which is one letter
        raise InputError(f"{where}: {address!r} is neither a folder nor an address, which has ://; {valid}")
    if "://" in address:
        from fsspec.core import url_to_fs

        try:
            url_to_fs(address)
        except Exception as error:  # of whichever package it is of; nothing is connected yet
            raise InputError(f"{where}: {address!r}: {' '.join(str(error).split())}; {valid}") from error


def _check_memory(where: str, needed: Sequence[int], at_once: int, there: int) -> None:
    """Raise InputError unless the largest jobs fit beside each other."""
    if (together := sum(nlargest(at_once, needed))) <= there:
        return
    fit = next((count for count in range(at_once - 1, 0, -1) if sum(nlargest(count, needed)) <= there), 0)
    remedy = f"set execution.workers to {fit} or less" if fit else "lower its widths, batch_size or repeats"
    jobs = f"{at_once} jobs at once need" if at_once > 1 else "one job needs"
    raise InputError(f"{where}: {jobs} {together} bytes of memory, there are {there}; {remedy}")


def memory(device: str) -> int:
    """Bytes of memory that this machine has: of the GPU, or the main memory that a process may use."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[1])
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = (_limit(group / name) for group in _groups() for name in _NAMES)
    return min([physical, *filter(None, limits)])


def _groups() -> Iterator[Path]:
    """The control groups that this process is in, from its own outwards: each may have a limit of memory."""
    lines = _OWN_GROUP.read_text(encoding="utf-8").splitlines() if _OWN_GROUP.is_file() else []
    for line in (*lines, "0::/", "0:memory:/"):
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            root = _GROUPS / controllers
            own = root / path.lstrip("/")
            yield from (group for group in (own, *own.parents) if group.is_relative_to(root))


def _limit(path: Path) -> int | None:
    """The number in a file; None if there is no such file, or it says "max"."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
