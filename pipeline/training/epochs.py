"""Epochs of steps: one after the other on a CPU, from a captured graph on a CUDA device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Optimizer

from isotropic.networks.ensemble import Ensemble
from isotropic.training.products import multiplying
from isotropic.training.train_step import TrainStep
from pipeline.data.batches import Standardiser
from pipeline.training.checkpoint import Phase, unkept

Advance = Callable[[], None]
Capture = Callable[[Advance, int], Advance]

_WARM_UP = 3  # ordinary steps before a capture, which torch wants to have seen
_TOGETHER = 8  # steps of one launch


class Epochs:
    """Epochs of K networks, each in an order of its own; the ensemble may be changed between them.

    Args:
        ensemble, optimiser: K networks, and an optimiser on their parameters.
        batches: of the data, with room for K * batch_size images.
        batch_size: the last short batch of an epoch is kept.
        matmul: how matrices are multiplied, "float32", "tf32" or "bf16".
    """

    def __init__(
        self, ensemble: Ensemble, optimiser: Optimizer, batches: Standardiser, batch_size: int, matmul: str
    ) -> None:
        self._ensemble, self._optimiser, self._batches = ensemble, optimiser, batches
        self._size, self._matmul = batch_size, matmul
        self._steps: DeviceSteps | None = None
        self._bound: tuple[int, ...] = ()

    def __call__(self, order: Tensor, phase: Phase | None = None) -> Tensor:
        """Train on every sample once, in the order [K, N]; the mean cross-entropy of each as it went, [K].

        On a CPU the epoch is gone through in the parts of a `phase`, one a step; on a GPU it is one part.
        """
        with multiplying(self._matmul):
            if not order.is_cuda:
                return self._one_by_one(order, phase or unkept())
            if self._steps is None or self._bound != self._addresses():
                self._steps = DeviceSteps(self._train_step(), self._batches, order, self._size, captured)
            total = self._steps(order)
            self._bound = self._addresses()  # the first step gave the optimiser its state
            if phase is not None:
                phase.stepped(-(-order.shape[1] // self._size))
            return total

    def _train_step(self) -> TrainStep:
        return TrainStep(self._ensemble, self._optimiser, matmul=self._matmul)

    def _one_by_one(self, order: Tensor, phase: Phase) -> Tensor:
        train_step, total = self._train_step(), torch.zeros(len(order), dtype=torch.float64)
        for chosen in phase.parts(order.split(self._size, dim=1), total):
            x, y = self._batches.gather(chosen)  # [K, B, D], [K, B]
            total.add_(train_step(x, y), alpha=chosen.shape[1])
        return total / order.shape[1]

    def _addresses(self) -> tuple[int, ...]:
        """Where all that a step works on lies: a change of width or basis puts new tensors in their place."""
        states = [t for state in self._optimiser.state.values() for t in state.values() if isinstance(t, Tensor)]
        return tuple(t.data_ptr() for t in [*self._ensemble.tensors().values(), *states])


class DeviceSteps:
    """Steps that find their samples by a place kept on the device, so that nothing waits for the host.

    Args:
        train_step: a step.
        batches: of the data.
        order: [K, N], of its shape will be all orders.
        batch_size: B.
        capture: makes one callable of many steps, `captured` on a CUDA device.
    """

    def __init__(
        self, train_step: TrainStep, batches: Standardiser, order: Tensor, batch_size: int, capture: Capture
    ) -> None:
        self._train, self._batches, self._size, self._capture = train_step, batches, batch_size, capture
        self._order = torch.empty_like(order)
        self._place = torch.zeros((), dtype=torch.int64, device=order.device)
        self._window = torch.arange(batch_size, device=order.device)
        self._total = torch.zeros(len(order), dtype=torch.float64, device=order.device)
        self._launch: Advance | None = None

    def __call__(self, order: Tensor) -> Tensor:
        """An epoch in this order: the mean cross-entropy of each member as it went, [K]."""
        self._order.copy_(order)
        self._place.zero_()
        self._total.zero_()
        count = order.shape[1]
        left = count // self._size
        if self._launch is None and left >= _WARM_UP + _TOGETHER:
            for _ in range(_WARM_UP):
                self._advance()
            self._launch = self._capture(self._advance, _TOGETHER)
            left -= _WARM_UP
        while self._launch is not None and left >= _TOGETHER:
            self._launch()
            left -= _TOGETHER
        for _ in range(left):
            self._advance()
        if short := count % self._size:
            x, y = self._batches.gather(order[:, count - short :])
            self._total.add_(self._train(x, y), alpha=short)
        return self._total / count

    @torch.no_grad()
    def _advance(self) -> None:
        x, y = self._batches.gather(self._order.index_select(1, self._place + self._window))
        self._total.add_(self._train(x, y), alpha=self._size)
        self._place.add_(self._size)


def captured(advance: Advance, times: int) -> Advance:
    """One launch of `times` steps, captured as a CUDA graph; the capture itself takes no step."""
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(times):
            advance()
    return graph.replay
