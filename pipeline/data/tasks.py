"""Several data sets as the tasks of one network: each has a block of the inputs and a block of the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset, Split
from pipeline.seeds import generator

_TOGETHER = 1000  # test samples at once


class Tasks:
    """Batches in which a sample stands in its own task's block of the inputs; elsewhere it is zero, and not stored.

    Attributes:
        data: the data sets, one a task; their images may differ in size.
        inputs, labels: each task's block of the network's inputs, and of its outputs.
    """

    def __init__(self, data: Sequence[Dataset], device: torch.device | str, dtype: torch.dtype, rows: int) -> None:
        """Reserve room for batches of `rows` samples a task, K * B for K members with batches of B."""
        self.data = [each.to(device) for each in data]
        self.inputs, self.labels = _blocks(each.features for each in data), _blocks(each.classes for each in data)
        self._parts = [Standardiser(each, device, dtype, max(rows, _TOGETHER)) for each in self.data]

    @property
    def features(self) -> int:
        """The number of inputs of all tasks."""
        return self.inputs[-1].stop

    def gather(self, indices: Sequence[Tensor | None]) -> tuple[list[Tensor], Tensor]:
        """Training images by number, of each task that is wanted.

        Args:
            indices: for each task int64 [K, B], or None if it is not wanted. Rows that no loss sees change no
                gradient, since the samples of a batch do not meet.

        Returns:
            for each task that is wanted its inputs [K, B, D_t], overwritten by the next batch; and the labels of all
            of them, [K, T * B], one task after the other, which count from 0 within each task's block.
        """
        batches = [part.gather(own) for part, own in zip(self._parts, indices, strict=True) if own is not None]
        return [x for x, _ in batches], torch.cat([y for _, y in batches], dim=1)

    def test(self, task: int) -> Iterator[Tensor]:
        """The test images of a task in their order, [n, D_t], each overwritten by the next."""
        for images, _ in self._parts[task].in_order("test"):
            yield from images.split(_TOGETHER)


def cut(data: Sequence[Dataset], train: int | None, test: int | None, name: Sequence[object]) -> list[Dataset]:
    """The data sets at equal lengths: those of the shortest, or `train` and `test` images if these are fewer.

    What is left is a random choice, seeded by `name` and the data set's own, since files are often in the order of
    their classes. The standardisation remains that of the whole training set.
    """
    lengths = {
        part: min([len(getattr(each, part)) for each in data] + ([most] if most is not None else []))
        for part, most in (("train", train), ("test", test))
    }

    def shortened(each: Dataset, part: str) -> Split:
        split: Split = getattr(each, part)
        if len(split) == lengths[part]:
            return split
        draw = torch.randperm(len(split), generator=generator(*name, "cut", each.name, part))
        chosen = draw[: lengths[part]].sort().values.to(split.labels.device)
        return Split(split.images[chosen], split.labels[chosen])

    return [replace(each, train=shortened(each, "train"), test=shortened(each, "test")) for each in data]


def _blocks(sizes: Iterator[int]) -> list[slice]:
    return [slice(start, stop) for start, stop in pairwise(accumulate(sizes, initial=0))]
