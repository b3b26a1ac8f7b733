"""The pictures that carry the paper, on the first page of every report: of which figures they are is said here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.reporting.figures import Plot


@dataclass(frozen=True)
class Picture:
    """Some figures of an experiment, side by side.

    Attributes:
        title: what it shows, and not what was found: that the claims say.
        caption: how to read it, a sentence.
        figures: the ends of their names; of several data sets those on the first.
    """

    title: str
    caption: str
    figures: tuple[str, ...]


PICTURES = {
    "invariance": Picture(
        "Growing and pruning: how far the logits move",
        "Neurons are added (right of 0) or removed (left of it); of an exact change rounding is all that is left.",
        ("epsilon",),
    ),
    "spectra": Picture(
        "Spectra in training: isotropic in blue, standard tanh in orange",
        "Singular values and biases of each map, a ridge for each epoch from the top down.",
        ("figure-2-4", "figure-5"),
    ),
    "task_schedule": Picture(
        "Widths while tasks come and go",
        "Hidden layers as tasks come (T1, T2) and go (T3), and accuracy beside networks of constant width.",
        ("figure-3",),
    ),
}


def chosen(experiment: str, plots: Iterable[Plot]) -> list[Plot]:
    """Those of an experiment's figures on a data set that the first page shows."""
    wanted = PICTURES[experiment].figures if experiment in PICTURES else ()
    return [plot for plot in plots if plot.name.endswith(wanted)] if wanted else []
