from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from pipeline.config import Data, Source
from pipeline.data import vision
from pipeline.data.dataset import Dataset, Split
from pipeline.data.sources import fetch
from pipeline.execution import sizes

Refusal = Callable[..., str]


def random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def idx(path: Path, array: np.ndarray) -> None:
    """Write an array in the format of the MNIST files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def get(source: Source, root: Path) -> Dataset:
    return fetch("mine", Data(source=source, root=str(root)))


FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}


@pytest.fixture(params=list(FOLDERS))
def mnist(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Source, Path]:
    """12 + 5 images in the files of MNIST or Fashion-MNIST."""
    raw = tmp_path / FOLDERS[request.param] / "raw"
    for seed, part, count in ((0, "train", 12), (1, "t10k", 5)):
        idx(raw / f"{part}-images-idx3-ubyte", random(seed, count, 28, 28))
        idx(raw / f"{part}-labels-idx1-ubyte", np.arange(count) % 10)
    monkeypatch.setitem(vision.COUNTS, request.param, (12, 5))
    return request.param, raw


def test_mnist(mnist: tuple[Source, Path]) -> None:
    source, raw = mnist
    data = get(source, raw.parents[1])
    assert (data.shape, data.classes) == ((1, 28, 28), 10)
    assert torch.equal(data.train.images.view(12, 28, 28), torch.from_numpy(random(0, 12, 28, 28)))
    assert torch.equal(data.test.images.view(5, 28, 28), torch.from_numpy(random(1, 5, 28, 28)))
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert data.provenance["source"] == source


@pytest.mark.parametrize("part", ["images-idx3", "labels-idx1"])
@pytest.mark.parametrize("kept", [0, 3, 10, -1])
def test_mnist_truncated(refusal: Refusal, mnist: tuple[Source, Path], part: str, kept: int) -> None:
    source, raw = mnist
    path = raw / f"train-{part}-ubyte"
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(get, source, raw.parents[1]).startswith(f"data.mine: cannot get {source}")


@pytest.mark.parametrize("position", [2, 3, 7, 11, 15])
def test_mnist_with_a_flipped_byte_in_the_header(refusal: Refusal, mnist: tuple[Source, Path], position: int) -> None:
    source, raw = mnist
    path = raw / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    assert "data.mine" in refusal(get, source, raw.parents[1])


def test_mnist_with_wrong_contents(refusal: Refusal, mnist: tuple[Source, Path]) -> None:
    source, raw = mnist
    labels, images = raw / "train-labels-idx1-ubyte", raw / "train-images-idx3-ubyte"
    idx(labels, np.arange(12))
    assert "labels from 0 to 11; valid are 0 to 9" in refusal(get, source, raw.parents[1])
    idx(labels, np.zeros(11))
    assert "12 images but 11 labels" in refusal(get, source, raw.parents[1])
    idx(images, random(0, 11, 27, 28))
    assert "756 values instead of 1 x 28 x 28" in refusal(get, source, raw.parents[1])
    idx(images, random(0, 0, 28, 28))
    assert "cannot get" in refusal(get, source, raw.parents[1])


@pytest.fixture
def emnist(tmp_path: Path) -> Path:
    """The files of EMNIST letters: each of the 26 once to train on, A, J, K and A to test."""
    raw = tmp_path / "EMNIST" / "raw"
    for seed, part, letters in ((0, "train", np.arange(1, 27)), (1, "test", np.array([1, 10, 11, 1]))):
        idx(raw / f"emnist-letters-{part}-images-idx3-ubyte", random(seed, len(letters), 28, 28))
        idx(raw / f"emnist-letters-{part}-labels-idx1-ubyte", letters)
    return raw


def test_emnist_letters_a_to_j_upright(emnist: Path) -> None:
    data = get("emnist-aj", emnist.parents[1])
    assert (data.shape, data.classes) == ((1, 28, 28), 10)
    assert data.train.labels.tolist() == list(range(10))
    assert data.test.labels.tolist() == [0, 9, 0]
    stored = torch.from_numpy(random(1, 4, 28, 28))[[0, 1, 3]]
    assert torch.equal(data.test.images.view(3, 28, 28), stored.mT)
    assert not torch.equal(stored, stored.mT)


def test_emnist_with_wrong_contents(refusal: Refusal, emnist: Path) -> None:
    labels = emnist / "emnist-letters-test-labels-idx1-ubyte"
    idx(labels, np.array([1, 0, 11, 1]))
    assert "labels from 0 to 11; EMNIST has 1 to 26" in refusal(get, "emnist-aj", emnist.parents[1])
    idx(labels, np.array([1, 2, 3]))
    assert "4 images but 3 labels" in refusal(get, "emnist-aj", emnist.parents[1])
    idx(labels, np.array([26, 11, 12, 13]))
    assert "test: no images" in refusal(get, "emnist-aj", emnist.parents[1])


@pytest.fixture(params=["cifar10", "cifar100"])
def cifar(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Source, Path]:
    """Batches of 4 images each in the files of CIFAR-10 or CIFAR-100, whose checksums torchvision verifies."""
    reader = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[request.param]
    key = {"cifar10": "labels", "cifar100": "fine_labels"}[request.param]
    folder = tmp_path / reader.base_folder
    folder.mkdir()

    def write(name: str, content: object) -> str:
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()

    for attribute in ("train_list", "test_list"):
        files = [name for name, _ in getattr(reader, attribute)]
        sums = [
            write(name, {"data": random(number, 4, 3072), key: [0, 1, 2, 9]}) for number, name in enumerate(files)
        ]
        monkeypatch.setattr(reader, attribute, [list(pair) for pair in zip(files, sums, strict=True)])
    meta = reader.meta
    names = {meta["key"]: ["a", "b"]}
    monkeypatch.setattr(reader, "meta", meta | {"md5": write(meta["filename"], names)})
    monkeypatch.setitem(vision.COUNTS, request.param, ({"cifar10": 20, "cifar100": 4}[request.param], 4))
    return request.param, folder


def test_cifar(cifar: tuple[Source, Path]) -> None:
    source, folder = cifar
    data = get(source, folder.parent)
    count = {"cifar10": 20, "cifar100": 4}[source]
    assert (data.shape, data.classes) == ((3, 32, 32), {"cifar10": 10, "cifar100": 100}[source])
    assert len(data.train) == count
    batches = [random(number, 4, 3072) for number in range(count // 4)]
    assert pairs(data.train) == stored(batches)
    assert pairs(data.test) == stored([random(0, 4, 3072)])
    assert pairs(data.test) != stored([random(1, 4, 3072)])


def pairs(split: Split) -> list[tuple[bytes, int]]:
    """Images with their labels, in an order of their own."""
    return sorted(
        (image.numpy().tobytes(), int(label)) for image, label in zip(split.images, split.labels, strict=True)
    )


def stored(batches: list[np.ndarray]) -> list[tuple[bytes, int]]:
    return sorted(
        (image.tobytes(), label) for batch in batches for image, label in zip(batch, [0, 1, 2, 9], strict=True)
    )


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_cifar_damaged(refusal: Refusal, cifar: tuple[Source, Path], damage: str) -> None:
    source, folder = cifar
    path = folder / {"cifar10": "data_batch_3", "cifar100": "train"}[source]
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content if damage == "flip" else content[:5000])
    line = refusal(get, source, folder.parent)
    assert line.startswith(f"data.mine: cannot get {source}") and "corrupted" in line


def shuffled(split: Split, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, D] and labels [N] in another order."""
    order = np.random.default_rng(seed).permutation(len(split))
    return split.images.numpy()[order], split.labels.numpy()[order]


