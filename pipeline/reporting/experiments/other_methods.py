"""`other_methods` in the report: an experiment that the paper does not have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pipeline.experiments import other_methods
from pipeline.experiments.other_methods import KINDS, ROWS
from pipeline.experiments.plan.methods import METHODS
from pipeline.reporting.headlines import mean, rounded
from pipeline.reporting.numbers import signed
from pipeline.reporting.page import Block, By, DataSet, Note, Page, Plot, Setting, Table
from pipeline.reporting.protocol import TREATMENT, common, decided
from pipeline.reporting.style import COLOURS, COOL, WARM
from pipeline.results.schema import Measure
from pipeline.results.statistics import differences, select, summarise
from pipeline.results.text import counted

TITLE = "Isotropic and other growing and pruning"
NOTE = Note(
    reading=(
        "A run is a method at the width `end`, or a reference: networks that were never changed, or that had this"
        " width from the start. `test/accuracy` of a method begins at the change (step = epoch); what that did to"
        " the function at once is under `by change in width/`. Isotropic and tanh networks differ in accuracy"
        " before any change, so compare a method also with the unchanged networks of its own kind."
    ),
    columns=("test/accuracy", "by change in width/epsilon_scaled", "by change in width/delta_accuracy", "repeats"),
)
MEASURES = ROWS.measures
GAIN = Measure("accuracy minus unchanged", "percentage points", 2)
AT_ONCE = (
    ("epsilon_scaled", "float32"),
    ("epsilon_scaled", "float64"),
    ("accuracy", "float32"),
    ("delta_accuracy", "float32"),
)
SHOWN_BEFORE = 2  # epochs before the change in figures: earlier accuracies would set their scale
# As rows name them. The first of each is of isotropic networks, the others are of those with elementwise tanh.
GROWING = tuple(name for name, method in METHODS.items() if method.grows)
PRUNING = tuple(name for name, method in METHODS.items() if not method.grows)
UNCHANGED = tuple(f"{kind}, {other_methods.UNCHANGED}" for kind in KINDS.values())
FROM_SCRATCH = tuple(f"{kind}, {other_methods.FROM_SCRATCH}" for kind in KINDS.values())
LINES = (COOL[0], *WARM, replace(COOL[2], dashes="-."), COOL[3])  # of the methods, and of two references
POINTS = [replace(line, dashes="none") for line in LINES]
GROWN = (
    "Isotropic growing adds neurons without incoming weights, random neurons are without outgoing ones, and "
    "Net2Wider copies neurons: without noise copies get equal gradients, and stay copies."
)
PRUNED = (
    "Isotropic pruning removes neurons of least singular value; magnitude is the product of the norms of a neuron’s "
    "incoming and outgoing weights; “with mean” keeps its mean over training samples in the next bias; merging adds "
    "the outgoing weights of one of the two most similar neurons to the other’s."
)


@dataclass(frozen=True)
class Way:
    """Growing, or pruning: its words, what its methods are, and those."""

    name: str
    done: str
    remark: str
    methods: tuple[str, ...]


WAYS = {True: Way("growing", "added", GROWN, GROWING), False: Way("pruning", "removed", PRUNED, PRUNING)}


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Final accuracy without a change; and by change isotropic minus each other method, with its 95% interval."""
    final = select(rows, phase="training", measure="test_accuracy", epoch=rows["epoch"].max())
    places = select(rows, phase="adapted")[["end", "change"]].drop_duplicates()
    changes = {int(end): int(change) for end, change in places.itertuples(index=False)}
    found: dict[str, dict[str, Any]] = {}
    for way in WAYS.values():
        for place in _means(advantages(final, way)).to_dict("records"):
            change = changes[place["end"]]
            name = f"{'grown' if change > 0 else 'pruned'}_{abs(change):03}"
            numbers = {key: rounded(place[key], 2) for key in ("mean", "low", "high")}
            found.setdefault(name, {})[str(place["configuration"])] = numbers
    return {
        "unchanged": {kind: mean(final, 2, activation=name, end=None) for name, kind in KINDS.items()},
        "isotropic_minus": dict(sorted(found.items())),
    }


