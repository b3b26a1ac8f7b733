"""`components` in the report: the paper's Appendix E, for which it has no experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.components import COMPONENTS, EIGENBASIS, FORMS, NEURONS, NOISE, RANDOM, ROWS
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import rounded
from pipeline.reporting.images import pictures
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, common, mean_of, repeats
from pipeline.reporting.style import COOL, WARM
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.measures import FUNCTION_CHANGE
from pipeline.results.statistics import paired, select, summarise
from pipeline.results.words import counted

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
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
    together=(
        "basis float64/negentropy * map 1",
        "basis float64/negentropy * map 2",
        "basis float64/information * map 1",
        "basis float64/information * map 2",
    ),
)
NONE = "no such experiment"
PRECISIONS = ["float32", "float64"]
EXACT, DIAGONAL = FORMS
MEASURES = ROWS.measures
BASES = {COMPONENTS: WARM[0], NEURONS: COOL[0], EIGENBASIS: COOL[1], RANDOM: COOL[3], NOISE: WARM[2]}
VARIANTS = {
    f"{EXACT} {COMPONENTS}": f"{COMPONENTS}, exact (whole covariance)",
    f"{DIAGONAL} {COMPONENTS}": f"{COMPONENTS}, diagonal",
    f"{DIAGONAL} {RANDOM}": f"{RANDOM}, diagonal (control)",
}
INDEPENDENCE = {
    "negentropy": "negentropy (nats); more is further from Gaussian",
    "kurtosis": "size of the excess kurtosis; more is further from Gaussian",
    "information": "mutual information of two (nats); less is more independent",
    "energy_correlation": "size of the correlation of the squares of two; less is more independent",
}
ALL = "all"


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By training: accuracies, what each variant does in all layers, and how Gaussian layer 1 is in three bases."""
    found: dict[str, Any] = {}
    for training, own in rows.groupby("configuration", sort=False):
        whole = select(own, layer=None)
        means = {
            "accuracy": select(whole, phase="trained", measure="accuracy"),
            "accuracy_held": select(whole, phase="held", measure="accuracy"),
            "epsilon_scaled_diagonal": _represented(whole, DIAGONAL, "epsilon_scaled"),
            "accuracy_diagonal": _represented(whole, DIAGONAL, "accuracy"),
        }
        exact = _represented(whole, EXACT, "epsilon")["value"].mean()
        found[str(training)] = {name: rounded(each["value"].mean(), 2) for name, each in means.items()}
        found[str(training)]["log10_epsilon_exact"] = rounded(math.log10(exact), 1) if exact > 0 else None
        first = select(own, phase="basis", layer=1, measure="negentropy")
        for name, basis in (("components", COMPONENTS), ("neurons", NEURONS), ("random", RANDOM)):
            found[str(training)][f"negentropy_{name}"] = rounded(select(first, basis=basis)["value"].mean(), 3)
    return found


def _represented(rows: pd.DataFrame, variant: str, measure: str) -> pd.DataFrame:
    of_components = select(rows, phase="represented", basis=COMPONENTS, variant=variant)
    return select(of_components, measure=measure, precision="float64")


