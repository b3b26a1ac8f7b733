from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import Data
from pipeline.data.dataset import Dataset
from pipeline.data.sources import fetch
from pipeline.errors import InputError

Refusal = Callable[..., str]
Content = dict[str, Any]
STYLES = {"MedMNIST": "{}_images {}_labels", "Keras": "x_{} y_{}"}
COUNTS = {"train": 12, "val": 5, "test": 6}


def pixels(part: str, *shape: int) -> np.ndarray:
    seed = list(COUNTS).index(part)
    return np.random.default_rng(seed).integers(0, 256, (COUNTS[part], *shape), dtype=np.uint8)


def labels(part: str) -> np.ndarray:
    return np.arange(COUNTS[part]) % 3


def names(style: str, part: str) -> list[str]:
    return STYLES[style].replace("{}", part).split()


def content(style: str = "MedMNIST", shape: tuple[int, ...] = (4, 5), validation: bool = False) -> Content:
    """12 + 6 images in 3 classes, and 5 to validate if asked for."""
    parts = [part for part in COUNTS if validation or part != "val"]
    return {
        name: array
        for part in parts
        for name, array in zip(names(style, part), (pixels(part, *shape), labels(part)), strict=True)
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.npz"


def get(path: Path, validation: Any = None) -> Dataset:
    return fetch("mine", Data(source="arrays", root=str(path), validation=validation))


def given(path: Path, arrays: Content, validation: Any = None) -> Dataset:
    np.savez(path, **arrays)
    return get(path, validation)


def channels_first(part: str, *shape: int) -> torch.Tensor:
    """[N, C * H * W]."""
    images = pixels(part, *shape).reshape(COUNTS[part], shape[0], shape[1], -1)
    return torch.from_numpy(images).permute(0, 3, 1, 2).flatten(1)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3)])