class _Page(Page):
    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        super().__init__(rows, settings, data)
        self.start = settings.hidden[settings.layer - 1]
        self.courses = beside(select(rows, phase="training", measure="test_accuracy"))
        self.accuracy = select(self.courses, epoch=settings.epochs)
        self.gains = gains(self.accuracy)
        changes = sorted(settings.changes, key=abs)
        both = {way: [change for change in changes if (change > 0) == grows] for grows, way in WAYS.items()}
        self.ways = {way: changes for way, changes in both.items() if changes}

    def protocol(self) -> list[Setting]:
        settings = self.settings
        lines = {
            "data": self.data.words,
            "hidden widths": settings.hidden,
            "changed layer": settings.layer,
            "changes of its width": [signed(change) for change in settings.changes],
            "methods": "; ".join(method for way in self.ways for method in way.methods),
            "noise of Net2Wider, relative": settings.noise,
            "training samples of the mean of removed neurons, about": settings.expectation_samples,
            "repeats": settings.repeats,
            "epochs before the change": settings.epochs_before,
            "epochs after it": settings.epochs - settings.epochs_before,
        }
        treatment = Setting.of("intrinsic length, ψ", TREATMENT, settings.configurations[0].label)
        return [*decided(lines), treatment, *common(settings, growing=True)]

    @property
    def conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, the width of layer {settings.layer} changed after "
            f"{counted(settings.epochs_before, 'epoch')}, then {settings.epochs - settings.epochs_before} more for "
            f"all, in the same batches, moments of {settings.optimiser} carried along; {self.repeats}."
        )

    def tables(self) -> Iterator[Table]:
        for way, changes in self.ways.items():
            ends = {
                str(self.start + change): (f"neurons {way.done}", f"{signed(change)} (to {self.start + change})")
                for change in changes
            }
            yield self.table(
                way.name,
                f"{way.name.capitalize()}: at once, and after further training",
                f"What {way.name} does to a trained network’s function at once, over the whole test set, and the "
                "test accuracy after the last epoch; mean ± standard deviation over repeats, differences in pairs "
                f"with their 95% interval.{self._standing(way)} {way.remark} The paper has no such experiment.",
                By.levels("configuration", "method", [*way.methods, *UNCHANGED, *FROM_SCRATCH]),
                By("end", "change of width", ends),
                self._blocks(way),
            )

    def _blocks(self, way: Way) -> Iterator[Block]:
        for key, precision in AT_ONCE:
            rows = select(self.rows, phase="adapted", measure=key, precision=precision)
            heading = f"at once: {MEASURES[key].label}, {precision}"
            yield Block(MEASURES[key], rows, heading, f"{key}_{precision}", _names(way.methods))
        yield Block(MEASURES["accuracy"], self.accuracy, "at the end: test accuracy (%)", "test_accuracy")
        isotropic, *others = way.methods
        still = "unchanged networks of its kind"
        for key, words, rows, labels in (
            ("gain", f"minus {still}", self.gains, [*way.methods, *FROM_SCRATCH]),
            ("advantage", f"{isotropic} minus", advantages(self.accuracy, way), others),
            (
                "advantage_in_gain",
                f"{isotropic} minus, each relative to {still}",
                advantages(self.gains, way),
                others,
            ),
        ):
            heading = f"at the end: {words} (percentage points)"
            yield Block(GAIN, rows, heading, key, _names(labels), differences=True)

    def _standing(self, way: Way) -> str:
        """Where the isotropic method ends, in accuracy and relative to no change, in words."""
        accuracies, relative = (_means(advantages(rows, way)) for rows in (self.accuracy, self.gains))
        if not accuracies["low"].notna().all():
            return ""  # one repeat has no intervals
        return (
            f" As far as intervals leave out zero, each taken by itself, {way.methods[0]} ends {_told(accuracies)} "
            f"in test accuracy; relative to unchanged networks of the same kind, {_told(relative)}."
        )

    def plots(self) -> Iterator[Plot]:
        before = self.settings.epochs_before
        for way, changes in self.ways.items():
            ends = {
                str(self.start + change): f"{signed(change)} neurons, to {self.start + change}" for change in changes
            }
            yield self.lines(
                f"{way.name}-curves",
                f"Training on after {way.name}",
                "Test accuracy after each epoch, from shortly before the change, at the dotted line, where methods "
                "begin right after it. Mean over repeats with its 95% interval as a band. Unchanged networks are "
                "trained on alike. Each panel has its own scale.",
                self.courses[self.courses["epoch"] >= max(before - SHOWN_BEFORE, 1)],
                MEASURES["test_accuracy"],
                dict(zip([*way.methods, *UNCHANGED], LINES, strict=True)),
                panels=By("end", "width after the change", ends),
                marks=[before],
                across=min(2, len(ends)),
                shared=False,
            )
            plot = self.lines(
                f"{way.name}-gains",
                f"Accuracy after {way.name} and further training, beside no change",
                "Test accuracy after the last epoch minus that of unchanged networks of the same kind, isotropic or "
                "tanh, at the dotted line, in pairs; mean over repeats with its 95% interval. Methods stand side by "
                "side at each change.",
                select(self.gains.assign(change=self.gains["end"] - self.start), change=changes),
                GAIN,
                dict(zip([*way.methods, *FROM_SCRATCH], POINTS, strict=True)),
                x="change",
                x_label="change of width (neurons)",
                categories=sorted(changes),
            )
            (ax,) = plot.figure.axes
            for place in range(1, len(changes)):  # between two changes
                ax.axvline(place - 0.5, color=COLOURS["grid"][0], linewidth=0.8)
            ax.axhline(0, color=COLOURS["ink"][0], linestyle=":", linewidth=0.8)
            yield plot


