from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import get_args
from urllib.error import URLError

import pytest
import torch

from pipeline.config import Data, Source, validate
from pipeline.data.sources import SOURCES, fetch

Refusal = Callable[..., str]
DOWNLOADED = ["mnist", "fashion-mnist", "emnist-aj", "cifar10", "cifar100", "caltech256"]


def test_every_source_of_the_settings_has_a_loader() -> None:
    assert set(SOURCES) == set(get_args(Source))


def test_an_unknown_source(refusal: Refusal) -> None:
    line = refusal(validate, Data, {"source": "imagenet"}, "profiles/mine.yaml")
    assert "imagenet" in line and "image-folder" in line


def test_digits() -> None:
    data = fetch("figures", Data(source="digits", root="nowhere"))
    assert (data.name, data.shape, data.classes) == ("figures", (1, 8, 8), 10)
    assert (len(data.train), len(data.test)) == (1437, 360)
    assert (data.train.images.dtype, data.train.labels.dtype) == (torch.uint8, torch.int64)
    assert int(data.train.images.max()) == 16
    train, test = (torch.bincount(part.labels) for part in (data.train, data.test))
    assert (test / (train + test) - 0.2).abs().max() < 0.005  # stratified
    assert len({tuple(row) for row in torch.cat([data.train.images, data.test.images]).tolist()}) == 1797


def test_digits_are_divided_alike_every_time() -> None:
    first, again, other = (fetch(name, Data(source="digits")) for name in ("a", "a", "b"))
    assert first.provenance == again.provenance
    assert torch.equal(first.train.images, other.train.images)  # the profile's name for it plays no part
    assert first.train.labels[:50].unique().numel() == 10  # mixed, though the source nearly is in order


@pytest.mark.parametrize("source", DOWNLOADED)
def test_no_network(refusal: Refusal, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def unreachable(request: urllib.request.Request, *args: object, **kwargs: object) -> None:
        asked.append(request)
        raise URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    line = refusal(fetch, "mine", Data(source=source, root=str(tmp_path), download=True))
    assert asked
    assert line.startswith(f"data.mine: cannot get {source}")
    assert "Name or service not known" in line and "network" in line
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("source", DOWNLOADED)
def test_not_there_and_not_to_be_downloaded(refusal: Refusal, source: Source, tmp_path: Path) -> None:
    line = refusal(fetch, "mine", Data(source=source, root=str(tmp_path)))
    assert line.startswith(f"data.mine: cannot get {source}")
    assert "not found" in line and "set download to true" in line
    absent = tmp_path / "absent"
    assert "absent' is not a folder" in refusal(fetch, "mine", Data(source=source, root=str(absent)))
    assert not absent.exists()
