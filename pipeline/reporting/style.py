"""One place for how things look: colours, fonts, and the names and units of what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal

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
