"""`convolutions` in the report: what the paper sketches for convolutional networks, and has no experiment for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.convolutions import NO_LENGTH, NO_PSI, ROWS, VECTOR, WHOLE
from pipeline.reporting.figures import Plot, lines, no_logarithm
from pipeline.reporting.headlines import rounded
from pipeline.reporting.numbers import signed, write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, common, mean_of, repeats
from pipeline.reporting.style import COOL, WARM, Line
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

TITLE = "Channels of convolutional networks"
NOTE = Note(
    reading=(
        "A network is trained, and the channels of one layer (`map`) are changed in copies of it. Growing, and"
        " pruning channels whose unfolded kernel has a vanishing singular value, should leave `epsilon_scaled` at"
        " rounding level (about 1e-5 % in float32, 1e-13 % in float64) with *length and psi*, and not with less than"
        " both. `accuracy_after` is that after further training."
    ),
    columns=("test/accuracy", "epsilon_scaled length and psi map 1/*", "repeats"),
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
    headlines=("epsilon_scaled length and psi map 1", "epsilon_scaled length and psi map 2"),
    together=(
        "by change in width/epsilon_scaled * map 1",
        "by change in width/epsilon_scaled * map 2",
        "by change in width/accuracy_after map *",
        "by change in width float64/epsilon_scaled * map 1",
        "by change in width float64/epsilon_scaled * map 2",
    ),
)
NONE = "no such experiment"
PRECISIONS = ["float32", "float64"]
MEASURES = ROWS.measures
# Ways of pruning as rows name them -> in words, which fit a legend in one row of three, and how they are drawn.
WAYS = {
    WHOLE: ("length, ψ a kernel", COOL[0]),
    NO_LENGTH: ("ψ a kernel, no length", COOL[1]),
    VECTOR: ("length, ψ one vector", WARM[1]),
    NO_PSI: ("length, no ψ", WARM[0]),
}
IN_WORDS = (
    "“length”: the intrinsic length takes up the squares of the pruned channels' biases; “ψ a kernel”: that of "
    "the next map takes up what these biases did there; “ψ one vector”: it gains the mean of this over the kernel's "
    "positions at each of them."
)


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy; and by layer log10 of the mean scaled epsilon in float64, at the most channels added and removed."""
    baseline = select(rows, phase="baseline", measure="accuracy", precision="float32")["value"]
    found: dict[str, Any] = {"accuracy": rounded(baseline.mean(), 2)}
    adapted = select(rows, phase="adapted", measure="epsilon_scaled", precision="float64", compensation=WHOLE)
    for layer, own in adapted.groupby("layer"):
        means = own.groupby("change")["value"].mean()
        ends = {"grown": means[means.index.max()], "pruned": means[means.index.min()]}
        logs = {name: rounded(math.log10(value), 1) if value > 0 else None for name, value in ends.items()}
        found[f"layer_{layer}_log10_epsilon_scaled"] = logs
    return found


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """Two tables and two figures for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.changes = sorted({0, *settings.changes}, reverse=True)
        self.channels = "-".join(map(str, settings.channels))
        self.places = {
            f"{layer} {precision}": (f"layer {layer}", precision)
            for layer in settings.layers
            for precision in PRECISIONS
        }
        changed = select(rows, phase=["adapted", "trained on"])
        place = changed["layer"].astype("string") + " " + changed["precision"].astype("string")
        self.changed = changed.assign(place=place, way=changed["compensation"].fillna(WHOLE))

    def part(self) -> Part:
        tables, plots = [self._table(), self._controls()], [self._plot(), self._training()]
        return Part.of(self.data, self._protocol(), tables, plots, [])

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        decided = {
            "data": self.data.words,
            "channels of the convolutions": self.channels,
            "side of the kernels, stride": f"{settings.kernel}, {settings.stride}",
            "layers changed, one at a time": ", ".join(map(str, settings.layers)),
            "changes of channels": ", ".join(map(signed, self.changes)),
            "repeats": str(settings.repeats),
            "epochs": str(settings.epochs),
            "changes that are trained on": ", ".join(map(signed, settings.trained_on)) or "none",
            "epochs of further training": str(settings.epochs_after),
        }
        return [
            *(Setting(name, NONE, here, False) for name, here in decided.items()),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label),
            *common(settings, growing=True),
        ]

    @property
    def _conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, convolutions of {self.channels} channels with "
            f"kernels of side {settings.kernel} and stride {settings.stride} and a dense map, "
            f"{repeats(self.rows)} of {counted(settings.epochs, 'epoch')}, one layer changed without retraining."
        )

    def _group(self, measure: str, heading: str, way: str, changes: list[int]) -> Group:
        found = quantities(self._means(measure=measure, way=way), "change", "place")
        rows = [
            Row(
                str(n),
                f"{signed(n)} (diagonalisation)" if n == 0 else signed(n),
                [found.get((str(n), p)) for p in self.places],
            )
            for n in changes
        ]
        return Group(f"{measure} {way}", heading, MEASURES[measure].decimals, rows)

    def _table(self) -> Table:
        shown = ("epsilon_scaled", "kl", "delta_accuracy")
        groups = [self._group(measure, MEASURES[measure].label, WHOLE, self.changes) for measure in shown]
        further = sorted(self.settings.trained_on, reverse=True)
        if further:
            epochs = counted(self.settings.epochs_after, "further epoch")
            groups.append(self._group("accuracy_after", f"test accuracy (%) after {epochs}", WHOLE, further))
        caption = (
            "Change of the function, and test accuracy after further training with the optimiser's moments "
            "carried along (in float32, in which networks are trained); mean ± standard deviation over repeats. "
            f"The paper has no such experiment. {self._conditions}"
        )
        return self._of("channels", "Channels added and removed", caption, groups)

    def _controls(self) -> Table:
        pruned = [change for change in self.changes if change < 0]
        groups = [self._group("epsilon_scaled", words, way, pruned) for way, (words, _) in WAYS.items()]
        caption = (
            f"{MEASURES['epsilon_scaled'].label.capitalize()} where less than all takes the place of the "
            f"pruned channels' biases, of the same networks; mean ± standard deviation over repeats. {IN_WORDS} "
            "Among channels with vanishing singular values it is arbitrary which are pruned first, and so is what is "
            f"lost without length or ψ. {self._conditions}"
        )
        return self._of("controls", "Pruning with less than all", caption, groups)

    def _of(self, name: str, title: str, caption: str, groups: list[Group]) -> Table:
        return Table(
            name=f"{self.data.slug}-{name}",
            title=title,
            caption=caption,
            row_name="change of channels",
            column_name="layer and precision",
            columns=dict(self.places),
            groups=groups,
            repeats=self.settings.repeats,
        )

    def _plot(self) -> Plot:
        names = {way: words for way, (words, _) in WAYS.items()}
        means = self._means(measure="epsilon_scaled")
        means = means.assign(configuration=means["way"].map(names))
        panels = {", ".join(words): means[means["place"] == place] for place, words in self.places.items()}
        series: dict[str, Line] = {words: line for words, line in WAYS.values()}
        return Plot(
            name=f"{self.data.slug}-channels",
            title="How far the logits move when channels are added or removed",
            caption=(
                "Scaled change of the logits, mean over repeats with its 95% interval; the ways of pruning are "
                f"controls on the same networks, side by side. {IN_WORDS} {self._conditions} A kernel of side k "
                "over n channels has at most k²n singular values: of layer 1, n is the number of colours, and "
                "pruning no more than the channels beyond these is exact, but only with all. Where no singular value "
                f"vanishes, what is cut off outweighs what takes its place. {no_logarithm(panels.values())}"
            ).strip(),
            alt="Scaled change of the logits against change of channels, in a panel for each layer and precision. "
            + self._extremes(),
            figure=lines(
                panels,
                series,
                MEASURES["epsilon_scaled"],
                "change",
                "change of channels",
                f"{self.data.name}, {mean_of(self.rows)}\nwhat takes the place of pruned channels' biases",
                self.changes[::-1],
                across=len(PRECISIONS),
            ),
        )

    def _extremes(self) -> str:
        """The means at the most channels added and removed, in words."""
        found = quantities(self._means(measure="epsilon_scaled", way=WHOLE), "change", "place")
        ends = [(change, place) for change in (self.changes[0], self.changes[-1]) for place in self.places]
        return " ".join(
            f"At {signed(change)}, {', '.join(self.places[place])}: {write(found[str(change), place].mean).plain} %."
            for change, place in ends
            if (str(change), place) in found
        )

    def _means(self, **wanted: object) -> pd.DataFrame:
        return summarise(select(self.changed, **wanted), ["place", "way", "change"])

    def _training(self) -> Plot:
        rows = select(self.rows, phase="training", measure="test_accuracy")
        means = summarise(rows, ["configuration", "epoch"])
        last = means[means["epoch"] == means["epoch"].max()]["mean"]
        return Plot(
            name=f"{self.data.slug}-training",
            title="Training, before any change",
            caption=f"Test accuracy after each epoch, mean over repeats with its 95% interval. {self._conditions}",
            alt=f"Test accuracy over epochs; it ends at {last.max():.1f} percent.",
            figure=lines(
                {"": means},
                {self.settings.configuration.label: COOL[0]},
                MEASURES["test_accuracy"],
                "epoch",
                "epochs trained",
                f"{self.data.name}, {self.channels} channels, {mean_of(self.rows)}\n"
                "configuration: intrinsic length, ψ",
            ),
        )