def colour_file(data: Dataset, path: Path, **more: np.ndarray) -> None:
    """The images of a CIFAR in other orders, in Keras' names and axes; all its classes have names."""
    arrays: dict[str, np.ndarray] = {"classes": np.array([f"class {number:02}" for number in range(data.classes)])}
    for seed, part in enumerate(("train", "test")):
        rows, labels = shuffled(getattr(data, part), seed)
        images = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        arrays |= {f"x_{part}": images, f"y_{part}": labels[:, None]}
    np.savez(path, **arrays | more)


def apart(data: Dataset) -> dict[str, str | int]:
    return {key: value for key, value in data.provenance.items() if key != "origin"}


def test_cifar_from_a_file_is_the_same_data_set(cifar: tuple[Source, Path], tmp_path: Path) -> None:
    """In whatever order it is there, so that its jobs are the same; only where it is from is another."""
    source, folder = cifar
    theirs = get(source, folder.parent)
    (root := tmp_path / "files").mkdir()
    path = root / f"{source}.npz"
    colour_file(theirs, path)
    with np.load(path) as file:
        assert not np.array_equal(file["x_train"].transpose(0, 3, 1, 2).reshape(-1, 3072), theirs.train.images)
    ours = get(source, root)
    assert theirs.provenance.get("origin") is None and ours.provenance["origin"] == path.name
    assert apart(ours) == theirs.provenance, "the checksum among it"
    for part in ("train", "test"):
        one, other = getattr(ours, part), getattr(theirs, part)
        assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
    with np.load(path) as file:
        pixels = file["x_test"].copy()
    pixels[2, 3, 4, 1] ^= 1
    colour_file(theirs, path, x_test=pixels)
    changed = get(source, root).provenance
    assert {changed["checksum"], changed["images"]}.isdisjoint(map(str, theirs.provenance.values())), "the control"


