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


def get(root: Path) -> Dataset:
    return fetch("mine", Data(source="image-folder", root=str(root)))


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


@pytest.mark.parametrize("part", ["train", "test"])
def test_no_part_or_no_classes(refusal: Refusal, root: Path, part: str) -> None:
    (root / part).rename(root / "elsewhere")
    assert f"no folder {root / part}" in refusal(get, root)
    write(root / part / "a.png", pixels(0, 3, 2, 3))
    assert f"{root / part} has no folder per class" in refusal(get, root)


def test_a_class_without_images(refusal: Refusal, root: Path) -> None:
    (root / "train" / "dog").mkdir()
    assert f"{root / 'train' / 'dog'} has no images" in refusal(get, root)


def test_a_class_that_training_lacks(refusal: Refusal, root: Path) -> None:
    write(root / "test" / "dog" / "a.png", pixels(0, 3, 2, 3))
    assert f"{root / 'test' / 'dog'} is a class" in refusal(get, root)


@pytest.mark.parametrize("shape", [(2, 3, 3), (3, 2), (4, 2, 3)])
def test_an_image_of_another_shape(refusal: Refusal, root: Path, shape: tuple[int, ...]) -> None:
    path = root / "test" / "cat" / "a.bmp"
    write(path, pixels(0, *shape))
    line = refusal(get, root)
    assert str(path) in line and "3 x 3 x 2" in line


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "CMYK"])
def test_other_kinds_of_pixels(refusal: Refusal, root: Path, mode: str) -> None:
    path = root / "train" / "cat" / f"c.{'tiff' if mode == 'CMYK' else 'png'}"
    Image.new(mode, (2, 3)).save(path)
    line = refusal(get, root)
    assert str(path) in line and repr(mode) in line


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
