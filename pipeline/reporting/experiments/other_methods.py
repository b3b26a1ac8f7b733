"""`other_methods` in the report: an experiment that the paper does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.other_methods import KINDS, ROWS
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import rounded
from pipeline.reporting.numbers import signed
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import TREATMENT, common, mean_of, repeats
from pipeline.reporting.style import COLOURS
from pipeline.reporting.tables import Group, Table
from pipeline.reporting.ways import FROM_SCRATCH, GROWING, PRUNING, UNCHANGED, Way, group, ways
from pipeline.results.methods import advantages, beside, final, gains
from pipeline.results.schema import Measure
from pipeline.results.statistics import select, summarise
from pipeline.results.words import counted

TITLE = "Isotropic and other growing and pruning"
NOTE = Note(
    reading=(
        "A run is a method at the width `end`, or a reference: networks that were never changed, or that had this"
        " width from the start. `test/accuracy` of a method begins at the change (step = epoch); what that did to"
        " the function at once is under `by change in width/`. Isotropic and tanh networks differ in accuracy"
        " before any change, so compare a method also with the unchanged networks of its own kind."
    ),
    columns=("test/accuracy", "by change in width/epsilon_scaled", "by change in width/delta_accuracy", "repeats"),
    logarithmic=("epsilon", "epsilon_scaled", "kl"),
)
NONE = "no such experiment"
MEASURES = ROWS.measures
GAIN = Measure("accuracy minus unchanged", "percentage points", 2)
AT_ONCE = (
    ("epsilon_scaled", "float32"),
    ("epsilon_scaled", "float64"),
    ("accuracy", "float32"),
    ("delta_accuracy", "float32"),
)
SHOWN_BEFORE = 2  # epochs before the change in figures: earlier accuracies would set their scale


def headlines(rows: pd.DataFrame) -> dict[str, Any]:
    """Final accuracy without a change; and by change isotropic minus each other method, with its 95% interval."""
    accuracy = final(rows)
    places = select(rows, phase="adapted")[["end", "change"]].drop_duplicates()
    changes = {int(end): int(change) for end, change in places.itertuples(index=False)}
    means = {kind: select(accuracy, activation=kind, end=None)["value"].mean() for kind in KINDS.values()}
    found: dict[str, dict[str, Any]] = {}
    for methods in (GROWING, PRUNING):
        for place in advantages(accuracy, methods).to_dict("records"):
            change = changes[place["end"]]
            name = f"{'grown' if change > 0 else 'pruned'}_{abs(change):03}"
            numbers = {key: rounded(place[key], 2) for key in ("mean", "low", "high")}
            found.setdefault(name, {})[str(place["configuration"])] = numbers
    return {
        "unchanged": {kind: rounded(mean, 2) for kind, mean in means.items()},
        "isotropic_minus": dict(sorted(found.items())),
    }


def present(rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
    """For growing and for pruning a table and figures, for each data set."""
    return Presentation([_Part(own, settings, known).part() for own, known in each(rows, data)])


class _Part:
    """The results on one data set."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        self.rows, self.settings, self.data = rows, settings, data
        self.start = settings.hidden[settings.layer - 1]
        self.network = "-".join(str(width) for width in (data.features, *settings.hidden, data.classes))
        accuracy = final(rows)
        self.accuracy, self.gains = beside(accuracy), gains(accuracy)
        self.ways = ways(settings.changes)

    def part(self) -> Part:
        tables = [self._table(way) for way in self.ways]
        plots = [plot(way) for way in self.ways for plot in (self._curves, self._gained)]
        return Part.of(self.data, self._protocol(), tables, plots, [])

    def _protocol(self) -> list[Setting]:
        settings = self.settings
        decided = {
            "data": self.data.words,
            "hidden widths": ", ".join(map(str, settings.hidden)),
            "changed layer": str(settings.layer),
            "changes of its width": ", ".join(map(signed, settings.changes)),
            "methods": "; ".join(method for way in self.ways for method in way.methods),
            "noise of Net2Wider, relative": f"{settings.noise:g}",
            "repeats": str(settings.repeats),
            "epochs before the change": str(settings.epochs_before),
            "epochs after it": str(settings.epochs - settings.epochs_before),
        }
        return [
            *(Setting(name, NONE, here, False) for name, here in decided.items()),
            Setting.of("intrinsic length, ψ", TREATMENT, settings.configurations[0].label),
            *common(settings, growing=True),
        ]

    @property
    def _conditions(self) -> str:
        settings = self.settings
        return (
            f"Data {self.data.name}, network {self.network}, the width of layer {settings.layer} changed after "
            f"{counted(settings.epochs_before, 'epoch')}, then {settings.epochs - settings.epochs_before} more for "
            f"all, in the same batches, moments of {settings.optimiser} carried along; {repeats(self.rows)}."
        )

    def _table(self, way: Way) -> Table:
        ends = {str(self.start + change): signed(change) for change in way.changes}
        columns: dict[str, tuple[str, ...]] = {
            end: (f"neurons {way.done}", f"{change} (to {end})") for end, change in ends.items()
        }
        return Table(
            name=f"{self.data.slug}-{way.name}",
            title=f"{way.name.capitalize()}: at once, and after further training",
            caption=(
                f"What {way.name} does to a trained network’s function at once, over the whole test set, and the "
                "test accuracy after the last epoch; mean ± standard deviation over repeats, differences in pairs "
                f"with their 95% interval.{self._standing(way)} {way.remark} The paper has no such experiment. "
                f"{self._conditions}"
            ),
            row_name="method",
            column_name="change of width",
            columns=columns,
            groups=[*self._at_once(way, columns), *self._at_the_end(way, columns)],
            repeats=self.settings.repeats,
        )

    def _at_once(self, way: Way, columns: Iterable[str]) -> Iterator[Group]:
        adapted = select(self.rows, phase="adapted")
        for measure, precision in AT_ONCE:
            own = select(adapted, measure=measure, precision=precision)
            heading = f"at once: {MEASURES[measure].label}, {precision}"
            means = summarise(own, ["configuration", "end"])
            yield group(f"{measure}_{precision}", heading, measure, means, way.methods, columns)

    def _at_the_end(self, way: Way, columns: Iterable[str]) -> Iterator[Group]:
        isotropic, *others = way.methods
        accuracies, gained = (summarise(rows, ["configuration", "end"]) for rows in (self.accuracy, self.gains))
        all_of_them = [*way.methods, *UNCHANGED, *FROM_SCRATCH]
        yield group("test_accuracy", "at the end: test accuracy (%)", "accuracy", accuracies, all_of_them, columns)
        for key, words, means, labels in (
            ("gain", "minus unchanged networks of its kind", gained, [*way.methods, *FROM_SCRATCH]),
            ("advantage", f"{isotropic} minus", advantages(self.accuracy, way.methods), others),
            (
                "advantage_in_gain",
                f"{isotropic} minus, each relative to unchanged networks of its kind",
                advantages(self.gains, way.methods),
                others,
            ),
        ):
            heading = f"at the end: {words} (percentage points)"
            yield group(key, heading, "delta_accuracy", means, labels, columns, differences=True)

    def _curves(self, way: Way) -> Plot:
        accuracy = select(self.rows, phase="training", measure="test_accuracy")
        accuracy = accuracy[accuracy["epoch"] >= max(self.settings.epochs_before - SHOWN_BEFORE, 1)]
        series = way.series(UNCHANGED)
        means = summarise(select(accuracy, configuration=list(series)), ["configuration", "end", "epoch"])
        panels = {}
        for change in way.changes:
            end = self.start + change
            title = f"{signed(change)} neurons, to {end}"
            panels[title] = means[(means["end"] == end).fillna(False) | means["end"].isna()]
        legend = f"{self.data.name}, {self.network}, {mean_of(self.rows)}"
        measure = MEASURES["test_accuracy"]
        across = min(2, len(panels))
        figure = lines(panels, series, measure, "epoch", "epochs trained", legend, None, across, shared=False)
        for ax in figure.axes:
            ax.axvline(self.settings.epochs_before, color=COLOURS["ink"][0], linestyle=":", linewidth=0.8)
        return Plot(
            name=f"{self.data.slug}-{way.name}-curves",
            title=f"Training on after {way.name}",
            caption=(
                "Test accuracy after each epoch, from shortly before the change, at the dotted line, where "
                "methods begin right after it. Mean over repeats with its 95% interval as a band. "
                f"Unchanged networks are trained on alike. Each panel has its own scale. {self._conditions}"
            ),
            alt=f"Test accuracy over epochs. {self._numbers(way)}",
            figure=figure,
        )

    def _numbers(self, way: Way) -> str:
        return way.numbers(advantages(self.accuracy, way.methods))

    def _standing(self, way: Way) -> str:
        return way.standing(*(advantages(values, way.methods) for values in (self.accuracy, self.gains)))

    def _gained(self, way: Way) -> Plot:
        series = way.series(FROM_SCRATCH, joined=False)
        own = self.gains.assign(change=self.gains["end"] - self.start)
        own = select(own, change=way.changes, configuration=list(series))
        means = summarise(own, ["configuration", "change"])
        legend = f"{self.data.name}, {self.network}, {mean_of(self.rows)}"
        changes = sorted(way.changes)
        figure = lines({"": means}, series, GAIN, "change", "change of width (neurons)", legend, changes)
        for place in range(1, len(changes)):  # between two changes
            figure.axes[0].axvline(place - 0.5, color=COLOURS["grid"][0], linewidth=0.8)
        figure.axes[0].axhline(0, color=COLOURS["ink"][0], linestyle=":", linewidth=0.8)
        return Plot(
            name=f"{self.data.slug}-{way.name}-gains",
            title=f"Accuracy after {way.name} and further training, beside no change",
            caption=(
                "Test accuracy after the last epoch minus that of unchanged networks of the same kind, isotropic or "
                "tanh, at the dotted line, in pairs; mean over repeats with its 95% interval. Methods stand side by "
                "side at each change. "
                f"{self._conditions}"
            ),
            alt=f"Accuracy relative to unchanged networks by change of width. {self._numbers(way)}",
            figure=figure,
        )
