"""Where sources look: the root of a profile, and the folder that the environment names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from pipeline.config import Data, Source
from pipeline.data import vision
from pipeline.data.reading import DATASETS, place
from pipeline.data.sources import fetch

Refusal = Callable[..., str]
ROOTED = [source for source in get_args(Source) if not source.startswith("digits")]


@pytest.fixture(autouse=True)
def working(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv(DATASETS, raising=False)


def at(root: str) -> Path:
    return place(Data(source="arrays", root=root))


@pytest.mark.parametrize(
    ("root", "found"),
    [
        ("datasets", "/disk/images"),
        ("./datasets/", "/disk/images"),
        ("datasets/mine.npz", "/disk/images/mine.npz"),
        ("datasets/a/b", "/disk/images/a/b"),
        ("datasets2/a", "datasets2/a"),
        ("other/datasets", "other/datasets"),
        ("../datasets", "../datasets"),
        ("/datasets/a", "/datasets/a"),
        (".", "."),
    ],
)
def test_only_roots_that_start_with_datasets_are_elsewhere(
    root: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert at(root) == Path(root)
    monkeypatch.setenv(DATASETS, "")
    assert at(root) == Path(root)
    monkeypatch.setenv(DATASETS, "/disk/images")
    assert at(root) == Path(found)


def test_it_may_begin_with_the_home_folder(refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(DATASETS, "~/images")
    assert at("datasets/a") == tmp_path / "images/a"
    monkeypatch.setenv(DATASETS, "~nobody-of-that-name/images")
    line = refusal(at, "datasets/a")
    assert line.startswith(f"{DATASETS} in the environment: there is no home folder ~nobody-of-that-name; ")
    assert at("elsewhere") == Path("elsewhere")
    monkeypatch.setenv(DATASETS, "./~nobody-of-that-name/images")  # as the line says
    assert at("datasets/a") == Path("~nobody-of-that-name/images/a")


@pytest.mark.parametrize("there", ["nothing", "a file"])
def test_nothing_is_downloaded_to_a_place_that_is_named_and_is_no_folder(
    refusal: Refusal, there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped name is not made a folder."""
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("a download"))
    place = tmp_path / "disk"
    if there == "a file":
        place.write_text("")
    monkeypatch.setenv(DATASETS, str(place))
    line = refusal(fetch, "mine", Data(source="mnist", download=True))
    assert line.startswith(
        f"data.mine: root '{place}' is not a folder ('datasets' in the profile, and {DATASETS} in "
    )
    assert place.is_file() == (there == "a file") and not place.is_dir()


@pytest.mark.parametrize("source", ROOTED)
def test_a_refusal_names_both(
    refusal: Refusal, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Data(source=source, root="datasets/mine")
    kind = "file" if source == "arrays" else "folder"
    line = refusal(fetch, "mine", settings)
    assert line.startswith(f"data.mine: root 'datasets/mine' is not a {kind}; expected") and DATASETS not in line
    monkeypatch.setenv(DATASETS, str(tmp_path))
    assert refusal(fetch, "mine", settings).startswith(
        f"data.mine: root '{tmp_path}/mine' is not a {kind} ('datasets/mine' in the profile, and {DATASETS} in the "
        "environment); expected"
    )


@pytest.mark.parametrize("source", [source for source in ROOTED if source not in ("arrays", "image-folder")])
def test_what_torchvision_lacks_is_named_where_it_was_looked_for(
    refusal: Refusal, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATASETS, str(tmp_path))
    line = refusal(fetch, "mine", Data(source=source))
    assert line.startswith(f"data.mine: cannot get {source} from root '{tmp_path}': ")


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(source: Source, root: Path) -> None:
    """Images of a source that need no reader of others."""
    root.mkdir(parents=True)
    if source == "image-folder":
        for number, part in enumerate(("train", "test")):
            (root / part / "a").mkdir(parents=True)
            Image.fromarray(numbers(number, 4, 5)).save(root / part / "a/0.png")
        return
    classes = 100 if source == "cifar100" else 10
    shape = (32, 32, 3) if source.startswith("cifar") else (28, 28)
    parts = {f"{part}_images": numbers(seed, classes, *shape) for seed, part in enumerate(("train", "test"))}
    np.savez(root / f"{source}.npz", **parts, train_labels=np.arange(classes), test_labels=np.arange(classes))


@pytest.mark.parametrize("source", ["mnist", "fashion-mnist", "cifar10", "cifar100", "image-folder", "arrays"])
def test_it_is_read_from_there(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same data set as if the folder were `datasets`."""
    root = "datasets/mine/arrays.npz" if source == "arrays" else "datasets/mine"
    settings = Data(source=source, root=root)
    monkeypatch.setitem(vision.COUNTS, source, (100, 100) if source == "cifar100" else (10, 10))
    write(source, Path("datasets/mine"))
    here = fetch("mine", settings)
    Path("datasets").rename(tmp_path / "images")
    monkeypatch.setenv(DATASETS, str(tmp_path / "images"))
    there = fetch("mine", settings)
    assert there.provenance == here.provenance
    assert str(tmp_path) not in str(there.provenance)
    assert ("origin" in there.provenance) == (source != "image-folder")
