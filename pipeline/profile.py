"""A profile: every setting of one scale of the reproduction, e.g. `digits`, `desk` or `paper`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from pipeline import paths
from pipeline.config import Data, Execution, Settings, validate, validate_some
from pipeline.data import facts
from pipeline.errors import InputError
from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.experiments.plan import Plan
from pipeline.yaml_file import read_yaml


class _File(Settings):
    """The outline of profiles/<name>.yaml; each experiment's part is checked by its own Settings."""

    execution: Execution
    published: bool = False
    data: dict[str, Data]
    experiments: dict[str, dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True)
class Profile:
    """The checked settings of a profile, by name.

    If it is published, its rows are in the DVC remote `published`, a folder of the repository, its tables and figures
    are in git, and later code does not have it trained anew (`stages/profiles.py`).
    """

    name: str
    execution: Execution
    data: dict[str, Data]
    experiments: dict[str, Any]
    published: bool = False

    def settings(self, name: str) -> Any:
        """The settings of an experiment.

        Raises:
            InputError: the profile has no such experiment.
        """
        if name not in self.experiments:
            known = ", ".join(self.experiments)
            raise InputError(f"{paths.profile(self.name)}: experiments.{name} is not there; there are: {known}")
        return self.experiments[name]


def load_profile(name: str) -> Profile:
    """Read and check profiles/<name>.yaml, all of it, before anything runs.

    Raises:
        InputError: the file cannot be read, or a setting is missing, unknown or wrong.
    """
    path = paths.profile(name)
    if not paths.is_name(name):
        raise InputError(f"profile: {name[:60]!r} is no name of a profile; there are {_known()}")
    if not path.is_file():
        raise InputError(f"profile: {name!r} has no file {path}; there are {_known()}")
    content, origin = read_yaml(path), str(path)
    if "common" in content:  # an anchor that the experiments merge from
        validate_some(Plan, content.pop("common"), origin, "common")
    file = validate(_File, content, origin)
    _check_apart(file.data, origin)
    checked = {key: _experiment(key, settings, file, origin) for key, settings in file.experiments.items()}
    return Profile(name, file.execution, file.data, checked, file.published)


def _check_apart(data: Iterable[str], origin: str) -> None:
    """Check that each data set has a file of its own on every file system, and tables and figures of its own."""
    known: dict[str, str] = {}
    for name in data:
        if (other := known.setdefault(facts.slug(name).lower(), name)) == name:
            continue
        if name.lower() == other.lower():
            how = "in capital letters, which are one file to macOS and Windows"
        else:
            how = "in . + - and _, which are all - in names of figures"
        raise InputError(f"{origin}: data.{name}: differs from data.{other} only {how}; rename one")


def _known() -> str:
    files = paths.profile("any").parent.glob("*.yaml")
    return ", ".join(sorted(file.stem for file in files if file.is_file())) or "none"


def _experiment(name: str, settings: dict[str, Any], file: _File, origin: str) -> Any:
    """The checked settings of one experiment."""
    if name not in EXPERIMENTS:
        raise InputError(f"{origin}: experiments: {name!r} is not one of {', '.join(EXPERIMENTS)}")
    checked = validate(experiment(name).Settings, settings, origin, "experiments", name)
    for number, data in enumerate(checked.data):
        if data not in file.data:
            known = ", ".join(file.data) or "none"
            where = f"{origin}: experiments.{name}.data.{number}"
            raise InputError(f"{where}: {data[:60]!r} is not one of the profile's data sets, {known}")
    return checked
