"""`spectra` in the report: the paper's Figures 2, 4 and 5 as ridgelines, the numbers behind them, and the claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.spectra import ROWS
from pipeline.reporting.descending import descending
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.frames import Frame, spread
from pipeline.reporting.headlines import by_name, rounded
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, basis, common, data_line, mean_of, repeats
from pipeline.reporting.ridges import Axis, ridgelines
from pipeline.reporting.style import COOL, WARM, Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.claims.spectra import STANDARD, judge
from pipeline.results.spectrum import NUMBERS, cube, numbers
from pipeline.results.statistics import select, summarise

TITLE = "Evolution of spectra"
NOTE = Note(
    reading=(
        "Every network starts with all singular values at 1. The figures of the summary show where they go, map"
        " by map: in isotropic networks a few should grow away from a bulk that decays, in standard tanh networks"
        " the whole bulk should grow together. The section `spectrum` of the charts has all singular values of the"
        " configurations, the largest first, with a slider for the epoch; in rows they are those with an `index`."
    ),
    columns=("test/accuracy", "test/loss", "repeats"),
)
PAPER_SOURCES = {"cifar10": "CIFAR-10"}
EXPLAINED = {
    "effective_rank": "The exponential of the entropy of the normalised singular values.",
    "share_below": "A dotted line marks the threshold in the figures of the spectra.",
    "largest_to_median": "",
    "separation": (
        "The widest gap between neighbours within the larger half of the spectrum, as a ratio: large if a few values "
        "stand apart."
    ),
    "likeness": (
        "How well a repeat’s ordered log10 singular values are told by the mean of the other repeats (coefficient of "
        "determination; 1 if all are the same; a dash where all values are equal, as they are at the start)."
    ),
}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy after the last epoch; by map the effective rank and the ratio of the largest to the median sigma."""
    last = rows[rows["epoch"] == rows["epoch"].max()]
    accuracy = select(last, phase="training", measure="test_accuracy").groupby("configuration")["value"].mean()
    found = numbers(last, threshold=1.0)  # no number under it is among these
    means: Any = found.groupby(["configuration", "measure", "layer"])["value"].mean()
    return {
        str(label): {
            "accuracy": rounded(value, 2),
            **{
                name: {f"map_{layer}": rounded(mean, 3) for layer, mean in means[label, name].items()}
                for name in ("effective_rank", "largest_to_median")
            },
        }
        for label, value in by_name(accuracy)
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Ridgelines, their numbers and the verdict, for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


def frames(rows: pd.DataFrame, among: pd.DataFrame) -> Iterator[Frame]:
    """All singular values of each map, in descending order, at up to twelve epochs."""
    everything = select(among, phase="spectrum", measure="sigma")["value"].to_numpy()
    axis = Axis.of(ROWS.measures["sigma"].name, everything)
    own = select(rows, phase="spectrum", measure="sigma")
    cubes = [cube(part) for _, part in own.groupby("layer")]
    if not cubes:
        return
    label = str(own["configuration"].iloc[0])
    epochs = [int(epoch) for epoch in cubes[0][2]]
    colour = (WARM if label == STANDARD else COOL)[0].colour
    for epoch in spread(epochs):
        place = epochs.index(epoch)
        heading = (
            f"{label}: epoch {epoch} of {epochs[-1]}\n"
            f"mean of {repeats(own)}, band: from the least to the largest; dotted: epoch {epochs[0]}"
        )
        maps = [values[:, [0, place]].swapaxes(0, 1) for values, _, _ in cubes]
        yield Frame("spectrum/singular values", epoch, descending, (heading, colour, axis.low, axis.high, *maps))


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.labels = [configuration.label for configuration in settings.configurations]
        self.widths = [data.features, *settings.hidden, data.classes]
        self.network = "-".join(str(width) for width in self.widths)
        self.maps = list(range(1, len(self.widths)))
        self.numbers = numbers(rows, settings.threshold)

    def part(self) -> Part:
        protocol = self._protocol()
        isotropic = next((label for label in self.labels if label != STANDARD), "")
        on = basis(self.rows, protocol, self.data.words, self.network)
        verdicts = judge(self.rows, self.settings.threshold, isotropic, on)
        plots = [*self._ridgelines(), *map(self._plot, NUMBERS), self._training()]
        return Part.of(self.data, protocol, [self._table()], plots, verdicts)

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        labels = [TREATMENT, STANDARD]
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths", [100, 100], settings.hidden),
            Setting("configurations", "; ".join(labels), "; ".join(self.labels), self.labels == labels),
            Setting.of("repeats", 40, settings.repeats),
            Setting.of("epochs", 40, settings.epochs),
            Setting.of("threshold of singular values, θ", 0.95, settings.threshold),
            *common(settings, learning_rate=0.05),
        ]

    @property
    def _conditions(self) -> str:
        return f"Data {self.data.name}, network {self.network}, {repeats(self.rows)}, float32."

    def _ridgelines(self) -> list[Plot]:
        """A figure per configuration, all with the same axes."""
        spectrum = select(self.rows, phase="spectrum")
        kinds = {"sigma": self.settings.threshold, "bias": None}
        axes = [
            Axis.of(ROWS.measures[kind].name, select(spectrum, measure=kind)["value"].to_numpy(), threshold)
            for kind, threshold in kinds.items()
        ]
        series = self._series()
        plots = []
        for label in spectrum["configuration"].unique():
            own = select(spectrum, configuration=label)
            panels = {f"map {layer}": [_pooled(own, layer, kind) for kind in kinds] for layer in self.maps}
            plots.append(self._figure(label, ridgelines(panels, axes, series[label].colour)))
        return plots

    def _figure(self, label: str, figure: Any) -> Plot:
        standard = label == STANDARD
        name = "figure-5" if standard else "figure-2-4" if label == self.labels[0] else f"ridges-{label}"
        papers = "Figure 5" if standard else "Figures 2 and 4"
        who = "standard tanh" if standard else f"isotropic tanh ({label})"
        return Plot(
            name=f"{self.data.slug}-{name.replace(', ', '-').replace('+', '-')}",
            title=f"Spectra of {who} over epochs, counterpart of the paper’s {papers}",
            caption=(
                "Singular values (left) and absolute values of the biases (right) of each map, pooled over repeats; "
                "a ridge per epoch shown, the first at the top, is the density of the logarithm, scaled to the same "
                "peak. What is below the axis, as biases of 0 are at the start, is drawn at its left end; a dotted "
                f"line marks the threshold {self.settings.threshold:g}. Biases are those of the basis that training "
                f"left the network in. {self._conditions}"
            ),
            alt=f"Ridgelines of {who}. {self._words(label)}",
            figure=figure,
        )

    def _words(self, label: str) -> str:
        """The last epoch in words."""
        last = select(self.numbers, configuration=label, epoch=self.numbers["epoch"].max())
        sentences = []
        for layer in self.maps:
            at = summarise(select(last, layer=layer), ["measure"]).set_index("measure")["mean"]
            rank, ratio = (write(float(at[name])).plain for name in ("effective_rank", "largest_to_median"))
            sentences.append(f"Map {layer} ends with effective rank {rank} and largest to median {ratio}.")
        return " ".join(sentences)

    def _means(self, measure: str) -> pd.DataFrame:
        return summarise(select(self.numbers, measure=measure), ["configuration", "layer", "epoch"])

    def _plot(self, measure: str) -> Plot:
        known, words = self._means(measure), NUMBERS[measure]
        drawn = known[known["mean"].notna()]
        panels = {f"map {layer}": drawn[drawn["layer"] == layer] for layer in self.maps}
        last = known[known["epoch"] == known["epoch"].max()]
        ends = [
            f"{label}: {', '.join(write(float(mean)).plain for mean in last[last['configuration'] == label]['mean'])}"
            for label in self.labels
        ]
        return Plot(
            name=f"{self.data.slug}-{measure.replace('_', '-')}",
            title=words.name[0].upper() + words.name[1:],
            caption=f"{EXPLAINED[measure]} Mean over repeats, 95% interval as a band. {self._conditions}".strip(),
            alt=f"{words.label} over epochs, a panel per map. At the end, map by map: {'; '.join(ends)}.",
            figure=lines(panels, self._series(), words, "epoch", "epochs trained", self._legend()),
        )

    def _training(self) -> Plot:
        means = summarise(select(self.rows, phase="training", measure="test_accuracy"), ["configuration", "epoch"])
        last = means[means["epoch"] == means["epoch"].max()]
        ends = (f"{label} {mean:.1f}" for label, mean in zip(last["configuration"], last["mean"], strict=True))
        measure = ROWS.measures["test_accuracy"]
        return Plot(
            name=f"{self.data.slug}-training",
            title="Training",
            caption=f"Test accuracy after each epoch, mean over repeats, 95% interval as a band. {self._conditions}",
            alt=f"Test accuracy over epochs, in percent at the end: {', '.join(ends)}.",
            figure=lines({"": means}, self._series(), measure, "epoch", "epochs trained", self._legend()),
        )

    def _table(self) -> Table:
        first, last = int(self.numbers["epoch"].min()), int(self.numbers["epoch"].max())
        places = [f"map {layer}, epoch {epoch}" for layer in self.maps for epoch in dict.fromkeys((first, last))]
        groups = []
        for measure, words in NUMBERS.items():
            means = self._means(measure)
            place = "map " + means["layer"].astype(str) + ", epoch " + means["epoch"].astype(str)
            found = quantities(means.assign(place=place), "place", "configuration")
            lines_ = [Row(at, at, [found.get((at, label)) for label in self.labels]) for at in places]
            groups.append(Group(measure, words.label, words.decimals, lines_))
        caption = (
            "Mean ± standard deviation over repeats. Gap and likeness: see their figures. The threshold is "
            f"{self.settings.threshold:g}. {self._conditions}"
        )
        columns: dict[str, tuple[str, ...]] = {label: (label,) for label in self.labels}
        name, title = f"{self.data.slug}-spectra", "Singular values before and after training"
        return Table(name, title, caption, "map and epoch", "configuration", columns, groups)

    def _legend(self) -> str:
        return f"{self.data.name}, {self.network}, {mean_of(self.rows)}"

    def _series(self) -> dict[str, Line]:
        cool, warm = cycle(COOL), cycle(WARM)
        return {label: next(warm if label == STANDARD else cool) for label in self.labels}


def _pooled(rows: pd.DataFrame, layer: int, kind: str) -> dict[int, np.ndarray]:
    """Epoch -> the values of all repeats."""
    values, _, epochs = cube(select(rows, layer=layer, measure=kind))
    return {int(epoch): values[:, place].ravel() for place, epoch in enumerate(epochs)}
