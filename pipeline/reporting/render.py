"""One experiment's folder in the report: files of tables and figures, verdicts, and its section of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.json_file import write_json
from pipeline.paths import CLAIMS, PROVENANCE, SECTION, written
from pipeline.paths import rows as rows_of
from pipeline.reporting.figures import Plot
from pipeline.reporting.notices import availability, losses
from pipeline.reporting.presentation import Part
from pipeline.reporting.presenters import presenter, source
from pipeline.reporting.svg import inline
from pipeline.reporting.templates import template
from pipeline.results.claims.base import accounted
from pipeline.results.divergence import completed
from pipeline.results.provenance import absent, data_sets, environment


def render(
    experiment: str, question: str, rows: pd.DataFrame, settings: Any, run: Mapping[str, Any], folder: Path
) -> None:
    """Write all that is reported of an experiment to a folder.

        NAME.md, .tex, .csv   each table          claims.json       the verdicts
        NAME.svg, .png        each figure         provenance.json   where rows and report came from
        curve-NAME.csv        for `dvc plots`     section.html      the experiment's part of the page

    Where there are no rows, for want of data, there are no tables, figures and verdicts, and the section says why.

    Args:
        experiment: its name; how it is presented, its `presenter` says.
        question: that it answers, one sentence.
        rows: its observations.
        settings: its settings.
        run: the record of the run (`stages/run.py`): `datasets`, name -> fields of DataSet, `absent`, name -> reason,
            and how it was run.
        folder: where to write; made if it is not there.

    Raises:
        InputError: the record of the run does not describe its data sets, or those that are absent.
    """
    module, data, gone = presenter(experiment), data_sets(run), absent(run)
    presentation = module.present(completed(rows), settings, data)
    own = {part.name: rows[rows["data"].isin(part.data)] for part in presentation.parts}
    parts = [_accounted(part, own[part.name]) for part in presentation.parts]
    for part in parts:
        for table in part.tables:
            table.save(folder)
        for plot in part.plots:
            plot.save(folder)
    for name, curve in presentation.curves.items():
        with written(folder / f"curve-{name}.csv") as path:
            curve.to_csv(path, index=False)
    claims = [
        verdict.plain() | {"anchor": f"{experiment}-{part.name}-{verdict.id}", "on": list(part.data)}
        for part in parts
        for verdict in part.verdicts
    ]
    write_json(claims, folder / CLAIMS)
    origin = {"title": module.TITLE, "run": dict(run), "seeds": _seeds(rows), "report": environment()}
    write_json(origin, folder / PROVENANCE)
    shown = [name for part in parts for name in part.data]
    section = template("section.html").render(
        experiment=experiment,
        folder=f"{folder.parent.name}/{folder.name}",  # as seen from the page, which is beside the profile's folder
        origin=_origin(experiment, folder.parent.name, run),
        title=module.TITLE,
        question=question,
        availability=availability(gone, some=bool(data)),
        # Data sets on which no network is left have no part that could say so.
        losses=losses(rows[~rows["data"].isin(shown)]),
        parts=[(part, losses(own[part.name])) for part in parts],
        drawings={plot.name: _drawing(plot, folder) for part in parts for plot in part.plots},
    )
    with written(folder / SECTION) as path:
        path.write_text(section, encoding="utf-8")


def _accounted(part: Part, rows: pd.DataFrame) -> Part:
    return replace(part, verdicts=[accounted(verdict, rows) for verdict in part.verdicts])


def _origin(experiment: str, profile: str, run: Mapping[str, Any]) -> dict[str, str]:
    """Where what is beside a table or a figure links to: as seen from the page, in a folder of the repository."""
    return {
        "code": f"../{source(experiment)}",
        "rows": f"../{rows_of(profile, experiment).as_posix()}",
        "commit": f"of commit {run['code']}" if "code" in run else "of an unknown commit",
    }


def _drawing(plot: Plot, folder: Path) -> str:
    svg = (folder / f"{plot.name}.svg").read_text(encoding="utf-8")
    return inline(svg, plot.name, plot.alt)


def _seeds(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The seed of each repeat's initialisation, per data set."""
    seeds = rows[["data", "repeat", "seed"]].drop_duplicates().sort_values(["data", "repeat"])
    return [{"data": str(d), "repeat": int(r), "seed": int(s)} for d, r, s in seeds.itertuples(index=False)]
