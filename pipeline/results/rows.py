"""The schema of rows: one observation each. Rows on disk are the truth; all else is made from them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pipeline.errors import InputError
from pipeline.paths import written

# Column -> pandas dtype. A column that has no meaning for an observation is missing there (<NA>).
COLUMNS: dict[str, str] = {
    "experiment": "string",
    "data": "string",  # name of the data set in the profile
    "network": "string",  # widths at the start, e.g. "3072-100-100-10"
    "configuration": "string",  # label of the network's configuration, e.g. "trainable, trainable+decay"
    "repeat": "Int64",
    "seed": "Int64",  # of this repeat's initialisation
    "phase": "string",  # "training", "baseline", "adapted", ...; "diverged": the last row of a stopped network
    "epoch": "Int64",  # epochs trained so far; 0 is the initialisation
    "change": "Int64",  # neurons added (positive) or removed (negative); 0 is diagonalisation alone
    "end": "Int64",  # hidden width at the end of a schedule of widths
    "task": "string",  # the data set or task within a schedule of tasks
    "layer": "Int64",  # affine map, counted from 1
    "index": "Int64",  # place within a spectrum, counted from 0 in descending order
    "precision": "string",  # "float32" or "float64"
    "measure": "string",  # "epsilon", "accuracy", ...; METHOD's names, see training/measures.py
    "value": "Float64",
}


def frame(observations: Iterable[dict[str, object]]) -> pd.DataFrame:
    """Observations (dicts of column -> value) as a table with exactly the columns and dtypes of COLUMNS.

    Raises:
        ValueError: an observation has a key that is not a column.
    """
    table = pd.DataFrame(list(observations))
    unknown = sorted(set(table.columns) - set(COLUMNS))
    if unknown:
        raise ValueError(f"rows: {unknown[0]!r} is not one of the columns {', '.join(COLUMNS)}")
    return table.reindex(columns=list(COLUMNS)).astype(COLUMNS)


def write(table: pd.DataFrame, path: Path) -> None:
    """Write rows to a parquet file, beside it first and then renamed; its pages have checksums."""
    with written(path) as beside:
        table.to_parquet(beside, index=False, write_page_checksum=True)


def to_bytes(table: pd.DataFrame) -> bytes:
    """Rows as the content of a parquet file."""
    return bytes(table.to_parquet(index=False))


def from_bytes(content: bytes) -> pd.DataFrame:
    """Rows from the content of a parquet file that `to_bytes` made."""
    return pd.read_parquet(io.BytesIO(content)).astype(COLUMNS)


def read(path: Path, experiment: str | None = None) -> pd.DataFrame:
    """Rows from a parquet file; of this experiment, if one is given.

    Raises:
        InputError: there is no such file, or it is not a file of such rows.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; `dvc repro` makes it")
    remedy = "delete it, and `dvc repro` makes it again"
    try:
        table = pd.read_parquet(path, page_checksum_verification=True)
    except Exception as error:  # a damaged file can raise any of Arrow's errors, and pandas' own about its metadata
        raise InputError(f"{path}: not a readable parquet file ({_reason(error)}); {remedy}") from error
    if list(table.columns) != list(COLUMNS):
        raise InputError(f"{path}: columns {list(table.columns)} instead of {list(COLUMNS)}; {remedy}")
    try:
        table = table.astype(COLUMNS)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: a column has values of another type ({_reason(error)}); {remedy}") from error
    if experiment is not None and not (table["experiment"] == experiment).fillna(False).all():
        raise InputError(f"{path}: rows of another experiment than {experiment}; {remedy}")
    return table


def _reason(error: Exception) -> str:
    """An error in at most 200 characters on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