present = _Page.present


def beside(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Accuracies, those of networks at their first width beside every "end" width of others."""
    still = accuracy["end"].isna()
    copies = [accuracy[still].assign(end=end) for end in accuracy["end"].dropna().unique()]
    return pd.concat([accuracy[~still], *copies], ignore_index=True).astype({"end": "Int64"})


def gains(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Accuracies minus that of the unchanged network of the same kind and repeat, percentage points."""
    unchanged = select(accuracy, configuration=UNCHANGED)
    both = accuracy.merge(
        unchanged, on=["activation", "repeat", "end"], suffixes=("", "_unchanged"), validate="many_to_one"
    )
    return both.assign(value=both["value"] - both["value_unchanged"])


def advantages(values: pd.DataFrame, way: Way) -> pd.DataFrame:
    """The isotropic method of a way minus each "configuration" of the others, by "end", in pairs."""
    isotropic, *others = way.methods
    found = [differences(values, isotropic, other, ["end"]).assign(configuration=other) for other in others]
    return pd.concat(found, ignore_index=True)


def _means(values: pd.DataFrame) -> pd.DataFrame:
    return summarise(values, ["configuration", "end"])


def _names(labels: Sequence[str]) -> dict[str, str]:
    return dict(zip(labels, labels, strict=True))


def _told(advantages: pd.DataFrame) -> str:
    """What is ahead and what behind, with the widths: "behind merging (to 4 and 8)"."""
    said = []
    for words, apart in (("ahead of", advantages["low"] > 0), ("behind", advantages["high"] < 0)):
        widths = advantages[apart].groupby("configuration", sort=False)["end"].agg(sorted)
        others = [f"{other} (to {' and '.join(map(str, ends))})" for other, ends in widths.items()]
        said += [f"{words} {', '.join(others)}"] if others else []
    return " and ".join(said) or "neither ahead of nor behind any other"
