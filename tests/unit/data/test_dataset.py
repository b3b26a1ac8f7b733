from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.data.dataset import Dataset, Split, build, checksum, load, save
from pipeline.errors import InputError

MAPS = Path("/proc/self/maps")
TENSORS = ("train.images", "train.labels", "test.images", "test.labels", "mean", "inverse_deviation")


def tensor(dataset: Dataset, name: str) -> torch.Tensor:
    value: object = dataset
    for part in name.split("."):
        value = getattr(value, part)
    assert isinstance(value, torch.Tensor)
    return value


def same(one: Dataset, other: Dataset) -> bool:
    facts = [(d.name, d.shape, d.classes, d.features, d.provenance) for d in (one, other)]
    return facts[0] == facts[1] and all(torch.equal(tensor(one, t), tensor(other, t)) for t in TENSORS)


def test_provenance_counts_and_sums(dataset: Dataset) -> None:
    assert dataset.features == 24
    assert dataset.provenance["train_count"] == 50
    assert dataset.provenance["test_count"] == 20
    assert str(dataset.provenance["checksum"]).startswith("sha256:")


@pytest.mark.parametrize("name", TENSORS)
def test_the_checksum_covers_every_tensor(dataset: Dataset, name: str) -> None:
    before = checksum(dataset)
    assert checksum(dataset) == before
    tensor(dataset, name)[-1] += 1
    assert checksum(dataset) != before


def test_the_checksum_covers_the_facts(dataset: Dataset) -> None:
    others = [
        replace(dataset, name="other"),
        replace(dataset, shape=(4, 3, 2)),
        replace(dataset, classes=6),
        replace(dataset, provenance=dataset.provenance | {"source": "mnist"}),
    ]
    assert len({checksum(other) for other in [dataset, *others]}) == 5


def test_saved_and_loaded_again(dataset: Dataset, tmp_path: Path) -> None:
    save(dataset, tmp_path / "new" / "a.pt")
    loaded = load(tmp_path / "new" / "a.pt")
    assert same(loaded, dataset)
    assert not same(loaded, replace(dataset, classes=6))


@pytest.mark.skipif(not MAPS.exists(), reason="this system does not list a process's memory maps")
def test_images_stay_in_the_file(dataset: Dataset, tmp_path: Path) -> None:
    save(dataset, tmp_path / "a.pt")
    loaded = load(tmp_path / "a.pt")
    mapped = [line.split("-", 1) for line in MAPS.read_text().splitlines() if line.endswith("a.pt")]
    ranges = [range(int(start, 16), int(rest.split()[0], 16)) for start, rest in mapped]

    def in_the_file(held: Dataset) -> bool:
        return any(held.train.images.data_ptr() in addresses for addresses in ranges)

    assert in_the_file(loaded)
    assert not in_the_file(dataset)


def test_the_same_data_gives_the_same_bytes(dataset: Dataset, tmp_path: Path) -> None:
    for name in ("a.pt", "b.pt"):
        save(dataset, tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_a_failure_while_writing_leaves_the_old_file_alone(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pt"
    save(dataset, path)

    def half(content: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", half)
    for target in (path, tmp_path / "b.pt"):
        with pytest.raises(OSError, match="no space"):
            save(dataset, target)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.json", "a.pt"]
    assert same(load(path), dataset)


def test_no_such_file(refusal: Callable[..., str], tmp_path: Path) -> None:
    assert "no such file" in refusal(load, tmp_path / "a.pt")


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(
    refusal: Callable[..., str], dataset: Dataset, tmp_path: Path, kept: float
) -> None:
    path = tmp_path / "a.pt"
    save(dataset, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert str(path) in refusal(load, path)


def test_a_flipped_byte_is_refused_or_without_consequence(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save(dataset, path)
    content = path.read_bytes()
    refused = 0
    for position in range(0, len(content), 23):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        try:
            assert same(load(path), dataset), position  # a byte of padding
        except InputError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("name", TENSORS)
def test_an_altered_tensor_is_refused(
    refusal: Callable[..., str], dataset: Dataset, tmp_path: Path, name: str
) -> None:
    tensor(dataset, name)[0] += 1
    save(dataset, tmp_path / "a.pt")
    assert "altered" in refusal(load, tmp_path / "a.pt")


def test_another_kind_of_file_is_refused(refusal: Callable[..., str], tmp_path: Path) -> None:
    torch.save({"weights": torch.ones(3)}, tmp_path / "a.pt")
    assert "not a whole data set file" in refusal(load, tmp_path / "a.pt")


def split(count: int = 4, features: int = 6, labels: list[int] | None = None) -> Split:
    numbers = torch.tensor([0, 1] * (count // 2) if labels is None else labels, dtype=torch.int64)
    return Split(torch.zeros(count, features, dtype=torch.uint8), numbers)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (split(0), "no images"),
        (split(labels=[0, 1]), "4 images but 2 labels"),
        (split(features=5), "5 values instead of 1 x 2 x 3"),
        (split(labels=[0, 1, 2, 0]), "labels from 0 to 2; valid are 0 to 1"),
        (split(labels=[0, -1, 1, 0]), "labels from -1 to 1"),
    ],
)
def test_improper_splits_are_refused(refusal: Callable[..., str], wrong: Split, said: str) -> None:
    provenance = {"source": "digits", "description": "made here"}
    build("mine", split(), split(), (1, 2, 3), 2, provenance)  # the control: these are proper
    train = refusal(build, "mine", wrong, split(), (1, 2, 3), 2, provenance)
    test = refusal(build, "mine", split(), wrong, (1, 2, 3), 2, provenance)
    assert train.startswith("data.mine: train") and said in train
    assert test.startswith("data.mine: test") and said in test
