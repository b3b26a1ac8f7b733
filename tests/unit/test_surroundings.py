"""Where people work: closed streams, git's hooks, links to other disks, settings of the libraries that are used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from clones import cloned, environment, run

from pipeline import clone
from pipeline.errors import InputError
from stages.alone import begin_with_dvc

ROOT = Path(__file__).parents[2]


def test_closed_streams_lead_nowhere(tmp_path: Path) -> None:
    program = """
import os, subprocess, sys
from stages import cli
with cli.clear_errors():
    print("said")
    with open("file", "w") as file:
        subprocess.run([sys.executable, "-c", "import os; os.write(1, b'by a process')"], check=True)
        os.write(2, b"by a library")
"""
    whole = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: os.closerange(0, 3),
    )
    assert whole.returncode == 0
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize(("date", "left"), [("", None), ("abc", None), ("1700000000", "1700000000")])
def test_a_date_that_is_none_is_not_heeded(date: str, left: str | None) -> None:
    """Matplotlib would end at it, in every analysis."""
    program = "import os; from stages import cli; print(os.environ.get('SOURCE_DATE_EPOCH'))"
    known = os.environ | {"PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": date}
    done = subprocess.run([sys.executable, "-c", program], env=known, capture_output=True, text=True, check=True)
    assert done.stdout == f"{left}\n"


def test_warnings_of_libraries_end_no_stage() -> None:
    program = """
import os, subprocess, sys, warnings
from stages import cli
with cli.clear_errors():
    warnings.warn("copy will go", DeprecationWarning)
    subprocess.run([sys.executable, "-c", "import warnings; warnings.warn('in a worker')"], check=True)
"""
    known = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", program], env=known, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "copy will go" in done.stderr and "in a worker" in done.stderr


@pytest.mark.parametrize(("first", "status"), [("from stages import cli", 0), ("pass", 1)], ids=["ours", "control"])
def test_matplotlib_is_imported_whatever_its_user_has_set(first: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("axes.formatter.use_locale: True\n")
    known = {
        name: value for name, value in os.environ.items() if name != "MATPLOTLIBRC"
    }  # which other tests have set
    own = {"MPLCONFIGDIR": str(tmp_path), "LC_ALL": "xx_XX.UTF-8", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", f"{first}; import matplotlib"]
    done = subprocess.run(command, env=known | own, capture_output=True)
    assert done.returncode == status, done.stderr


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with one commit, whose code `code_version` looks at."""
    for name in ("ours", "theirs"):
        folder = tmp_path / name
        (folder / "pipeline").mkdir(parents=True)
        (folder / "pipeline/clone.py").write_text(name)
        for command in ("init", "add .", "-c user.name=a -c user.email=a@b -c commit.gpgsign=false commit -m x"):
            subprocess.run(["git", *command.split()], cwd=folder, check=True, capture_output=True)
    monkeypatch.setattr(clone, "_ROOT", tmp_path / "ours")
    return tmp_path


def test_the_version_is_of_this_clone_also_in_a_hook_of_another(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = clone.code_version()
    monkeypatch.setenv("GIT_DIR", str(repository / "theirs/.git"))
    assert clone.code_version() == ours


def test_a_name_that_is_no_utf8_is_a_change_as_any_other(repository: Path) -> None:
    ours = repository / "ours"
    before = clone.code_version()
    subprocess.run(["git", "config", "core.quotepath", "false"], cwd=ours, check=True)
    with open(os.fsencode(ours) + b"/pipeline/\xe9.py", "w"):
        pass
    assert clone.code_version() == f"{before} + changes"


@pytest.mark.parametrize("how", ["hidden by a setting", "ignored"])
def test_code_that_git_does_not_show_is_a_change_as_any_other(repository: Path, how: str) -> None:
    ours, before = repository / "ours", clone.code_version()
    if how == "ignored":
        (ours / ".git/info/exclude").write_text("new.py\n*.pyc\n")
        (ours / "pipeline/old.pyc").touch()
    else:
        subprocess.run(["git", "config", "status.showUntrackedFiles", "no"], cwd=ours, check=True)
    assert clone.code_version() == before
    (ours / "pipeline/new.py").touch()
    assert clone.code_version() == f"{before} + changes"


def test_an_archive_within_another_repository_is_not_of_its_commit(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unpacked := repository / "theirs/tools/ours/pipeline").mkdir(parents=True)
    (unpacked / "clone.py").touch()
    monkeypatch.setattr(clone, "_ROOT", unpacked.parent)
    assert clone.code_version() == "not under version control"


def test_a_run_is_of_the_commit_at_which_it_began(repository: Path) -> None:
    ours = repository / "ours"
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "commit", "-qm", "y"]
    began = clone.code_version()
    (ours / "notes.md").touch()
    for step in (["git", "add", "."], commit):
        subprocess.run(step, cwd=ours, check=True)
    assert clone.code_version(since=began) == began != clone.code_version(), "what was committed is no code"
    (ours / "pipeline/clone.py").write_text("other")
    subprocess.run([*commit, "-a"], cwd=ours, check=True)
    assert clone.code_version(since=began) == f"{began} + changes"
    for unknown in (f"{began} + changes", "not under version control"):
        assert clone.code_version(since=unknown) == unknown


