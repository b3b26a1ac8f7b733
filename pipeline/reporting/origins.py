"""Where the results of a report came from: what all experiments have in common once, and then what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.reporting.analysed import Profile
from pipeline.reporting.numbers import MISSING
from pipeline.results.provenance import absent, data_sets

_OWN = ("datasets", "absent", "settings")  # of the record of a run, shown by themselves
_DATA = ("Name", "Description", "From", "Checksum", "Images in any order")
_DIGITS = 12  # of a checksum, enough to tell data sets apart; `run.json` has all 64


@dataclass(frozen=True)
class Listing:
    """A table of text: the first cell of a line is its heading."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]


def origins(profiles: Sequence[Profile]) -> list[Listing]:
    """The tables at the end of the page, but for those that are empty."""
    several = len(profiles) > 1
    records = {
        f"{profile.name}: {each.title}" if several else each.title: each.record
        for profile in profiles
        for each in profile.experiments
    }
    runs = {name: _without(record["run"], _OWN) for name, record in records.items()}
    reports = {name: record["report"] for name, record in records.items()}
    shared = {"Runs": _shared(runs), "Analyses": _shared(reports)}
    labels = list(dict.fromkeys(label for known in shared.values() for label in known))
    tables = [
        Listing("Data", _DATA, list(dict.fromkeys(_data(records)))),
        Listing(
            "What all experiments have in common",
            ("Name", *shared),
            [(label, *(known.get(label, MISSING) for known in shared.values())) for label in labels],
        ),
        _differing("Runs, by experiment", runs, shared["Runs"]),
        _differing("Analyses, by experiment", reports, shared["Analyses"]),
        Listing("Seed of the initialisation of each repeat", ("Experiment", "Data", "Seeds"), list(_seeds(records))),
    ]
    return [table for table in tables if table.lines]


def _without(run: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    return {label: value for label, value in run.items() if label not in labels}


def _shared(records: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What every record says alike."""
    first, *others = records.values()
    return {
        label: str(value)
        for label, value in first.items()
        if all(label in other and other[label] == value for other in others)
    }


def _differing(title: str, records: Mapping[str, Mapping[str, Any]], shared: Mapping[str, str]) -> Listing:
    """A line for each record with the rest."""
    labels = list(dict.fromkeys(label for own in records.values() for label in own if label not in shared))
    lines = [(name, *(str(own.get(label, MISSING)) for label in labels)) for name, own in records.items()]
    return Listing(title, ("Experiment", *(label.replace("_", " ") for label in labels)), lines if labels else [])


def _data(records: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """What it is, the file or else the source that it is from, and its checksums."""
    for record in records.values():
        for name, known in data_sets(record["run"]).items():
            place = f"file {known.origin}" if known.origin else f"source {known.source}"
            words = known.words.removeprefix(f"{name}: ")
            yield name, words, place, _short(known.checksum), _short(known.images)
        for name, reason in absent(record["run"]).items():
            yield name, f"not available: {reason}", *[MISSING] * (len(_DATA) - 2)


def _short(checksum: str) -> str:
    """The kind of a checksum and its first digits; a dash if there is none."""
    kind, colon, digits = checksum.partition(":")
    return f"{kind}{colon}{digits[:_DIGITS]}{'…' * (len(digits) > _DIGITS)}" or MISSING


def _seeds(records: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for title, record in records.items():
        by_data: dict[str, list[str]] = {}
        for entry in record["seeds"]:
            by_data.setdefault(entry["data"], []).append(f"{entry['repeat']}: {entry['seed']}")
        for data, seeds in by_data.items():
            yield title, data, ", ".join(seeds)