def test_a_file_is_taken_before_the_files_of_torchvision_and_before_a_download(
    cifar: tuple[Source, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = cifar
    path = folder.parent / f"{source}.npz"
    theirs = get(source, folder.parent)
    colour_file(theirs, path)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("a download"))
    for folder_left in (True, False):
        if not folder_left:
            folder.rename(folder.parent / "elsewhere")
        found = fetch("mine", Data(source=source, root=str(folder.parent), download=True))
        assert found.provenance["origin"] == path.name and apart(found) == theirs.provenance


def grey_file(data: Dataset, path: Path, seed: int | None = None, **more: np.ndarray) -> None:
    """The images of an MNIST, in MedMNIST's names; in their order, or in one of a seed."""
    arrays: dict[str, np.ndarray] = {}
    for part in ("train", "test"):
        split = getattr(data, part)
        rows, labels = (split.images.numpy(), split.labels.numpy()) if seed is None else shuffled(split, seed)
        arrays |= {f"{part}_images": rows.reshape(-1, 28, 28), f"{part}_labels": labels}
    np.savez(path, **arrays | more)


def test_mnist_from_a_file_is_the_same_data_set(mnist: tuple[Source, Path], tmp_path: Path) -> None:
    """In the order of torchvision's files; in another it has the same checksum of images, and is another data set."""
    source, raw = mnist
    theirs = get(source, raw.parents[1])
    (root := tmp_path / "files").mkdir()
    path = root / f"{source}.npz"
    grey_file(theirs, path)
    ours = get(source, root)
    assert ours.provenance == theirs.provenance | {"origin": path.name}
    grey_file(theirs, path, seed=3)
    other = get(source, root)
    assert other.provenance["images"] == theirs.provenance["images"]
    assert other.provenance["checksum"] != theirs.provenance["checksum"]


@pytest.mark.parametrize("problem", ["shape", "classes", "names", "validation", "counts", "damage"])
def test_a_file_that_is_another_data_set_is_refused(
    refusal: Refusal, cifar: tuple[Source, Path], tmp_path: Path, problem: str
) -> None:
    source, folder = cifar
    theirs = get(source, folder.parent)
    path = tmp_path / f"{source}.npz"
    colour_file(theirs, path)
    assert get(source, tmp_path).provenance["origin"] == path.name, "the control"
    names = np.array([f"class {number:02}" for number in range(theirs.classes)])
    counts = {part: len(getattr(theirs, part)) for part in ("train", "test")}
    grey = {f"x_{part}": random(0, count, 32, 32) for part, count in counts.items()}
    more: dict[str, np.ndarray] = {
        "shape": grey,
        "classes": {"classes": np.array([*names, "class more"])},
        "names": {"classes": names[::-1]},
        "validation": {"x_val": random(0, 2, 32, 32, 3), "y_val": np.zeros(2, int)},
        "counts": {"x_test": random(0, 3, 32, 32, 3), "y_test": np.arange(3)},
        "damage": {},
    }[problem]
    colour_file(theirs, path, **more)
    if problem == "damage":
        path.write_bytes(path.read_bytes()[:-30])
    said = {
        "shape": f"{theirs.classes} classes of 1 x 32 x 32; {source} has {theirs.classes} of 3 x 32 x 32; give it to "
        "source arrays",
        "classes": f"{theirs.classes + 1} classes of 3 x 32 x 32; {source} has {theirs.classes} of 3 x 32 x 32",
        "names": f"expected them in alphabetical order, as {source} numbers them, or no classes",
        "validation": f"has validation images, which {source} has not; give it to source arrays",
        "counts": f"{counts['train']} + 3 images; {source} has {counts['train']} + 4; give it to source arrays",
        "damage": "is not a whole .npz file",
    }[problem]
    line = refusal(get, source, tmp_path)
    assert line.startswith(f"data.mine: {path}: ") and said in line


def test_names_of_classes_are_in_the_order_of_the_labels(
    refusal: Refusal, mnist: tuple[Source, Path], tmp_path: Path
) -> None:
    """Those of Fashion-MNIST are not in alphabetical order."""
    source, raw = mnist
    theirs = get(source, raw.parents[1])
    path = tmp_path / f"{source}.npz"
    right = {"mnist": datasets.MNIST.classes, "fashion-mnist": datasets.FashionMNIST.classes}[source]
    wrong = {"mnist": ["zero", "one", "two", *"3456789"], "fashion-mnist": sorted(right)}[source]
    grey_file(theirs, path, classes=np.array(right))
    assert apart(get(source, tmp_path)) == theirs.provenance
    grey_file(theirs, path, classes=np.array(wrong))
    line = refusal(get, source, tmp_path)
    assert f"{path}: classes {', '.join(wrong)[:80]}; expected" in line and f"as {source} numbers them" in line


def test_counts_are_those_of_the_data_sets() -> None:
    """As `make estimate` knows them of a download."""
    known = {source: (size.train, size.test) for source, size in sizes.KNOWN.items() if source in vision.COUNTS}
    assert known == vision.COUNTS != {}


@pytest.mark.parametrize("words", [True, False])
def test_figures_in_words_are_not_numbered_by_the_alphabet(
    refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: bool
) -> None:
    monkeypatch.setitem(vision.COUNTS, "mnist", (10, 10))
    parts = {f"{part}_images": random(seed, 10, 28, 28) for seed, part in enumerate(("train", "test"))}
    names = (
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        if words
        else list("0123456789")
    )
    labels = {"train_labels": np.arange(10), "test_labels": np.arange(10)}
    np.savez(tmp_path / "mnist.npz", **parts, **labels, classes=np.array(names))
    assert len(get("mnist", tmp_path).train) == 10
    np.savez(tmp_path / "mnist.npz", **parts, **labels, classes=np.array(sorted(names, reverse=not words)))
    assert "as mnist numbers them" in refusal(get, "mnist", tmp_path), "the control"
