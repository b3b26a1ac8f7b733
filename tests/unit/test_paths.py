"""A file is written whole or not at all, and who reads it meanwhile sees the old one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline import paths


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep/rows.txt"
    with paths.written(path) as beside:
        beside.write_text("old")
        assert not path.exists() and beside.parent == path.parent, "on the same disk"
    assert path.read_text() == "old"
    with path.open() as reader:
        with paths.written(path) as beside:
            beside.write_text("new")
            assert path.read_text() == "old"
        assert reader.read() == "old", "another file took its place; nothing was written into it"
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), paths.written(path) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_others_may_read_it_as_if_it_had_been_opened(tmp_path: Path) -> None:
    with paths.written(tmp_path / "one") as beside:
        beside.touch()
    (tmp_path / "other").touch()
    assert (tmp_path / "one").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("name", ["a", "digits-turned", "v1.2_x+y", "x" * 64])
def test_names(name: str) -> None:
    assert paths.is_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "_a", "a b", "a\n", "x" * 65, "é"])
def test_what_is_no_name(name: str) -> None:
    assert not paths.is_name(name)
