"""Networks over data sets: logits of the test set, and samples of the training set to take means over."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from isotropic.networks.base import MLP
from pipeline.data.batches import Standardiser
from pipeline.data.dataset import Dataset

_TOGETHER = 1000  # test samples at once: enough for full speed, little memory for large images


@torch.no_grad()
def logits(net: MLP, data: Dataset) -> Tensor:
    """z [*K, N, C] over the whole test set, in the network's dtype."""
    weight = net.affine[0].weight
    samples = Standardiser(data, weight.device, weight.dtype, rows=_TOGETHER)
    return torch.cat([net.trace(x)[0] for x, _ in samples.in_order("test")], dim=-2)


class Sample:
    """Standardised training inputs, evenly spaced over the training set: about `count`, or all of it.

    Iterating gives them in batches [n, D], each overwritten by the next: all of them at once would be the largest
    tensor of a run.
    """

    def __init__(self, data: Dataset, count: int, dtype: torch.dtype) -> None:
        every = max(1, len(data.train) // count)
        self._chosen = torch.arange(0, len(data.train), every, device=data.train.labels.device)
        self._samples = Standardiser(data, self._chosen.device, dtype, rows=min(_TOGETHER, len(self._chosen)))

    def __len__(self) -> int:
        """The number of samples."""
        return len(self._chosen)

    def __iter__(self) -> Iterator[Tensor]:
        """Batches [n, D]."""
        for some in self._chosen.split(_TOGETHER):
            yield self._samples.gather(some[None])[0][0]
