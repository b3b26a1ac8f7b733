"""Standardised batches of a data set, without allocating anything per batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from pipeline.data.dataset import Dataset


class Standardiser:
    """Gives images of a data set as x = image * scale + shift, with mean 0 and deviation 1 over training.

    scale = inverse_deviation and shift = -mean * inverse_deviation. On CUDA the images live on the device; on
    CPU they stay in the memory-mapped file. Every batch is written over the one before, at the same address
    (so that a step can be captured as a CUDA graph): use a batch, or copy it, before asking for the next.
    """

    def __init__(self, dataset: Dataset, device: torch.device | str, dtype: torch.dtype, rows: int) -> None:
        """Reserve room for batches.

        Args:
            dataset: the images; to share them between standardisers on CUDA, give `dataset.to(device)`.
            device: where the batches are wanted.
            dtype: of the standardised images.
            rows: the most images ever asked for at once, K * B for K members with batches of B.
        """
        self.dataset = dataset.to(device)
        self.rows = rows
        inverse = self.dataset.inverse_deviation
        self._scale = inverse.to(dtype)  # [D]
        self._shift = (-self.dataset.mean * inverse).to(dtype)  # [D]
        self._levels = torch.empty(rows, dataset.features, dtype=torch.uint8, device=device)
        self._labels = torch.empty(rows, dtype=torch.int64, device=device)
        self._inputs = torch.empty(rows, dataset.features, dtype=dtype, device=device)

    def gather(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Training images by number, those of each member side by side.

        Args:
            indices: int64 [K, B], K * B <= rows, on the device.

        Returns:
            inputs [K, B, D] and labels int64 [K, B], both overwritten by the next batch.
        """
        members, size = indices.shape
        chosen, count = indices.reshape(-1), members * size
        split, levels, labels = self.dataset.train, self._levels[:count], self._labels[:count]
        torch.index_select(split.images, 0, chosen, out=levels)
        torch.index_select(split.labels, 0, chosen, out=labels)
        return self._standardise(levels).view(members, size, -1), labels.view(members, size)

    def in_order(self, part: Literal["train", "test"]) -> Iterator[tuple[Tensor, Tensor]]:
        """All training or all test images, in their order, at most `rows` at a time.

        Yields:
            inputs [n, D], overwritten by the next batch, and labels int64 [n].
        """
        split = self.dataset.train if part == "train" else self.dataset.test
        for levels, labels in zip(split.images.split(self.rows), split.labels.split(self.rows), strict=True):
            yield self._standardise(levels), labels

    def _standardise(self, levels: Tensor) -> Tensor:
        """Grey levels [n, D] as inputs [n, D], in the buffer."""
        inputs = self._inputs[: len(levels)]
        inputs.copy_(levels)
        return torch.addcmul(self._shift, inputs, self._scale, out=inputs)
