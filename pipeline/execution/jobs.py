"""Jobs: the networks of an experiment, divided into ensembles. A job's result is kept under its identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import pipeline
from pipeline import paths
from pipeline.data import dataset
from pipeline.data.dataset import Dataset
from pipeline.device import resolve
from pipeline.errors import InputError
from pipeline.execution.packing import ensembles
from pipeline.execution.store import Store
from pipeline.experiments import experiment
from pipeline.experiments.plan import Size
from pipeline.experiments.plan.work import Work
from pipeline.profile import Profile
from pipeline.results import networks, rows
from pipeline.results.networks import Network
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.progress import Progress

# What a result depends on: the code below, not that which draws tables.
_SOURCES = ("data", "model", "surgery", "training", "experiments/plan")


@dataclass(frozen=True)
class Job:
    """One ensemble to train and measure.

    Attributes:
        experiment: its name.
        settings: the experiment's Settings.
        members: the experiment's Members.
        data: the files of the data sets.
        checksums: of the data sets.
        device: "cpu" or "cuda".
    """

    experiment: str
    settings: Any
    members: tuple[Any, ...]
    data: tuple[Path, ...]
    checksums: tuple[str, ...]
    device: str

    @property
    def key(self) -> str:
        """Identity: a digest of configuration, members, data, device and code."""
        identity = {
            "experiment": self.experiment,
            "settings": self.settings.model_dump(exclude=set(self.settings.spread)),
            "members": [member.model_dump() for member in self.members],
            "data": self.checksums,
            "device": self.device,
            "torch": torch.__version__,
            "code": _code_version(self.experiment),
        }
        return hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=16).hexdigest()

    def result(self, store: Store) -> pd.DataFrame | None:
        """The rows that it has left in a store; None if it has not been run to its end."""
        content = store.read(f"{self.key}.parquet")
        return None if content is None or self.kept(store) is None else rows.from_bytes(content)

    def kept(self, store: Store) -> list[Network] | None:
        """The networks that it has left beside its rows, if any; None if it has not been run to its end."""
        content = store.read(f"{self.key}.networks")
        return None if content is None else networks.from_bytes(content)

    def run(self, store: Store, every: float) -> pd.DataFrame:
        """Train and measure, from the last checkpoint on if there is one.

        Rows and networks are left in the store, and while it runs, how far it is; the rows are given as well.

        Args:
            store: of results and checkpoints.
            every: seconds between checkpoints.

        Raises:
            InputError: a data set is gone or damaged.
            OSError: the store cannot be written.
        """
        data, device = [self._load(number) for number in range(len(self.data))], torch.device(self.device)
        if (done := self.result(store)) is not None:
            return done  # by a worker that was killed, or cut off, before it could say so
        name = f"{self.key}.checkpoint"
        checkpoints = Checkpoints(
            partial(store.write, name), store.read(name), every, self._teller(store), store.pause
        )
        work = Work(self.settings, self.members, data, device, checkpoints)
        table = experiment(self.experiment).run(work)
        store.write(f"{self.key}.networks", networks.to_bytes(work.kept))
        store.write(f"{self.key}.parquet", rows.to_bytes(table))  # last: with it the job is done
        store.remove(name)
        store.remove(f"{self.key}.progress")
        return table

    def _teller(self, store: Store) -> Callable[[Progress], None]:
        """Leaves in the store how far the job is, for who watches (`watch.py`)."""
        return lambda progress: store.write(f"{self.key}.progress", progress.to_bytes())

    def _load(self, number: int) -> Dataset:
        """A data set, which must be the one that was there when the jobs were listed."""
        path, data = self.data[number], dataset.load(self.data[number])
        if data.provenance["checksum"] != self.checksums[number]:
            raise InputError(f"{path}: another data set than at the beginning of this run; run it again")
        return data


def jobs(profile: Profile, name: str) -> list[Job]:
    """All jobs of an experiment in a profile, but for rounds on data sets that are absent.

    Raises:
        InputError: a data set is absent, damaged or smaller than a batch, the device is not there, or has too little
            memory.
    """
    from pipeline.execution.checks import check  # which needs the runner, and that the jobs

    settings, file = profile.settings(name), paths.profile(profile.name)
    device = resolve(profile.execution.device, f"{file}: ").type
    listed, missing = [], absent(profile, name)
    sizes: dict[str, Size] = {}
    for names in settings.datasets():
        if missing.keys() & set(names):
            continue
        files = tuple(paths.dataset(profile.name, data_name) for data_name in names)
        data = [dataset.load(path) for path in files]
        sizes |= {own: _size(each) for own, each in zip(names, data, strict=True)}
        checksums = tuple(str(each.provenance["checksum"]) for each in data)
        features, classes = sum(each.features for each in data), sum(each.classes for each in data)
        for some in ensembles(settings, features, classes, device):
            listed.append(Job(name, settings, some, files, checksums, device))
    check(profile, name, sizes, device)
    return listed


def _size(data: dataset.Dataset) -> Size:
    return Size(data.features, data.classes, len(data.train), len(data.test))


def results(listed: Sequence[Job], store: Store) -> pd.DataFrame:
    """The rows of those of the jobs that have been run to their end."""
    found = (job.result(store) for job in listed)
    return pd.concat([rows.frame([]), *(table for table in found if table is not None)], ignore_index=True)


def absent(profile: Profile, name: str) -> dict[str, str]:
    """The data sets of an experiment that could not be had, with the reason."""
    reasons = {each: dataset.absence(paths.dataset(profile.name, each)) for each in profile.settings(name).data}
    return {each: reason for each, reason in reasons.items() if reason is not None}


@cache
def _code_version(name: str) -> str:
    root = Path(pipeline.__file__).parent
    files = [root / "seeds.py", root / "experiments" / f"{name}.py"]
    files += [file for folder in _SOURCES for file in (root / folder).rglob("*.py")]
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(files):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
