"""DVC and the identity of a job know all code that makes a result."""

import re
from pathlib import Path

import pytest
import yaml
from imports import ROOT, only_words, reached, within

from pipeline import sources
from pipeline.experiments import EXPERIMENTS
from stages import profiles

# What a stage imports and does not depend on.
EXCEPT = {
    "isotropic/__init__.py": "the public names",
    "isotropic/views": "of other people's models",
    "pipeline/__init__.py": "the library's names",
    "pipeline/sources.py": "the list itself: what it lists is what counts",
    "pipeline/errors.py": "the one exception",
    "pipeline/remedies.py": "what it says to do",
    "pipeline/clone.py": "the commit, which is noted",
    "pipeline/paths.py": "where files lie, which are dependencies themselves",
    "pipeline/json_file.py": "how they are read",
    "pipeline/yaml_file.py": "as well",
    "stages/__init__.py": "nothing",
    "stages/cli.py": "the command line",
    "stages/alone.py": "a lock, and the end when DVC ends",
    "stages/as_made.py": "what is refused",
}
EXCEPT_OF = {
    "fetch": {
        "pipeline/profile.py": "how settings are read, which DVC knows itself",
        "pipeline/experiments": "whose settings are checked with all others, and do not matter",
    },
    "run": {
        "pipeline/tracking": "publishing",
        "pipeline/results/provenance.py": "what is noted of the machine and the code",
        "pipeline/results/text.py": "as well",
        "pipeline/results/measures.py": "how measures are written; one that is not there is refused, not observed",
        "pipeline/execution/watch.py": "progress",
        "pipeline/execution/throughput.py": "the speed that is printed",
        "pipeline/execution/checks.py": "what is refused before anything runs",
        "pipeline/execution/planned.py": "what a run will take, for progress and checks",
        "pipeline/execution/cost.py": "as well",
    },
    "analyse": {
        "pipeline/profile.py": "as of fetch",
        "pipeline/experiments": "names of other experiments, in the one table of criteria",
        "pipeline/experiments/plan/work.py": "what `run` of an experiment computes with",
        "pipeline/seeds.py": "as well",
        **dict.fromkeys(("isotropic", "pipeline/training"), "as well"),
        **{f"pipeline/data/{each}.py": "as well" for each in ("batches", "dataset", "tasks")},
    },
    "report": {
        **dict.fromkeys(("pipeline/profile.py", "pipeline/config.py", "pipeline/experiments"), "as of fetch"),
    },
}
NAME, PLAIN = "spectra", "pipeline/reporting/default.py"


def dynamic(name: str) -> dict[str, list[str]]:
    """What is imported by names that are made, for an experiment."""
    return {
        "pipeline/experiments/__init__.py": [f"pipeline/experiments/{name}.py"],
        "pipeline/execution/processes.py": ["pipeline/execution/worker.py"],
        "pipeline/reporting/presenters.py": [sources.presenter(name)],
    }


def missing(stage: str, name: str) -> list[str]:
    """What a stage imports for an experiment that is neither a dependency nor an exception."""
    entries = list(sources.STAGES[stage])
    if stage == "analyse":
        entries.append(sources.presenter(name))
    known = sources.files(entries, name=name)
    beyond = {*EXCEPT, *EXCEPT_OF[stage]}
    if sources.presenter(name) != PLAIN:
        beyond.add(PLAIN)  # of experiments that have no presenter
    found = reached(f"stages/{stage}.py", beyond, dynamic(name))
    return sorted(file for file in found if not only_words(file) and not within(file, known))


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("stage", sources.STAGES)
def test_all_that_a_stage_imports_is_a_dependency(stage: str, name: str) -> None:
    assert missing(stage, name) == []


@pytest.mark.parametrize("stage", sources.STAGES)
def test_what_is_left_out_is_found(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in sources.STAGES[stage]:
        if entry.endswith(".py") and "{" not in entry and not only_words(entry):
            fewer = tuple(each for each in sources.STAGES[stage] if each != entry)
            monkeypatch.setitem(sources.STAGES, stage, fewer)
            assert any(missing(stage, name) == [entry] for name in EXPERIMENTS), f"{entry} is not needed by {stage}"
            monkeypatch.undo()


@pytest.mark.parametrize("stage", sources.STAGES)
def test_no_exception_is_stale(stage: str) -> None:
    imported = set().union(*(reached(f"stages/{stage}.py", also=dynamic(name)) for name in EXPERIMENTS))
    for each in EXCEPT_OF[stage]:
        assert any(within(file, [each]) for file in imported), f"{stage} does not import {each}"


def test_the_pipeline_has_them() -> None:
    text = (ROOT / "dvc.yaml").read_text()
    assert profiles.with_code(text) == text, "run `make profiles`"
    stages = yaml.safe_load(text)["stages"]
    for name, entries in sources.STAGES.items():
        found = stages[name].get("do", stages[name])["deps"]
        own = [each.replace("{name}", "${key}") for each in entries]
        assert set(found) >= {each for each in own if "*" not in each}
    assert "${item.presenter}" in set(stages["analyse"]["do"]["deps"])
    for name in ("run", "analyse"):  # a threshold, say, changes what is shown and no row
        assert stages[name]["do"]["params"] == [{"profiles/${profile}.yaml": ["experiments.${key}"]}]
    removed = re.sub(r" +- pipeline/seeds.py\n", "", text)
    assert removed != text and profiles.with_code(removed) == text, "and what is missing is put in"


def test_dvc_knows_what_counts_as_being_in_no_folder() -> None:
    text = (ROOT / ".dvcignore").read_text()
    assert profiles.with_apart(text) == text, "run `make profiles`"
    assert profiles.with_apart(text.replace("/pipeline/execution/watch.py\n", "")) == text
    for entry in sources.APART:
        assert sources.expanded([entry]), "there is such a file"


def test_an_entry_that_matches_no_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in (
        "pipeline/gone.py",
        "pipeline/gone",
        "pipeline/experiments/{name}.pyx",
        "pipeline/reporting/gone.*",
    ):
        monkeypatch.setattr(sources, "RESULT", (*sources.RESULT, entry))
        sources.digest.cache_clear()
        with pytest.raises(FileNotFoundError, match=r"pipeline/sources\.py: '.*gone.*|pyx.*' matches no file"):
            sources.digest(NAME)
        monkeypatch.undo()
    sources.digest.cache_clear()


def test_the_identity_of_a_job_depends_on_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in sources.expanded(sources.RESULT, name=NAME):
        for file in (ROOT / path).rglob("*.py") if (ROOT / path).is_dir() else [ROOT / path]:
            copy = tmp_path / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    sources.digest.cache_clear()
    before = sources.digest(NAME)
    inside = ("seeds", "execution/runner", f"experiments/{NAME}", "results/rows")
    for edited in ("isotropic/axes.py", *(f"pipeline/{each}.py" for each in inside)):
        file = tmp_path / edited
        text = file.read_text()
        file.write_text(text + "# edited\n")
        sources.digest.cache_clear()
        assert sources.digest(NAME) != before, edited
        file.write_text(text)
    for other in ("reporting/style.py", "experiments/timing.py"):  # what draws figures, another experiment
        (tmp_path / "pipeline" / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pipeline" / other).write_text("another")
    sources.digest.cache_clear()
    assert sources.digest(NAME) == before
    sources.digest.cache_clear()
