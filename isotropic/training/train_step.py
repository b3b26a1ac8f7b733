"""A step of training: the gradient of a batch, and what the optimiser makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor
from torch.optim import Optimizer

from isotropic.networks.ensemble import Ensemble
from isotropic.training.gradient import Backward, Loss, cross_entropy
from isotropic.training.step import alone, bound


class TrainStep:
    """Steps of K networks in lockstep, each on a batch of its own.

    Bound to the tensors that the ensemble and the optimiser have now: make another once they were changed.

    Args:
        ensemble, optimiser: K networks, and an optimiser on their parameters.
        loss_at, blocks, matmul: the loss at the logits, the blocks of the inputs, and how matrices are multiplied, as
            in `Backward`.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        optimiser: Optimizer,
        loss_at: Loss = cross_entropy,
        blocks: Sequence[slice] | None = None,
        matmul: str = "float32",
    ) -> None:
        self._ensemble = ensemble
        self._backward = Backward(ensemble, loss_at, blocks, matmul, partial(alone, optimiser))
        self._step = bound(optimiser, self._backward.apart)

    def __call__(self, x: Tensor | Sequence[Tensor], y: Tensor) -> Tensor:
        """One step on inputs x [K, B, n_0] (with blocks a list) and labels y [K, B]: the loss before it, [K]."""
        loss = self._backward(x, y)
        with self._ensemble.held():
            self._step()
        return loss
