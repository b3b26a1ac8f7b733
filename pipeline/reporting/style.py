"""One place for how things look: colours, fonts, and the names and units of what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal


@dataclass(frozen=True)
class Measure:
    """How a measure is named and written.

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


MEASURES = {
    "train_loss": Measure("training loss", "nats", 3),
    "test_loss": Measure("test loss", "nats", 3),
    "width": Measure("width", "neurons", 1),
    "psi_norm": Measure("sum of the norms of ψ", "", 3),
    "test_accuracy": Measure("test accuracy", "%", 2),
    "accuracy": Measure("test accuracy", "%", 2),
    "accuracy_after": Measure("test accuracy after further training", "%", 2),
    "best_accuracy": Measure("best test accuracy of any epoch", "%", 2),
    "sigma_sum": Measure("sum of singular values", "", 2),
    "epsilon": Measure("change of logits ε", "", None, log=True),
    "epsilon_scaled": Measure("scaled change of logits", "%", None, log=True),
    "kl": Measure("KL divergence", "nats", None, log=True),
    "delta_accuracy": Measure("accuracy, after − before", "percentage points", 2),
    "delta_sigma": Measure("sum of singular values, before − after", "", 2),
    "training_seconds": Measure("training", "s"),
    "testing_seconds": Measure("testing", "s"),
    "adapting_seconds": Measure("adapting", "s"),
    "epoch_seconds": Measure("whole epoch", "s"),
    "adapting_share": Measure("adapting, share of training", "%"),
    "effective_rank": Measure("effective rank", "", 2),
    "share_below": Measure("singular values under the threshold", "%", 1),
    "largest_to_median": Measure("largest to median singular value", "", None),
    "separation": Measure("widest gap among the larger singular values, ratio", "", None),
    "likeness": Measure("likeness of repeats", "", 3),
    "parameters": Measure("parameters", "", 0),
    "percent_removed": Measure("parameters removed", "%", 2),
    "percent_small": Measure("small parameters", "%", 2),
    "l1_norm": Measure("sum of absolute values", "", 1),
    "bytes": Measure("bytes stored", "", 0),
    "latency_dense": Measure("latency", "ms", None),
    "latency_ratio": Measure("latency, sparse / dense", "", 2),
    "row_norm": Measure("length of a new neuron’s row", "", None, log=True),
    "column_norm": Measure("length of a new neuron’s column", "", None),
    "active": Measure("new neurons that are active", "", 2),
    "kurtosis": Measure("size of the excess kurtosis", "", 2),
    "negentropy": Measure("negentropy", "nats", 3),
    "information": Measure("mutual information of two", "nats", 4),
    "energy_correlation": Measure("size of the correlation of the squares of two", "", 3),
    "pixel_correlation": Measure("correlation with the pixel", "", 2),
    "until_active": Measure("until half of the new neurons are active", "epochs", 1),
}

# Name -> colour on white, colour on dark. The series (all but the first three) are Okabe and Ito's, told apart
# with any colour vision, some darkened so that each has a contrast of 3 : 1 with the background.
COLOURS = {
    "paper": ("#ffffff", "#14171a"),
    "ink": ("#22262b", "#dde1e6"),
    "grid": ("#d5d8dc", "#3a4047"),
    "blue": ("#0072b2", "#58b0ee"),
    "green": ("#009e73", "#35c79a"),
    "sky": ("#4197d3", "#a3d8fa"),
    "black": ("#4d4d4d", "#b9bdc2"),
    "vermilion": ("#d55e00", "#ff8b45"),
    "orange": ("#c08000", "#f0c04f"),
    "purple": ("#b3558b", "#e79bc6"),
}


@dataclass(frozen=True)
class Line:
    """How one series is drawn; marker and dashes repeat what the colour says, for readers who cannot see it."""

    colour: str
    marker: str
    dashes: Literal["-", "--", ":", "-.", "none"] = "-"  # "none": single means, with nothing between them

    @property
    def light(self) -> str:
        """The colour on white."""
        return COLOURS[self.colour][0]


DOTS = 125  # of a png, an inch: 900 pixels across, as wide as MLflow or the report shows a figure
COOL = [Line("blue", "o"), Line("green", "s", "--"), Line("sky", "^", ":"), Line("black", "v", "-.")]
WARM = [Line("vermilion", "D"), Line("orange", "P", "--"), Line("purple", "X", ":")]


def styles(labels: Iterable[str]) -> dict[str, Line]:
    """A style for each series, in order; after seven they begin again."""
    return dict(zip(labels, cycle([*COOL, *WARM])))


def settings() -> dict[str, Any]:
    """Matplotlib's settings for every figure: same text sizes, same inks, the same bytes each time."""
    ink, grid, paper = (COLOURS[name][0] for name in ("ink", "grid", "paper"))
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
    return dict.fromkeys(inked, ink) | {
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
        "font.size": 8.0,
        "axes.titlesize": 8.5,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.7,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": grid,
        "grid.linewidth": 0.5,
        "figure.facecolor": paper,
        "axes.facecolor": paper,
        "savefig.facecolor": paper,
        "legend.frameon": False,
        "legend.fontsize": 7.5,
        "legend.title_fontsize": 7.5,
        "legend.handlelength": 3.2,
        "lines.linewidth": 1.1,
        "lines.markersize": 3.6,
        "svg.fonttype": "path",
        "svg.hashsalt": "isotropic-networks",  # otherwise identifiers in an svg are random
        "savefig.dpi": 200,  # of what is drawn as pixels in an svg
    }
