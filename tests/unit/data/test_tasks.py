"""Tasks: every sample in its own block, zeros elsewhere, and data sets of one length."""

from __future__ import annotations

import pytest
import torch

from pipeline.data.dataset import Dataset, Split, build
from pipeline.data.tasks import Tasks, cut


def made(name: str, features: int, classes: int, train: int, test: int) -> Dataset:
    draw = torch.Generator().manual_seed(features)

    def split(count: int) -> Split:
        images = torch.randint(0, 256, (count, features), dtype=torch.uint8, generator=draw)
        return Split(images, torch.arange(count) * classes // count)  # in the order of the classes

    return build(name, split(train), split(test), (1, 1, features), classes, {"source": "noise"})


@pytest.fixture
def data() -> list[Dataset]:
    """Images and classes of different number and size."""
    return [made("a", 4, 2, 20, 8), made("b", 6, 5, 30, 9), made("c", 3, 3, 25, 1500)]


def standardised(data: Dataset, images: torch.Tensor) -> torch.Tensor:
    return (images.double() - data.mean) * data.inverse_deviation


def test_blocks_lie_one_after_the_other(data: list[Dataset]) -> None:
    tasks = Tasks(data, "cpu", torch.float64, rows=8)
    assert tasks.inputs == [slice(0, 4), slice(4, 10), slice(10, 13)]
    assert tasks.labels == [slice(0, 2), slice(2, 7), slice(7, 10)]
    assert tasks.features == 13


@pytest.mark.parametrize("active", [[0], [0, 2], [0, 1, 2]])
def test_a_batch_has_rows_of_every_task_in_its_block(data: list[Dataset], active: list[int]) -> None:
    tasks = Tasks(data, "cpu", torch.float64, rows=8)
    x, y = tasks.gather(
        [torch.stack([torch.arange(k + 4, k + 8) for k in range(2)]) if t in active else None for t in range(3)]
    )
    assert len(x) == len(active) and y.shape == (2, 4 * len(active))
    for place, task in enumerate(active):
        for k in range(2):
            chosen = slice(k + 4, k + 8)
            assert torch.allclose(x[place][k], standardised(data[task], data[task].train.images[chosen]), atol=1e-12)
            assert torch.equal(y[k, 4 * place : 4 * place + 4], data[task].train.labels[chosen])


def test_test_images_come_in_order(data: list[Dataset]) -> None:
    tasks = Tasks(data, "cpu", torch.float64, rows=5000)
    x = torch.cat([some.clone() for some in tasks.test(2)])
    assert torch.allclose(x, standardised(data[2], data[2].test.images), atol=1e-12)


def test_cut_to_the_shortest(data: list[Dataset]) -> None:
    short = cut(data, None, None, ("x",))
    assert [(len(each.train), len(each.test)) for each in short] == [(20, 8)] * 3
    assert torch.equal(short[0].train.images, data[0].train.images)
    assert torch.equal(short[1].mean, data[1].mean)
    assert short[1].train.labels.unique().numel() == 5, "every class is left"
    rows = {tuple(row) for row in data[1].train.images.tolist()}
    assert all(tuple(row) in rows for row in short[1].train.images.tolist())
    assert torch.equal(short[1].train.images, cut(data, None, None, ("x",))[1].train.images)
    assert not torch.equal(short[1].train.images, cut(data, None, None, ("y",))[1].train.images)


def test_cut_further(data: list[Dataset]) -> None:
    assert [(len(each.train), len(each.test)) for each in cut(data, 7, 1000, ("x",))] == [(7, 8)] * 3
