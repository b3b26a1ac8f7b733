"""`joint_sparsity` in the report: how many parameters are small in the bases that each method finds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.joint_sparsity import ALTERNATE, JOINT, ROWS, TRAINED, TRIANGULAR
from pipeline.reporting.figures import Plot, lines, styled
from pipeline.reporting.headlines import by_name, rounded
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, common, mean_of, repeats
from pipeline.reporting.style import COLOURS, COOL, WARM, Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

TITLE = "Joint sparsity optimisation"
NOTE = Note(
    reading=(
        "A run is a network. Metrics of `turned` name the method that turned its hidden widths: `trained` left them"
        " as training did; a joint one is followed by the power of its proxy and the bases in which it starts."
        " Sparsity is that in float64. `percent_small` is the percentage of parameters whose absolute value is at"
        " most the threshold that follows, `percent_most` what any choice of bases can make exactly zero; the"
        " function is the same in all bases, so `epsilon` is at rounding level."
    ),
    columns=("test/accuracy", "turned float64/percent_small * 0.0001", "repeats"),
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
    together=(
        "turned float64/percent_small * 0.0001",
        "turned float64/percent_small * 0.01",
        "turned float64/l1_norm joint *",
    ),
)
NONE = "no such experiment"
MEASURES = ROWS.measures
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
    found: dict[str, Any] = {}
    means = small.groupby(["network", "name"], sort=False)["value"].mean().reset_index()
    for network, method, value in means.itertuples(index=False):
        found.setdefault(network, {})[method] = rounded(value, 2)
    most = select(rows, measure="percent_most", method=TRAINED).groupby("network", sort=False)["value"].mean()
    for network, value in by_name(most):
        found.setdefault(network, {})["most_exact_zeros"] = rounded(value, 2)
    return found


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """A table and two figures for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = _named(rows), settings, data
        self.turned = select(self.rows, phase="turned")
        self.networks = list(dict.fromkeys(rows["network"]))
        own = select(rows, method=JOINT)[["power", "start"]].drop_duplicates()
        joint = {
            _name(power, start): (f"joint, p = {power:g}, from {start}", line)
            for (power, start), line in zip(own.itertuples(index=False), cycle(_JOINT), strict=False)
        }
        known = set(self.turned["name"])
        self.methods = {name: shown for name, shown in (CLOSED | joint).items() if name in known}
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
        thresholds, moved = self.settings.thresholds, self.turned[self.turned["method"] != TRAINED]
        groups = [
            *(
                self._group(f"parameters above {value:g}", select(self.turned, measure="parameters", threshold=value))
                for value in thresholds
                if value == THRESHOLD
            ),
            *(
                self._group(
                    f"parameters of size at most {value:g} (%)",
                    select(self.turned, measure="percent_small", threshold=value),
                )
                for value in thresholds
            ),
            self._group("sum of absolute values (L1 norm)", select(self.turned, measure="l1_norm")),
            self._group("change of logits ε, float64", select(moved, measure="epsilon", precision="float64")),
            self._group("change of logits ε, float32", select(moved, measure="epsilon", precision="float32")),
            self._group("test accuracy (%)", select(self.turned, measure="accuracy", precision="float32")),
        ]
        most = select(self.rows, measure="percent_most", method=TRAINED).groupby("network")["value"].mean()
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
            means = self._means(select(self.rows, measure="percent_small", threshold=threshold), "threshold")
            best = means.loc[means.groupby("network", sort=False)["mean"].idxmax()]
            each = ", ".join(
                f"{network} {label}" for network, label in zip(best["network"], best["configuration"], strict=True)
            )
            said.append(f"Most are of size at most {threshold:g} by: {each}.")
        return " ".join(said)

    def _group(self, heading: str, rows: pd.DataFrame) -> Group:
        measure = str(rows["measure"].iloc[0])
        found = quantities(summarise(rows, ["name", "network"]), "name", "network")
        own = {name: [found.get((name, network)) for network in self.networks] for name in self.methods}
        lines = [Row(name, self.methods[name][0], cells) for name, cells in own.items() if any(cells)]
        return Group(heading, heading, MEASURES[measure].decimals, lines)

    def _small(self) -> Plot:
        rows = select(self.rows, measure="percent_small")
        rows = rows.assign(threshold=rows["threshold"].astype(float).map(math.log10))
        means = self._means(rows, "threshold")
        figure = self._lines(means, "percent_small", "threshold", "log10 of the threshold")
        most = select(self.rows, measure="percent_most", method=TRAINED).groupby("network")["value"].mean()
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
        means = self._means(select(self.rows, phase="descent", measure="l1_norm"), "stage")
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
            figure=self._lines(means, "l1_norm", "stage", "stages of joint optimisation", joint),
        )

    def _means(self, rows: pd.DataFrame, x: str) -> pd.DataFrame:
        labels = {name: words for name, (words, _) in self.methods.items()}
        return summarise(rows.assign(configuration=rows["name"].map(labels)), ["network", "configuration", x])

    def _lines(
        self, means: pd.DataFrame, measure: str, x: str, x_label: str, series: Mapping[str, Line] | None = None
    ) -> Any:
        panels = {network: means[means["network"] == network] for network in self.networks}
        legend = f"{self.data.name}, {mean_of(self.rows)}"
        return lines(panels, series or self.series, MEASURES[measure], x, x_label, legend, across=2)


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column `name`: the method, of joint optimisation with its power and start."""
    of = zip(rows["method"], rows["power"], rows["start"], strict=True)
    names = [_name(power, start) if method == JOINT else method for method, power, start in of]
    return rows.assign(name=pd.Series(names, rows.index, "string"))


def _name(power: float, start: str) -> str:
    return f"{JOINT} p {power:g} from {start}"
