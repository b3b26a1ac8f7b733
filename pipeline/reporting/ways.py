"""Growing and pruning by several methods: what the tables and figures of `other_methods` have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from pipeline.experiments import other_methods
from pipeline.experiments.plan.methods import METHODS
from pipeline.reporting.numbers import write_bounds
from pipeline.reporting.style import Line
from pipeline.reporting.tables import Group, Row, quantities

# As rows name them. The first of each is of isotropic networks, the others are of those with elementwise tanh.
GROWING = tuple(name for name, method in METHODS.items() if method.grows)
PRUNING = tuple(name for name, method in METHODS.items() if not method.grows)
UNCHANGED = tuple(f"{kind}, {other_methods.UNCHANGED}" for kind in other_methods.KINDS.values())
FROM_SCRATCH = tuple(f"{kind}, {other_methods.FROM_SCRATCH}" for kind in other_methods.KINDS.values())
_METHODS = [Line("blue", "o"), Line("vermilion", "D"), Line("orange", "P", "--"), Line("purple", "X", ":")]
_REFERENCES = [Line("sky", "^", "-."), Line("black", "v", "-.")]
_GROWN = (
    "Isotropic growing adds neurons without incoming weights, random neurons are without outgoing ones, and "
    "Net2Wider copies neurons: without noise copies get equal gradients, and stay copies."
)
_PRUNED = (
    "Isotropic pruning removes neurons of least singular value; magnitude is the product of the norms of a neuron’s "
    "incoming and outgoing weights; “with mean” keeps its mean over training samples in the next bias; merging adds "
    "the outgoing weights of one of the two most similar neurons to the other’s."
)


@dataclass(frozen=True)
class Way:
    """Growing, or pruning.

    Attributes:
        name, done: its words.
        remark: what its methods are.
        methods: the first of them is isotropic.
        changes: of the width, the least first.
    """

    name: str
    done: str
    remark: str
    methods: tuple[str, ...]
    changes: tuple[int, ...]

    def series(self, references: Iterable[str], joined: bool = True) -> dict[str, Line]:
        """How the methods and two references are drawn, with or without lines between their means."""
        drawn = [line if joined else replace(line, dashes="none") for line in (*_METHODS, *_REFERENCES)]
        return dict(zip([*self.methods, *references], drawn, strict=True))

    def standing(self, accuracies: pd.DataFrame, relative: pd.DataFrame) -> str:
        """Where the isotropic method ends: from `advantages` in accuracies, and in those `relative` to no change."""
        if not accuracies["low"].notna().all():
            return ""  # one repeat has no intervals
        return (
            f" As far as intervals leave out zero, each taken by itself, {self.methods[0]} ends {_told(accuracies)} "
            f"in test accuracy; relative to unchanged networks of the same kind, {_told(relative)}."
        )

    def numbers(self, accuracies: pd.DataFrame) -> str:
        """The `advantages` in words, for those who cannot see a figure."""
        return " ".join(
            f"At width {place['end']}, {self.methods[0]} minus {place['configuration']}: "
            f"{write_bounds(place['mean'], place['low'], place['high'], 2).plain} points."
            for place in accuracies.to_dict("records")
        )


def ways(changes: Sequence[int]) -> list[Way]:
    """Those that there are changes of width for."""
    grown, pruned = (tuple(sorted((c for c in changes if (c > 0) == up), key=abs)) for up in (True, False))
    both = [Way("growing", "added", _GROWN, GROWING, grown), Way("pruning", "removed", _PRUNED, PRUNING, pruned)]
    return [way for way in both if way.changes]


def _told(advantages: pd.DataFrame) -> str:
    """What is ahead and what behind, with the widths: "behind merging (to 4 and 8)"."""
    sides = (("ahead of", advantages["low"] > 0), ("behind", advantages["high"] < 0))
    said = []
    for words, apart in sides:
        widths = advantages[apart].groupby("configuration", sort=False)["end"].agg(sorted)
        others = [f"{other} (to {' and '.join(map(str, ends))})" for other, ends in widths.items()]
        said += [f"{words} {', '.join(others)}"] if others else []
    return " and ".join(said) or "neither ahead of nor behind any other"


def group(
    key: str,
    heading: str,
    measure: str,
    means: pd.DataFrame,
    labels: Sequence[str],
    ends: Iterable[str],
    differences: bool = False,
) -> Group:
    """A line of a table for each label, with its means by "configuration" and "end"."""
    found = quantities(means, "configuration", "end")
    rows = [Row(label, label, [found.get((label, end)) for end in ends], differences) for label in labels]
    return Group(key, heading, other_methods.ROWS.measures[measure].decimals, rows)
