"""Rows -> the runs that MLflow should show: what is published, decided without MLflow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.config import Configuration
from pipeline.experiments import experiment
from pipeline.reporting.frames import Frame
from pipeline.reporting.presenters import framed, presenter
from pipeline.results.divergence import completed
from pipeline.results.schema import configurations
from pipeline.tracking.metrics import Metric, means, padded, tabulate, values

if TYPE_CHECKING:
    from pipeline.results.networks import Network

FREE = ("data", "network", "configuration")  # columns whose values say by themselves what they are
ARTIFACTS = frozenset({".svg", ".png", ".md", ".csv", ".tex", ".json"})
APART = 10_000  # between the orders of two configurations, more than there are repeats
# Repeats come after all configurations: MLflow loads a hundred runs at first, and those should hold every parent.
CHILDREN = 1_000 * APART


@dataclass(frozen=True)
class Run:
    """One run to be shown.

    Attributes:
        place: which run it is, e.g. ("repeat", "cifar10", "trainable, none", "3").
        order: where it comes in the table of runs, from the top.
        parent: the place of the run that it is shown under.
    """

    place: tuple[str, ...]
    order: int
    name: str
    description: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: tuple[Metric, ...] = ()
    parent: tuple[str, ...] | None = None
    files: tuple[Path, ...] = ()
    networks: tuple[Network, ...] = ()
    frames: tuple[Frame, ...] = ()

    @cached_property
    def key(self) -> str:
        """Digest of which run this is; a store holds one run of a key."""
        return _digest(self.tags["profile"], self.tags["experiment"], *self.place)

    @cached_property
    def content(self) -> str:
        """Digest of all that is shown: a stored run with another one is replaced."""
        files = [(path.name, hashlib.blake2b(path.read_bytes()).hexdigest()) for path in self.files]
        more = [network.digest for network in self.networks] + [frame.digest for frame in self.frames]
        return _digest(self.order, self.name, self.description, self.tags, self.params, self.metrics, files, more)


def plan(
    rows: pd.DataFrame,
    profile: str,
    settings: Mapping[str, Any],
    report: Path | None,
    networks: Sequence[Network] = (),
) -> list[Run]:
    """All runs of one experiment, parents before their children.

    Each configuration (of each data set) is a run with the means over its repeats, each repeat a child of it
    with that network's own values and those of `networks` that are of it. If the folder `report` has files, run
    "0 summary" holds them. Names and orders do not depend on which rows are there already.
    """
    name = str(rows["experiment"].iloc[0])
    tags = {"profile": profile, "experiment": name}
    params = _flat(settings)
    table = tabulate(rows, experiment(name).ROWS, presenter(name).NOTE.headlines)
    groups, frames = _groups(table), _frames(name, rows)
    places = _places(settings, list(groups))
    columns = configurations(list(rows.columns))
    varied = _varied(columns, places)
    found = _summary(report, tags, params) if report is not None else []
    for number, place in enumerate(places, start=1):
        if place not in groups:
            continue
        own = {column: part for column, part in zip(columns, place, strict=True) if part}
        words = [_word(column, own[column]) for column in varied if column in own]
        title = ", ".join(words) or own["configuration"]
        parent = Run(
            place=("configuration", *place),
            order=number * APART,
            name=f"{padded(number, len(places))} {title}",
            description=f"Means over the repeats of {_said(own)}, which are this run's children."
            " Sections `... sd/` hold standard deviations.",
            tags={**tags, **own, "kind": "configuration"},
            params={**params, **own},
            metrics=means(groups[place]),
            frames=frames.get(place, ()),
        )
        repeats = _repeats(parent, groups[place], settings)
        found += [parent, *(_with(run, networks, [*columns, "repeat"]) for run in repeats)]
    return found


def _varied(columns: list[str], places: Sequence[tuple[str, ...]]) -> list[str]:
    """The columns that tell places apart, without factors that follow from their network and configuration."""
    parts = dict(zip(columns, zip(*places, strict=True), strict=True))
    named = list(zip(parts["network"], parts["configuration"], strict=True))
    return [
        column
        for column, own in parts.items()
        if len(set(own)) > 1 and (column in FREE or len(set(zip(named, own, strict=True))) > len(set(named)))
    ]


def _word(column: str, value: str) -> str:
    return value if column in FREE else f"{column.replace('_', ' ')} {value}"


def _groups(table: pd.DataFrame) -> dict[tuple[str, ...], pd.DataFrame]:
    """The part of a table that belongs to each place, in the order of appearance."""
    columns = [table[column].astype("string").fillna("") for column in configurations(list(table.columns))]
    return {tuple(map(str, place)): group for place, group in table.groupby(columns, sort=False)}


def _frames(experiment: str, rows: pd.DataFrame) -> dict[tuple[str, ...], tuple[Frame, ...]]:
    """The pictures of each place, if the experiment has such."""
    frames = framed(experiment)
    if frames is None:
        return {}
    done = completed(rows)
    return {place: tuple(frames(own, done[done["data"] == place[0]])) for place, own in _groups(done).items()}


def _places(settings: Mapping[str, Any], found: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The places of all runs there will be, in the order of the settings; then others that were found.

    Only where a network has one size are they known beforehand; otherwise in the order of appearance.
    """
    networks = {(network, *factors) for _, network, _, *factors in found}
    if len(networks) > 1:
        return found
    network, *factors = networks.pop()
    labels = [Configuration.model_validate(each).label for each in settings.get("configurations", ())]
    expected = [(data, network, label, *factors) for data in settings.get("data", ()) for label in labels]
    return expected + [place for place in found if place not in expected]


