"""`learning_rates` in the report: all activations over learning rates, and two compared at the best of their own."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.experiments.learning_rates import ISOTROPIC, ROWS, STANDARD
from pipeline.reporting.headlines import rounded
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.presentation import words
from pipeline.reporting.protocol import common, data_line, decided
from pipeline.reporting.style import Line
from pipeline.reporting.tables import Group
from pipeline.results.claims.learning_rates import ahead, at_best, best_rates
from pipeline.results.claims.tanh_comparison import final
from pipeline.results.schema import Measure
from pipeline.results.statistics import select, summarise
from pipeline.results.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Learning rates of isotropic and standard activations"
NOTE = Note(
    reading=(
        "A run is an activation at a `learning_rate` and a `hidden_width`. `test/accuracy` at the last epoch is what"
        " is compared; `validation/validation_accuracy`, on training images that were held out, is what an"
        " activation’s best rate is chosen by. The parameter `learning_rate` of the settings is the paper’s."
    ),
    columns=("test/accuracy", "validation/validation_accuracy", "train/loss", "repeats"),
    logarithmic=("train_loss", "test_loss"),
)
PAPER_SOURCES = {"cifar10": "CIFAR-10"}
ACCURACY = ROWS.measures["test_accuracy"]
RATE = Measure("learning rate of the highest validation accuracy")
STRONG = {ISOTROPIC: Line("blue", "o"), STANDARD: Line("vermilion", "D", "--")}
QUIET = [
    Line("green", "s", ":"),
    Line("sky", "^", ":"),
    Line("black", "v", ":"),
    Line("orange", "P", ":"),
    Line("purple", "X", ":"),
    Line("black", "<", "-."),
]


def named(activation: str) -> str:
    """An activation as readers call it."""
    return "standard tanh" if activation == STANDARD else activation.replace("-", " ")


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """By width, of both that are compared: the best learning rate and accuracy there; and their difference."""
    chance = 100 / int(str(rows["network"].iloc[0]).rsplit("-", 1)[-1])
    best = best_rates(rows, rows["repeat"].nunique(), chance)
    chosen = at_best(final(rows), best)
    found: dict[str, Any] = {}
    for width, own in chosen.groupby("hidden_width"):
        means = own.groupby("activation", observed=True)[["learning_rate", "value"]].mean()
        two = means[means.index.isin(STRONG)]
        each = {
            named(name): {"best_rate": rate, "accuracy": rounded(value, 2)} for name, rate, value in two.itertuples()
        }
        found[f"width_{width:03}"] = each | {"difference": rounded(ahead(own)["value"].mean(), 2)}
    return found


@dataclass(frozen=True)
class _Compared(Block):
    """Every activation and, in pairs, the difference of the two that are compared."""

    def group(self, lines: By, columns: By) -> Group:
        every = super().group(lines, columns)
        pairs = Block(
            self.measure,
            ahead(self.rows).assign(activation="difference"),
            names={"difference": f"{named(ISOTROPIC)} − {named(STANDARD)}"},
            differences=True,
        )
        return replace(every, rows=[*every.rows, *pairs.group(lines, columns).rows])


@dataclass(frozen=True)
class _Chosen(Block):
    """One number that all repeats decided together."""

    repeats: int = 1

    def group(self, lines: By, columns: By) -> Group:
        group = super().group(lines, columns)
        rows = [replace(row, cells=[c and replace(c, n=self.repeats) for c in row.cells]) for row in group.rows]
        return replace(group, rows=rows)


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.rates, widths = sorted(settings.learning_rates), sorted(settings.hidden_widths)
        self.columns = By("hidden_width", "width of the hidden layer", {str(n): f"width {n}" for n in widths})
        self.accuracy = final(self.rows)
        self.best = best_rates(self.rows, settings.repeats, 100 / data.classes)

    @cached_property
    def network(self) -> str:
        return f"{self.data.features}-m-{self.data.classes}"

    def protocol(self) -> list[Setting]:
        settings = self.settings
        return [
            data_line(PAPER_SOURCES, self.data),
            Setting.of("hidden widths", [8, 16, 24, 32], sorted(settings.hidden_widths)),
            Setting.at_least("repeats", 16, settings.repeats),
            Setting.of("epochs", 72, settings.epochs),
            Setting.of("activations", "isotropic tanh, standard tanh", words([*map(named, settings.activations)])),
            Setting.of("intrinsic length", "trainable", settings.intrinsic_length),
            *decided({"learning rates": self.rates, "share of training images held out": settings.validation}),
            *common(settings, batch_size=24, optimiser="adam", learning_rate=0.08, weight_decay=0.0, psi=False),
        ]

    @property
    def conditions(self) -> str:
        return (
            f"Data {self.data.name}, of whose training images {self.settings.validation:.0%} are held out, network "
            f"{self.network}, {self.repeats} of {counted(self.settings.epochs, 'epoch')}, {self.precision}."
        )

    def tables(self) -> Iterator[Table]:
        settings = self.settings
        usual = select(self.accuracy, learning_rate=settings.learning_rate)
        chosen = self.best.assign(value=self.best["learning_rate"])
        yield self.table(
            "rates",
            "Each activation at the paper’s learning rate and at its own best",
            "Accuracy on the whole test set after the last epoch in percent, mean ± standard deviation over repeats, "
            "and the difference of isotropic and standard tanh in percentage points: its mean over pairs of networks "
            "with the same initialisation and the same batches, with its 95% interval. The best rate of an "
            "activation and width is the one of the highest mean accuracy on training images that were held out.",
            By("activation", "activation", {each: named(each) for each in settings.activations}),
            self.columns,
            [
                _Compared(
                    ACCURACY, usual, f"test accuracy (%) at the paper’s rate, {settings.learning_rate:g}", "paper"
                ),
                _Chosen(RATE, chosen, key="rate", repeats=settings.repeats),
                _Compared(ACCURACY, at_best(self.accuracy, self.best), "test accuracy (%) at its best rate", "best"),
            ],
        )

    def plots(self) -> Iterator[Plot]:
        quiet = [each for each in self.settings.activations if each not in STRONG]
        series = STRONG | dict(zip(quiet, cycle(QUIET), strict=False))
        plot = self.lines(
            "accuracy",
            "Accuracy over learning rates",
            "Test accuracy after the last epoch, mean over repeats, with its 95% interval as a band for the two that "
            "are compared. A dotted line marks the paper’s learning rate. Accuracies far below those at that rate "
            "are cut off.",
            self.accuracy,
            ACCURACY,
            {each: (named(each), line) for each, line in series.items()},
            by="activation",
            x="learning_rate",
            x_label="learning rate",
            panels=self.columns,
            across=2,
            marks=[self.settings.learning_rate],
        )
        for ax in plot.figure.axes:
            ax.set_xscale("log")
            ax.set_xticks(self.rates, [f"{rate:.2g}" for rate in self.rates], fontsize=7)
            ax.minorticks_off()
            _quieten(ax, {line.light for line in QUIET})
        _cut(plot.figure.axes, self.accuracy, self.settings.learning_rate)
        yield plot


def _quieten(ax: Axes, colours: Container[str]) -> None:
    """Lines of these colours thin, and without their bands."""
    from matplotlib.colors import to_hex

    for line in ax.get_lines():
        if to_hex(line.get_color()) in colours:
            line.set_linewidth(0.6)
    for band in [*ax.patches]:
        if to_hex(band.get_facecolor()) in colours:
            band.remove()


def _cut(axes: Sequence[Axes], accuracy: pd.DataFrame, rate: float) -> None:
    """Have the common axis end as far below the accuracies at a rate as the highest of all is above them.

    A rate that is far too high would otherwise press all that is to be compared into the uppermost tenth.
    """
    means = summarise(accuracy, ["activation", "hidden_width", "learning_rate"])
    usual = means.loc[means["learning_rate"] == rate, "mean"].min()
    lowest = 2 * usual - means["mean"].max()
    for ax in axes:
        if lowest > ax.get_ylim()[0]:  # also false if there is no such mean
            ax.set_ylim(bottom=lowest)


present = _Page.present