def _variants(rows: pd.DataFrame) -> pd.Series[str]:
    """Of each row the key in VARIANTS; missing where no variant was represented."""
    return rows["variant"].astype("string") + " " + rows["basis"].astype("string")


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """For each data set a table of changes for each way of training, of accuracy and of independence, and figures."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.trainings = [name for name in settings.trainings if (rows["configuration"] == name).any()]
        self.layers = range(1, len(settings.hidden) + 1)
        self.network = "-".join(str(width) for width in (data.features, *settings.hidden, data.classes))

    def part(self) -> Part:
        tables = [*map(self._changes, self.trainings), self._accuracy(), self._independence()]
        shown = [name for name in self.trainings if len(select(self.rows, phase="picture", configuration=name))]
        plots = [self._by_rank(), *map(self._pictures, shown)]
        return Part.of(self.data, self._protocol(), tables, plots, [])

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        decided = {
            "data": self.data.words,
            "hidden widths": ", ".join(map(str, settings.hidden)),
            "ways of training": ", ".join(settings.trainings),
            "normaliser": "BatchNorm without scale and shift behind every activation",
            "samples of covariances and components": f"{settings.component_samples} of the training set at most",
            "search for components": f"FastICA, {settings.component_steps} steps at most",
            "repeats": str(settings.repeats),
            "epochs": str(settings.epochs),
        }
        return [
            *(Setting(name, NONE, here, False) for name, here in decided.items()),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, psi=False),
        ]

    @property
    def _conditions(self) -> str:
        return (
            f"Data {self.data.name}, network {self.network} with BatchNorm behind every activation, "
            f"{repeats(self.rows)} of {counted(self.settings.epochs, 'epoch')}."
        )

    def _changes(self, training: str) -> Table:
        rows = select(self.rows, configuration=training, phase=["held", "represented"])
        place = rows["layer"].astype("string").fillna(ALL) + " " + rows["precision"].astype("string")
        means = summarise(rows.assign(place=place, step=_variants(rows).fillna("held")), ["measure", "step", "place"])
        places = [*map(str, self.layers), ALL]
        columns = {
            f"{place} {precision}": ("all layers" if place == ALL else f"layer {place}", precision)
            for place in places
            for precision in PRECISIONS
        }
        lines_of = {"held": "whole covariance for its diagonal"} | VARIANTS
        groups = []
        for measure in FUNCTION_CHANGE:
            found = quantities(means[means["measure"] == measure], "step", "place")
            cells = [Row(key, words, [found.get((key, c)) for c in columns]) for key, words in lines_of.items()]
            groups.append(Group(measure, MEASURES[measure].label, MEASURES[measure].decimals, cells))
        return self._table(
            f"changes-{_slug(training)}",
            f"Function change, trained {training}",
            "The first line of each group is the step from the trained network to the one held in the eigenbasis of "
            "the covariance (of all layers, in float64). The others are changes of that network's function by the "
            "representation of one layer or of all; mean ± standard deviation over repeats, on the test set. A "
            "random rotation with the whole covariance would be as exact as that of the components. The paper's "
            "Appendix E describes the variants and has no numbers.",
            "representation",
            columns,
            groups,
        )

    def _accuracy(self) -> Table:
        rows = select(self.rows, layer=None, precision="float64", measure="accuracy")
        what = _variants(rows).fillna(rows["phase"].astype("string"))
        means = summarise(rows.assign(what=what), ["what", "configuration"])
        found = quantities(means, "what", "configuration")
        names = {"trained": "as trained", "held": "held in the eigenbasis"} | VARIANTS
        cells = [Row(key, words, [found.get((key, t)) for t in self.trainings]) for key, words in names.items()]
        measure = MEASURES["accuracy"]
        return self._table(
            "accuracy",
            "Test accuracy (%) of the representations of all layers",
            "Mean ± standard deviation over repeats, in float64. Trained in the eigenbasis, every layer is turned to "
            "it after every epoch, so that holding it there changes nothing.",
            "network",
            {training: (f"trained {training}",) for training in self.trainings},
            [Group("accuracy", measure.label, measure.decimals, cells)],
        )

    def _independence(self) -> Table:
        rows = select(self.rows, phase="basis")
        rows = rows.assign(place=rows["configuration"] + " " + rows["layer"].astype("string"))
        columns = {
            f"{t} {layer}": (f"trained {t}", f"layer {layer}") for t in self.trainings for layer in self.layers
        }
        groups = []
        for measure, heading in INDEPENDENCE.items():
            own = select(rows, measure=measure)
            found = quantities(summarise(own, ["basis", "place"]), "basis", "place")
            cells = [Row(basis, basis, [found.get((basis, c)) for c in columns]) for basis in BASES]
            for other in (NEURONS, RANDOM):
                gaps = paired(own.assign(configuration=own["basis"]), COMPONENTS, other, ["measure", "place"])
                gap = quantities(gaps, "measure", "place")
                words = f"components − {'neurons' if other == NEURONS else 'random'}"
                cells.append(Row(f"minus {other}", words, [gap.get((measure, c)) for c in columns], differences=True))
            groups.append(Group(measure, heading, MEASURES[measure].decimals, cells))
        return self._table(
            "independence",
            "How independent neurons are",
            "Of what the normaliser gives on the test set, means over neurons or over all pairs of them; mean ± "
            "standard deviation over repeats, and paired differences with their 95% interval. Components are found "
            "on the training set. Neurons as trained are standardised, all else but noise is white; trained in the "
            "eigenbasis, the two are the same. Noise shows what the measures give for independent Gaussian columns "
            "of that many samples.",
            "neurons",
            columns,
            groups,
        )

    def _table(
        self,
        name: str,
        title: str,
        caption: str,
        row_name: str,
        columns: Mapping[str, tuple[str, ...]],
        groups: list[Group],
    ) -> Table:
        return Table(
            name=f"{self.data.slug}-{name}",
            title=title,
            caption=f"{caption} {self._conditions}",
            row_name=row_name,
            column_name="place",
            columns=dict(columns),
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _by_rank(self) -> Plot:
        rows = select(self.rows, phase="neuron", measure="negentropy")
        rows = rows.assign(training=rows["configuration"], configuration=rows["basis"], rank=rows["index"] + 1)
        panels = {
            f"trained {training}, layer {layer}": summarise(
                select(rows, training=training, layer=layer), ["configuration", "rank"]
            )
            for training in self.trainings
            for layer in self.layers
        }
        first = select(rows, rank=1).groupby("configuration", sort=False)["value"].mean()
        return Plot(
            name=f"{self.data.slug}-negentropy",
            title="How far from Gaussian each neuron is",
            caption=(
                "Negentropy of each neuron of the normalised layer on the test set, in descending order; mean over "
                "repeats with its 95% interval as a band. Where a line is not seen it lies below that of the "
                f"covariance eigenbasis: trained in it, neurons are those directions. {self._conditions}"
            ),
            alt="Negentropy against rank, for each basis of the layer. The mean of the least Gaussian: "
            + ", ".join(f"{basis} {write(value).plain}" for basis, value in first.items())
            + " nats.",
            figure=lines(
                panels,
                dict(BASES),
                MEASURES["negentropy"],
                "rank",
                "rank of the neuron",
                f"{self.data.name}, {self.network}, {mean_of(self.rows)}\nbasis",
                across=len(self.layers),
            ),
        )

    def _pictures(self, training: str) -> Plot:
        rows = select(self.rows, configuration=training)
        sides = select(rows, phase="image").sort_values("dimension")["value"].astype(int).tolist()
        panels = {basis: images(select(rows, phase="picture", basis=basis), sides) for basis in (COMPONENTS, NEURONS)}
        reach = {basis: float(np.abs(found).max(initial=0)) for basis, found in panels.items()}
        colours = "As colours, grey is no correlation. " if sides[0] == 3 else ""
        return Plot(
            name=f"{self.data.slug}-pictures-{_slug(training)}",
            title=f"The first hidden layer in the input, trained {training}",
            caption=(
                "Correlation of each neuron's normalised activation with each pixel over the test set, of the least "
                "Gaussian neurons, those first; above the independent components, below neurons as trained. Signs "
                f"are those with which the longer tail is positive. {colours}Of the first repeat. A pixel "
                "that seldom varies has a long tail by itself: a component of that one pixel is far from Gaussian "
                f"for no other reason. {self._conditions}"
            ),
            alt="Pictures of neurons in the input. Largest correlation with a pixel: "
            + ", ".join(f"{basis} {value:.2f}" for basis, value in reach.items())
            + ".",
            figure=pictures(panels, MEASURES["pixel_correlation"]),
        )


def images(rows: pd.DataFrame, sides: list[int]) -> np.ndarray:
    """Of rows with a value for each picture (`index`) and `pixel`: [count, channels, height, width]."""
    table = rows.pivot(index="index", columns="pixel", values="value").sort_index().sort_index(axis=1)
    return table.to_numpy(dtype=float).reshape(-1, *sides)


def _slug(training: str) -> str:
    return training.replace(" ", "-")
