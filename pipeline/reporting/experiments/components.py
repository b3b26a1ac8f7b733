"""`components` in the report: the paper's Appendix E, for which it has no experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.experiments.components import COMPONENTS, EIGENBASIS, FORMS, NEURONS, NOISE, RANDOM, ROWS
from pipeline.reporting.headlines import magnitude, mean
from pipeline.reporting.images import pictures
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.protocol import TREATMENT, common, decided
from pipeline.reporting.style import COOL, WARM
from pipeline.results.measures import FUNCTION_CHANGE
from pipeline.results.statistics import differences, select
from pipeline.results.text import counted

MEASURES = ROWS.measures
TITLE = "Independent components"
NOTE = Note(
    reading=(
        "A run is a way of training. Its networks are held in the eigenbasis of their covariances (`held float64/`),"
        " and there `represented/` by their independent components: *exact*, with the whole covariance, should leave"
        " `epsilon` at rounding level (about 1e-6 in float32, 1e-14 in float64); *diagonal* does not. Without a map"
        " in its name, a metric is about all hidden layers at once. Neurons are the more independent, the larger"
        " `basis float64/negentropy` and the smaller `information` and `energy_correlation` of a basis."
    ),
    columns=(
        "test/accuracy",
        "represented/epsilon independent components exact",
        "represented/epsilon independent components diagonal",
        "basis float64/negentropy independent components map 1",
        "basis float64/negentropy neurons as trained map 1",
        "repeats",
    ),
    together=(
        "basis float64/negentropy * map 1",
        "basis float64/negentropy * map 2",
        "basis float64/information * map 1",
        "basis float64/information * map 2",
    ),
)
PRECISIONS = ["float32", "float64"]
EXACT, DIAGONAL = FORMS
BASES = {COMPONENTS: WARM[0], NEURONS: COOL[0], EIGENBASIS: COOL[1], RANDOM: COOL[3], NOISE: WARM[2]}
VARIANTS = {
    f"{EXACT} {COMPONENTS}": f"{COMPONENTS}, exact (whole covariance)",
    f"{DIAGONAL} {COMPONENTS}": f"{COMPONENTS}, diagonal",
    f"{DIAGONAL} {RANDOM}": f"{RANDOM}, diagonal (control)",
}
# Measure of independence -> how it reads.
INDEPENDENCE = dict.fromkeys(["negentropy", "kurtosis"], "more is further from Gaussian")
INDEPENDENCE |= dict.fromkeys(["information", "energy_correlation"], "less is more independent")
GAPS = {f"minus {NEURONS}": "components − neurons", f"minus {RANDOM}": "components − random"}
ALL = "all"


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By training: accuracies, what each variant does in all layers, and how Gaussian layer 1 is in three bases."""
    return {str(training): _headlines(own) for training, own in rows.groupby("configuration", sort=False)}


