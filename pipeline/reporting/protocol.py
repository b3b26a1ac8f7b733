"""What the protocols of the experiments have in common, and what their captions and claims say of the networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.reporting.presentation import Setting, words
from pipeline.results.claims.base import Basis
from pipeline.results.schema import configurations, networks
from pipeline.results.text import counted

FULL = "float32"  # of matrix products in training; the paper says nothing of precision
TREATMENT = "trainable, trainable+decay"  # of intrinsic length and ψ, in the paper, unless an experiment varies it


def data_line(papers: Mapping[str, str], data: DataSet) -> Setting:
    """The data set beside the paper's; `papers` are its sources and what it calls them, one as good as another."""
    name = papers.get(data.source)
    return Setting("data", ", ".join(papers.values()), name or data.words, name is not None)


def decided(lines: Mapping[str, object]) -> list[Setting]:
    """Lines of an experiment that the paper does not have."""
    return [Setting(name, "no such experiment", words(here), False) for name, here in lines.items()]


def common(
    settings: Any,
    *,
    own: Mapping[str, str] = MappingProxyType({}),
    batch_size: int = 48,
    optimiser: str = "adamw",
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-3,
    batch: str = "batch size",
    psi: bool = True,
    growing: bool = False,
) -> list[Setting]:
    """How networks are trained: the lines that come last in every protocol.

    Args:
        settings: the experiment's.
        own: name of a line -> what stands there of an experiment with several; the paper has none.
        batch_size, optimiser, learning_rate, weight_decay: the paper's.
        batch: name of the line of the batch size.
        psi: whether there are networks with ψ.
        growing: whether neurons are added.
    """
    lines = [
        Setting.of(batch, batch_size, settings.batch_size),
        Setting.of("optimiser", optimiser, settings.optimiser),
        Setting.of("learning rate", learning_rate, settings.learning_rate),
        Setting.of("weight decay", weight_decay, settings.weight_decay),
        Setting("matrix products of training", f"{FULL} (assumed)", settings.matmul, settings.matmul == FULL),
    ]
    if psi:
        lines.append(Setting.of("decay of ψ, λ", 0.1, settings.psi_decay))
    if growing:
        lines.append(Setting.of("columns of new neurons", "normal", settings.columns))
    return [replace(line, here=own[line.name], same=False) if line.name in own else line for line in lines]


def mean_gain(count: int) -> Setting:
    """The line of compensation "expectation": "batch-wise or test-set-wise" (version 2, neurodegeneration)."""
    return Setting(
        "samples of the mean gain", "a batch, or the test set", f"about {count} of the training set", False
    )


def basis(rows: pd.DataFrame, protocol: Iterable[Setting], data: str, network: str) -> Basis:
    """What claims on these rows rest on, which may be nothing; `data` and `network` in words."""
    return Basis(
        data=data,
        network=network,
        networks=len(rows[networks(list(rows.columns))].drop_duplicates()),
        repeats=int(rows["repeat"].nunique()),
        epochs=int(rows["epoch"].max()) if len(rows) else 0,
        same_as_paper=all(setting.same for setting in protocol),
    )


def repeats(rows: pd.DataFrame) -> str:
    """How many repeats the configurations in these rows have: "5 repeats", or "3 to 5 repeats" if some have fewer."""
    counts = rows.groupby(configurations(list(rows.columns)), dropna=False, observed=True)["repeat"].nunique()
    least, most = int(counts.min()), int(counts.max())
    return counted(most, "repeat") if least == most else f"{least} to {most} repeats"


def precisions(rows: pd.DataFrame) -> str:
    """In which these rows were computed: "float32", or "float32 and float64"."""
    levels = rows["precision"].dropna().unique()
    return " and ".join(sorted(map(str, levels)))


def mean_of(rows: pd.DataFrame) -> str:
    """What the lines of a figure of these rows are."""
    found = repeats(rows)
    return found if found == "1 repeat" else f"mean of {found} with 95% interval"


def architectures(settings: Any) -> str:
    """The networks of an experiment with every number of hidden layers in every width."""
    layers, widths = (", ".join(map(str, values)) for values in (settings.hidden_layers, settings.hidden_widths))
    return f"{layers} hidden layers of width {widths}"
