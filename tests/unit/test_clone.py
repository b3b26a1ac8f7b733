"""What git says of a clone: that it belongs to another user is said before anything is done, and noted as it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import clone
from pipeline.errors import InputError
from stages import fetch, profiles, run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def of_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Git's own switch to try it, and no folder that is trusted nevertheless."""
    subprocess.run(["git", "init", "-q", tmp_path / "clone"], check=True)
    monkeypatch.setattr(clone, "_ROOT", tmp_path / "clone")
    for name in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", os.devnull)
    assert clone.git("rev-parse", "--git-dir")  # the control: git looks at it
    clone.check_clone()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    yield


@pytest.mark.usefixtures("of_another")
def test_a_clone_of_another_user_is_not_said_to_be_none() -> None:
    assert clone.code_version() == "unknown: git refuses a clone that belongs to another user"
    with pytest.raises(InputError, match=r"belongs to another user.*git config --global --add safe\.directory /"):
        clone.check_clone()


@pytest.mark.usefixtures("of_another")
@pytest.mark.parametrize(
    "stage",
    [
        lambda: profiles.main(["smoke"]),
        lambda: fetch.main(["digits", "--profile", "smoke"]),
        lambda: run.main(["spectra", "--profile", "smoke"]),
    ],
    ids=["make repro", "fetch", "run"],
)
def test_it_is_said_before_anything_is_done(
    stage: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(ROOT))
    with pytest.raises(SystemExit) as ended:
        stage()
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.count("\n") == 1 and "safe.directory" in said


def test_without_git_and_without_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clone, "_ROOT", tmp_path)
    assert clone.code_version() == "not under version control"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert clone.code_version() == "unknown, without git on this machine"
    clone.check_clone()
