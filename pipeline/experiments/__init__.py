"""The experiments: one file each, answering one question.

An experiment is a module here with

    QUESTION                                       one sentence
    ROWS                                           a Schema: what its rows say, by factor and measure
    class Settings(Plan)                           what a profile decides, and the members that follow from it
    run(work) -> rows                              train some members and observe them, on a round's data sets

It is found by its file; `experiments` in a profile and in its params.yaml say that it is run. How its rows are shown
is said in `pipeline/reporting/experiments/<name>.py`, and if there is no such file, they are shown plainly. Rows of a
member must not depend on which others it is run with. An interrupted run is begun again with the same arguments, and
goes on from what it has left in the phases of `checkpoints`.

Every stage reads all Settings, to check the profile, and most compute nothing. Torch and pandas take seconds to
import: they, and all that needs them, are imported inside the functions that compute.

What several experiments share is in `plan/`. None imports another, so that a change of one makes no other run again.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

EXPERIMENTS = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py")))


def experiment(name: str) -> ModuleType:
    """The module of an experiment."""
    return import_module(f"pipeline.experiments.{name}")
