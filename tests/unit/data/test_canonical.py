from __future__ import annotations

import hashlib

import pytest
import torch
from small import noise

from pipeline.data.canonical import images_checksum, ordered
from pipeline.data.split import Split

SHAPE, CLASSES = (2, 3, 4), 5
DATA = noise(50, 20, SHAPE, classes=CLASSES)


def permuted(split: Split, seed: int) -> Split:
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    return Split(split.images[order], split.labels[order])


def changed(split: Split, part: str, place: tuple[int, ...]) -> Split:
    """Another value in one place of the images, or of the labels."""
    images, labels = split.images.clone(), split.labels.clone()
    tensor = {"images": images, "labels": labels}[part]
    tensor[place] = (tensor[place] + 1) % CLASSES
    return Split(images, labels)


def joined(*splits: Split) -> Split:
    return Split(torch.cat([each.images for each in splits]), torch.cat([each.labels for each in splits]))


def pairs(split: Split) -> list[tuple[bytes, int]]:
    return [(image.numpy().tobytes(), int(label)) for image, label in zip(split.images, split.labels, strict=True)]


def checksum(train: Split, test: Split) -> str:
    return images_checksum(train, test, SHAPE, CLASSES)


WHOLE = checksum(DATA.train, DATA.test)


@pytest.mark.parametrize("seed", range(5))
def test_any_order_gives_one_checksum_and_one_order(seed: int) -> None:
    train, test = permuted(DATA.train, seed), permuted(DATA.test, seed + 10)
    assert not torch.equal(train.images, DATA.train.images), "the control"
    assert checksum(train, test) == WHOLE
    assert pairs(ordered(train)) == pairs(ordered(DATA.train))
    assert pairs(ordered(test)) == pairs(ordered(DATA.test))


def test_in_order_each_image_keeps_its_label() -> None:
    found = ordered(DATA.train)
    assert sorted(pairs(found)) == sorted(pairs(DATA.train))
    assert pairs(found) != pairs(DATA.train)
    turned = Split(found.images, found.labels.roll(1))
    assert sorted(pairs(turned)) != sorted(pairs(DATA.train)), "the control: labels of other images"
    assert (found.images.dtype, found.labels.dtype) == (torch.uint8, torch.int64)


def test_images_that_are_there_twice_stay_and_their_labels_decide() -> None:
    image = DATA.train.images[:1]
    twice = Split(torch.cat((image, image, image)), torch.tensor([3, 1, 3]))
    assert sorted(ordered(twice).labels.tolist()) == [1, 3, 3]
    assert pairs(ordered(permuted(twice, 1))) == pairs(ordered(twice))


@pytest.mark.parametrize("place", [(0, 0), (49, 23), (7, 11)])
def test_a_changed_pixel_is_seen(place: tuple[int, int]) -> None:
    assert checksum(changed(DATA.train, "images", place), DATA.test) != WHOLE


@pytest.mark.parametrize("place", [(0,), (19,)])
def test_a_changed_label_is_seen(place: tuple[int]) -> None:
    assert checksum(DATA.train, changed(DATA.test, "labels", place)) != WHOLE


def test_labels_that_change_places_are_seen() -> None:
    labels = DATA.train.labels.clone()
    other = int((labels != labels[0]).nonzero()[0])
    labels[[0, other]] = labels[[other, 0]]
    assert checksum(Split(DATA.train.images, labels), DATA.test) != WHOLE


def test_an_image_that_moves_from_training_to_testing_is_seen() -> None:
    """Also one that stays at its place among all: the last of training, before the first of testing."""
    whole = ordered(joined(DATA.train, DATA.test))
    found = {
        checksum(Split(whole.images[:n], whole.labels[:n]), Split(whole.images[n:], whole.labels[n:]))
        for n in range(1, len(whole))
    }
    assert len(found) == len(whole) - 1


def test_training_and_testing_that_change_places_are_seen() -> None:
    assert checksum(DATA.test, DATA.train) != WHOLE


def test_another_shape_and_another_number_of_classes_are_seen() -> None:
    others = [((2, 4, 3), CLASSES), ((1, 6, 4), CLASSES), (SHAPE, CLASSES + 1)]
    found = {images_checksum(DATA.train, DATA.test, shape, classes) for shape, classes in others}
    assert len(found | {WHOLE}) == 4


def test_it_is_what_the_text_says() -> None:
    """One image of one pixel in each part, by hand."""
    train, test = (Split(torch.tensor([[level]], dtype=torch.uint8), torch.tensor([level])) for level in (7, 9))
    each = [hashlib.sha256(bytes([level]) + level.to_bytes(8, "little")).digest() for level in (7, 9)]
    wanted = hashlib.sha256(b"[1, 1, 1, 10, 1, 1]" + b"".join(each)).hexdigest()
    assert images_checksum(train, test, (1, 1, 1), 10) == f"sha256:{wanted}"
