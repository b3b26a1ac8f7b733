"""What an experiment hands over for its part of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.reporting.figures import Plot
from pipeline.reporting.tables import Table
from pipeline.results.claims.base import Basis
from pipeline.results.statistics import select


@dataclass(frozen=True)
class Setting:
    """One line of the protocol: what the paper did, what was done here, and whether they are the same."""

    name: str
    paper: str
    here: str
    same: bool

    @classmethod
    def of(cls, name: str, paper: object, here: object) -> Setting:
        """Both written out; lists by their entries, numbers alike if they are equal."""
        return cls(name, words(paper), words(here), paper == here)

    @classmethod
    def at_least(cls, name: str, paper: int, here: int) -> Setting:
        """A number of which more is no departure, as of repeats."""
        return cls(name, words(paper), words(here), here >= paper)


@dataclass(frozen=True)
class Part:
    """The results of an experiment on one data set (or on one set of them).

    Attributes:
        name: part of identifiers, e.g. `DataSet.slug`.
        heading: shown above the part if an experiment has several.
        data: values of the column "data" in the rows that it presents.
        protocol: the settings beside the paper's.
        tables, plots: in the order of the report; their names are stems of files and differ between parts.
        basis: what the claims are judged on.
    """

    name: str
    heading: str
    data: Sequence[str]
    protocol: Sequence[Setting]
    tables: Sequence[Table]
    plots: Sequence[Plot]
    basis: Basis

    @classmethod
    def of(
        cls,
        data: DataSet,
        protocol: Sequence[Setting],
        tables: Sequence[Table],
        plots: Sequence[Plot],
        basis: Basis,
    ) -> Part:
        """The results on one data set, which name the part."""
        return cls(data.slug, data.name, [data.name], protocol, tables, plots, basis)


@dataclass(frozen=True)
class Presentation:
    """All that is reported of an experiment.

    Attributes:
        parts: the results; none where there are no rows.
        curves: name -> table for `dvc plots`: horizontal axis, configuration, vertical axis. The tables and their
            columns are the same whether or not there are rows.
    """

    parts: Sequence[Part]
    curves: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Note:
    """How an experiment is shown in MLflow: words and layout.

    Attributes:
        reading: how its numbers answer its question, a few sentences.
        columns: metrics shown as columns of the table of runs, as patterns.
        logarithmic: measures whose charts have a logarithmic axis, beside those declared so.
        headlines: measures that also get a metric per change of width, so that they can be columns.
        together: metrics that are shown in one chart, as patterns, a chart each; they get none of their own.
    """

    reading: str
    columns: tuple[str, ...] = ()
    logarithmic: tuple[str, ...] = ()
    headlines: tuple[str, ...] = ()
    together: tuple[str, ...] = ()


class Presenter(Protocol):
    """What a file in `experiments/` offers: a title of a few words, the note for MLflow, and the results.

    It may also have `frames`, see `presenters.framed`.
    """

    @property
    def TITLE(self) -> str:
        """Of a few words."""
        ...

    @property
    def NOTE(self) -> Note:
        """For MLflow."""
        ...

    def headlines(self, rows: pd.DataFrame) -> dict[str, Any]:
        """The few numbers for `dvc metrics show`, as JSON: of rows on one data set, of which there are some."""
        ...

    def present(self, rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
        """Tables, figures, and what the claims are judged on.

        Args:
            rows: observations of networks that did not diverge, on any number of the data sets.
            settings: the experiment's.
            data: the data sets that are there, by name; some that the settings want may not be.
        """
        ...


def each(rows: pd.DataFrame, data: Mapping[str, DataSet]) -> Iterator[tuple[pd.DataFrame, DataSet]]:
    """The rows on each data set that there are any of, and the data set."""
    for name, known in data.items():
        own = select(rows, data=name)
        if len(own):
            yield own, known


def words(value: object) -> str:
    """A setting written out: a list by its entries."""
    if isinstance(value, list | tuple):
        return ", ".join(words(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
