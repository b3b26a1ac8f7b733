from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline import paths
from pipeline.config import Data
from pipeline.data import vision
from pipeline.data.dataset import load
from pipeline.data.facts import absence, read
from pipeline.data.reading import DATASETS
from pipeline.errors import InputError
from pipeline.reporting.notices import availability
from stages import cli, fetch


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile `mine` with good and bad data sets, in an empty working folder."""
    (tmp_path / "empty").mkdir()
    data = {
        "digits": Data(source="digits"),
        "absent": Data(source="cifar10", root="empty"),
        "optional": Data(source="cifar10", root="empty", optional=True),
        "latin": Data(source="image-folder", root="latin", optional=True),
        "own": Data(source="arrays", root="datasets/own.npz", validation="join"),
        "colours": Data(source="cifar10", root="datasets", download=True),
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch, "load_profile", lambda name: SimpleNamespace(data=data))


def test_a_data_set_becomes_a_file_and_its_facts_and_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fetch.main(["digits", "--profile", "mine"])
    path = paths.dataset("mine", "digits")
    data = load(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["digits.json", path.name]
    captured = capsys.readouterr()
    size = path.stat().st_size
    assert captured.out == (
        "digits: 1437 training and 360 test images of 1 x 8 x 8, 10 classes, "
        f"{size} bytes, {data.provenance['checksum']}\n"
    )
    assert captured.err == ""


@pytest.mark.parametrize(
    ("name", "said"), [("absent", "cannot get cifar10"), ("other", "absent, colours, digits, latin, optional, own")]
)
def test_bad_input_is_one_line_and_leaves_no_file(capsys: pytest.CaptureFixture[str], name: str, said: str) -> None:
    with pytest.raises(SystemExit) as caught:
        fetch.main([name, "--profile", "mine"])
    assert caught.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert f"data.{name}" in captured.err and said in captured.err
    assert not Path("data").exists()


def test_optional_data_that_cannot_be_had_are_left_out_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    fetch.main(["optional", "--profile", "mine"])
    path = paths.dataset("mine", "optional")
    said = capsys.readouterr().out
    assert said.startswith("optional is left out: data.optional: cannot get cifar10") and said.count("\n") == 1
    assert "dvc repro --force --single-item profiles/mine/dvc.yaml:fetch@optional" in said
    assert str(absence(path)) in said
    with pytest.raises(InputError, match=r"could not be had when it was fetched: data\.optional"):
        load(path)


def test_what_is_there_or_damaged_is_not_called_absent(tmp_path: Path) -> None:
    fetch.main(["digits", "--profile", "mine"])
    assert absence(paths.dataset("mine", "digits")) is None
    (tmp_path / "damaged.pt").write_bytes(b"PK")
    assert absence(tmp_path / "damaged.pt") is None
    assert absence(tmp_path / "none.pt") is None


def test_a_profile_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fetch.main(["digits"])
    assert caught.value.code == 2
    assert "--profile" in capsys.readouterr().err


def test_only_wrong_input_is_explained() -> None:
    with pytest.raises(SystemExit), cli.clear_errors():
        raise InputError("wrong")
    with pytest.raises(ValueError, match="a mistake of ours"), cli.clear_errors():
        raise ValueError("a mistake of ours")


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"\xff\xfe.jpg", b"a\nb\xe9.png"])
def test_a_name_that_is_no_utf8_is_shown_escaped(name: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (b"latin/train/a", b"latin/train/b"):
        os.makedirs(folder, exist_ok=True)
        with open(folder + b"/" + name, "w"):
            pass
    fetch.main(["latin", "--profile", "mine"])
    said, path = capsys.readouterr().out, paths.dataset("mine", "latin")
    assert "is not a readable image" in said and "\\udc" in said and said.count("\n") == 1
    reason = absence(path)
    assert reason is not None and reason in said and reason.encode("utf-8")
    render_of = availability({"latin": reason}, some=True)
    assert render_of.encode("utf-8") and "\\udc" in render_of, "as the report says it"


def test_files_where_the_environment_says_and_where_they_are_from(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One's own arrays, and a file in place of a download."""
    monkeypatch.delenv(DATASETS, raising=False)
    (tmp_path / "disk").mkdir()
    parts = {"train": 10, "val": 3, "test": 10}
    images = {part: np.full((count, 32, 32, 3), count, np.uint8) for part, count in parts.items()}
    arrays = {f"{part}_images": each for part, each in images.items()}
    arrays |= {f"{part}_labels": np.arange(count) for part, count in parts.items()}
    np.savez(tmp_path / "disk/own.npz", **arrays)
    np.savez(tmp_path / "disk/cifar10.npz", **{name: each for name, each in arrays.items() if "val" not in name})
    with pytest.raises(SystemExit):
        fetch.main(["own", "--profile", "mine"])
    assert "data.own: root 'datasets/own.npz' is not a file; expected" in capsys.readouterr().err, "the control"
    monkeypatch.setenv(DATASETS, "disk")
    monkeypatch.setitem(vision.COUNTS, "cifar10", (10, 10))
    for name, file, said in (
        ("own", "own.npz", "13 training and 10"),
        ("colours", "cifar10.npz", "10 training and 10"),
    ):
        fetch.main([name, "--profile", "mine"])
        first, *others = capsys.readouterr().out.splitlines()
        facts = read(paths.dataset("mine", name))
        assert first.startswith(f"{name}: {said} test images of 3 x 32 x 32, 10 classes, ")
        assert facts.origin == file and facts.images.startswith("sha256:") and facts.images != facts.checksum
        assert others[-1] == f"It is from the file {file}; its images in whatever order are {facts.images}."
        again = [line for line in others if "are changed" in line]
        assert again == others[:-1] and len(again) == 1
        assert again[0].startswith(f"If images in disk/{file} are changed, `dvc repro --force")
