"""An experiment of a profile, ready to be run: its jobs, what each will do, and the data that they are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline import paths
from pipeline.data import facts
from pipeline.data.facts import DataSet
from pipeline.device import resolve
from pipeline.execution import packing, planned
from pipeline.execution.checks import check
from pipeline.execution.jobs import Job
from pipeline.execution.planned import Planned
from pipeline.experiments.plan import Size
from pipeline.profile import Profile


@dataclass(frozen=True)
class Prepared:
    """What a run begins with.

    Attributes:
        experiment: its name.
        settings: of the experiment.
        device: "cpu" or "cuda".
        jobs: in the order of their rows.
        planned: what each job will do.
        data: the data sets that they use, by name.
        absent: those that could not be had, with the reason; there are no jobs of rounds on them.
    """

    experiment: str
    settings: Any
    device: str
    jobs: list[Job]
    planned: list[Planned]
    data: dict[str, DataSet]
    absent: dict[str, str]


def prepare(profile: Profile, name: str) -> Prepared:
    """Read what is known of the data, divide the networks into jobs, and check that they can be run here.

    Raises:
        InputError: a data set is absent, damaged or smaller than a batch, the device is not there, or has too little
            memory.
    """
    settings, file = profile.settings(name), paths.profile(profile.name)
    device = resolve(profile.execution.device, f"{file}: ")
    where = {each: paths.dataset(profile.name, each) for each in settings.data}
    absent = {each: reason for each, path in where.items() if (reason := facts.absence(path)) is not None}
    rounds = [names for names in settings.datasets() if not absent.keys() & set(names)]
    data = {each: facts.read(where[each]) for each in dict.fromkeys(each for names in rounds for each in names)}
    jobs, plans = list[Job](), list[Planned]()
    for names in rounds:
        own = [data[each] for each in names]
        sizes = tuple(size(each) for each in own)
        files, checksums = tuple(where[each] for each in names), tuple(each.checksum for each in own)
        features, classes = sum(each.features for each in own), sum(each.classes for each in own)
        for members in packing.ensembles(settings, features, classes, device):
            jobs.append(Job(name, settings, members, files, checksums, device))
            plans.append(planned.of(settings, members, sizes))
    check(profile, name, {each: size(known) for each, known in data.items()}, plans, device)
    return Prepared(name, settings, device, jobs, plans, data, absent)


def size(data: DataSet) -> Size:
    """How large a data set is."""
    return Size(data.features, data.classes, data.train_count, data.test_count)
