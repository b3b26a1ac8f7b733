from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.config import Data
from pipeline.data.dataset import Dataset
from pipeline.data.sources import fetch
from pipeline.errors import InputError

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


def test_a_root_that_an_experiment_beside_the_clone_lacks(
    refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dvc exp run --temp` works in .dvc/tmp/exps/..., where images that git does not have are missing."""
    assert "dvc exp run" not in refusal(get, Path("datasets/mine"))
    (beside := tmp_path / ".dvc/tmp/exps/standalone/tmp1").mkdir(parents=True)
    monkeypatch.chdir(beside)
    assert "have only what git has: give root from / on" in refusal(get, Path("datasets/mine"))
    assert "dvc exp run" not in refusal(get, tmp_path / "absent")


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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "tiff", "webp", "palette.png", "rgba.png", "avif", "mpo"])
def test_photographs_are_turned_as_viewers_show_them(root: Path, kind: str, orientation: int) -> None:
    seen = Image.fromarray(np.kron(pixels(0, 3, 2, 1).repeat(3, 2) // 64 * 64, np.ones((8, 8, 1), np.uint8)))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # as a camera stores it -> Image.Transpose that undoes it
    stored = seen if orientation == 1 else seen.transpose(Image.Transpose(back[orientation]))
    stored = {"palette.png": stored.quantize(8), "rgba.png": stored.convert("RGBA")}.get(kind, stored)
    for name in ("train/a/0", "test/a/0"):
        exif = Image.Exif()
        exif[0x0112] = orientation
        (path := root / "turned" / f"{name}.{kind}").parent.mkdir(parents=True, exist_ok=True)
        lossless = {"lossless": True} if kind == "webp" else {"quality": 100}
        stored.save(path, exif=exif, **lossless)
    found = get(root / "turned")
    assert found.shape[1:] == (24, 16)
    wanted = torch.from_numpy(np.array(seen.convert("L" if found.shape[0] == 1 else "RGB"))).float()
    image = found.train.images[0].view(found.shape).permute(1, 2, 0).squeeze(-1).float()
    assert (image - wanted).abs().mean() < 4  # what JPEG and AVIF lose


# EXIF blocks: of nothing that is one, cut short, and with an orientation beside a value that cannot be written again.
NO_EXIF = b"Exif\0\0garbage!"
CUT = b"Exif\0\0MM\0*\0\0\0\x08\0\x05"
BESIDE = b"Exif\0\0MM\0*\0\0\0\x08\0\2\1\x12\0\3\0\0\0\1\0\6\0\0\1\x1a\0\5\0\0\0\1\xff\0\0\0\0\0\0\0"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
@pytest.mark.parametrize(
    ("block", "turned"), [(NO_EXIF, False), (CUT, False), (BESIDE, True)], ids=["none", "cut", "beside"]
)
def test_a_damaged_exif_block_says_nothing(
    refusal: Refusal, tmp_path: Path, kind: str, block: bytes, turned: bool
) -> None:
    for place in ("train/a/0", "test/a/0"):
        (path := tmp_path / f"{place}.{kind}").parent.mkdir(parents=True)
        Image.fromarray(pixels(0, 6, 8)).save(path, exif=block, dpi=(72, 72))
    assert get(tmp_path).shape[1:] == ((8, 6) if turned else (6, 8))
    path.write_bytes(path.read_bytes()[:-12] if kind != "png" else path.read_bytes()[:-30])
    assert f"{path} is not a readable image" in refusal(get, tmp_path), "the control: damaged pixels"


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA"])
def test_a_tiff_that_could_be_mapped_into_memory_is_turned(tmp_path: Path, mode: str) -> None:
    seen = Image.fromarray(pixels(0, 6, 8)).convert(mode)
    for place in ("train/a/0.tif", "test/a/0.tif"):
        (path := tmp_path / place).parent.mkdir(parents=True)
        seen.transpose(Image.Transpose.ROTATE_90).save(path, tiffinfo={274: 6})
    found = get(tmp_path)
    wanted = np.array(seen.convert("L" if found.shape[0] == 1 else "RGB"))
    assert np.array_equal(found.train.images[0].view(found.shape).permute(1, 2, 0).squeeze(-1).numpy(), wanted)


@pytest.mark.parametrize("place", ["test", "train/dog"])
def test_a_link_to_a_folder_that_is_not_mounted(refusal: Refusal, root: Path, place: str) -> None:
    if place == "test":
        shutil.rmtree(root / place)
    (root / place).symlink_to(root / "nowhere")
    assert f"{root / place} is a link to nothing" in refusal(get, root)


def formats() -> list[str]:
    """All that PIL writes and reads again without a program of its own."""
    Image.init()
    return sorted((set(Image.SAVE) & set(Image.OPEN)) - {"BUFR", "GRIB", "HDF5", "WMF", "EPS", "MPEG"})


@pytest.mark.parametrize("name", formats())
def test_the_same_picture_in_any_format(name: str, tmp_path: Path) -> None:
    """Whatever kind of pixels a format has: the picture, or one line; never another picture."""
    colours = Image.fromarray(np.kron(pixels(0, 4, 4, 3) // 64 * 64, np.ones((16, 16, 1), np.uint8)))
    grey = colours.convert("L")
    kinds = {
        "L": grey,
        "1": grey.convert("1"),
        "P": colours.quantize(64),
        "grey P": grey.quantize(64),
        "RGB": colours,
        "RGBA": colours.convert("RGBA"),
        "LA": grey.convert("LA"),
    }
    read = 0
    for kind, picture in kinds.items():
        root = tmp_path / kind
        for place in ("train/a/0", "test/a/0"):
            (path := root / place).parent.mkdir(parents=True)
            try:
                picture.save(path, format=name)
            except (OSError, ValueError, KeyError):
                break  # this format has no such pixels
        else:
            with Image.open(path) as file:
                whole = file.convert("RGBA")
            try:
                found = get(root)
            except InputError as error:
                assert whole.getchannel("A").getextrema() != (255, 255) or "pixels of kind" in str(error), str(error)
                continue
            read += 1
            image = found.train.images[0].view(found.shape).permute(1, 2, 0).expand(-1, -1, 3)
            assert np.array_equal(image.numpy(), np.array(whole.convert("RGB"))), kind
            assert found.shape[0] == (1 if kind in ("L", "1", "grey P", "LA") else 3) or name not in ("PNG", "GIF")
    assert read or name in ("SPIDER", "PALM", "MSP", "XBM", "BLP"), "nothing of it was read"


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "L", "RGB", "1"])
def test_what_is_transparent_is_refused_in_any_kind(refusal: Refusal, root: Path, kind: str) -> None:
    """One pixel of six; a colour that is transparent, and that no pixel has, is the control."""
    path = root / "train" / "ant" / "d.png"
    array = np.zeros((3, 2, 4), np.uint8)
    array[..., 3], array[1, 1, :3] = 255, 200
    shown = Image.fromarray(array)
    if kind in ("RGBA", "LA"):
        shown.convert(kind).save(path)
        get(root)
        array[0, 0, 3] = 254
        Image.fromarray(array).convert(kind).save(path)
    else:
        image = shown.convert("RGB").convert(kind) if kind != "P" else shown.convert("RGB").quantize(2)
        colour = {"P": 5, "L": 7, "RGB": (7, 7, 7), "1": None}[kind]
        if colour is not None:
            image.save(path, transparency=colour)
            get(root)
        there = {"P": image.getpixel((0, 0)), "L": 0, "RGB": (0, 0, 0), "1": 0}[kind]
        image.save(path, transparency=there)
    line = refusal(get, root)
    assert str(path) in line and "has transparent pixels of kind" in line


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_animations_are_refused(refusal: Refusal, root: Path, name: str) -> None:
    frames = [Image.fromarray(pixels(number, 3, 2, 3)) for number in range(3)]
    path = root / "train" / "ant" / f"d.{name.lower()}"
    frames[0].save(path, format=name)
    get(root)  # the control: one frame
    frames[0].save(path, format=name, save_all=True, append_images=frames[1:])
    line = refusal(get, root)
    assert f"{path} has several frames" in line


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "link to nothing", "socket"])
def test_what_is_no_file(refusal: Refusal, root: Path, kind: str) -> None:
    path, pipe = root / "train" / "bee" / "z.png", root / "pipe"
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(path.parent):  # its path must be short
            listening.bind(path.name)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        os.mkfifo(pipe)
        path.symlink_to(pipe if kind == "link to a pipe" else root / "nothing")
    assert f"{path} is not a readable image: it is" in refusal(get, root)


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", "__MACOSX", "Icon\r", "ehthumbs.db", "@eaDir"])
def test_what_systems_leave_is_passed_over(root: Path, name: str) -> None:
    before = get(root).train.images
    (root / "train" / "ant" / name).write_bytes(b"\0")
    (root / "train" / name).mkdir()
    (root / "test" / name).mkdir()
    assert torch.equal(get(root).train.images, before)


def deep_png(colour: int, channels: int, bits: int) -> bytes:
    """2 x 3 pixels of the kind that PNG numbers so, white and opaque."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    row = b"\0" + bytes([255]) * (2 * channels * bits // 8)
    header = struct.pack(">IIBBBBB", 2, 3, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(3 * row)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4), (4, 2)], ids=["RGB", "RGBA", "LA"])
def test_more_than_8_bits_are_not_cut(refusal: Refusal, root: Path, colour: int, channels: int, bits: int) -> None:
    (root / "train" / "ant" / "b.png").write_bytes(deep_png(colour, channels, bits))
    if bits == 8:
        assert get(root).shape == (3, 3, 2)
    else:
        assert "b.png has more than 8 bits a channel: convert or remove it" in refusal(get, root)


@pytest.mark.parametrize("largest", [255, 1023, 65535])
def test_more_than_8_bits_of_a_portable_pixmap(refusal: Refusal, root: Path, largest: int) -> None:
    content = np.full((3, 2, 3), largest, dtype=np.uint8 if largest < 256 else ">u2").tobytes()
    (root / "train" / "ant" / "b.ppm").write_bytes(b"P6 2 3 %d\n" % largest + content)
    if largest == 255:
        assert get(root).train.images[1].unique().tolist() == [255]
    else:
        assert "b.ppm has more than 8 bits a channel" in refusal(get, root)


@pytest.mark.parametrize("largest", [255, 65535])
def test_more_than_8_bits_in_plain_text(refusal: Refusal, root: Path, largest: int) -> None:
    (root / "train" / "ant" / "b.ppm").write_text(f"P3 2 3 {largest}\n" + f"{largest} " * 18)
    if largest == 255:
        assert get(root).train.images[1].unique().tolist() == [255]
    else:
        assert "b.ppm has more than 8 bits a channel" in refusal(get, root)


@pytest.mark.parametrize("name", ["val", "validation"])
def test_validation_images_beside_are_said_to_be_left_out(root: Path, name: str) -> None:
    before = get(root)
    shutil.copytree(root / "test", root / name)
    found = get(root)
    assert f", {name}/ left out" in str(found.provenance["description"])
    assert "left out" not in str(before.provenance["description"])
    assert torch.equal(found.train.images, before.train.images)


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_image_that_is_in_no_class(refusal: Refusal, root: Path, part: str) -> None:
    write(root / part / "loose.PNG", pixels(0, 3, 2, 3))
    assert f"{root / part / 'loose.PNG'} is in no folder of a class; move it into one, or remove it" in refusal(
        get, root
    )


@pytest.mark.parametrize("name", ["Test", "TRAIN"])
def test_a_part_in_another_case(refusal: Refusal, root: Path, name: str) -> None:
    shutil.rmtree(root / "test")
    (root / name).mkdir()
    assert f"{root / name}: is {name.lower()}/ meant? rename it" in refusal(get, root)


def test_a_name_that_unicode_spells_in_two_ways_is_one_class(refusal: Refusal, root: Path) -> None:
    """As after a zip archive of one system was unpacked on another."""
    whole, apart = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"
    (root / "train" / "cat").rename(root / "train" / whole)
    (root / "test" / "cat").rename(root / "test" / apart)
    assert get(root).test.labels.tolist() == [1, 2]
    write(root / "train" / apart / "a.png", pixels(0, 3, 2, 3))
    assert "are one name, spelt in two ways in Unicode; join them" in refusal(get, root)


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
