"""The beginning of an experiment on a device: the losses of its networks on random images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.images import random_images
from pipeline.config import validate
from pipeline.experiments import experiment
from pipeline.experiments.plan.work import Work
from pipeline.yaml_file import read_yaml

SMOKE = Path(__file__).parents[1] / "profiles/smoke.yaml"
LOSSES = ("train_loss", "test_loss")


def first(name: str, device: torch.device) -> list[float]:
    """What the first ensemble of an experiment of profile smoke has for losses, up to its first epoch.

    Epochs, learning rate and all else are the profile's. An experiment that observes none, as `timing` does, is run
    all the same.
    """
    module = experiment(name)
    settings = validate(module.Settings, read_yaml(SMOKE)["experiments"][name], str(SMOKE), "experiments", name)
    (names, *_) = settings.datasets()
    data = [replace(random_images((1, 8, 8), 480, 100), name=each) for each in names]
    first, *rest = settings.members()
    together = [first, *(each for each in rest if settings.stack_key(each) == settings.stack_key(first))]
    rows = module.run(Work(settings, together, data, device))
    begun = rows[(rows["epoch"] <= 1) & rows["measure"].isin(LOSSES)]
    return [float(value) for value in begun["value"]]
