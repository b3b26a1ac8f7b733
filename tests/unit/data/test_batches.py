from __future__ import annotations

import pytest
import torch

from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset, Split, build

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-14}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE))


def plainly(dataset: Dataset, images: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return ((images.double() - dataset.mean) * dataset.inverse_deviation).to(dtype)


def test_worked_by_hand() -> None:
    # Training means 2, 5, 7 and deviations 1, 5, none; the last pixel is only centred and divided by 255.
    train = Split(torch.tensor([[1, 0, 7], [3, 10, 7]], dtype=torch.uint8), torch.tensor([1, 0]))
    test = Split(torch.tensor([[5, 0, 58]], dtype=torch.uint8), torch.tensor([1]))
    tiny = build("tiny", train, test, (1, 1, 3), 2, {"source": "digits", "description": "by hand"})
    standardiser = Standardiser(tiny, "cpu", torch.float64, rows=2)
    inputs, labels = standardiser.gather(torch.tensor([[1], [0]]))
    assert inputs.tolist() == [[[1, 1, 0]], [[-1, -1, 0]]]
    assert labels.tolist() == [[0], [1]]
    [(inputs, labels)] = standardiser.in_order("test")
    assert inputs[0].tolist() == pytest.approx([3, -1, 0.2], rel=1e-15)
    assert labels.tolist() == [1]


@DTYPES
@pytest.mark.parametrize("size", [1, 4, 5])
def test_gather_gives_each_member_its_own_images(dataset: Dataset, dtype: torch.dtype, size: int) -> None:
    generator = torch.Generator().manual_seed(2)
    indices = torch.stack([torch.randperm(50, generator=generator)[:size] for _ in range(3)])  # [K, B]
    inputs, labels = Standardiser(dataset, "cpu", dtype, rows=15).gather(indices)
    assert inputs.shape == (3, size, 24)
    assert inputs.dtype == dtype
    wanted = plainly(dataset, dataset.train.images[indices], dtype)
    torch.testing.assert_close(inputs, wanted, rtol=0, atol=TOLERANCE[dtype] * 10)
    assert torch.equal(labels, dataset.train.labels[indices])
    other = plainly(dataset, dataset.train.images[indices.flip(0)], dtype)
    assert (inputs - other).abs().max() > 0.1  # the control: members swapped would be noticed


def test_batches_reuse_their_memory(dataset: Dataset) -> None:
    standardiser = Standardiser(dataset, "cpu", torch.float32, rows=6)
    first = standardiser.gather(torch.tensor([[0, 1, 2], [3, 4, 5]]))
    addresses = [tensor.data_ptr() for tensor in first]
    short = standardiser.gather(torch.tensor([[6], [7]]))  # the last batch of an epoch
    assert [tensor.data_ptr() for tensor in short] == addresses
    assert standardiser.dataset.train.images.data_ptr() == dataset.train.images.data_ptr()


@DTYPES
@pytest.mark.parametrize("rows", [1, 7, 20, 100])
@pytest.mark.parametrize("part", ["train", "test"])
def test_in_order_gives_every_image_once(dataset: Dataset, dtype: torch.dtype, rows: int, part: str) -> None:
    split = getattr(dataset, part)
    batches = [
        (inputs.clone(), labels)
        for inputs, labels in Standardiser(dataset, "cpu", dtype, rows).in_order(part)  # type: ignore[arg-type]
    ]
    assert max(len(labels) for _, labels in batches) == min(rows, len(split))
    inputs = torch.cat([inputs for inputs, _ in batches])
    wanted = plainly(dataset, split.images, dtype)
    torch.testing.assert_close(inputs, wanted, rtol=0, atol=TOLERANCE[dtype] * 10)
    assert torch.equal(torch.cat([labels for _, labels in batches]), split.labels)


def test_only_the_training_images_are_standard(dataset: Dataset) -> None:
    standardiser = Standardiser(dataset, "cpu", torch.float64, rows=50)
    [(train, _)] = standardiser.in_order("train")
    assert train.mean(0).abs().max() < 1e-14
    assert (train.std(0, unbiased=False) - 1).abs().max() < 1e-14
    [(test, _)] = standardiser.in_order("test")
    assert test.mean(0).abs().max() > 0.1
