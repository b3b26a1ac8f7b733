"""A profile: every setting of one scale of the reproduction, e.g. `digits`, `desk` or `paper`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline import paths
from pipeline.config import Data, Execution, Settings, read_yaml, validate
from pipeline.errors import InputError
from pipeline.experiments import EXPERIMENTS, experiment


class _File(Settings):
    """The outline of profiles/<name>.yaml; each experiment's part is checked by its own Settings."""

    execution: Execution
    data: dict[str, Data]
    experiments: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Profile:
    """The checked settings of a profile, by name."""

    name: str
    execution: Execution
    data: dict[str, Data]
    experiments: dict[str, Any]

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
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml"))) or "none"
        raise InputError(f"profile: {name!r} has no file {path}; there are {known}")
    content = read_yaml(path)
    content.pop("common", None)  # an anchor that the experiments merge from
    file = validate(_File, content, str(path))
    checked: dict[str, Any] = {}
    for key, settings in file.experiments.items():
        if key not in EXPERIMENTS:
            raise InputError(f"{path}: experiments: {key!r} is not one of {', '.join(EXPERIMENTS)}")
        checked[key] = validate(experiment(key).Settings, settings, f"{path}: experiments.{key}")
        for data in checked[key].data:
            if data not in file.data:
                raise InputError(
                    f"{path}: experiments.{key}.data: {data!r} is not one of the profile's data sets, "
                    f"{', '.join(file.data)}"
                )
    return Profile(name, file.execution, file.data, checked)
