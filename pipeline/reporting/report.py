"""The report of a profile: one HTML file that needs no other and no network, made from the experiments' folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pipeline.errors import InputError
from pipeline.json_file import need, read_json
from pipeline.paths import CLAIMS, PROVENANCE, SECTION, written
from pipeline.reporting.style import COLOURS
from pipeline.reporting.summary import facts
from pipeline.reporting.templates import template
from pipeline.results.claims.base import Outcome
from pipeline.results.provenance import absent, check_record, data_sets
from pipeline.results.text import counted

_MAKER = "python -m stages.analyse"


def page(profile: str, experiments: Sequence[str], folder: Path, path: Path) -> None:
    """Write a profile's report from what `render` wrote.

    Args:
        profile: its name.
        experiments: in the order of the page.
        folder: the report's folder, with a subfolder per experiment.
        path: of the page, beside the folder: it links to the files there.

    Raises:
        InputError: an experiment has no results in the folder, or a file of them is damaged.
    """
    judged = {experiment: _claims(folder / experiment / CLAIMS) for experiment in experiments}
    records = {experiment: _record(folder / experiment / PROVENANCE) for experiment in experiments}
    claims = [claim for own in judged.values() for claim in own]
    html = template("report.html").render(
        profile=profile,
        colours=COLOURS,
        summary=[
            *_summary(claims),
            *_unjudged(records, [e for e, own in judged.items() if not own]),
            *_fewer(records),
        ],
        facts=facts([record["run"] for record in records.values()]),
        claims=claims,
        titles={experiment: record["title"] for experiment, record in records.items()},
        sections=[_text(folder / experiment / SECTION) for experiment in experiments],
        provenance={experiment: _provenance(record) for experiment, record in records.items()},
    )
    with written(path) as beside:
        beside.write_text(html, encoding="utf-8")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); `{_MAKER}` makes it") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read (not UTF-8); `{_MAKER}` makes it") from error


def _claims(path: Path) -> list[dict[str, Any]]:
    """The judged claims in a file of them."""
    claims = read_json(path, list, _MAKER)
    for claim in claims:
        need(path, claim, id=str, criterion=dict, outcome=str, cells=list, anchor=str, on=list, scale=str, basis=dict)
        need(path, claim["basis"], data=str, same_as_paper=bool)
    return claims


def _record(path: Path) -> dict[str, Any]:
    """Where the results of an experiment came from."""
    record = read_json(path, dict, _MAKER)
    need(path, record, title=str, run=dict, seeds=list, report=dict, claims=list)
    check_record(record["run"], path)
    for entry in record["seeds"]:
        need(path, entry, data=str, repeat=int, seed=int)
    return record


def _summary(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many claims had which outcome, and whether the paper's protocol was used, in a paragraph; none if none."""
    if not claims:
        return []
    outcomes = [claim["outcome"] for claim in claims]
    counts = [f"{outcomes.count(outcome)} {outcome}" for outcome in get_args(Outcome) if outcome in outcomes]
    alike = sum(claim["basis"]["same_as_paper"] for claim in claims)
    under = {0: "None", len(claims): "All"}.get(alike, str(alike))
    return [
        f"Claims and parts of claims: {len(claims)}, of which {', '.join(counts)}. {under} of them under the paper’s "
        "protocol (its data, network, repeats, epochs and every other setting). Each outcome follows from a stated "
        "criterion."
    ]


def _unjudged(records: Mapping[str, Mapping[str, Any]], experiments: Sequence[str]) -> Iterator[str]:
    """How many claims could not be judged and for what reason; `experiments` are those that have no outcome."""
    for reason, there in (("for lack of data", False), ("because every network diverged", True)):
        claiming = [e for e in experiments if records[e]["claims"]]
        without = [e for e in claiming if bool(records[e]["run"]["datasets"]) == there]
        if without:
            count = counted(sum(len(records[e]["claims"]) for e in without), "claim")
            names = "; ".join(f"{records[e]['title']} ({', '.join(records[e]['claims'])})" for e in without)
            yield f"{count} could not be judged {reason}: {names}."


def _fewer(records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Which experiments are judged without some of their data."""
    names = [
        f"{record['title']} (without {', '.join(absent(record['run']))})"
        for record in records.values()
        if absent(record["run"]) and record["run"]["datasets"]
    ]
    if names:
        yield f"Judged without some of the data, which was not available: {'; '.join(names)}."


def _provenance(record: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """Heading -> label -> value, for the tables at the end of the page."""
    run = dict(record["run"])
    data = {name: f"{known.words}; {known.checksum}" for name, known in data_sets(run).items()}
    data |= {name: f"not available: {reason}" for name, reason in absent(run).items()}
    run = {label: value for label, value in run.items() if label not in ("datasets", "absent")}
    seeds: dict[str, object] = {}
    for entry in record["seeds"]:
        so_far = f"{seeds[entry['data']]}, " if entry["data"] in seeds else ""
        seeds[entry["data"]] = f"{so_far}{entry['repeat']}: {entry['seed']}"
    return {
        "Data": data,
        "The run that made the rows": run,
        "The analysis that made this report": record["report"],
        "Seed of the initialisation of each repeat": seeds,
    }