def test_images_and_labels_in_either_style(path: Path, style: str, shape: tuple[int, ...]) -> None:
    data = given(path, content(style, shape))
    colour = shape[-1] == 3
    assert (data.shape, data.classes) == ((3 if colour else 1, 4, 5), 3)
    for part, split in (("train", data.train), ("test", data.test)):
        assert torch.equal(split.images, channels_first(part, *shape))
        assert split.labels.tolist() == labels(part).tolist()
        assert (split.images.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
    assert data.provenance["source"] == "arrays" and data.provenance["origin"] == "mine.npz"
    said = f"arrays of mine.npz, 4 x 5 {'RGB' if colour else 'grey'}"
    assert data.provenance["description"] == said and str(path.parent) not in str(data.provenance)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int32", "uint64", ">i8", ">u2"])
@pytest.mark.parametrize("column", [False, True])
def test_labels_of_any_whole_numbers_in_a_row_or_a_column(path: Path, kind: str, column: bool) -> None:
    arrays = content()
    for name in ("train_labels", "test_labels"):
        arrays[name] = arrays[name].astype(kind).reshape((-1, 1) if column else -1)
    data = given(path, arrays)
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == (labels("train").tolist(), [0, 1, 2] * 2)


def test_labels_of_narrow_whole_numbers_beyond_theirs(path: Path) -> None:
    """256 classes, of whose labels uint8 has all."""
    arrays = content() | {
        "train_images": np.zeros((256, 2, 2), np.uint8),
        "train_labels": np.arange(256, dtype=np.uint8),
        "test_images": np.zeros((6, 2, 2), np.uint8),
    }
    assert given(path, arrays).classes == 256


def test_compressed_and_transposed_files_are_the_same_data(path: Path) -> None:
    arrays = content(shape=(4, 5, 3))
    plain = given(path, arrays)
    np.savez_compressed(path, **arrays)
    assert get(path).provenance == plain.provenance
    assert (
        given(path, {name: np.asfortranarray(each) for name, each in arrays.items()}).provenance == plain.provenance
    )
    arrays["train_images"][0, 0, 0, 0] ^= 1
    assert given(path, arrays).provenance != plain.provenance, "the control"


@pytest.mark.parametrize("kind", [str, bytes])
@pytest.mark.parametrize("style", STYLES)
def test_classes_say_how_many_there_are(path: Path, style: str, kind: type) -> None:
    listed = ["cat", "ant", "café", "dog"]
    given_names = listed if kind is str else [each.encode("utf-8") for each in listed]
    assert given(path, content(style) | {"classes": np.array(given_names)}).classes == 4, "the last has no image"
    assert given(path, content(style)).classes == 3, "the control"


def test_classes_in_another_encoding_are_still_apart(path: Path) -> None:
    listed = [each.encode("latin-1") for each in ("é", "è", "ä")]
    assert given(path, content() | {"classes": np.array(listed)}).classes == 3


def test_a_part_that_was_left_empty_is_none(path: Path) -> None:
    empty = {"val_images": np.zeros((0, 4, 5), np.uint8), "val_labels": np.zeros(0, np.int64)}
    assert given(path, content() | empty).provenance["description"] == "arrays of mine.npz, 4 x 5 grey"


@pytest.mark.parametrize("name", ["val_images", "val_labels"])
@pytest.mark.parametrize("left", [np.uint8(5), np.zeros(0, np.uint8)], ids=["a single value", "nothing"])
def test_half_of_a_part_is_not_an_empty_part(refusal: Refusal, path: Path, name: str, left: Any) -> None:
    assert name in refusal(given, path, content(validation=True) | {name: np.array(left)})


@pytest.mark.parametrize("style", STYLES)
def test_validation_images_are_left_out_or_joined_and_it_is_said(path: Path, style: str) -> None:
    arrays = content(style, validation=True)
    left = given(path, arrays)
    assert left.provenance == given(path, arrays, "drop").provenance
    assert left.provenance["description"] == "arrays of mine.npz, validation images left out, 4 x 5 grey"
    assert len(left.train) == 12
    joined = given(path, arrays, "join")
    assert joined.provenance["description"] == "arrays of mine.npz, validation images joined to training, 4 x 5 grey"
    assert torch.equal(joined.train.images, torch.cat((channels_first("train", 4, 5), channels_first("val", 4, 5))))
    assert joined.train.labels.tolist() == [*labels("train"), *labels("val")]
    assert torch.equal(joined.test.images, left.test.images)
    assert left.provenance["images"] != joined.provenance["images"]
    assert torch.equal(left.mean, left.train.images.double().mean(0)), "it is standardised as it trains"
    assert torch.allclose(joined.mean, joined.train.images.double().mean(0))


@pytest.mark.parametrize("validation", [None, "drop"])
def test_without_validation_images_nothing_is_said_of_them(path: Path, validation: Any) -> None:
    assert given(path, content(), validation).provenance["description"] == "arrays of mine.npz, 4 x 5 grey"


def test_without_validation_images_there_are_none_to_join(refusal: Refusal, path: Path) -> None:
    """Which is how a misspelt name shows."""
    line = refusal(given, path, content() | {"val_imgs": pixels("val", 4, 5), "val_label": labels("val")}, "join")
    assert line.startswith(f"data.mine: {path}: has no validation images to join; expected val_images and val_labels")


@pytest.mark.parametrize("source", ["arrays", "image-folder"])
def test_nothing_else_than_what_torchvision_has_is_downloaded(source: Any) -> None:
    with pytest.raises(ValueError, match=f"download: {source} is not downloaded; its root has to be there"):
        Data(source=source, download=True)


def test_validation_is_for_arrays() -> None:
    with pytest.raises(ValueError, match="validation: is for arrays; mnist has no validation images"):
        Data(source="mnist", validation="join")


def test_what_else_is_in_the_file_is_passed_over(path: Path) -> None:
    assert given(path, content() | {"mean": np.float64(3), "note": np.array("made by hand")}).classes == 3


# What is wrong -> how it is made of a good file's arrays (None: taken away), and what the line says.
WRONG: dict[str, tuple[Content, str]] = {
    "no images at all": (
        dict.fromkeys(content(), None) | {"weights": np.zeros(3)},
        "has no images; it has weights; expected train_images, train_labels, test_images, test_labels or x_train, "
        "y_train, x_test, y_test",
    ),
    "nothing": (dict.fromkeys(content(), None), "has no images; it has nothing; expected train_images"),
    "both styles": (content("Keras"), "has names of both MedMNIST and Keras; it has "),
    "no test images": ({"test_images": None}, "test_images is missing; it has test_labels, train_images, "),
    "no training labels": ({"train_labels": None}, "train_labels is missing; it has "),
    "no test part": ({"test_images": None, "test_labels": None}, "test_images, test_labels is missing; it has "),
    "validation labels alone": ({"val_labels": labels("val")}, "val_images is missing; it has "),
    "images of floats": (
        {"train_images": pixels("train", 4, 5) / 255},
        "train_images is float64; expected uint8, grey levels from 0 to 255",
    ),
    "images of other whole numbers": (
        {"test_images": pixels("test", 4, 5).astype(np.int16)},
        "test_images is int16;",
    ),
    "images in rows": (
        {"train_images": pixels("train", 20)},
        "train_images is 12 x 20; expected N x H x W, N x H x W x 1 or N x H x W x 3",
    ),
    "one image for all": ({"train_images": np.uint8(3)}, "train_images is a single value; expected N x H x W"),
    "channels first": ({"train_images": pixels("train", 3, 4, 5)}, "train_images is 12 x 3 x 4 x 5; expected N x H"),
    "transparent images": ({"train_images": pixels("train", 4, 5, 4)}, "train_images is 12 x 4 x 5 x 4; expected"),
    "volumes": ({"train_images": pixels("train", 4, 5, 5, 1)}, "train_images is 12 x 4 x 5 x 5 x 1; expected"),
    "images without pixels": ({"train_images": pixels("train", 0, 5)}, "train_images is 12 x 0 x 5; expected"),
    "no training images": (
        {"train_images": pixels("train", 4, 5)[:0], "train_labels": labels("train")[:0]},
        "train_images is 0 x 4 x 5; expected N x H x W, N x H x W x 1 or N x H x W x 3, none of them 0",
    ),
    "no test image": (
        {"test_images": pixels("test", 4, 5)[:0], "test_labels": labels("test")[:0]},
        "test_images is 0 x 4 x 5; expected",
    ),
    "other sizes to test": (
        {"test_images": pixels("test", 5, 4)},
        "train_images of 4 x 5 x 1, test_images of 5 x 4 x 1; all images must have one size",
    ),
    "grey and coloured": ({"test_images": pixels("test", 4, 5, 3)}, "test_images of 4 x 5 x 3; all images must"),
    "validation images of another size": (
        {"val_images": pixels("val", 6, 6), "val_labels": labels("val")},
        "val_images of 6 x 6 x 1, test_images of 4 x 5 x 1; all images must have one size",
    ),
    "a label too many": (
        {"train_labels": np.arange(13) % 3},
        "train_labels is 13 for 12 images; expected one label per image, 12 or 12 x 1",
    ),
    "too few validation labels": (
        {"val_images": pixels("val", 4, 5), "val_labels": labels("val")[:4]},
        "val_labels is 4 for 5 images; expected one label per image, 5 or 5 x 1",
    ),
    "one-hot labels": (
        {"train_labels": np.eye(3, dtype=int)[labels("train")]},
        "train_labels is 12 x 3 for 12 images; expected one label per image, 12 or 12 x 1",
    ),
    "one-hot labels of floats": (
        {"train_labels": np.eye(3)[labels("train")]},
        "train_labels is float64; expected whole numbers, one per image, from 0",
    ),
    "labels of floats": ({"test_labels": labels("test") / 1}, "test_labels is float64; expected whole numbers"),
    "labels of durations": (
        {"test_labels": labels("test").astype("timedelta64[s]")},
        "test_labels is timedelta64[s]; expected whole numbers",
    ),
    "labels of bits": ({"test_labels": labels("test") > 0}, "test_labels is bool; expected whole numbers"),
    "labels in words": ({"test_labels": np.array(list("abcabc"))}, "test_labels is <U1; expected whole numbers"),
    "negative training labels": (
        {"train_labels": labels("train") - 1},
        "train_labels has -1; expected whole numbers from 0",
    ),
    "labels from 1": (
        {"train_labels": labels("train") + 1, "test_labels": labels("test") + 1},
        "train_labels has 3 different labels from 1 to 3; expected 0 to 2, or `classes`",
    ),
    "a class without images and without a name": (
        {"train_labels": labels("train") // 2 * 2},
        "train_labels has 2 different labels from 0 to 2; expected 0 to 1, or `classes`",
    ),
    "labels from 1 with names": (
        {"train_labels": labels("train") + 1, "classes": np.array(["a", "b", "c"])},
        "train_labels from 1 to 3; classes has 3 classes, so that valid are 0 to 2",
    ),
    "negative test labels": (
        {"test_labels": labels("test") - 1},
        "test_labels has -1; expected whole numbers from 0",
    ),
    "a class that only testing has": (
        {"test_labels": labels("test") + 1},
        "test_labels from 1 to 3; train_labels has 3 classes, so that valid are 0 to 2",
    ),
    "a class that only validation has": (
        {"val_images": pixels("val", 4, 5), "val_labels": labels("val") + 1},
        "val_labels from 1 to 3; train_labels has 3 classes, so that valid are 0 to 2",
    ),
    "labels beyond the names": (
        {"classes": np.array(["a", "b"])},
        "train_labels from 0 to 2; classes has 2 classes, so that valid are 0 to 1",
    ),
    "labels beyond what is counted with": (
        {"test_labels": np.full(6, 2**64 - 1, np.uint64)},
        f"test_labels has {2**64 - 1}; expected whole numbers from 0",
    ),
    "a name twice": (
        {"classes": np.array(["cat", "dog", "cat"])},
        "classes has 'cat' twice; each class has one name",
    ),
    "a name twice, once in bytes": ({"classes": np.array([b"cat", b"cat"])}, "classes has 'cat' twice"),
    "a number of classes": ({"classes": np.int64(3)}, "classes is int64 of a single value; expected a list of names"),
    "numbers for names": ({"classes": np.arange(3)}, "classes is int64 of 3; expected a list of names"),
    "no names": ({"classes": np.array([], dtype=str)}, "classes is <U1 of 0; expected a list of names"),
    "a table of names": ({"classes": np.array([["a"], ["b"], ["c"]])}, "classes is <U1 of 3 x 1; expected a list"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_in_one_line(refusal: Refusal, path: Path, wrong: str) -> None:
    changes, said = WRONG[wrong]
    assert given(path, content()).classes == 3, "the control"
    line = refusal(given, path, {name: each for name, each in (content() | changes).items() if each is not None})
    assert line.startswith(f"data.mine: {path}: ") and said in line


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("number", range(4))
def test_each_of_the_four_arrays_is_needed(refusal: Refusal, path: Path, style: str, number: int) -> None:
    arrays = content(style)
    del arrays[name := list(arrays)[number]]
    assert f"{path}: {name} is missing; it has " in refusal(given, path, arrays)


def test_no_file(refusal: Refusal, tmp_path: Path) -> None:
    line = refusal(get, tmp_path / "absent.npz")
    assert line == f"data.mine: root '{tmp_path}/absent.npz' is not a file; expected an .npz file with arrays"
    assert refusal(get, tmp_path) == f"data.mine: root '{tmp_path}' is not a file; expected an .npz file with arrays"


def as_npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["nothing", "text", "npy", "pickle"])
def test_other_files(refusal: Refusal, path: Path, kind: str) -> None:
    npy = as_npy(pixels("train", 4, 5))
    other = {"nothing": b"", "text": b"some text", "npy": npy, "pickle": pickle.dumps(content())}
    path.write_bytes(other[kind])
    assert refusal(get, path) == f"data.mine: {path}: is not a whole .npz file; numpy.savez writes one"


def test_a_file_that_may_not_be_read_is_an_error_of_the_system(path: Path) -> None:
    given(path, content())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PermissionError):
        get(path)


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def objects(trap: Trap, count: int) -> np.ndarray:
    array = np.empty(count, dtype=object)
    array[:] = [trap] * count
    return array


@pytest.mark.parametrize("name", ["train_images", "train_labels", "test_labels", "classes"])
def test_pickles_are_not_opened(refusal: Refusal, path: Path, name: str) -> None:
    trap = Trap(path.with_name("sprung"))
    line = refusal(given, path, content() | {name: objects(trap, 12)})
    assert f"{path}: {name} cannot be read: Object arrays cannot be loaded" in line
    assert "expected an array of numpy without Python objects" in line
    assert not trap.path.exists()
    with np.load(path, allow_pickle=True) as file:
        file[name]
    assert trap.path.exists(), "the control: it would have been"


def test_a_pickle_among_what_is_passed_over_stays_closed(path: Path) -> None:
    trap = Trap(path.with_name("sprung"))
    assert given(path, content() | {"notes": objects(trap, 3)}).classes == 3
    assert not trap.path.exists()


@pytest.mark.parametrize("place", ["alone", "in front of an archive", "as a member"])
def test_a_bare_pickle_is_not_opened(refusal: Refusal, path: Path, place: str) -> None:
    trap = Trap(path.with_name("sprung"))
    given(path, content())
    if place == "as a member":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("train_images.npy", pickle.dumps(trap))
            for name in ("train_labels", "test_images", "test_labels"):
                archive.writestr(f"{name}.npy", as_npy(content()[name]))
    else:
        path.write_bytes(pickle.dumps(trap) + (path.read_bytes() if place == "in front of an archive" else b""))
    assert refusal(get, path).startswith(f"data.mine: {path}: ")
    assert not trap.path.exists()


def test_a_member_that_is_no_array(refusal: Refusal, path: Path) -> None:
    np.savez(path, **{name: array for name, array in content().items() if name != "test_labels"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("test_labels", b"0 1 2")
    assert f"{path}: test_labels is not an array of numpy" in refusal(get, path)


def test_a_header_that_says_more_or_less_than_there_is(refusal: Refusal, path: Path) -> None:
    """More is refused; less, with checksums that are right, is what the file says."""
    whole = as_npy(pixels("train", 4, 5))
    for said, fits in ((b"(92, 4, 5)", False), (b"(12, 4, 5)", True)):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("train_images.npy", whole.replace(b"(12, 4, 5)", said))
            for name in ("train_labels", "test_images", "test_labels"):
                archive.writestr(f"{name}.npy", as_npy(content()[name]))
        if fits:
            get(path)
        else:
            assert f"{path}: train_images cannot be read: " in refusal(get, path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_that_is_cut_is_refused(refusal: Refusal, path: Path, save: Callable[..., None]) -> None:
    save(path, **content(validation=True))
    whole = path.read_bytes()
    assert get(path).classes == 3, "the control"
    for kept in [*range(0, len(whole), 97), *range(len(whole) - 40, len(whole))]:
        path.write_bytes(whole[:kept])
        line = refusal(get, path)
        assert line.startswith(f"data.mine: {path}: is ") and ("npz" in line or "again" in line), kept


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_is_refused_or_changes_nothing(path: Path, save: Callable[..., None]) -> None:
    """At every byte: of headers, of pixels, of labels, of the archive's own list."""
    save(path, **content(shape=(2, 3)))
    whole = path.read_bytes()
    wanted = get(path).provenance
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            assert get(path).provenance == wanted, place
        except InputError as error:
            refused += 1
            assert str(error).startswith(f"data.mine: {path}: "), place
            assert "\n" not in str(error), place
    assert refused > len(whole) / 2, "the control: most of it matters"


def test_a_header_that_says_less_than_there_is_after_damage(refusal: Refusal, path: Path) -> None:
    """numpy would read half of the bytes as labels, and miss nothing where they are many."""
    many = {"train_images": np.zeros((3000, 1, 1), np.uint8), "train_labels": np.arange(3000) % 3}
    np.savez(path, **content(shape=(1, 1)) | many)
    assert get(path).classes == 3
    whole = path.read_bytes()
    damaged = whole.replace(b"'<i8'", b"'<i4'")
    assert damaged != whole
    path.write_bytes(damaged)
    with np.load(path) as file:
        assert file["train_labels"][:12].tolist() == [0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 2, 0], "the control"
    assert refusal(get, path) == f"data.mine: {path}: is damaged in train_labels.npy; write it again"
