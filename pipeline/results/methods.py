"""What `other_methods` compares: the accuracies of its networks against each other, in pairs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipeline.results.statistics import paired, select


def final(rows: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy (percent) after the last epoch; "end" is missing for networks that are never changed."""
    accuracy = select(rows, phase="training", measure="test_accuracy")
    return accuracy[accuracy["epoch"] == accuracy["epoch"].max()]


def beside(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Final accuracies, those of unchanged networks beside every "end" width of others."""
    still = accuracy["end"].isna()
    copies = [accuracy[still].assign(end=end) for end in accuracy["end"].dropna().unique()]
    return pd.concat([accuracy[~still], *copies], ignore_index=True).astype({"end": "Int64"})


def gains(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Final accuracies minus that of the unchanged network of the same kind and repeat, percentage points."""
    keys, still = ["activation", "repeat"], accuracy["end"].isna()
    unchanged = accuracy.loc[still, [*keys, "value"]]
    both = accuracy[~still].merge(unchanged, on=keys, suffixes=("", "_unchanged"), validate="many_to_one")
    return both.assign(value=both["value"] - both["value_unchanged"])


def advantages(values: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The first of the methods minus each "configuration" of the others, by "end": means as of `summarise`."""
    isotropic, *others = methods
    found = [paired(values, isotropic, other, ["end"]).assign(configuration=other) for other in others]
    return pd.concat(found, ignore_index=True)