def test_what_dvc_has_of_a_profile_is_no_change_of_the_code(repository: Path) -> None:
    profiles, before = repository / "ours/profiles", clone.code_version()
    (profiles / "mine").mkdir(parents=True)
    for name in ("dvc.lock", "dvc.yaml", "params.yaml"):
        (profiles / "mine" / name).touch()
    assert clone.code_version() == before
    (profiles / "mine.yaml").touch()  # nor is a profile of one's own
    assert clone.code_version() == before
    subprocess.run(["git", "add", "profiles/mine.yaml"], cwd=repository / "ours", check=True)
    assert clone.code_version() == f"{before} + changes", "one that git has is"


def test_an_index_that_was_left_locked_is_said_before_anything_is_trained(repository: Path) -> None:
    clone.check_clone()
    lock = repository / "ours/.git/index.lock"
    lock.touch()
    clone.check_clone()  # an editor looks at the clone, for a moment
    os.utime(lock, (0, 0))
    with pytest.raises(InputError, match=r"index\.lock: left by a git that was killed.*remove it"):
        clone.check_clone()


def test_an_experiment_beside_a_shallow_clone_is_refused(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC 3.67 computes it, cannot fetch it, and ends with status 0."""
    ours, shallow = repository / "ours", tmp_path / "shallow"
    whole = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run([*whole, "commit", "--allow-empty", "-qm", "second"], cwd=ours, check=True)
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{ours}", shallow], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(ours))
    begin_with_dvc()
    monkeypatch.setenv("DVC_ROOT", str(shallow))
    with pytest.raises(InputError, match=r"a shallow clone.*git fetch --unshallow"):
        begin_with_dvc()
    monkeypatch.chdir(shallow)
    begin_with_dvc()  # `dvc repro`, for which no history is needed


def test_without_a_clone_there_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clone, "_ROOT", tmp_path)
    clone.check_clone()
    assert clone.code_version() == "not under version control"


def git(*arguments: str, **more: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(ROOT), capture_output=True, text=True, **more).stdout


def test_every_clone_has_the_same_bytes_whatever_git_makes_of_line_ends_elsewhere() -> None:
    """`core.autocrlf`: DVC would run everything again, and bash not read .ci/run."""
    said = git("check-attr", "eol", "--stdin", input=git("ls-files")).splitlines()
    assert len(said) > 100 and {line.rpartition(": ")[2] for line in said} == {"lf"}


def test_what_dvc_needs_git_to_see_is_never_ignored(tmp_path: Path) -> None:
    (tmp_path / "ignored").write_text("*.lock\n*.json\n")
    names = ["dvc.lock", "profiles/mine/dvc.lock", "results/mine/spectra/metrics.json"]
    command = ["-c", f"core.excludesFile={tmp_path / 'ignored'}", "check-ignore", "--no-index"]
    assert git(*command, *names) == ""
    assert git(*command, "other.lock", "results/mine/spectra/run.json") != "", "the control"


def test_a_clone_for_tests_heeds_no_settings_of_a_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "hooks/pre-commit").chmod(0o755)
    (tmp_path / "config").write_text(
        f"[commit]\ngpgsign = true\n[gpg]\nprogram = false\n[core]\nhooksPath = {tmp_path}/hooks\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    (tmp_path / "clone").mkdir()
    folder = cloned(tmp_path / "clone")
    assert run(folder, "git", "log", "--format=%s") == "test\n"


def test_results_behind_a_link_out_of_the_clone_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "clone", tmp_path / "scratch"
    (inside / "elsewhere").mkdir(parents=True)
    outside.mkdir()
    monkeypatch.chdir(inside)
    monkeypatch.setenv("DVC_ROOT", str(inside))
    rows = Path("results/tiny/spectra/rows.parquet")
    begin_with_dvc(rows)
    Path("results").symlink_to("elsewhere")
    begin_with_dvc(rows)
    Path("results").unlink()
    Path("results").symlink_to(outside)
    with pytest.raises(InputError, match=r"^results: a link to .*scratch, out of the clone"):
        begin_with_dvc(rows)
    monkeypatch.delenv("DVC_ROOT")
    begin_with_dvc(rows)  # without DVC a link is as good as a folder
