"""~ is the home folder in every setting that is a place, for whoever writes there and whoever reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from pipeline import config
from pipeline.config import Data, Execution, Place
from pipeline.execution.store import Store


def places() -> list[tuple[type[BaseModel], str]]:
    """Every setting that is a place."""
    at_home = get_args(Place)[-1].func
    models = [each for each in vars(config).values() if isinstance(each, type) and issubclass(each, BaseModel)]
    return [
        (model, name)
        for model in models
        for name, field in model.model_fields.items()
        if any(getattr(known, "func", None) is at_home for known in field.metadata)
    ]


def test_there_are_such_settings() -> None:
    assert {(model.__name__, name) for model, name in places()} == {("Data", "root"), ("Execution", "shards")}


@pytest.mark.parametrize(("model", "name"), places())
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~/a b", "HOME/a b"),
        ("~", "HOME"),
        ("file://~/a", "file://HOME/a"),
        ("local://~/a", "local://HOME/a"),
        ("file:~/a", "file://HOME/a"),
        ("file:/a/b", "file:///a/b"),
        ("file://localhost/a/b", "file:///a/b"),
        ("files/a", "files/a"),
        ("./~/a", "./~/a"),
        ("a~/b", "a~/b"),
        ("s3://~/a", "s3://~/a"),
        ("/a/~", "/a/~"),
    ],
)
def test_it_is_the_home_folder(
    model: type[BaseModel], name: str, written: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert getattr(made(model, name, written), name) == meant.replace("HOME", str(tmp_path))


@pytest.mark.parametrize(("model", "name"), places())
def test_the_home_of_nobody_is_refused(model: type[BaseModel], name: str) -> None:
    with pytest.raises(ValueError, match=r"no home folder ~nobody-of-that-name; .* write \./~nobody"):
        made(model, name, "~nobody-of-that-name/a")


@pytest.mark.parametrize(("model", "name"), places())
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$HOME/a", "write ~/a"),
        ("${HOME}/a", "write ~/a"),
        ("file://$HOME", "write file://~"),
        ("$SCRATCH/a", "write it out, or ~"),
        ("a/${USER}", "write it out, or ~"),
    ],
)
def test_a_variable_of_the_shell_is_refused(model: type[BaseModel], name: str, written: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"would be the name of a folder: {said}"):
        made(model, name, written)
    assert getattr(made(model, name, "a$/b"), name) == "a$/b", "the control"


def made(model: type[BaseModel], name: str, place: str) -> Any:
    other: dict[type[BaseModel], dict[str, Any]] = {
        Data: {"source": "mnist"},
        Execution: {"runner": "serial", "workers": 1, "device": "cpu"},
    }
    return model(**other[model] | {name: place})


@pytest.mark.parametrize("start", ["", "file://", "local://", "file:"])
def test_what_is_written_is_read(start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    store = Store(made(Execution, "shards", f"{start}~/deep/shards").shards)
    store.write("a.parquet", b"rows")
    assert store.read("a.parquet") == b"rows" and store.holds("a.parquet")
    assert (tmp_path / "deep/shards/a.parquet").is_file() and not (tmp_path / "~").exists()
    store.remove("a.parquet")
    assert not (tmp_path / "deep/shards/a.parquet").exists()
