"""What the pipeline takes beside its jobs: DVC runs it once, in a folder of its own, with next to no training."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Execution
from pipeline.errors import InputError
from pipeline.sources import ROOT
from pipeline.yaml_file import read_yaml, to_text

_PROFILE, _EXPERIMENT, _NETWORKS = "digits", "spectra", 4  # what is run, two jobs of two networks

# How much an experiment will draw is not known before it has rows. An analysis of this one took 6.2 s of processor
# time, 1.9 of it to begin and end. Those of profile digits took 4.8 s in the mean, so what they draw 2.9.
_BEGINNING, _DRAWING = 1.9 / 6.2, 2.9 / 6.2
# Its publication took 10.1 s, nearly all of it MLflow's start and a new store; each further network 0.06.
_PUBLISHING = 0.06 / 10.1


@dataclass(frozen=True)
class Overhead:
    """Seconds of wall-clock time, each with what DVC does around a stage.

    Attributes:
        begin: before the first stage.
        run: of a run with next to no steps: its start, its workers and their first optimiser, rows, and its end.
        analyse: of the tables and figures of the experiment that was run.
        report: of the page.
        publish: of the few networks of that experiment, to a new store.
    """

    begin: float
    run: float
    analyse: float
    report: float
    publish: float

    def around(self, parts: int) -> float:
        """What an experiment takes beside its jobs, on so many data sets or sets of them."""
        return self.run + self.analyse * (_BEGINNING + _DRAWING * parts)

    def closing(self, networks: int) -> float:
        """What a profile with so many networks takes beside its experiments."""
        return self.begin + self.report + self.publish * (1 + _PUBLISHING * max(0, networks - _NETWORKS))


NOTHING = Overhead(0.0, 0.0, 0.0, 0.0, 0.0)


def measure(execution: Execution) -> Overhead:
    """Run it, which takes about half a minute.

    Args:
        execution: how the profile's jobs are run; here a cluster is not used.

    Raises:
        InputError: the pipeline fails.
    """
    with tempfile.TemporaryDirectory(prefix="estimate-") as name:
        folder = Path(name)
        _prepare(folder, execution)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
        environment["DVC_SITE_CACHE_DIR"] = str(folder / "site")
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        lines: list[tuple[float, str]] = []
        for command in (["stages.profiles", _PROFILE], ["dvc", "repro"]):
            lines = _said([sys.executable, "-m", *command], folder, environment)
    return divided(lines)


def _prepare(folder: Path, execution: Execution) -> None:
    """The code, a pipeline, and a profile with one experiment at the scale of the tests; a repository of its own."""
    for code in ("isotropic", "pipeline", "stages"):
        shutil.copytree(ROOT / code, folder / code, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("dvc.yaml", ".dvc/config", ".dvcignore"):
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    smoke = read_yaml(ROOT / "profiles/smoke.yaml")
    how = execution.model_dump(include={"runner", "workers", "device"})
    if execution.runner == "ray":
        how["runner"] = "processes"
    experiments = {_EXPERIMENT: smoke["experiments"][_EXPERIMENT]}
    profile = {"execution": how, "data": {"digits": {"source": "digits"}}, "experiments": experiments}
    (folder / "profiles").mkdir()
    (folder / f"profiles/{_PROFILE}.yaml").write_text(to_text(profile), encoding="utf-8")


def _said(command: Sequence[str], folder: Path, environment: dict[str, str]) -> list[tuple[float, str]]:
    """The lines that a command prints, each with the seconds since its start; at its end an empty one."""
    started, lines = time.monotonic(), list[tuple[float, str]]()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            lines.append((time.monotonic() - started, line.strip()))
    if process.returncode:
        last = next((line for _, line in reversed(lines) if line), "it said nothing")
        raise InputError(f"{' '.join(command[1:])}, tried out in a folder of its own: {last}")
    return [*lines, (time.monotonic() - started, "")]


def divided(lines: Sequence[tuple[float, str]]) -> Overhead:
    """What each stage took, by when DVC says that it is running the next.

    Args:
        lines: that DVC prints, with the seconds since its start; the last is its end.

    Raises:
        InputError: not all stages were run.
    """
    begins = {line.split("'")[1].split("@")[0]: at for at, line in lines if line.startswith("Running stage '")}
    ends = [*list(begins.values())[1:], lines[-1][0]]
    took = {stage: end - begin for (stage, begin), end in zip(begins.items(), ends, strict=True)}
    wanted = ("run", "analyse", "report", "publish")
    if missing := [stage for stage in wanted if stage not in took]:
        raise InputError(f"dvc repro, tried out in a folder of its own: stages {', '.join(missing)} were not run")
    return Overhead(min(begins.values()), *(took[stage] for stage in wanted))
