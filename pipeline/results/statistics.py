"""Means over repeats with their uncertainty, and differences between configurations paired by repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

LEVEL = 0.95  # coverage of every interval in this project


def select(rows: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """The rows in which each named column has the value wanted, e.g. `select(rows, measure="epsilon")`.

    A list is of values of which any will do; None wants the column to be missing. `value` becomes a plain float, NaN
    where it is missing.

    Raises:
        ValueError: a value is no level of its column, where all levels are known (`rows.frame`).
        KeyError: there is no such column.
    """
    for column, value in wanted.items():
        if column not in rows:
            raise KeyError(f"rows: no column {column!r}; there are {', '.join(map(str, rows.columns))}")
        own = rows[column]
        if value is None:
            rows = rows[own.isna()]
            continue
        values = list(value) if isinstance(value, list | tuple) else [value]
        if isinstance(own.dtype, pd.CategoricalDtype):
            for unknown in [each for each in values if each not in own.cat.categories]:
                levels = ", ".join(map(str, own.cat.categories))
                raise ValueError(f"rows: {unknown!r} is not one of the levels of {column}, {levels}")
        mask = own.isin(values) if len(values) != 1 else own == values[0]
        rows = rows[mask.fillna(False).astype(bool)]
    return rows.assign(value=rows["value"].to_numpy(dtype=float, na_value=np.nan)).reset_index(drop=True)


def log10(values: pd.Series[float]) -> pd.Series[float]:
    """log10 of each value; NaN, for `summarise` no mean either, where there is none, as of 0."""
    return values.where(values > 0).astype(float).map(np.log10)


def summarise(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean of `value` and its uncertainty, for each combination of the columns `by` (in order of appearance).

    Columns added to `by`:

        n          number of values
        mean       arithmetic mean, in the unit of the value
        sd         standard deviation of one value, with n - 1 in the denominator
        se         standard error of the mean, sd / sqrt(n)
        low, high  mean -+ t se: 95% interval of the mean, t from Student's distribution with n - 1
                   degrees of freedom

    One value alone has a mean but no sd, se or interval: they are missing. A group holding a value that is
    missing or not finite (a diverged network, say) has no mean either: nothing is left out in silence.
    """
    from scipy.special import stdtrit  # the quantile alone: scipy.stats takes a second to import

    values = rows["value"].to_numpy(dtype=float, na_value=np.nan)
    finite = rows.assign(value=np.where(np.isfinite(values), values, np.nan))
    groups = finite.groupby(list(by), dropna=False, sort=False, observed=True)["value"]
    table = groups.agg(n="size", known="count", mean="mean", sd="std")
    table.loc[table["known"] < table["n"], ["mean", "sd"]] = np.nan
    table = table.drop(columns="known")
    table["se"] = table["sd"] / np.sqrt(table["n"])
    reach = stdtrit((table["n"] - 1).clip(lower=1), (1 + LEVEL) / 2) * table["se"]
    table["low"], table["high"] = table["mean"] - reach, table["mean"] + reach
    return table.reset_index()


def geometric(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Geometric mean and its 95% interval, as `summarise` does of the logarithms; sd and se are in decades.

    None for a group with a value that is 0 or less.
    """
    means = summarise(rows.assign(value=log10(rows["value"])), by)
    return means.assign(**{name: 10 ** means[name] for name in ("mean", "low", "high")})


def differences(rows: pd.DataFrame, a: str, b: str, by: Sequence[str], *, of: str = "configuration") -> pd.DataFrame:
    """`value` of configuration `a` minus that of `b`, for each repeat that both have and each combination of `by`.

    Or of the rows in which another column, `of`, has the values `a` and `b`.

    Networks of one repeat share their seed and their data, so the difference within a repeat is free of what
    varies between repeats. Columns: `by`, "repeat", "value".

    Raises:
        pandas.errors.MergeError: a repeat has several values for one combination of `by`: `by` is too coarse.
    """
    keys = [*by, "repeat"]
    first, second = (rows.loc[rows[of] == label, [*keys, "value"]] for label in (a, b))
    both = first.merge(second, on=keys, suffixes=("_a", "_b"), validate="one_to_one")
    return both[keys].assign(value=both["value_a"] - both["value_b"])


def paired(rows: pd.DataFrame, a: str, b: str, by: Sequence[str]) -> pd.DataFrame:
    """Summary (see `summarise`) of the paired `differences` of configurations `a` and `b`."""
    return summarise(differences(rows, a, b, by), by)
