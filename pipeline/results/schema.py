"""What the rows of an experiment say: the columns that all have, and the factors and measures that each declares.

An experiment declares its rows as `ROWS = Schema(...)`. Nothing here needs pandas: all stages read the declarations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measure:
    """Something that is measured.

    Attributes:
        name: words for axes and headings.
        unit: its unit, "" if it has none.
        decimals: digits after the point; None for values of many magnitudes, written as mantissa and power.
        log: whether its axis is logarithmic.
    """

    name: str
    unit: str = ""
    decimals: int | None = None
    log: bool = False

    @property
    def label(self) -> str:
        """Name with unit, for an axis or a heading."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def title(self) -> str:
        """The label as a sentence begins."""
        return self.label[:1].upper() + self.label[1:]


@dataclass(frozen=True)
class Factor:
    """Something that varies, as a column of rows.

    Attributes:
        words: what it is.
        kind: of its values: int, float, bool or str.
        unit: its unit, "" if it has none.
        levels: of text, all values that there are, in the order of tables and figures; none for any text.
        many: whether it runs along a curve, a spectrum or a picture: MLflow gets no metric for each of its values.
    """

    words: str
    kind: type = str
    unit: str = ""
    levels: tuple[str, ...] = ()
    many: bool = False


CHANGE = Factor("change of a width, added (positive) or removed; at 0 it is only diagonalised", int, "neurons")
INDEX = Factor("place within a spectrum, in descending order, from 0", int, many=True)

# The columns of all experiments. Those up to `seed` say which network; those from `phase` on, what was seen of it.
_NETWORK = {
    "experiment": Factor("name of the experiment"),
    "data": Factor("name of the data set in the profile"),
    "network": Factor("widths at the start, e.g. 3072-100-100-10; of convolutions channels"),
    "configuration": Factor("what the networks of a repeat differ in, as a label, e.g. trainable, trainable+decay"),
}
_REPEAT = {
    "repeat": Factor("number of the repeat, from 0", int),
    "seed": Factor("of this repeat’s initialisation", int),
}
_TIME = {"epoch": Factor("epochs trained so far; 0 is the initialisation", int, "epochs")}
_OBSERVED = {
    "layer": Factor("affine map, from 1", int),
    "precision": Factor("in which it was computed", levels=("float32", "float64")),
}
# What no row lacks.
KEYS = frozenset({*_NETWORK, *_REPEAT, "phase", *_TIME, "measure"})
_KINDS: dict[type, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}
_STOPPED = {"diverged": "a loss or a parameter was no longer finite: the last row of a network"}


@dataclass(frozen=True)
class Schema:
    """The rows of an experiment. A factor that has no meaning for an observation is missing there (<NA>).

    Attributes:
        phases: level of the column `phase` -> when, or what was done, in words.
        measures: level of the column `measure` -> what it is.
        networks: column -> factor by which networks differ; written from the fields of that name that a member or its
            configuration has.
        observations: column -> factor by which observations of one network differ.
    """

    phases: Mapping[str, str]
    measures: Mapping[str, Measure]
    networks: Mapping[str, Factor] = field(default_factory=dict)
    observations: Mapping[str, Factor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = [*self.networks, *self.observations]
        common = {*_NETWORK, *_REPEAT, "phase", *_TIME, *_OBSERVED, "measure", "value"}
        for column in own:
            if column in common or own.count(column) > 1:
                raise ValueError(
                    f"rows: factor {column!r} is a column of all rows, or a factor twice; name it otherwise"
                )

    @cached_property
    def columns(self) -> dict[str, Factor]:
        """All columns in their order; the last is `value`, a number in the unit of its measure."""
        phase = {"phase": Factor("when, or what was done", levels=(*self.phases, *_STOPPED))}
        measure = {"measure": Factor("what was measured", levels=(*self.measures, "diverged"))}
        which = _NETWORK | dict(self.networks) | _REPEAT
        return (
            which
            | phase
            | _TIME
            | dict(self.observations)
            | _OBSERVED
            | measure
            | {"value": Factor("the number, in the unit of its measure", float)}
        )

    @property
    def places(self) -> list[str]:
        """The factors of observations that do not run along anything."""
        return [name for name, factor in self.observations.items() if not factor.many]

    def single(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that are one number, not a point of a curve, a spectrum or a picture."""
        many = [name for name, factor in self.observations.items() if factor.many]
        return rows[rows[many].isna().all(axis=1)]

    def check(self, row: Mapping[str, object]) -> None:
        """Check that a row has columns, types and levels that are declared.

        Raises:
            ValueError: one is not.
        """
        for said in self._wrong(row):
            raise ValueError(f"rows: {said}")

    def _wrong(self, row: Mapping[str, object]) -> Iterator[str]:
        for column, value in row.items():
            factor = self.columns.get(column)
            if factor is None:
                yield f"{column!r} is not one of the columns {', '.join(self.columns)}"
            elif value is None:
                continue
            elif not isinstance(value, _KINDS[factor.kind]) or isinstance(value, bool) != (factor.kind is bool):
                yield f"{value!r} is no {factor.kind.__name__}, as {column} is ({factor.words})"
            elif factor.levels and value not in factor.levels:
                yield f"{value!r} is not one of the levels of {column}, {', '.join(factor.levels)}"


def networks(columns: list[str]) -> list[str]:
    """Those of the columns of rows that say which network: what its repeats have in common, then `repeat`."""
    return columns[columns.index("data") : columns.index("repeat") + 1]


def configurations(columns: list[str]) -> list[str]:
    """Those of the columns of rows that networks have in common which differ in their repeat alone."""
    return networks(columns)[:-1]
