"""`joint_sparsity` in the report: how many parameters are small in the bases that each method finds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.reporting.figures import Plot, lines, styled
from pipeline.reporting.headlines import by_name, rounded
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, common, mean_of, repeats
from pipeline.reporting.style import COLOURS, COOL, MEASURES, WARM, Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

TITLE = "Joint sparsity optimisation"
NOTE = Note(
    reading=(
        "A run is a network; its sections are named by the method that turned its hidden widths, `trained` those as"
        " training left them; sparsity is that in float64. `percent_small` is the percentage of parameters whose"
        " absolute value is at most the threshold that follows, `percent_most` what any choice"
        " of bases can make exactly zero; the function is the same in all bases, so `epsilon` is at rounding level."
        " `l1_norm` by step is that of joint optimisation after each of its stages."
    ),
    columns=("test/accuracy", "* float64/percent_small 0.0001", "repeats"),
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
    together=("* float64/percent_small 0.0001", "* float64/percent_small 0.01", "*joint * float64/l1_norm"),
)
NONE = "no such experiment"
THRESHOLD = "0.0001"  # the paper's, above which a parameter counts as present
# Methods in closed form as rows name them -> in words, and how they are drawn.
CLOSED = {
    "trained": ("as trained", COOL[3]),
    "alternate": ("alternate diagonalisation", COOL[0]),
    "alternate triangular": ("alternate, odd width triangular", COOL[1]),
}
_JOINT = [WARM[1], Line("orange", "s", ":"), WARM[0], Line("vermilion", "^", ":"), WARM[2], Line("purple", "v", "--")]


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By network and method: the percentage of parameters at most 1e-4 in size; and what bases can make zero."""
    small = select(rows, measure="percent_small", task=THRESHOLD)
    found: dict[str, Any] = {}
    means = small.groupby(["network", "phase"], sort=False)["value"].mean().reset_index()
    for network, method, value in means.itertuples(index=False):
        found.setdefault(network, {})[method] = rounded(value, 2)
    most = select(rows, measure="percent_most", phase="trained").groupby("network", sort=False)["value"].mean()
    for network, value in by_name(most):
        found.setdefault(network, {})["most_exact_zeros"] = rounded(value, 2)
    return found


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """A table and two figures for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.networks = list(dict.fromkeys(rows["network"]))
        joint = [phase for phase in dict.fromkeys(rows["phase"]) if str(phase).startswith("joint")]
        words = {phase: (_words(phase), line) for phase, line in zip(joint, cycle(_JOINT), strict=False)}
        self.methods = {name: own for name, own in (CLOSED | words).items() if (rows["phase"] == name).any()}
        self.series = dict(self.methods.values())

    def part(self) -> Part:
        return Part.of(self.data, self._protocol(), [self._table()], [self._small(), self._descent()], [])

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        decided = {
            "data": self.data.words,
            "width of the hidden layers": ", ".join(map(str, settings.hidden_widths)),
            "number of hidden layers": ", ".join(map(str, settings.hidden_layers)),
            "small: absolute value at most": ", ".join(f"{value:g}" for value in settings.thresholds),
            "power p of the proxy": ", ".join(f"{value:g}" for value in settings.powers),
            "steps of joint optimisation": str(settings.joint_steps),
            "repeats": str(settings.repeats),
            "epochs": str(settings.epochs),
        }
        return [
            *(Setting(name, NONE, here, False) for name, here in decided.items()),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configurations[0].label),
            *common(settings),
        ]

    @property
    def _conditions(self) -> str:
        epochs = counted(self.settings.epochs, "epoch")
        return f"Data {self.data.name}, {repeats(self.rows)} of {epochs}; the bases in float64."

    def _table(self) -> Table:
        whole = self.rows["index"].isna()
        thresholds = [f"{value:g}" for value in self.settings.thresholds]
        groups = [
            *(
                self._group(f"parameters above {value}", select(self.rows, measure="parameters", task=value))
                for value in thresholds
                if value == THRESHOLD
            ),
            *(
                self._group(
                    f"parameters of size at most {value} (%)",
                    select(self.rows, measure="percent_small", task=value),
                )
                for value in thresholds
            ),
            self._group("sum of absolute values (L1 norm)", select(self.rows[whole], measure="l1_norm")),
            self._group(
                "change of logits ε, float64", select(self.rows, measure="epsilon", precision="float64"), "trained"
            ),
            self._group(
                "change of logits ε, float32", select(self.rows, measure="epsilon", precision="float32"), "trained"
            ),
            self._group("test accuracy (%)", select(self.rows, measure="accuracy", precision="float32")),
        ]
        most = select(self.rows, measure="percent_most", phase="trained").groupby("network")["value"].mean()
        bounds = "; ".join(f"{network}: {value:.2f} %" for network, value in by_name(most))
        return Table(
            name=f"{self.data.slug}-bases",
            title="Small parameters by choice of bases",
            caption=(
                "The same networks in the bases that each method finds, without retraining; mean ± standard "
                "deviation over repeats. Joint optimisation descends Σ(w² + ε²)^(p/2) over an orthogonal matrix for "
                "each hidden width, ε going down. Bases of hidden widths n have Σ n(n − 1)/2 dimensions, and in "
                f"general no choice makes more of W, b and ψ exactly zero than that: {bounds}. (o is turned by none, "
                f"and counts as small where it is.) {self._ahead()} The paper names joint optimisation without a "
                f"result. {self._conditions}"
            ),
            row_name="method",
            column_name="network",
            columns={network: (network,) for network in self.networks},
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _ahead(self) -> str:
        """Which method leaves the most small parameters, at the least and at the largest threshold."""
        said = []
        for threshold in dict.fromkeys([min(self.settings.thresholds), max(self.settings.thresholds)]):
            means = self._means(select(self.rows, measure="percent_small", task=f"{threshold:g}"), "task")
            best = means.loc[means.groupby("network", sort=False)["mean"].idxmax()]
            each = ", ".join(
                f"{network} {label}" for network, label in zip(best["network"], best["configuration"], strict=True)
            )
            said.append(f"Most are of size at most {threshold:g} by: {each}.")
        return " ".join(said)

    def _group(self, heading: str, rows: pd.DataFrame, without: str = "") -> Group:
        rows = rows[rows["phase"].isin(list(self.methods)) & (rows["phase"] != without)]
        measure = str(rows["measure"].iloc[0])
        found = quantities(summarise(rows, ["phase", "network"]), "phase", "network")
        own = {name: [found.get((name, network)) for network in self.networks] for name in self.methods}
        lines = [Row(name, self.methods[name][0], cells) for name, cells in own.items() if any(cells)]
        return Group(heading, heading, MEASURES[measure].decimals, lines)

    def _small(self) -> Plot:
        rows = select(self.rows, measure="percent_small")
        rows = rows.assign(threshold=rows["task"].astype(float).map(math.log10))
        means = self._means(rows, "threshold")
        figure = self._lines(means, "percent_small", "threshold", "log10 of the threshold")
        most = select(self.rows, measure="percent_most", phase="trained").groupby("network")["value"].mean()
        with styled():
            for ax, network in zip(figure.axes, self.networks, strict=True):
                ax.axhline(most[network], color=COLOURS["ink"][0], linewidth=0.8, linestyle=":")
        largest = means["threshold"].max()
        at = means[means["threshold"] == largest]
        ends = ", ".join(
            f"{label} {value:.1f}" for label, value in by_name(at.groupby("configuration")["mean"].max())
        )
        return Plot(
            name=f"{self.data.slug}-small",
            title="Parameters under a threshold",
            caption=(
                "Percentage of W, b, ψ and o whose absolute value is at most the threshold, mean over repeats with "
                "its 95% interval; dotted, what bases can make exactly zero. Above the line are parameters that are "
                f"small without being zero. {self._conditions}"
            ),
            alt=f"Percentage of small parameters against the threshold; at {10**largest:g} at most: {ends}.",
            figure=figure,
        )

    def _descent(self) -> Plot:
        means = self._means(select(self.rows[self.rows["index"].notna()], measure="l1_norm"), "index")
        joint = {label: line for name, (label, line) in self.methods.items() if name not in CLOSED}
        return Plot(
            name=f"{self.data.slug}-descent",
            title="The L1 norm in the course of joint optimisation",
            caption=(
                f"After each stage of {self.settings.joint_steps} steps in all, mean over repeats with its 95% "
                "interval. With p below 1 what is descended is closer to a count than to this norm. "
                f"{self._conditions}"
            ),
            alt=f"L1 norm by stage, from {means['mean'].max():.0f} at most down to {means['mean'].min():.0f}.",
            figure=self._lines(means, "l1_norm", "index", "stages of joint optimisation", joint),
        )

    def _means(self, rows: pd.DataFrame, x: str) -> pd.DataFrame:
        rows = rows[rows["phase"].isin(list(self.methods))]
        labels = {name: words for name, (words, _) in self.methods.items()}
        return summarise(rows.assign(configuration=rows["phase"].map(labels)), ["network", "configuration", x])

    def _lines(
        self, means: pd.DataFrame, measure: str, x: str, x_label: str, series: Mapping[str, Line] | None = None
    ) -> Any:
        panels = {network: means[means["network"] == network] for network in self.networks}
        legend = f"{self.data.name}, {mean_of(self.rows)}"
        return lines(panels, series or self.series, MEASURES[measure], x, x_label, legend, across=2)


def _words(method: str) -> str:
    """The name of a joint method in rows, such as "joint p 1 from trained", for readers."""
    _, _, power, _, start = method.split()
    return f"joint, p = {power}, from {start}"
