"""`components` in the report: what the ICA representation costs, how independent its neurons are, how they look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import by_name, rounded
from pipeline.reporting.images import contact_sheets
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import common, mean_of, repeats
from pipeline.reporting.style import COOL, MEASURES, WARM, Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.provenance import DataSet
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

TITLE = "Independent components"
NOTE = Note(
    reading=(
        "A run is a way to train a network with BatchNorm: as usual, or turned into the eigenbasis of the covariances"
        " after every epoch. `represented/epsilon_scaled` is how far the logits move when each layer is written in"
        " independent components: the exact variant should stay at rounding level, the one that keeps variances alone"
        " should not. `basis/negentropy` is how far neurons are from Gaussian, in several bases."
    ),
    columns=("test/accuracy", "represented/*exact*", "repeats"),
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
)
NONE = "no such experiment"
COMPONENTS, NEURONS, RANDOM = "independent components", "neurons as trained", "random rotation"
EXACT, DIAGONAL = f"exact {COMPONENTS}", f"diagonal {COMPONENTS}"
# Bases as rows name them, and how they are drawn.
BASES = {
    COMPONENTS: WARM[0],
    NEURONS: COOL[0],
    "covariance eigenbasis": COOL[1],
    RANDOM: COOL[3],
    "Gaussian noise": Line("purple", "X", ":"),
}
VARIANTS = {
    EXACT: "exact: full covariance",
    DIAGONAL: "diagonal: variances alone",
    f"diagonal {RANDOM}": "diagonal, of a random rotation",
}
INDEPENDENCE = ("negentropy", "kurtosis", "information", "energy_correlation")
ACROSS = 4  # images in a row


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By training: accuracy; scaled epsilon of both variants in all layers; negentropy of neurons and components."""
    found: dict[str, Any] = {}
    everywhere = select(
        rows[rows["layer"].isna()], phase="represented", measure="epsilon_scaled", precision="float64"
    )
    for label, own in rows.groupby("configuration", sort=False):
        accuracy = select(own, phase="trained", measure="accuracy")["value"].mean()
        some = select(everywhere, configuration=label).groupby("task")["value"].mean()
        least = select(own, phase="basis", measure="negentropy").groupby("task")["value"].mean()
        found[str(label)] = {
            "accuracy": rounded(accuracy, 2),
            "log10_epsilon_scaled_exact": rounded(float(np.log10(some.get(EXACT, np.nan))), 1),
            "epsilon_scaled_diagonal": rounded(some.get(DIAGONAL, np.nan), 1),
            "negentropy": {name: rounded(value, 4) for name, value in by_name(least)},
        }
    return found


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Two tables and three figures for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.network = "-".join(str(width) for width in (data.features, *settings.hidden, data.classes))
        self.trainings = list(dict.fromkeys(rows["configuration"]))
        self.layers = [str(layer) for layer in range(1, len(settings.hidden) + 1)]

    def part(self) -> Part:
        plots = [*self._pictures(), self._spreads(), self._ranks()]
        return Part.of(self.data, self._protocol(), [self._changes(), self._independence()], plots, [])

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        decided = {
            "data": self.data.words,
            "hidden widths, each with BatchNorm": ", ".join(map(str, settings.hidden)),
            "trained": "; ".join(settings.trainings),
            "intrinsic length, ψ": settings.configuration.label,
            "images for covariances and components, about": str(settings.component_samples),
            "steps of FastICA, at most": str(settings.component_steps),
            "repeats": str(settings.repeats),
            "epochs": str(settings.epochs),
        }
        return [*(Setting(name, NONE, here, False) for name, here in decided.items()), *common(settings, psi=False)]

    @property
    def _conditions(self) -> str:
        epochs = counted(self.settings.epochs, "epoch")
        return f"Data {self.data.name}, network {self.network} with BatchNorm, {repeats(self.rows)} of {epochs}."

    def _places(self, everywhere: bool) -> dict[str, tuple[str, ...]]:
        layers = {layer: f"layer {layer}" for layer in self.layers} | ({"": "all layers"} if everywhere else {})
        return {f"{t}|{layer}": (f"trained {t}", words) for t in self.trainings for layer, words in layers.items()}

    def _group(
        self, rows: pd.DataFrame, measure: str, heading: str, names: Mapping[str, str], everywhere: bool
    ) -> Group:
        place = rows["configuration"] + "|" + rows["layer"].astype("string").fillna("")
        found = quantities(summarise(rows.assign(place=place), ["task", "place"]), "task", "place")
        cells = {name: [found.get((name, place)) for place in self._places(everywhere)] for name in names}
        lines = [Row(name, names[name], own) for name, own in cells.items() if any(own)]
        return Group(heading, heading, MEASURES[measure].decimals, lines)

    def _changes(self) -> Table:
        shown = (("epsilon_scaled", "float64"), ("epsilon_scaled", "float32"), ("kl", "float64"))
        groups = [
            self._group(
                select(self.rows, phase="represented", measure=measure, precision=precision),
                measure,
                f"{MEASURES[measure].label}, {precision}",
                VARIANTS,
                True,
            )
            for measure, precision in (*shown, ("delta_accuracy", "float64"))
        ]
        held = select(self.rows, phase="held", measure="epsilon_scaled").assign(task="held")
        words = {"held": "variances measured again in the eigenbasis"}
        heading = f"before that: {MEASURES['epsilon_scaled'].label}, float64"
        groups.append(self._group(held, "epsilon_scaled", heading, words, True))
        return Table(
            name=f"{self.data.slug}-representation",
            title="Change of the function by the ICA representation",
            caption=(
                "Hidden layers written in independent components (Appendix E), one alone and all together, on the "
                "whole test set; mean ± standard deviation over repeats. The exact variant keeps the full covariance "
                "of the components before they are normalised, the diagonal one their variances alone, which the "
                "random rotation beside it shows the price of. A network that was trained as usual changes already "
                "when BatchNorm is held in the eigenbasis, where the variances are others; what follows is measured "
                f"from there. {self._conditions}"
            ),
            row_name="variant",
            column_name="training and layer",
            columns=self._places(True),
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _independence(self) -> Table:
        basis = self.rows[self.rows["phase"] == "basis"]
        names = {name: name for name in BASES}
        groups = [
            self._group(select(basis, measure=measure), measure, MEASURES[measure].label, names, False)
            for measure in INDEPENDENCE
        ]
        return Table(
            name=f"{self.data.slug}-independence",
            title="How independent neurons are, by basis",
            caption=(
                "Means over the neurons of a layer, or over their pairs, on the test set, of which FastICA has seen "
                "nothing; mean ± standard deviation over repeats. Of white activations all neurons together say the "
                "less of each other the larger the sum of their negentropies. Gaussian noise of the same size has "
                f"the bias of the measures. {self._conditions}"
            ),
            row_name="basis",
            column_name="training and layer",
            columns=self._places(False),
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _pictures(self) -> list[Plot]:
        rows = select(self.rows, phase="picture", measure="pixel_correlation", configuration=self.trainings[0])
        if rows.empty:  # the first repeat is drawn, and may have diverged
            return []
        sides = select(self.rows, phase="image", configuration=self.trainings[0]).sort_values("index")["value"]
        channels, height, width = (int(side) for side in sides)
        panels = {}
        for basis in (COMPONENTS, NEURONS):
            table = select(rows, task=basis).pivot(index="change", columns="index", values="value")
            images = table.to_numpy(dtype=float).reshape(-1, channels, height, width).mean(1)
            panels[f"{basis}, {len(images)} of {self.settings.hidden[0]}"] = images
        return [
            Plot(
                name=f"{self.data.slug}-pictures",
                title="What components look like, beside neurons",
                caption=(
                    "Correlation of a neuron of layer 1 with each pixel over the test set, averaged over colours if "
                    "there are any: the least Gaussian ones first, of one network trained "
                    f"{self.trainings[0]}; signs are such that the longer tail is positive. {self._conditions}"
                ),
                alt="Images of the correlation with each pixel, of independent components and of neurons as trained.",
                figure=contact_sheets(panels, ACROSS, "correlation with a pixel"),
            )
        ]

    def _spreads(self) -> Plot:
        rows = self.rows[(self.rows["phase"] == "histogram") & (self.rows["change"] == 0)]
        keys = ["configuration", "task", "index"]
        both = rows.pivot(index=keys, columns="measure", values="value").astype(float).reset_index()
        frames = {}
        for training in self.trainings:
            own = both[both["configuration"] == training]
            # One network: a value without an interval.
            values = own.rename(columns={"share": "mean"}).assign(configuration=own["task"], low=np.nan, high=np.nan)
            frames[f"trained {training}"] = values[values["mean"] > 0]
        series = {basis: BASES[basis] for basis in (COMPONENTS, NEURONS)}
        return Plot(
            name=f"{self.data.slug}-spreads",
            title="How a component’s values spread, beside a neuron’s",
            caption=(
                "Percentage of the test set in bins half a standard deviation wide, of the least Gaussian neuron of "
                f"layer 1 in each basis, of one network; bins without any are left out. {self._conditions}"
            ),
            alt="Histograms of one independent component and of one neuron.",
            figure=lines(
                frames,
                series,
                MEASURES["share"],
                "activation",
                "value (standard deviations)",
                f"{self.data.name}, {self.network}, one network",
            ),
        )

    def _ranks(self) -> Plot:
        rows = select(self.rows, phase="neuron", measure="negentropy", configuration=self.trainings[0])
        means = summarise(rows.assign(configuration=rows["task"]), ["layer", "configuration", "index"])
        panels = {f"layer {layer}": means[means["layer"] == int(layer)] for layer in self.layers}
        largest = means.groupby("configuration")["mean"].max()
        return Plot(
            name=f"{self.data.slug}-negentropy",
            title="Negentropy, neuron by neuron",
            caption=(
                "Neurons in the order of their negentropy, in each basis, on the test set; mean over repeats with "
                f"its 95% interval. Networks trained {self.trainings[0]}. {self._conditions}"
            ),
            alt="Negentropy by rank; its largest means: "
            + ", ".join(f"{name} {value:.2f}" for name, value in by_name(largest))
            + ".",
            figure=lines(
                panels,
                BASES,
                MEASURES["negentropy"],
                "index",
                "rank of the neuron",
                f"{self.data.name}, {self.network}, {mean_of(self.rows)}\nbasis",
            ),
        )
