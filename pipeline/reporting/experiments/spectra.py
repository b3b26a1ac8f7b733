"""`spectra` in the report: the paper's Figures 2, 4 and 5 as ridgelines, the numbers behind them, and the claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from pipeline.experiments.spectra import ROWS, STANDARD
from pipeline.reporting.descending import descending
from pipeline.reporting.frames import Frame, spread
from pipeline.reporting.headlines import nested
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.protocol import TREATMENT, common, data_line, repeats
from pipeline.reporting.ridges import Axis, ridgelines
from pipeline.reporting.style import COOL, WARM
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
    found = select(numbers(last, threshold=1.0), measure=["effective_rank", "largest_to_median"])  # both without it
    by_map = found.assign(map="map_" + found["layer"].astype("string"))
    ratios = nested(by_map, ["configuration", "measure", "map"], 3)
    accuracy = nested(select(last, phase="training", measure="test_accuracy"), ["configuration"], 2)
    return {label: {"accuracy": accuracy[label], **ratios[label]} for label in accuracy}


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


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.labels = [configuration.label for configuration in settings.configurations]
        self.maps = range(1, len(settings.hidden) + 2)
        self.numbers = numbers(rows, settings.threshold)
        cool, warm = cycle(COOL), cycle(WARM)
        self.series = {label: next(warm if label == STANDARD else cool) for label in self.labels}

    def protocol(self) -> list[Setting]:
        settings, papers = self.settings, [TREATMENT, STANDARD]
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths", [100, 100], settings.hidden),
            Setting("configurations", "; ".join(papers), "; ".join(self.labels), self.labels == papers),
            Setting.at_least("repeats", 40, settings.repeats),
            Setting.of("epochs", 40, settings.epochs),
            Setting.of("threshold of singular values, θ", 0.95, settings.threshold),
            *common(settings, learning_rate=0.05),
        ]

    @property
    def conditions(self) -> str:
        return f"Data {self.data.name}, network {self.network}, {self.repeats}, {self.precision}."

    def tables(self) -> Iterator[Table]:
        layer, epoch = (self.numbers[column].astype("string") for column in ("layer", "epoch"))
        found = self.numbers.assign(place="map " + layer + ", epoch " + epoch)
        ends = dict.fromkeys((self.numbers["epoch"].min(), self.numbers["epoch"].max()))
        places = [f"map {layer}, epoch {epoch}" for layer in self.maps for epoch in ends]
        yield self.table(
            "spectra",
            "Singular values before and after training",
            "Mean ± standard deviation over repeats. Gap and likeness: see their figures. "
            f"The threshold is {self.settings.threshold:g}.",
            By.levels("place", "map and epoch", places),
            By.levels("configuration", "configuration", self.labels),
            [Block(words, select(found, measure=measure), key=measure) for measure, words in NUMBERS.items()],
        )

    def plots(self) -> Iterator[Plot]:
        yield from self._ridgelines()
        for measure, words in NUMBERS.items():
            yield self.lines(
                measure.replace("_", "-"),
                words.name[0].upper() + words.name[1:],
                f"{EXPLAINED[measure]} Mean over repeats, 95% interval as a band.",
                select(self.numbers, measure=measure),
                words,
                self.series,
                panels=By("layer", "map", {str(layer): f"map {layer}" for layer in self.maps}),
                means=_known,
            )
        yield self.training(self.series, "Training")

    def _ridgelines(self) -> Iterator[Plot]:
        """A figure per configuration, all with the same axes."""
        spectrum = select(self.rows, phase="spectrum")
        kinds = {"sigma": self.settings.threshold, "bias": None}
        axes = [
            Axis.of(ROWS.measures[kind].name, select(spectrum, measure=kind)["value"].to_numpy(), threshold)
            for kind, threshold in kinds.items()
        ]
        names = {label: f"ridges-{label}" for label in self.labels}
        names |= {self.labels[0]: "figure-2-4", STANDARD: "figure-5"}
        for label in spectrum["configuration"].unique():
            own = select(spectrum, configuration=label)
            panels = {f"map {layer}": [_pooled(own, layer, kind) for kind in kinds] for layer in self.maps}
            standard = label == STANDARD
            who, papers = (STANDARD, "Figure 5") if standard else (f"isotropic tanh ({label})", "Figures 2 and 4")
            yield Plot(
                f"{self.data.slug}-{names[label].replace(', ', '-').replace('+', '-')}",
                f"Spectra of {who} over epochs, counterpart of the paper’s {papers}",
                "Singular values (left) and absolute values of the biases (right) of each map, pooled over repeats; "
                "a ridge per epoch shown, the first at the top, is the density of the logarithm, scaled to the same "
                "peak. What is below the axis, as biases of 0 are at the start, is drawn at its left end; a dotted "
                f"line marks the threshold {self.settings.threshold:g}. Biases are those of the basis that training "
                f"left the network in. {self.conditions}",
                f"Ridgelines of {who}: a row for each map, its singular values and its biases from epoch to epoch.",
                ridgelines(panels, axes, self.series[label].colour),
            )


present = _Page.present


def _known(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Means, but for those that there are none of, as of likeness at the start."""
    return summarise(rows, by).dropna(subset=["mean"])


def _pooled(rows: pd.DataFrame, layer: int, kind: str) -> dict[int, np.ndarray]:
    """Epoch -> the values of all repeats."""
    values, _, epochs = cube(select(rows, layer=layer, measure=kind))
    return {int(epoch): values[:, place].ravel() for place, epoch in enumerate(epochs)}
