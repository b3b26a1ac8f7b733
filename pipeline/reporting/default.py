"""How an experiment is presented that has no file in `experiments/`: every mean, and the curves of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments import experiment
from pipeline.reporting.figures import Plot, lines
from pipeline.reporting.headlines import rounded
from pipeline.reporting.numbers import write
from pipeline.reporting.presentation import Note, Part, Presentation, Setting, each
from pipeline.reporting.protocol import basis, mean_of, repeats
from pipeline.reporting.style import styles
from pipeline.reporting.tables import Group, Row, Table, quantities
from pipeline.results.measures import TRAINING
from pipeline.results.schema import Schema
from pipeline.results.statistics import select, summarise

NONE = "no such experiment"


@dataclass(frozen=True)
class Default:
    """The presenter of an experiment by its name alone."""

    experiment: str

    NOTE = Note(
        reading="A run is a configuration; `test/accuracy` is that after each epoch. The tables are in `0 summary`.",
        columns=("test/accuracy", "repeats"),
    )

    @property
    def TITLE(self) -> str:
        """The experiment's name as words."""
        return self.experiment.replace("_", " ").capitalize()

    def headlines(self, rows: pd.DataFrame) -> dict[str, Any]:
        """By configuration and measure, the mean over everything after the last epoch."""
        means = self._last(rows).groupby(["configuration", "measure"], sort=False)["value"].mean()
        found: dict[str, dict[str, float | None]] = {}
        for label, measure, value in means.reset_index().itertuples(index=False):
            found.setdefault(str(label), {})[str(measure)] = rounded(value, 4)
        return found

    def present(self, rows: pd.DataFrame, settings: Any, data: Mapping[str, DataSet]) -> Presentation:
        """For each data set a table of what is known after the last epoch, and a figure of the training if any."""
        return Presentation([self._part(own, settings, known) for own, known in each(rows, data)])

    def _part(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> Part:
        own = {name: value for name, value in settings.model_dump().items() if not isinstance(value, dict)}
        protocol = [Setting(name, NONE, str(value), False) for name, value in own.items()]
        curves = select(rows, phase="training", measure="test_accuracy")
        plots = [_plot(curves, data)] if len(curves) else []
        on = basis(rows, protocol, data.words, "")
        return Part.of(data, protocol, [self._table(rows, settings, data)], plots, on)

    @property
    def _schema(self) -> Schema:
        return experiment(self.experiment).ROWS

    def _last(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows after the last epoch that are one number."""
        return self._schema.single(rows[rows["epoch"] == rows["epoch"].max()])

    def _table(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> Table:
        last, schema = self._last(rows), self._schema
        place = last["phase"].astype("string")
        for name in (*schema.networks, *schema.places, "layer", "precision"):
            place = place + (f" {name} " + last[name].astype("string")).fillna("")
        means = summarise(last.assign(place=place), ["measure", "place", "configuration"])
        labels = list(dict.fromkeys(last["configuration"]))
        groups = []
        for key, own in means.groupby("measure", sort=False):
            found, measure = quantities(own, "place", "configuration"), schema.measures[str(key)]
            cells = {where: [found.get((where, label)) for label in labels] for where in dict.fromkeys(own["place"])}
            own_rows = [Row(where, where, line) for where, line in cells.items()]
            groups.append(Group(str(key), measure.label, measure.decimals, own_rows))
        return Table(
            name=f"{data.slug}-means",
            title="After the last epoch",
            caption=f"Mean ± standard deviation over repeats. Data {data.name}, {repeats(rows)}.",
            row_name="what",
            column_name="configuration",
            columns={label: (label,) for label in labels},
            groups=groups,
            repeats=settings.repeats,
        )


def _plot(curves: pd.DataFrame, data: DataSet) -> Plot:
    means = summarise(curves, ["configuration", "epoch"])
    series, measure = styles(dict.fromkeys(curves["configuration"])), TRAINING["test_accuracy"]
    low, high = (write(end, decimals=1).plain for end in (means["mean"].min(), means["mean"].max()))
    return Plot(
        name=f"{data.slug}-training",
        title="Test accuracy in training",
        caption=f"Mean over repeats with its 95% interval as a band. Data {data.name}, {repeats(curves)}.",
        alt=f"Test accuracy over epochs, from {low} to {high} %.",
        figure=lines({"": means}, series, measure, "epoch", "epochs trained", f"{data.name}, {mean_of(curves)}"),
    )
