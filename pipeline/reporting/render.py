"""One experiment's folder in the report: files of tables and figures, claims, and its section of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.data.facts import DataSet
from pipeline.experiments.plan import separate
from pipeline.json_file import write_json
from pipeline.paths import CLAIMS, PROVENANCE, SECTION, written
from pipeline.paths import rows as rows_of
from pipeline.reporting.figures import Plot
from pipeline.reporting.notices import availability, losses
from pipeline.reporting.pictures import chosen
from pipeline.reporting.presentation import Part
from pipeline.reporting.presenters import presenter, source
from pipeline.reporting.svg import copy, inline
from pipeline.reporting.templates import spaceless, template
from pipeline.results.claims.base import Context, Verdict, judge, plain
from pipeline.results.claims.criteria import SEEN, of
from pipeline.results.claims.history import Change, changes
from pipeline.results.divergence import completed
from pipeline.results.provenance import absent, data_sets, environment


def render(
    experiment: str,
    question: str,
    rows: pd.DataFrame,
    settings: Any,
    run: Mapping[str, Any],
    folder: Path,
    correct: pd.DataFrame | None = None,
) -> None:
    """Write all that is reported of an experiment to a folder.

        NAME.md, .tex, .csv   each table          claims.json       their outcomes
        NAME.svg, .png        each figure         provenance.json   where rows and report came from
        curve-NAME.csv        for `dvc plots`     section.html      the experiment's part of the page

    Every identifier of the section begins with the names of the profile and the experiment. Where there are no rows,
    for want of data, there are no tables, figures and claims, and the section says why.

    Args:
        experiment: its name; how it is presented, its `presenter` says.
        question: that it answers, one sentence.
        rows: its observations.
        settings: its settings.
        run: the record of the run (`stages/run.py`): `datasets`, name -> fields of DataSet, `absent`, name -> reason,
            and how it was run.
        folder: where to write; made if it is not there.
        correct: which test images were right (`results/correct.py`), if it is known.

    Raises:
        InputError: the record of the run does not describe its data sets, or those that are absent.
    """
    module, data, gone = presenter(experiment), data_sets(run), absent(run)
    presentation = module.present(completed(rows), settings, data)
    own = {part.name: rows[rows["data"].isin(part.data)] for part in presentation.parts}
    for part in presentation.parts:
        for table in part.tables:
            table.save(folder)
        for plot in part.plots:
            plot.save(folder)
    for name, curve in presentation.curves.items():
        with written(folder / f"curve-{name}.csv") as path:
            curve.to_csv(path, index=False)
    profile = folder.parent.name
    name = f"{profile}-{experiment}"
    changed = changes(str(run.get("code", "")))
    claims = {
        part.name: _claims(name, part, own[part.name], settings, data, changed, correct)
        for part in presentation.parts
    }
    write_json([claim for found in claims.values() for claim in found], folder / CLAIMS)
    origin = {"title": module.TITLE, "run": dict(run), "seeds": _seeds(rows), "report": environment()}
    origin["claims"] = [criterion.id for criterion in of(experiment)]
    pictures = chosen(experiment, [plot for part in presentation.parts[:1] for plot in part.plots])
    origin["pictures"] = [{"name": plot.name, "id": f"{name}-{plot.name}", "alt": plot.alt} for plot in pictures]
    write_json(origin, folder / PROVENANCE)
    shown = [name for part in presentation.parts for name in part.data]
    section = template("section.html").render(
        name=name,
        folder=f"{profile}/{folder.name}",  # as seen from the page, which is beside the profile's folder
        origin=_origin(experiment, profile, run),
        title=module.TITLE,
        question=question,
        availability=availability(gone, some=bool(data)),
        # Data sets on which no network is left have no part that could say so.
        losses=losses(rows[~rows["data"].isin(shown)]),
        parts=[(part, claims[part.name], losses(own[part.name])) for part in presentation.parts],
        outcomes=[claim["outcome"] for found in claims.values() for claim in found],
        drawings={
            plot.name: _drawing(plot, folder, name, elsewhere=plot in pictures)
            for part in presentation.parts
            for plot in part.plots
        },
    )
    with written(folder / SECTION) as path:
        path.write_text(section, encoding="utf-8")


def _claims(
    name: str,
    part: Part,
    rows: pd.DataFrame,
    settings: Any,
    data: Mapping[str, DataSet],
    changed: Mapping[str, Change],
    correct: pd.DataFrame | None,
) -> list[dict[str, Any]]:
    """The claims that are judged on a part of the results, each with its outcome, as JSON holds them."""
    names = {name for own in part.data for name in separate(own)}
    known = [each for name, each in data.items() if name in names]
    sources, chance = {each.name: each.source for each in known}, 100 / max(each.classes for each in known)
    context = Context(settings, sources, chance, correct)
    experiment = str(rows["experiment"].iloc[0])
    found = []
    for criterion in of(experiment):
        verdict = judge(criterion, rows, context, part.basis)
        last = changed.get(criterion.id) or changed.get(criterion.claim)
        seen = SEEN.issuperset(context.sources.values())
        more = {"seen": seen, "anchor": _anchor(name, part, verdict), "on": list(part.data)}
        found.append(plain(verdict) | more | {"changed": None if last is None else asdict(last)})
    return found


def _anchor(name: str, part: Part, verdict: Verdict) -> str:
    return f"{name}-{part.name}-{spaceless(verdict.criterion.id)}"


def _origin(experiment: str, profile: str, run: Mapping[str, Any]) -> dict[str, str]:
    """Where what is beside a table or a figure links to: as seen from the page, in a folder of the repository."""
    return {
        "code": f"../{source(experiment)}",
        "rows": f"../{rows_of(profile, experiment).as_posix()}",
        "commit": f"of commit {run['code']}" if "code" in run else "of an unknown commit",
    }


def _drawing(plot: Plot, folder: Path, name: str, elsewhere: bool) -> str:
    """A figure; a copy of the one on the first page, if it is there."""
    svg = (folder / f"{plot.name}.svg").read_text(encoding="utf-8")
    return (copy if elsewhere else inline)(svg, f"{name}-{plot.name}", plot.alt)


def _seeds(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The seed of each repeat's initialisation, per data set."""
    seeds = rows[["data", "repeat", "seed"]].drop_duplicates().sort_values(["data", "repeat"])
    return [{"data": str(d), "repeat": int(r), "seed": int(s)} for d, r, s in seeds.itertuples(index=False)]
