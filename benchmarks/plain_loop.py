"""The loop that the engine is compared with: one network, trained as users of torch write it.

A `Dataset` of PIL images, ToTensor and per-pixel normalisation, a `DataLoader` with torch's defaults (num_workers=0),
autograd, `torch.optim.AdamW`, loss and accuracy read at every step. It runs in one process with all cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from benchmarks.plan import Widths
from isotropic import IsotropicMLP
from pipeline.config import Training
from pipeline.data.dataset import Dataset, load
from pipeline.data.standardise import GREY_LEVELS


class Images(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """The training images as torchvision's data sets give them: a PIL image through transforms, and its label."""

    def __init__(self, data: Dataset) -> None:
        from torchvision import transforms  # slow to import, and only this needs it

        mean, deviation = data.mean / GREY_LEVELS, 1 / (data.inverse_deviation * GREY_LEVELS)
        mean, deviation = (t.float().view(data.shape) for t in (mean, deviation))  # [C, H, W]
        normalise = transforms.Lambda(lambda x: (x - mean) / deviation)
        self.transform = transforms.Compose([transforms.ToTensor(), normalise])
        levels = data.train.images.view(-1, *data.shape).movedim(1, -1)  # [N, H, W, C]
        self.levels = (levels.squeeze(-1) if data.shape[0] == 1 else levels).contiguous().numpy()
        self.labels = data.train.labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.levels[index])), self.labels[index]


class PlainLoop:
    """One network and its loop.

    Args:
        file: the data set.
        widths: of the network.
        training: hyperparameters.
        number: the seed of the initialisation.
    """

    def __init__(self, file: Path, widths: Widths, training: Training, number: int = 0) -> None:
        self.images = Images(load(file))
        self.batch_size = training.batch_size
        self.net = IsotropicMLP(widths, psi_decay=training.psi_decay, seed=number, flatten=True)
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
        )
        self.loss, self.correct = 0.0, 0
        self._batches = self._endless()

    def steps(self, count: int) -> None:
        """Train on the next `count` batches, epoch after epoch, shuffled in each."""
        for x, y in islice(self._batches, count):
            self._step(x, y)

    def losses(self, order: list[int]) -> list[float]:
        """Train on the images in this order; the cross-entropy before each step, in nats."""
        return [self._step(x, y) for x, y in DataLoader(self.images, self.batch_size, sampler=order)]

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from DataLoader(self.images, self.batch_size, shuffle=True)

    def _step(self, x: Tensor, y: Tensor) -> float:
        self.optimiser.zero_grad()
        z = self.net(x)
        cross_entropy = functional.cross_entropy(z, y)
        (cross_entropy + self.net.penalty()).backward()
        self.optimiser.step()
        self.loss += cross_entropy.item()
        self.correct += int((z.argmax(1) == y).sum().item())
        return cross_entropy.item()
