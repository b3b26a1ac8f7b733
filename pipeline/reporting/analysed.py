"""What the analyses of a profile wrote to the folder of its report, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline import paths
from pipeline.errors import InputError
from pipeline.json_file import need, read_json
from pipeline.remedies import in_the_way
from pipeline.reporting.svg import inline
from pipeline.results.claims.base import Answer, Outcome
from pipeline.results.provenance import check_record

_MAKER = "python -m stages.analyse"
_Number = Annotated[float, Field(ge=-1e300, le=1e300)] | None


class _Checked(BaseModel):
    model_config = ConfigDict(strict=True)


class _Criterion(_Checked):
    claim: str
    part: str
    sentence: str
    short: str
    unit: str
    region: Annotated[list[_Number], Field(min_length=2, max_length=2)]
    ratio: bool
    every: bool
    needs: int


class _Cell(_Checked):
    estimate: _Number
    low: _Number
    high: _Number
    n: int


class _Basis(_Checked):
    same_as_paper: bool


class _Change(_Checked):
    later: bool | None


class _Claim(_Checked):
    """What the page says of a claim; the file has more."""

    id: str
    beyond: bool
    criterion: _Criterion
    outcome: Outcome | Answer
    reason: str
    cells: list[_Cell]
    needed: int
    basis: _Basis
    on: list[str]
    anchor: str
    changed: _Change | None
    seen: bool = False


_CLAIMS = TypeAdapter(list[_Claim])


@dataclass(frozen=True)
class Analysed:
    """An experiment.

    Attributes:
        name: of it.
        record: where its results came from, `provenance.json`.
        claims: that were judged, `claims.json`.
        section: its part of the page.
        drawings: figures for the first page, as elements of it.
    """

    name: str
    record: Mapping[str, Any]
    claims: Sequence[Mapping[str, Any]]
    section: str
    drawings: Sequence[str]

    @property
    def title(self) -> str:
        """Of a few words."""
        return str(self.record["title"])


@dataclass(frozen=True)
class Profile:
    """A profile, and its experiments in the order of the page."""

    name: str
    experiments: Sequence[Analysed]

    @property
    def claims(self) -> list[Mapping[str, Any]]:
        """Of all experiments."""
        return [claim for each in self.experiments for claim in each.claims]


def read(profile: str, experiments: Sequence[str], folder: Path) -> Profile:
    """All that was written of a profile.

    Args:
        profile: its name.
        experiments: in the order of the page.
        folder: the report's folder, with a subfolder per experiment.

    Raises:
        InputError: an experiment has no results in the folder, or a file of them is damaged.
    """
    return Profile(profile, [_experiment(name, folder / name) for name in experiments])


def _experiment(name: str, folder: Path) -> Analysed:
    claims, record = _claims(folder / paths.CLAIMS), _record(folder / paths.PROVENANCE)
    drawings = [_drawing(folder, each) for each in record["pictures"]]
    return Analysed(name, record, claims, _text(folder / paths.SECTION), drawings)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        remedy = in_the_way(path) or f"`{_MAKER}` makes it"
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read (not UTF-8); `{_MAKER}` makes it") from error


def _claims(path: Path) -> list[dict[str, Any]]:
    claims = read_json(path, list, _MAKER)
    try:
        _CLAIMS.validate_python(claims)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where, found = ".".join(map(str, first["loc"])), f"{first['input']!r}"[:60]
        raise InputError(f"{path}: {where}: {found}: {first['msg']}; `{_MAKER}` makes it") from None
    return claims


def _record(path: Path) -> dict[str, Any]:
    record = read_json(path, dict, _MAKER)
    need(path, record, title=str, run=dict, seeds=list, report=dict, claims=list, pictures=list)
    check_record(record["run"], path)
    for entry in record["seeds"]:
        need(path, entry, data=str, repeat=int, seed=int)
    for picture in record["pictures"]:
        need(path, picture, name=str, id=str, alt=str)
        if not paths.is_name(picture["name"]) or not (path.parent / f"{picture['name']}.svg").is_file():
            raise InputError(f"{path}: pictures: {picture['name'][:60]!r} is no figure here; `{_MAKER}` makes it")
    return record


def _drawing(folder: Path, picture: Mapping[str, Any]) -> str:
    """A figure as an element that the one in its experiment's section is a copy of."""
    path = folder / f"{picture['name']}.svg"
    text = _text(path)
    if "<svg " not in text:
        raise InputError(f"{path}: cannot be read (no <svg> in it); `{_MAKER}` makes it")
    return inline(text, picture["id"], picture["alt"])
