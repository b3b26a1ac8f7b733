"""`joint_sparsity` in the report: how many parameters are small in the bases that each method finds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import cycle, product
from typing import Any

import pandas as pd

from pipeline.experiments.joint_sparsity import ALTERNATE, JOINT, ROWS, STARTS, TRAINED, TRIANGULAR
from pipeline.reporting.architectures import Architectures
from pipeline.reporting.headlines import nested
from pipeline.reporting.page import Block, By, DataSet, Note, Plot, Setting, Table
from pipeline.reporting.protocol import TREATMENT, common, decided, precisions
from pipeline.reporting.style import COLOURS, COOL, WARM, Line
from pipeline.results.statistics import select
from pipeline.results.text import counted

MEASURES = ROWS.measures
TITLE = "Joint sparsity optimisation"
NOTE = Note(
    reading=(
        "A run is a network. Metrics of `rebased` name the method that turned its hidden widths: `trained` left them"
        " as training did; a joint one is followed by the power of its proxy and the bases in which it starts."
        " Sparsity is that in float64. `percent_small` is the percentage of parameters whose absolute value is at"
        " most the threshold that follows, `percent_most` what any choice of bases can make exactly zero; the"
        " function is the same in all bases, so `epsilon` is at rounding level."
    ),
    columns=("test/accuracy", "rebased float64/percent_small * 0.0001", "repeats"),
    together=(
        "rebased float64/percent_small * 0.0001",
        "rebased float64/percent_small * 0.01",
        "rebased float64/l1_norm joint *",
    ),
)
THRESHOLD = 1e-4  # the paper's, above which a parameter counts as present
# Methods in closed form -> in words, and how they are drawn.
CLOSED = {
    TRAINED: ("as trained", COOL[3]),
    ALTERNATE: ("alternate diagonalisation", COOL[0]),
    TRIANGULAR: ("alternate, odd width triangular", COOL[1]),
}
_JOINT = [WARM[1], Line("orange", "s", ":"), WARM[0], Line("vermilion", "^", ":"), WARM[2], Line("purple", "v", "--")]


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By network and method: the percentage of parameters at most 1e-4 in size; and what bases can make zero."""
    small = _named(select(rows, measure="percent_small", threshold=THRESHOLD))
    most = select(rows, measure="percent_most", bases=TRAINED).assign(name="most_exact_zeros")
    return nested(pd.concat([small, most]), ["network", "name"], 2)


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column `name`: the method, of joint optimisation with its power and start."""
    of = zip(rows["bases"], rows["power"], rows["initial"], strict=True)
    names = [_name(power, start) if method == JOINT else method for method, power, start in of]
    return rows.assign(name=pd.Series(names, rows.index, "string"))


def _name(power: float, start: str) -> str:
    return f"{JOINT} p {power:g} from {start}"


class _Page(Architectures):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(_named(rows), settings, data)
        joint = {
            _name(power, start): (f"joint, p = {power:g}, from {start}", line)
            for (power, start), line in zip(product(settings.powers, STARTS), cycle(_JOINT), strict=False)
        }
        known = set(self.rows["name"].dropna())
        self.series = {name: shown for name, shown in (CLOSED | joint).items() if name in known}
        self.networks = By.levels("network", "network", self.rows["network"].unique())
        self.most = select(self.rows, measure="percent_most", bases=TRAINED).groupby("network")["value"].mean()

    def protocol(self) -> list[Setting]:
        settings = self.settings
        lines = {
            "data": self.data.words,
            "width of the hidden layers": settings.hidden_widths,
            "number of hidden layers": settings.hidden_layers,
            "small: absolute value at most": settings.thresholds,
            "power p of the proxy": settings.powers,
            "steps of joint optimisation": settings.joint_steps,
            "repeats": settings.repeats,
            "epochs": settings.epochs,
        }
        return [
            *decided(lines),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configurations[0].label),
            *common(settings),
        ]

    @property
    def conditions(self) -> str:
        epochs = counted(self.settings.epochs, "epoch")
        bases = precisions(select(self.rows, phase="descent"))
        return f"Data {self.data.name}, {self.repeats} of {epochs}; the bases in {bases}."

    def tables(self) -> Iterator[Table]:
        def block(measure: str, heading: str, **where: object) -> Block:
            return Block(MEASURES[measure], select(turned, measure=measure, **where), heading, known=True)

        turned, moved = select(self.rows, phase="rebased"), [ALTERNATE, TRIANGULAR, JOINT]
        sizes = self.settings.thresholds
        bounds = "; ".join(f"{network}: {value:.2f} %" for network, value in self.most.items())
        yield self.table(
            "bases",
            "Small parameters by choice of bases",
            "The same networks in the bases that each method finds, without retraining; mean ± standard deviation "
            "over repeats. Joint optimisation descends Σ(w² + ε²)^(p/2) over an orthogonal matrix for each hidden "
            "width, ε going down. Bases of hidden widths n have Σ n(n − 1)/2 dimensions, and in general no choice "
            f"makes more of W, b and ψ exactly zero than that: {bounds}. (o is turned by none, and counts as small "
            f"where it is.) {self.ahead()} The paper names joint optimisation without a result.",
            By("name", "method", {name: label for name, (label, _) in self.series.items()}),
            self.networks,
            [
                *(block("parameters", f"parameters above {t:g}", threshold=t) for t in sizes if t == THRESHOLD),
                *(block("percent_small", f"parameters of size at most {t:g} (%)", threshold=t) for t in sizes),
                block("l1_norm", "sum of absolute values (L1 norm)"),
                block("epsilon", "change of logits ε, float64", bases=moved, precision="float64"),
                block("epsilon", "change of logits ε, float32", bases=moved, precision="float32"),
                block("accuracy", "test accuracy (%)", precision="float32"),
            ],
        )

    def ahead(self) -> str:
        """Which method leaves the most small parameters, at the least and at the largest threshold."""
        small, said = select(self.rows, measure="percent_small"), []
        for threshold in dict.fromkeys([min(self.settings.thresholds), max(self.settings.thresholds)]):
            means = select(small, threshold=threshold).groupby(["network", "name"], sort=False)["value"].mean()
            best = means.groupby("network", sort=False).idxmax()
            methods = ", ".join(f"{network} {self.series[name][0]}" for network, name in best)
            said.append(f"Most are of size at most {threshold:g} by: {methods}.")
        return " ".join(said)

    def plots(self) -> Iterator[Plot]:
        small = select(self.rows, measure="percent_small")
        plot = self.lines(
            "small",
            "Parameters under a threshold",
            "Percentage of W, b, ψ and o whose absolute value is at most the threshold, mean over repeats with its "
            "95% interval; dotted, what bases can make exactly zero. Above the line are parameters that are small "
            "without being zero.",
            small.assign(threshold=small["threshold"].astype(float).map(math.log10)),
            MEASURES["percent_small"],
            self.series,
            by="name",
            x="threshold",
            x_label="log10 of the threshold",
            panels=self.networks,
            across=2,
        )
        for ax, network in zip(plot.figure.axes, self.networks.names, strict=True):
            ax.axhline(self.most[network], color=COLOURS["ink"][0], linewidth=0.8, linestyle=":")
        yield plot
        yield self.lines(
            "descent",
            "The L1 norm in the course of joint optimisation",
            f"After each stage of {self.settings.joint_steps} steps in all, mean over repeats with its 95% interval. "
            "With p below 1 what is descended is closer to a count than to this norm.",
            select(self.rows, phase="descent", measure="l1_norm"),
            MEASURES["l1_norm"],
            {name: shown for name, shown in self.series.items() if name not in CLOSED},
            by="name",
            x="stage",
            x_label="stages of joint optimisation",
            panels=self.networks,
            across=2,
        )


present = _Page.present
