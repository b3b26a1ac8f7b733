"""The experiments: one file each, answering one question.

An experiment is a module with

    QUESTION                                     one sentence
    class Settings(Training)                     everything a profile decides about it
    class Member(Settings)                       what distinguishes one network from another, `repeat` included
    members(settings) -> list[Member]            all networks to train on one data set
    run(settings, members, data, device)         train some of them and give rows, one observation each

and its name in EXPERIMENTS. Rows of a member must not depend on which others it is run with.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

EXPERIMENTS = ("invariance",)


def experiment(name: str) -> ModuleType:
    """The module of an experiment."""
    return import_module(f"pipeline.experiments.{name}")
