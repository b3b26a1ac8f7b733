"""`convolutions` in the report: what the paper sketches for convolutional networks, and has no experiment for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pandas as pd

from pipeline.experiments.convolutions import NO_LENGTH, NO_PSI, ROWS, VECTOR, WHOLE
from pipeline.reporting.headlines import magnitude, mean
from pipeline.reporting.numbers import signed
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.protocol import TREATMENT, common, decided, mean_of, precisions
from pipeline.reporting.style import COOL, WARM
from pipeline.results.statistics import select
from pipeline.results.text import counted

TITLE = "Channels of convolutional networks"
NOTE = Note(
    reading=(
        "A network is trained, and the channels of one layer (`map`) are changed in copies of it. Growing, and"
        " pruning channels whose unfolded kernel has a vanishing singular value, should leave `epsilon_scaled` at"
        " rounding level (about 1e-5 % in float32, 1e-13 % in float64) with *length and psi*, and not with less than"
        " both. `accuracy_after` is that after further training."
    ),
    columns=("test/accuracy", "epsilon_scaled length and psi map 1/*", "repeats"),
    headlines=("epsilon_scaled length and psi map 1", "epsilon_scaled length and psi map 2"),
    together=(
        "by change in width/epsilon_scaled * map 1",
        "by change in width/epsilon_scaled * map 2",
        "by change in width/accuracy_after map *",
        "by change in width float64/epsilon_scaled * map 1",
        "by change in width float64/epsilon_scaled * map 2",
    ),
)
PRECISIONS = ROWS.columns["precision"].levels
MEASURES = ROWS.measures
SCALED = MEASURES["epsilon_scaled"]
PLACE = ("layer", "precision")
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
    adapted = select(rows, phase="adapted", measure="epsilon_scaled", precision="float64", stand_in=WHOLE)
    ends = {"grown": adapted["change"].max(), "pruned": adapted["change"].min()}
    found: dict[str, Any] = {"accuracy": mean(rows, 2, phase="baseline", measure="accuracy", precision="float32")}
    for layer in adapted["layer"].unique():
        logs = {end: magnitude(adapted, layer=layer, change=change) for end, change in ends.items()}
        found[f"layer_{layer}_log10_epsilon_scaled"] = logs
    return found


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.channels = "-".join(map(str, settings.channels))
        self.network = f"{self.channels} channels"
        self.changes = {
            str(change): signed(change) + " (diagonalisation)" * (change == 0)
            for change in sorted({0, *settings.changes}, reverse=True)
        }
        places = product(settings.layers, PRECISIONS)
        self.places = {f"{layer} {precision}": (f"layer {layer}", precision) for layer, precision in places}

    def protocol(self) -> list[Setting]:
        settings = self.settings
        lines = {
            "data": self.data.words,
            "channels of the convolutions": self.channels,
            "side of the kernels, stride": [settings.kernel, settings.stride],
            "layers changed, one at a time": settings.layers,
            "changes of channels": [signed(int(change)) for change in self.changes],
            "repeats": settings.repeats,
            "epochs": settings.epochs,
            "changes that are trained on": [signed(change) for change in settings.trained_on] or "none",
            "epochs of further training": settings.epochs_after,
        }
        treatment = Setting.of("intrinsic length, ψ", TREATMENT, settings.configuration.label)
        return [*decided(lines), treatment, *common(settings, growing=True)]

    @property
    def conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, convolutions of {self.channels} channels with "
            f"kernels of side {settings.kernel} and stride {settings.stride} and a dense map, "
            f"{self.repeats} of {counted(settings.epochs, 'epoch')}, one layer changed without retraining."
        )

    def tables(self) -> Iterator[Table]:
        trained = precisions(select(self.rows, phase="training"))
        after = f"test accuracy (%) after {counted(self.settings.epochs_after, 'further epoch')}"
        yield self._table(
            "channels",
            "Channels added and removed",
            "Change of the function, and test accuracy after further training with the optimiser's moments carried "
            f"along (in {trained}, in which networks are trained); mean ± standard deviation over repeats. "
            "The paper has no such experiment.",
            self.rows,
            [
                *((key, WHOLE, "") for key in ("epsilon_scaled", "kl", "delta_accuracy")),
                ("accuracy_after", None, after),
            ],
        )
        yield self._table(
            "controls",
            "Pruning with less than all",
            f"{SCALED.label.capitalize()} where less than all takes the place of the pruned channels' biases, of the "
            f"same networks; mean ± standard deviation over repeats. {IN_WORDS} Among channels with vanishing "
            "singular values it is arbitrary which are pruned first, and so is what is lost without length or ψ.",
            self.rows[(self.rows["change"] < 0).fillna(False)],
            [("epsilon_scaled", way, words) for way, (words, _) in WAYS.items()],
        )

    def _table(
        self, name: str, title: str, caption: str, rows: pd.DataFrame, blocks: list[tuple[str, str | None, str]]
    ) -> Table:
        """With a block for each measure, way and heading."""
        return self.table(
            name,
            title,
            caption,
            By("change", "change of channels", self.changes),
            By(PLACE, "layer and precision", self.places),
            [
                Block(
                    MEASURES[key],
                    select(rows, measure=key, stand_in=way),
                    heading,
                    f"{key} {way or WHOLE}",
                    known=True,
                )
                for key, way, heading in blocks
            ],
        )

    def plots(self) -> Iterator[Plot]:
        yield self.lines(
            "channels",
            "How far the logits move when channels are added or removed",
            "Scaled change of the logits, mean over repeats with its 95% interval; the ways of pruning are controls "
            f"on the same networks, side by side. {IN_WORDS} A kernel of side k over n channels has at most k²n "
            "singular values: of layer 1, n is the number of colours, and pruning no more than the channels beyond "
            "these is exact, but only with all. Where no singular value vanishes, what is cut off outweighs what "
            "takes its place.",
            select(self.rows, phase="adapted", measure="epsilon_scaled"),
            SCALED,
            WAYS,
            by="stand_in",
            x="change",
            x_label="change of channels",
            panels=By(
                PLACE, "layer and precision", {place: ", ".join(words) for place, words in self.places.items()}
            ),
            categories=[int(change) for change in reversed(self.changes)],
            across=len(PRECISIONS),
            subject=f"{self.data.name}, {mean_of(self.rows)}",
            legend="what takes the place of pruned channels' biases",
        )
        series = {self.settings.configuration.label: COOL[0]}
        yield self.training(series, "Training, before any change", "configuration: intrinsic length, ψ")


present = _Page.present