def _headlines(rows: pd.DataFrame) -> dict[str, float | None]:
    whole, first = select(rows, layer=None), select(rows, phase="basis", layer=1, measure="negentropy")
    represented = select(whole, phase="represented", basis=COMPONENTS, precision="float64")
    return {
        "accuracy": mean(whole, 2, phase="trained", measure="accuracy"),
        "accuracy_held": mean(whole, 2, phase="held", measure="accuracy"),
        "epsilon_scaled_diagonal": mean(represented, 2, variant=DIAGONAL, measure="epsilon_scaled"),
        "accuracy_diagonal": mean(represented, 2, variant=DIAGONAL, measure="accuracy"),
        "log10_epsilon_exact": magnitude(represented, variant=EXACT, measure="epsilon"),
        "negentropy_components": mean(first, 3, basis=COMPONENTS),
        "negentropy_neurons": mean(first, 3, basis=NEURONS),
        "negentropy_random": mean(first, 3, basis=RANDOM),
    }


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        variant = rows["variant"].astype("string") + " " + rows["basis"].astype("string")
        super().__init__(rows.assign(step=variant.fillna(rows["phase"].astype("string"))), settings, data)
        self.trainings = [name for name in settings.trainings if (rows["configuration"] == name).any()]
        self.layers = range(1, len(settings.hidden) + 1)
        self.places = {f"{t} {n}": (f"trained {t}", f"layer {n}") for t in self.trainings for n in self.layers}

    def protocol(self) -> list[Setting]:
        settings = self.settings
        lines = {
            "data": self.data.words,
            "hidden widths": settings.hidden,
            "ways of training": settings.trainings,
            "normaliser": "BatchNorm without scale and shift behind every activation",
            "samples of covariances and components": f"{settings.component_samples} of the training set at most",
            "search for components": f"FastICA, {settings.component_steps} steps at most",
            "repeats": settings.repeats,
            "epochs": settings.epochs,
        }
        return [
            *decided(lines),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, psi=False),
        ]

    @property
    def conditions(self) -> str:
        return (
            f"Data {self.data.name}, network {self.network} with BatchNorm behind every activation, {self.repeats} "
            f"of {counted(self.settings.epochs, 'epoch')}."
        )

    def tables(self) -> Iterator[Table]:
        yield from map(self.changes, self.trainings)
        rows = select(self.rows, phase=["trained", "held", "represented"], layer=None, precision="float64")
        yield self.table(
            "accuracy",
            "Test accuracy (%) of the representations of all layers",
            "Mean ± standard deviation over repeats, in float64. Trained in the eigenbasis, every layer is turned to "
            "it after every epoch, so that holding it there changes nothing.",
            By("step", "network", {"trained": "as trained", "held": "held in the eigenbasis"} | VARIANTS),
            By("configuration", "place", {training: f"trained {training}" for training in self.trainings}),
            [Block(MEASURES["accuracy"], select(rows, measure="accuracy"), key="accuracy")],
        )
        yield self.independence()

    def changes(self, training: str) -> Table:
        """The change of function by each variant, in each layer and in all."""
        rows = select(self.rows, configuration=training, phase=["held", "represented"])
        places = {str(layer): f"layer {layer}" for layer in self.layers} | {ALL: "all layers"}
        columns = {f"{key} {p}": (name, p) for key, name in places.items() for p in PRECISIONS}
        return self.table(
            f"changes-{training}".replace(" ", "-"),
            f"Function change, trained {training}",
            "The first line of each group is the step from the trained network to the one held in the eigenbasis of "
            "the covariance (of all layers, in float64). The others are changes of that network's function by the "
            "representation of one layer or of all; mean ± standard deviation over repeats, on the test set. A "
            "random rotation with the whole covariance would be as exact as that of the components. The paper's "
            "Appendix E describes the variants and has no numbers.",
            By("step", "representation", {"held": "whole covariance for its diagonal"} | VARIANTS),
            By(("layer", "precision"), "place", columns, missing=ALL),
            [Block(MEASURES[name], select(rows, measure=name), key=name) for name in FUNCTION_CHANGE],
        )

    def independence(self) -> Table:
        """Each measure of it in each basis, and what the components are ahead of two of them."""
        rows, by = select(self.rows, phase="basis"), ["measure", "configuration", "layer"]
        gaps = [
            differences(rows, COMPONENTS, basis, by, of="basis").assign(basis=key)
            for key, basis in zip(GAPS, (NEURONS, RANDOM), strict=True)
        ]
        rows = pd.concat([rows, *gaps])
        table = self.table(
            "independence",
            "How independent neurons are",
            "Of what the normaliser gives on the test set, means over neurons or over all pairs of them; mean ± "
            "standard deviation over repeats, and paired differences with their 95% interval. Components are found "
            "on the training set. Neurons as trained are standardised, all else but noise is white; trained in the "
            "eigenbasis, the two are the same. Noise shows what the measures give for independent Gaussian columns "
            f"of that many samples. {self.untold()}".strip(),
            By("basis", "neurons", {basis: basis for basis in BASES} | GAPS),
            By(("configuration", "layer"), "place", self.places),
            [
                Block(MEASURES[name], select(rows, measure=name), f"{MEASURES[name].label}; {reads}", name)
                for name, reads in INDEPENDENCE.items()
            ],
        )
        marked = [[replace(row, differences=row.key in GAPS) for row in group.rows] for group in table.groups]
        groups = [replace(group, rows=own) for group, own in zip(table.groups, marked, strict=True)]
        return replace(table, groups=groups)

    def untold(self) -> str:
        """Why some of its cells are empty, in words; "" if none is."""
        rows = select(self.rows, phase="basis", measure="negentropy")
        told = rows.loc[np.isfinite(rows["value"]), ["configuration", "layer", "basis"]].drop_duplicates()
        if len(told) == len(self.places) * len(BASES) and np.isfinite(rows["value"]).all():
            return ""
        return "A dash: on the test set no neuron there varies, or one has the same value too often to tell."

    def plots(self) -> Iterator[Plot]:
        rows = select(self.rows, phase="neuron", measure="negentropy")
        titles = {key: ", ".join(name) for key, name in self.places.items()}
        if len(rows):
            yield self.lines(
                "negentropy",
                "How far from Gaussian each neuron is",
                "Negentropy of each neuron of the normalised layer on the test set, in descending order; mean over "
                "repeats with its 95% interval as a band. Where a line is not seen it lies below that of the "
                "covariance eigenbasis: trained in it, neurons are those directions.",
                rows.assign(rank=rows["rank"] + 1),
                MEASURES["negentropy"],
                BASES,
                by="basis",
                x="rank",
                x_label="rank of the neuron",
                panels=By(("configuration", "layer"), "place", titles),
                legend="basis",
                across=len(self.layers),
            )
        drawn = set(select(self.rows, phase="picture")["configuration"])
        yield from (self.pictures(training) for training in self.trainings if training in drawn)

    def pictures(self, training: str) -> Plot:
        """Neurons of the first hidden layer in the input."""
        rows = select(self.rows, configuration=training)
        sides = select(rows, phase="image").sort_values("dimension")["value"].astype(int).tolist()
        found = {basis: select(rows, phase="picture", basis=basis) for basis in (COMPONENTS, NEURONS)}
        panels = {basis: images(own, sides) for basis, own in found.items() if len(own)}
        reach = ", ".join(f"{basis} {float(np.abs(own).max()):.2f}" for basis, own in panels.items())
        colours = "As colours, grey is no correlation. " if sides[0] == 3 else ""
        return Plot(
            name=f"{self.data.slug}-pictures-{training}".replace(" ", "-"),
            title=f"The first hidden layer in the input, trained {training}",
            caption=(
                "Correlation of each neuron's normalised activation with each pixel over the test set, of the least "
                f"Gaussian neurons, those first; {_places(panels)}. Signs "
                f"are those with which the longer tail is positive. {colours}Of the first repeat. A pixel "
                "that seldom varies has a long tail by itself: a component of that one pixel is far from Gaussian "
                f"for no other reason. {self.conditions}"
            ),
            alt=f"Pictures of neurons in the input. Largest correlation with a pixel: {reach}.",
            figure=pictures(panels, MEASURES["pixel_correlation"]),
        )


def images(rows: pd.DataFrame, sides: list[int]) -> np.ndarray:
    """Of rows with a value for each picture (`rank`) and `pixel`: [count, channels, height, width]."""
    table = rows.pivot(index="rank", columns="pixel", values="value").sort_index().sort_index(axis=1)
    return table.to_numpy(dtype=float).reshape(-1, *sides)


def _places(panels: Mapping[str, np.ndarray]) -> str:
    """Which panel is where, and which is not there."""
    if {*panels} == {COMPONENTS, NEURONS}:
        return "above the independent components, below neurons as trained"
    (shown,) = panels
    return f"of {shown} alone, since of the others none varies on the test set"


present = _Page.present
