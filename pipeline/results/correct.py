"""Which test images each network had right, beside the rows: a bit an image, wherever a claim is about accuracies.

A row is a network and a place: the columns of the rows but `measure` and `value`, and

    images     N, the number of test images
    correct    whether each was right, in the order of the test set: ceil(N / 8) bytes, as numpy.packbits makes them

so that 100 mean(np.unpackbits(np.frombuffer(correct, np.uint8), count=images)) is the accuracy that the rows have of
that place. Images are common to all networks: by them one sees what an accuracy owes to the choice of the test set.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.results import rows
from pipeline.results.schema import Schema

BITS = ("images", "correct")
ACCURACIES = ("test_accuracy", "accuracy")  # the measures that are the mean of the bits, in percent
_ROUNDING = 1e-6  # of an image: less than this between an accuracy and its bits


def columns(schema: Schema) -> list[str]:
    """Those of a table: which network, at what place, and the bits."""
    return [*(column for column in schema.columns if column not in ("measure", "value")), *BITS]


def frame(kept: Iterable[dict[str, object]], schema: Schema) -> pd.DataFrame:
    """Networks and places with their bits (dicts of column -> value) as a table with the dtypes of a schema.

    Raises:
        ValueError: one has a column or a level that the schema does not.
    """
    known = list(kept)
    where = rows.frame(({k: v for k, v in each.items() if k not in BITS} for each in known), schema)
    bits = pd.DataFrame(known, columns=list(BITS))
    return _typed(where.join(bits)[columns(schema)], schema)


def concatenated(tables: Iterable[pd.DataFrame], schema: Schema) -> pd.DataFrame:
    """Tables one after the other; an empty one if there are none."""
    return pd.concat([frame([], schema), *tables], ignore_index=True)


def packed(right: NDArray[np.bool_]) -> list[bytes]:
    """The bits of each row of booleans [rows, images]."""
    return [bits.tobytes() for bits in np.packbits(right, axis=1)]


def unpacked(table: pd.DataFrame) -> NDArray[np.uint8]:
    """The bits of a table whose rows have equally many images, [rows, images]."""
    count = int(table["images"].iloc[0])
    packed = np.frombuffer(b"".join(table["correct"]), np.uint8).reshape(len(table), -1)
    return np.unpackbits(packed, axis=1, count=count)


def observed(table: pd.DataFrame, observations: pd.DataFrame) -> pd.DataFrame:
    """The rows of accuracies at the places of a table, with its bits."""
    accuracies = observations[observations["measure"].isin(ACCURACIES)]
    return accuracies.merge(table, on=[column for column in table if column not in BITS])


def to_bytes(table: pd.DataFrame) -> bytes:
    """A table as the content of a parquet file."""
    return bytes(table.to_parquet(index=False, compression="zstd"))


def from_bytes(content: bytes, schema: Schema) -> pd.DataFrame:
    """The table from the content of a parquet file that `to_bytes` made."""
    return _typed(pd.read_parquet(io.BytesIO(content)), schema)


def read(path: Path, observations: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The table in a file, which must agree with the rows beside it.

    Raises:
        InputError: there is no such file, it is another, or says something else than the rows.
    """
    table = rows.written_table(path, columns(schema))  # missing, it is an error: intervals would be narrower
    try:
        table = _typed(table, schema)
        _check(table, observations)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {rows.reason(error)}; {rows.REMEDY}") from error
    return table


def _typed(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    return rows.typed(table, schema).astype({"images": "Int64", "correct": object})


def _check(table: pd.DataFrame, observations: pd.DataFrame) -> None:
    """Check that each place has its bits once, as many as it says, and that their mean is the accuracy in the rows.

    Raises:
        ValueError: one has not.
    """
    for count, bits in zip(table["images"], table["correct"], strict=True):
        if pd.isna(count) or not isinstance(bits, bytes) or len(bits) != -(-count // 8) or count == 0:
            size = len(bits) if isinstance(bits, bytes) else "no"
            raise ValueError(f"{count} images have {size} bytes of bits; a byte is of eight images")
    where = [column for column in table if column not in BITS]
    if (twice := int(table.duplicated(where).sum())) > 0:
        raise ValueError(f"{twice} places are there twice")
    both = observed(table, observations)
    if (missing := len(table) - len(both[where].drop_duplicates())) > 0:
        raise ValueError(f"{missing} of {len(table)} places have no accuracy in the rows")
    for _, own in both.groupby("images"):
        right = unpacked(own).sum(1)
        said = own["value"].to_numpy(dtype=float) * float(own["images"].iloc[0]) / 100
        if (apart := ~(np.abs(said - right) < _ROUNDING)).any():
            first = own[apart].iloc[0]
            raise ValueError(
                f"{apart.sum()} accuracies in the rows are not those of the bits, the first {first['value']:g} % for "
                f"{int(right[apart][0])} of {first['images']} images"
            )
