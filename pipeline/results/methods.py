"""What `other_methods` compares: which networks there are, and their accuracies against each other, in pairs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipeline.results.statistics import differences, paired, select

KINDS = ("isotropic", "tanh")
# The first of each is that of isotropic networks; the others are for elementwise tanh.
GROWING = ("isotropic growing", "Net2Wider", "Net2Wider with noise", "random neurons")
PRUNING = ("isotropic pruning", "magnitude", "magnitude with mean", "merging")
UNCHANGED = tuple(f"{kind}, unchanged" for kind in KINDS)
FROM_SCRATCH = tuple(f"{kind}, from scratch" for kind in KINDS)


def unchanged(label: str) -> str:
    """The unchanged networks of the kind that a method or a reference is of."""
    return UNCHANGED[0 if label.startswith(KINDS[0]) else 1]


def final(rows: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy (percent) after the last epoch; that of unchanged networks beside every "end" width of others."""
    accuracy = select(rows, phase="training", measure="test_accuracy")
    last = accuracy[accuracy["epoch"] == accuracy["epoch"].max()]
    still = last["end"].isna()
    beside = [last[still].assign(end=end) for end in last["end"].dropna().unique()]
    return pd.concat([last[~still], *beside], ignore_index=True).astype({"end": "Int64"})


def gains(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Final accuracies minus that of the unchanged network of the same kind and repeat, percentage points."""
    labels = [*GROWING, *PRUNING, *FROM_SCRATCH]
    found = [differences(accuracy, each, unchanged(each), ["end"]).assign(configuration=each) for each in labels]
    return pd.concat(found, ignore_index=True)


def advantages(values: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The first of the methods minus each "configuration" of the others, by "end": means as of `summarise`."""
    isotropic, *others = methods
    found = [paired(values, isotropic, other, ["end"]).assign(configuration=other) for other in others]
    return pd.concat(found, ignore_index=True)
