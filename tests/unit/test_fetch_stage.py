from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import paths
from pipeline.config import Data
from pipeline.data.dataset import load
from pipeline.errors import InputError
from stages import cli, fetch


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile `mine` with good and bad data sets, in an empty working folder."""
    (tmp_path / "empty").mkdir()
    data = {"digits": Data(source="digits"), "absent": Data(source="cifar10", root="empty")}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch, "load_profile", lambda name: SimpleNamespace(data=data))


def test_a_data_set_becomes_one_file_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    fetch.main(["digits", "--profile", "mine"])
    path = paths.dataset("mine", "digits")
    data = load(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    captured = capsys.readouterr()
    size = path.stat().st_size
    assert captured.out == (
        "digits: 1437 training and 360 test images of 1 x 8 x 8, 10 classes, "
        f"{size} bytes, {data.provenance['checksum']}\n"
    )
    assert captured.err == ""


@pytest.mark.parametrize(("name", "said"), [("absent", "cannot get cifar10"), ("other", "absent, digits")])
def test_bad_input_is_one_line_and_leaves_no_file(capsys: pytest.CaptureFixture[str], name: str, said: str) -> None:
    with pytest.raises(SystemExit) as caught:
        fetch.main([name, "--profile", "mine"])
    assert caught.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert f"data.{name}" in captured.err and said in captured.err
    assert not Path("data").exists()


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
