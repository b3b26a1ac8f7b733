"""Whether a profile says what its rows were made with; DVC looks into it when a stage has ended, and then alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from pipeline import paths
from pipeline.errors import InputError
from pipeline.profile import Profile
from pipeline.yaml_file import read_yaml

_REMEDY = "set it back, or copy the profile to a name of its own, without `published`, and run that"
_NOTHING = object()


def check_as_made(profile: Profile) -> None:
    """Compare the settings of each experiment of a published profile with those in its lock: it is never run anew.

    Raises:
        InputError: one is another, or of an experiment nothing is published.
    """
    lock, path = paths.pipeline(profile.name).with_name("dvc.lock"), paths.profile(profile.name)
    if not profile.published:
        return
    if not lock.is_file():
        raise InputError(f"{path}: published: nothing is published of this profile; take it out, and it is run")
    here, stages = read_yaml(path)["experiments"], YAML(typ="safe").load(lock)["stages"]
    for name in profile.experiments:
        where = f"experiments.{name}"
        if (made := stages.get(f"run@{name}")) is None:
            raise InputError(
                f"{path}: {where}: nothing is published of it; take it out, or run it in a copy of the profile"
            )
        _refuse(path, _differences(here[name], made["params"][str(path)][where], where), "published rows", _REMEDY)


def check_rows(profile: Profile, name: str, record: Mapping[str, Any]) -> None:
    """Compare the settings of an experiment with those that the record of its run has.

    Raises:
        InputError: one is another.
    """
    here, then = profile.settings(name).model_dump(mode="json"), record.get("settings")
    if isinstance(then, dict):  # rows of an older version do not say
        remedy = "set it back, or `dvc repro` makes them anew"
        _refuse(paths.profile(profile.name), _differences(here, then, f"experiments.{name}"), "rows", remedy)


def check_unchanged(then: Profile, now: Profile, section: Literal["data", "experiments"], name: str) -> None:
    """Check, at the end of a stage, that the profile says now what it said then, at its beginning.

    Raises:
        InputError: it does not, and DVC, which looks at it now, would note what was not done.
    """
    if getattr(now, section).get(name) != getattr(then, section)[name]:
        raise InputError(
            f"{paths.profile(then.name)}: {section}.{name} was changed while this ran, and DVC would take it for "
            "done so; the same command does it"
        )


def _refuse(path: Path, differences: Iterator[tuple[str, Any, Any]], rows: str, remedy: str) -> None:
    for key, value, then in differences:
        said = "is not there" if value is _NOTHING else f"is {value}"
        was = "did not have it" if then is _NOTHING else f"were made with {then}"
        raise InputError(f"{path}: {key} {said}, and the {rows} {was}; {remedy}")


def _differences(here: Any, then: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Each place that differs, with what is here and what was then."""
    if isinstance(here, dict) and isinstance(then, dict):
        for key in dict.fromkeys([*here, *then]):
            yield from _differences(here.get(key, _NOTHING), then.get(key, _NOTHING), f"{where}.{key}")
    elif here != then:
        yield where, here, then