def _repeats(parent: Run, table: pd.DataFrame, settings: Mapping[str, Any]) -> Iterator[Run]:
    """The children of a configuration."""
    number, _, title = parent.name.partition(" ")
    largest = max(int(table["repeat"].max()), settings.get("repeats", 1) - 1)
    for repeat in sorted(int(number) for number in table["repeat"].unique()):
        group = table[table["repeat"] == repeat]
        seed = str(group["seed"].iloc[0])
        yield Run(
            place=("repeat", *parent.place[1:], str(repeat)),
            order=CHILDREN + parent.order + 1 + repeat,
            name=f"{number} repeat {padded(repeat, largest)}, {title}",
            description=f"One network of {_said(parent.tags)}: repeat {repeat}, seed {seed}.",
            tags={**parent.tags, "kind": "repeat", "repeat": str(repeat), "seed": seed},
            params=parent.params,
            metrics=values(group),
            parent=parent.place,
        )


def _said(tags: Mapping[str, str]) -> str:
    """The place of a run in words."""
    aside = ("profile", "experiment", "kind")
    return ", ".join(f"{name.replace('_', ' ')} *{value}*" for name, value in tags.items() if name not in aside)


def _with(run: Run, networks: Sequence[Network], columns: Sequence[str]) -> Run:
    """The run of a repeat with its networks: those of its data, network, configuration and repeat."""
    place = {name: value for name, value in run.tags.items() if name in columns}
    own = tuple(each for each in networks if {k: str(v) for k, v in each.where.items()} == place)
    if not own:
        return run
    loads = ", ".join(f'`mlflow.pytorch.load_model("runs:/<Run ID>/{each.name}")`' for each in own)
    more = f" With this project's folder as the working directory, {loads} gives back the network itself."
    more += (
        " Its inputs are images whose every pixel was standardised by its mean and standard deviation in training."
    )
    return replace(run, networks=own, description=run.description + more)


def _summary(folder: Path, tags: dict[str, str], params: dict[str, str]) -> list[Run]:
    """The run that holds the tables, figures and claims in a report's folder; none if there are none."""
    files = tuple(sorted(path for path in folder.glob("*") if path.suffix in ARTIFACTS))
    if not files:
        return []
    return [
        Run(
            place=("summary",),
            order=0,
            name="0 summary",
            description=_verdicts(folder / "claims.json"),
            tags={**tags, "kind": "summary"},
            params=params,
            files=files,
        )
    ]


def _verdicts(path: Path) -> str:
    """The verdicts in claims.json, under what each was judged on."""
    lines: list[str] = []
    for claim in json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []:
        basis = f"\n{claim['basis']['data'].partition(':')[0]}, {claim['scale']}:\n"
        if basis not in lines:
            lines.append(basis)
        lines.append(f"- **{claim['id']}: {claim['outcome']}.** {claim['reason'] or claim['criterion']['sentence']}")
    return "\n".join([*lines, "\nTables and figures: see *Artifacts*."]).strip()


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings as params, e.g. "training.epochs"; without lists of mappings: what runs differ in, not share."""
    params: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            params |= _flat(value, f"{prefix}{name}.")
        elif not (isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value)):
            params[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return params


def _digest(*parts: object) -> str:
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()
