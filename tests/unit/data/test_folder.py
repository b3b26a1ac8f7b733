from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.config import Data
from pipeline.data.dataset import Dataset
from pipeline.data.sources import fetch

Refusal = Callable[..., str]


def pixels(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def get(root: Path, side: int | None = None) -> Dataset:
    return fetch("mine", Data(source="image-folder", root=str(root), side=side))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """RGB images of 3 x 2 pixels: ant 0 and 1, bee 2, cat 3 and 4 to train on; bee 5 and cat 6 to test."""
    for number, place in enumerate(["ant/b", "ant/c", "bee/a", "cat/a", "cat/b"]):
        write(tmp_path / "train" / f"{place}.png", pixels(number, 3, 2, 3))
    for number, place in enumerate(["bee/a", "cat/a"], start=5):
        write(tmp_path / "test" / f"{place}.bmp", pixels(number, 3, 2, 3))
    return tmp_path


def test_classes_by_name_and_channels_first(root: Path) -> None:
    data = get(root)
    assert data.shape == (3, 3, 2)
    assert data.classes == 3
    assert data.train.labels.tolist() == [0, 0, 1, 2, 2]
    assert data.test.labels.tolist() == [1, 2]
    for images, first in ((data.train.images, 0), (data.test.images, 5)):
        for number, image in enumerate(images, start=first):
            wanted = torch.from_numpy(pixels(number, 3, 2, 3)).permute(2, 0, 1)
            assert torch.equal(image.view(3, 3, 2), wanted)
    assert data.provenance["source"] == "image-folder"
    assert str(root) not in str(data.provenance)


def test_grey_images_in_several_formats(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write(tmp_path / part / "x" / "a.png", pixels(0, 4, 5))
        write(tmp_path / part / "x" / "b.tiff", pixels(1, 4, 5))
        write(tmp_path / part / "x" / "c.png", pixels(2, 4, 5) > 127)  # one bit
    data = get(tmp_path)
    assert data.shape == (1, 4, 5)
    assert torch.equal(data.train.images[1].view(4, 5), torch.from_numpy(pixels(1, 4, 5)))
    assert data.train.images[2].unique().tolist() == [0, 255]


def test_palettes_become_rgb(root: Path) -> None:
    image = Image.fromarray(pixels(0, 3, 2, 3))
    image.quantize(6).save(root / "train" / "ant" / "b.png")  # six pixels, six colours: nothing is lost
    assert torch.equal(get(root).train.images[0].view(3, 3, 2), torch.from_numpy(np.array(image)).permute(2, 0, 1))


def test_names_with_a_dot_are_passed_over(root: Path) -> None:
    (root / "train" / ".cache").mkdir()
    (root / "train" / "ant" / ".directory").write_text("not an image")
    (root / "train" / "labels.csv").write_text("a file beside the classes")
    assert get(root).classes == 3


def test_no_root(refusal: Refusal, tmp_path: Path) -> None:
    line = refusal(get, tmp_path / "absent")
    assert line.startswith("data.mine: root ") and "absent" in line


def test_no_training(refusal: Refusal, root: Path) -> None:
    (root / "train").rename(root / "elsewhere")
    assert f"no folder {root / 'train'}; expected one with a folder per class, " in refusal(get, root)


@pytest.mark.parametrize("part", ["train", "test"])
def test_no_classes(refusal: Refusal, root: Path, part: str) -> None:
    (root / part).rename(root / "elsewhere")
    write(root / part / "a.png", pixels(0, 3, 2, 3))
    assert f"{root / part} has no folder per class" in refusal(get, root)


def test_a_class_without_images(refusal: Refusal, root: Path) -> None:
    (root / "train" / "dog").mkdir()
    assert f"{root / 'train' / 'dog'} has no images" in refusal(get, root)


def test_a_class_that_training_lacks(refusal: Refusal, root: Path) -> None:
    write(root / "test" / "dog" / "a.png", pixels(0, 3, 2, 3))
    assert f"{root / 'test' / 'dog'} is a class" in refusal(get, root)


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 3), (4, 2, 3)])
def test_an_image_of_another_size(refusal: Refusal, root: Path, shape: tuple[int, ...]) -> None:
    path = root / "test" / "cat" / "a.bmp"
    write(path, pixels(0, *shape))
    line = refusal(get, root)
    size = " x ".join(map(str, shape[:2]))
    assert f"{path} is {size}; the first image is 3 x 2 and all must be alike, or `side: 3`" in line
    assert get(root, side=3).shape == (3, 3, 3)


def test_a_side_resizes_and_is_said(root: Path) -> None:
    write(root / "train" / "ant" / "b.png", np.full((40, 60, 3), [200, 100, 0], dtype=np.uint8))
    data = get(root, side=4)
    assert data.shape == (3, 4, 4) and data.train.images[0].view(3, 16).tolist() == [[200] * 16, [100] * 16, [0] * 16]
    assert str(data.provenance["description"]).endswith("resized to 4 x 4")


def test_a_side_is_for_image_folders() -> None:
    with pytest.raises(ValueError, match="side: is for image-folder; images of mnist keep their size"):
        Data(source="mnist", side=4)


@pytest.mark.parametrize("place", ["train/ant/b.png", "test/cat/a.bmp"])
def test_grey_among_coloured_becomes_rgb(root: Path, place: str) -> None:
    write(root / place, pixels(9, 3, 2))
    data = get(root)
    assert data.shape == (3, 3, 2)
    image = data.train.images[0] if place.startswith("train") else data.test.images[-1]
    assert torch.equal(image.view(3, 3, 2), torch.from_numpy(pixels(9, 3, 2)).expand(3, 3, 2))


def test_without_test_a_fifth_of_every_class_is_kept(refusal: Refusal, root: Path) -> None:
    (root / "test").rename(root / "elsewhere")
    assert "is not there, and to divide" in refusal(get, root)  # bee has one image
    for number in range(30):
        write(root / "train" / ["ant", "bee", "cat"][number % 3] / f"{number}.png", pixels(number, 3, 2, 3))
    data = get(root)
    assert (len(data.train), len(data.test)) == (28, 7)
    assert data.test.labels.bincount().tolist() in ([3, 2, 2], [2, 2, 3])  # of 12, 11 and 12
    assert torch.equal(data.test.images, get(root).test.images)
    assert str(data.provenance["description"]).endswith("one folder per class, seeded stratified 80/20 split")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "CMYK"])
def test_other_kinds_of_pixels(refusal: Refusal, root: Path, mode: str) -> None:
    path = root / "train" / "cat" / f"c.{'tiff' if mode == 'CMYK' else 'png'}"
    Image.new(mode, (2, 3)).save(path)
    line = refusal(get, root)
    assert str(path) in line and repr(mode) in line and "convert or remove it" in line


def test_files_that_are_no_whole_images(refusal: Refusal, root: Path) -> None:
    path = root / "train" / "bee" / "b.jpg"
    write(path, pixels(0, 3, 2, 3))
    whole = path.read_bytes()
    get(root)  # the control: as it is it can be read
    for content in (b"", b"some text", whole[:-20]):
        path.write_bytes(content)
        assert f"{path} is not a readable image" in refusal(get, root)


def test_a_flipped_byte_in_compressed_pixels(refusal: Refusal, root: Path) -> None:
    path = root / "train" / "bee" / "a.png"
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 10] ^= 255
    path.write_bytes(content)
    assert f"{path} is not a readable image" in refusal(get, root)


def test_a_folder_among_the_images(refusal: Refusal, root: Path) -> None:
    (root / "train" / "bee" / "deeper").mkdir()
    assert "deeper is not a readable image" in refusal(get, root)
