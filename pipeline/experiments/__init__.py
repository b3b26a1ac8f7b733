"""The experiments: one file each, answering one question.

An experiment is a module with

    QUESTION                                       one sentence
    class Settings(Plan)                           what a profile decides, and the members that follow from it
    run(settings, members, data, device, checkpoints) -> rows
                                                   train some members and observe them, on a round's data sets

and its name in EXPERIMENTS. Rows of a member must not depend on which others it is run with. An interrupted run is
begun again with the same arguments, and goes on from what it has left in the phases of `checkpoints`.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

EXPERIMENTS = (
    "invariance",
    "spectra",
    "tanh_comparison",
    "abundance",
    "width_transitions",
    "task_schedule",
    "sparsification",
    "timing",
    "equivariance",
)


def experiment(name: str) -> ModuleType:
    """The module of an experiment."""
    return import_module(f"pipeline.experiments.{name}")
