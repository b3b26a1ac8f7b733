"""Which file says how an experiment is shown: its own in `experiments/`, or that for all that have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pandas as pd

from pipeline.reporting.frames import Frame
from pipeline.reporting.presentation import Presenter
from pipeline.results.divergence import completed, diverged


def presenter(experiment: str) -> Presenter:
    """The file in `experiments/` that is named after the experiment; if there is none, the default."""
    name = f"pipeline.reporting.experiments.{experiment}"
    if find_spec(name) is None:
        from pipeline.reporting.default import Default

        return Default(experiment)
    module: Any = import_module(name)
    for part in ("TITLE", "NOTE", "headlines", "present"):
        if not hasattr(module, part):
            raise AttributeError(f"{source(experiment)}: has no {part}; reporting/presentation.py says what it is")
    return module


def source(experiment: str) -> str:
    """That file, from the repository's root."""
    own = find_spec(f"pipeline.reporting.experiments.{experiment}")
    return f"pipeline/reporting/{'default' if own is None else f'experiments/{experiment}'}.py"


def framed(experiment: str) -> Callable[[pd.DataFrame, pd.DataFrame], Iterator[Frame]] | None:
    """`frames(rows, among)` of an experiment: pictures of one configuration that MLflow steps through.

    `rows` are those of a configuration on a data set, `among` those of all on it, for axes that all share; none of
    them of networks that diverged. None if its file has no such function.
    """
    found: Any = getattr(presenter(experiment), "frames", None)
    return found


def headlines(experiment: str, rows: pd.DataFrame) -> dict[str, Any]:
    """The few numbers that `dvc metrics show` and `dvc metrics diff` are good for, for each data set; as JSON.

    DVC shows five decimals. Networks that diverged are left out and, if there are any, counted.
    """
    found: dict[str, Any] = {}
    for data, some in rows.groupby("data", sort=False):
        left, stopped = completed(some), len(diverged(some))
        found[str(data)] = presenter(experiment).headlines(left) if len(left) else {}
        if stopped:
            found[str(data)]["diverged"] = stopped
    return found
