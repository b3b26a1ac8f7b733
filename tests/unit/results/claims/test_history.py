"""When a criterion was last changed, in a small repository of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.results.claims import history
from pipeline.results.claims.criteria import CRITERIA
from pipeline.results.claims.history import Change, changes

TEXT = """FIRST = "shared"

LIST = [
    Criterion(
        claim="a-claim",
        part="ψ",
        region=(1, 2),
    ),
    Criterion(claim="another", region=(3, 4)),
]
"""
LOOP = """
LOOPED = [
    *(
        Criterion(claim="looped", part=word)
        for word in (
            "one",
            "two",
        )
    ),
    *(Criterion(claim="looped", part=f"{word} more") for word in "ab"),
]
"""


class Repository:
    """One with a table of criteria in it; each commit is a minute after the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file, self.minute = folder, folder / "criteria.py", 0
        self.git("init", "-q")

    def git(self, *arguments: str) -> str:
        when = f"2024-01-01T00:{self.minute:02}:00Z"
        who = {"NAME": "a", "EMAIL": "a@example.org", "DATE": when}
        own = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        command = ["git", "-c", "commit.gpgsign=false", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=os.environ | own, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def commit(self) -> str:
        self.minute += 1
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "one", "--allow-empty")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = Repository(tmp_path)
    found.file.write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(history, "_FILE", found.file)
    return found


def test_a_change_after_the_rows_is_later_and_only_of_its_criterion(repository: Repository) -> None:
    first = repository.commit()
    repository.edit("(1, 2)", "(1, 5)")
    second = repository.commit()
    third = repository.commit()
    early, late = Change(first[:12], later=False), Change(second[:12], later=True)
    assert changes(first[:12]) == {"a-claim: ψ": late, "another": early}
    for rows in (second, second[:7], third, f"{third[:12]} + changes"):
        assert changes(rows) == {"a-claim: ψ": Change(second[:12], later=False), "another": early}


def test_a_short_name_is_no_change_of_a_criterion(repository: Repository) -> None:
    first = repository.commit()
    repository.edit('        part="ψ",\n', '        part="ψ",\n        short="a name",\n')
    repository.commit()
    assert set(changes(first).values()) == {Change(first[:12], later=False)}
    repository.edit('short="a name"', 'scope="a name"')
    assert changes(first)["a-claim: ψ"] == Change("not committed", None), "the control"


def test_what_is_said_beside_the_criteria_is_no_change_of_them(repository: Repository) -> None:
    first = repository.commit()
    repository.edit('FIRST = "shared"', '# more\n# lines\nFIRST = "other"')
    repository.commit()
    assert set(changes(first).values()) == {Change(first[:12], later=False)}


def test_a_change_on_another_branch_is_later_though_it_is_older(repository: Repository) -> None:
    base = repository.commit()
    repository.git("checkout", "-q", "-b", "other")
    repository.edit("(1, 2)", "(1, 5)")
    other = repository.commit()
    repository.git("checkout", "-q", "-")
    repository.edit("(3, 4)", "(3, 5)")
    made = repository.commit()
    repository.git("merge", "-q", "-s", "ours", "--no-commit", other)
    repository.edit("(1, 2)", "(1, 5)")
    repository.commit()
    assert changes(made) == {"a-claim: ψ": Change(other[:12], later=True), "another": Change(made[:12], later=False)}
    assert changes(base)["another"] == Change(made[:12], later=True)


def test_a_claim_whose_parts_a_loop_makes_is_changed_with_what_is_looped_over(repository: Repository) -> None:
    repository.file.write_text(TEXT + LOOP, encoding="utf-8")
    first = repository.commit()
    assert changes(first)["looped"] == Change(first[:12], later=False)
    repository.edit('"two"', '"three"')
    second = repository.commit()
    assert changes(first)["looped"] == Change(second[:12], later=True)
    repository.edit('"ab"', '"abc"')
    third = repository.commit()
    assert changes(second)["looped"] == Change(third[:12], later=True)
    assert changes(second)["another"] == Change(first[:12], later=False), "the control"


@pytest.mark.parametrize("rows", ["", "not under version control", "0123456789ab", "0123abc + changes"])
def test_rows_of_a_commit_that_is_unknown(repository: Repository, rows: str) -> None:
    first = repository.commit()
    assert set(changes(rows).values()) == {Change(first[:12], later=None)}


def test_lines_that_are_not_committed(repository: Repository) -> None:
    first = repository.commit()
    repository.edit("(3, 4)", "(3, 5)")
    found = changes(first)
    assert found == {"a-claim: ψ": Change(first[:12], later=False), "another": Change("not committed", later=None)}


def test_a_file_that_git_does_not_know_has_no_history(repository: Repository) -> None:
    assert changes("0123abc") == {}, "nothing is committed"
    repository.commit()
    assert changes("0123abc") != {}, "the control"


def test_without_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    first = repository.commit()
    assert len(changes(first)) == 2, "the control"
    monkeypatch.setenv("PATH", str(repository.folder))
    assert changes(first) == {}


def test_a_list_of_commits_to_pass_over_that_is_not_there(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many have one in their settings for all repositories, most of which have no such file."""
    first = repository.commit()
    (settings := repository.folder / "gitconfig").write_text("[blame]\n\tignoreRevsFile = .git-blame-ignore-revs\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("blame", "criteria.py")  # the control
    assert set(changes(first).values()) == {Change(first[:12], later=False)}


def test_the_repository_of_a_hook_is_another(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    first = repository.commit()
    (repository.folder / "other").mkdir()
    Repository(repository.folder / "other")
    monkeypatch.setenv("GIT_DIR", str(repository.folder / "other/.git"))
    assert set(changes(first).values()) == {Change(first[:12], later=False)}


def test_the_oldest_commit_of_a_shallow_clone_changed_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit()
    repository.edit("(1, 2)", "(1, 5)")
    second = repository.commit()
    whole, shallow = repository.folder / "whole", repository.folder / "shallow"
    for options, place in (((), whole), (("--depth", "1"), shallow)):
        repository.git("clone", "-q", *options, f"file://{repository.folder}", str(place))
        monkeypatch.setattr(history, "_FILE", place / "criteria.py")
        assert bool(changes(second)) == (place == whole)


def test_every_criterion_is_found_in_its_file() -> None:
    found = history._places()
    assert {each.id if each.id in found else each.claim for each in CRITERIA} == found.keys()
    text = history._FILE.read_text(encoding="utf-8").splitlines()
    for name, places in found.items():
        for first, last in places:
            own = "\n".join(text[first - 1 : last])
            assert own.count("Criterion(") == 1 and f'claim="{name.partition(":")[0]}"' in own
