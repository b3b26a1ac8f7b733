"""Jobs: ensembles of an experiment, each run and kept under its identity. Listing them needs no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline import sources
from pipeline.errors import InputError
from pipeline.execution.store import Store
from pipeline.experiments import experiment
from pipeline.results import correct, networks, rows
from pipeline.results.networks import Network
from pipeline.training.progress import Progress

if TYPE_CHECKING:
    from pipeline.data.dataset import Dataset


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
            "torch": version("torch"),
            "code": sources.digest(self.experiment),
        }
        return hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=16).hexdigest()

    def result(self, store: Store) -> pd.DataFrame | None:
        """The rows that it has left in a store; None if it has not been run to its end."""
        content = store.read(f"{self.key}.parquet")
        if content is None or self.kept(store) is None or self.correct(store) is None:
            return None
        return rows.from_bytes(content, experiment(self.experiment).ROWS)

    def kept(self, store: Store) -> list[Network] | None:
        """The networks that it has left beside its rows, if any; None if it has not been run to its end."""
        content = store.read(f"{self.key}.networks")
        return None if content is None else networks.from_bytes(content)

    def correct(self, store: Store) -> pd.DataFrame | None:
        """Which test images its networks had right (`results/correct.py`); None if it has not been run to its end."""
        content = store.read(f"{self.key}.correct")
        return None if content is None else correct.from_bytes(content, experiment(self.experiment).ROWS)

    def run(self, store: Store, every: float) -> pd.DataFrame:
        """Train and measure, from the last checkpoint on if there is one.

        Rows, which images were right and networks are left in the store, and while it runs, how far it is; the rows
        are given as well.

        Args:
            store: of results and checkpoints.
            every: seconds between checkpoints.

        Raises:
            InputError: a data set is gone or damaged.
            OSError: the store cannot be written.
        """
        import torch

        from pipeline.experiments.plan.work import Work
        from pipeline.training.checkpoint import Checkpoints

        data = [self._load(number) for number in range(len(self.data))]
        if (done := self.result(store)) is not None:
            return done  # by a worker that was killed, or cut off, before it could say so
        name = f"{self.key}.checkpoint"
        checkpoints = Checkpoints(
            partial(store.write, name), store.read(name), every, self._teller(store), store.pause
        )
        work = Work(self.settings, self.members, data, torch.device(self.device), checkpoints)
        table = experiment(self.experiment).run(work)
        store.write(f"{self.key}.networks", networks.to_bytes(work.kept))
        store.write(f"{self.key}.correct", correct.to_bytes(work.correct()))
        store.write(f"{self.key}.parquet", rows.to_bytes(table))  # last: with it the job is done
        store.remove(name)
        store.remove(f"{self.key}.progress")
        return table

    def _teller(self, store: Store) -> Callable[[Progress], None]:
        """Leaves in the store how far the job is, for who watches (`watch.py`)."""
        return lambda progress: store.write(f"{self.key}.progress", progress.to_bytes())

    def _load(self, number: int) -> Dataset:
        """A data set, which must be the one that was there when the jobs were listed."""
        from pipeline.data import dataset

        path, data = self.data[number], dataset.load(self.data[number])
        if data.provenance["checksum"] != self.checksums[number]:
            raise InputError(f"{path}: another data set than at the beginning of this run; run it again")
        return data


def results(name: str, listed: Sequence[Job], store: Store) -> pd.DataFrame:
    """The rows of those of an experiment's jobs that have been run to their end."""
    found = (job.result(store) for job in listed)
    return pd.concat(
        [rows.frame([], experiment(name).ROWS), *(table for table in found if table is not None)], ignore_index=True
    )
