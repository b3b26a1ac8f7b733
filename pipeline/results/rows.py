"""Rows as tables and files: one observation each. Rows on disk are the truth; all else is made from them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import InputError
from pipeline.paths import denied, missing, written
from pipeline.results.schema import KEYS, Factor, Schema

_DTYPES = {str: "string", int: "Int64", float: "Float64", bool: "boolean"}


def frame(observations: Iterable[dict[str, object]], schema: Schema) -> pd.DataFrame:
    """Observations (dicts of column -> value) as a table with exactly the columns and dtypes of a schema.

    Text of which all levels are known is categorical, in their order: `select` refuses any other.

    Raises:
        ValueError: an observation has a column or a level that the schema does not.
    """
    table = pd.DataFrame(list(observations))
    unknown = sorted(set(table.columns) - set(schema.columns))
    if unknown:
        schema.check({unknown[0]: None})
    return typed(table.reindex(columns=list(schema.columns)), schema)


def typed(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A table, of all columns of a schema or some, with its dtypes.

    Raises:
        ValueError, TypeError: a value is of another type, or no level of its column.
    """
    own = {column: factor for column, factor in schema.columns.items() if column in table}
    for column, factor in own.items():
        if factor.levels:  # as a categorical they would become missing
            for value in table[column].dropna().unique():
                schema.check({column: value})
    return table.astype({column: _dtype(factor) for column, factor in own.items()})


def _dtype(factor: Factor) -> Any:
    return pd.CategoricalDtype(list(factor.levels)) if factor.levels else _DTYPES[factor.kind]


REMEDY = "delete it, and `dvc repro` makes it again"


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table to a parquet file, beside it first and then renamed; its pages have checksums."""
    with written(path) as beside:
        table.to_parquet(beside, index=False, compression="zstd", write_page_checksum=True)


def to_bytes(table: pd.DataFrame) -> bytes:
    """Rows as the content of a parquet file."""
    return bytes(table.to_parquet(index=False))


def from_bytes(content: bytes, schema: Schema) -> pd.DataFrame:
    """Rows from the content of a parquet file that `to_bytes` made."""
    return typed(pd.read_parquet(io.BytesIO(content)), schema)


def read(path: Path, experiment: str, schema: Schema) -> pd.DataFrame:
    """Rows of an experiment from a parquet file.

    Raises:
        InputError: there is no such file, or it is not a file of such rows.
    """
    table = written_table(path, list(schema.columns))
    try:
        _whole(table, schema)
        table = typed(table, schema)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: a column has other values than it should ({reason(error)}); {REMEDY}") from error
    if not (table["experiment"] == experiment).fillna(False).all():
        raise InputError(f"{path}: rows of another experiment than {experiment}; {REMEDY}")
    return table


def written_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """What `write` wrote, its values unchecked.

    Raises:
        InputError: there is no such file, it is damaged, or has other columns.
    """
    if not path.is_file():
        raise missing(path)
    try:
        table = pd.read_parquet(path, page_checksum_verification=True)
    except PermissionError:
        raise denied(path) from None
    except Exception as error:  # a damaged file can raise any of Arrow's errors, and pandas' own about its metadata
        raise InputError(f"{path}: not a readable parquet file ({reason(error)}); {REMEDY}") from error
    if list(table.columns) != columns:
        raise InputError(f"{path}: columns {list(table.columns)} instead of {columns}; {REMEDY}")
    return table


def _whole(table: pd.DataFrame, schema: Schema) -> None:
    """Check that numbers are numbers, and that every row says of what it is.

    Raises:
        ValueError: they are not, or one does not.
    """
    for column, factor in schema.columns.items():
        own = table[column]
        number = pd.api.types.is_numeric_dtype(own) and not pd.api.types.is_bool_dtype(own)
        if factor.kind in (int, float) and not number and own.notna().any():
            raise ValueError(f"{column} has {own.dtype}, not numbers")
        if column in KEYS and own.isna().any():
            raise ValueError(f"{column} is missing in {own.isna().sum()} rows")


def reason(error: Exception) -> str:
    """An error in at most 200 characters on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
