"""Whether a published profile still says what its rows were made with: DVC never runs it anew, and does not ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

from pipeline import paths
from pipeline.errors import InputError
from pipeline.profile import Profile
from pipeline.yaml_file import read_yaml

_REMEDY = "set it back, or copy the profile to a name of its own, without `published`, and run that"
_NOTHING = object()


def check_as_made(profile: Profile) -> None:
    """Compare the settings of each experiment of a published profile with those in its lock.

    Raises:
        InputError: one is another, or of an experiment nothing is published.
    """
    lock = paths.pipeline(profile.name).with_name("dvc.lock")
    if not profile.published or not lock.is_file():
        return
    path = paths.profile(profile.name)
    here, stages = read_yaml(path)["experiments"], YAML(typ="safe").load(lock)["stages"]
    for name in profile.experiments:
        where = f"experiments.{name}"
        if (made := stages.get(f"run@{name}")) is None:
            raise InputError(
                f"{path}: {where}: nothing is published of it; take it out, or run it in a copy of the profile"
            )
        for key, value, then in _differences(here[name], made["params"][str(path)][where], where):
            said = "is not there" if value is _NOTHING else f"is {value}"
            was = "did not have it" if then is _NOTHING else f"were made with {then}"
            raise InputError(f"{path}: {key} {said}, and the published rows {was}; {_REMEDY}")


def _differences(here: Any, then: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Each place that differs, with what is here and what was then."""
    if isinstance(here, dict) and isinstance(then, dict):
        for key in dict.fromkeys([*here, *then]):
            yield from _differences(here.get(key, _NOTHING), then.get(key, _NOTHING), f"{where}.{key}")
    elif here != then:
        yield where, here, then
