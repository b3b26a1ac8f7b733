"""Loops in torch whose images lie standardised in memory: as autograd takes them, compiled, and K at once by vmap."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.plan import Widths
from isotropic import IsotropicMLP
from pipeline.config import Training
from pipeline.data.dataset import Dataset

Parameters = dict[str, Tensor]


class Resident:
    """All training images as float32, standardised.

    Attributes:
        x, y: [N, D] and [N].
    """

    def __init__(self, data: Dataset) -> None:
        self.x = data.train.images.float()
        self.x.sub_(data.mean.float()).mul_(data.inverse_deviation.float())
        self.y = data.train.labels.clone()

    def orders(self, members: int, size: int) -> Iterator[Tensor]:
        """Which samples are in each batch, [K, B], epoch after epoch, shuffled in each; its short batch is left."""
        while True:
            order = torch.stack([torch.randperm(len(self.y)) for _ in range(members)])
            yield from (some for some in order.split(size, dim=1) if some.shape[1] == size)


def loss(p: Parameters, x: Tensor, y: Tensor, psi_decay: float) -> tuple[Tensor, Tensor]:
    """One isotropic network as a user writes it: what is descended on x [B, D], y [B], and the cross-entropy."""
    h, penalty = functional.linear(x, p["maps.0.weight"], p["maps.0.bias"]), torch.zeros(())
    for layer in range(1, sum(name.endswith("weight") for name in p)):
        r = (h.square().sum(-1, keepdim=True) + p[f"activations.{layer - 1}.log_o"].exp()).sqrt()
        g, psi = r.tanh() / r, p[f"maps.{layer}.psi"]
        h = functional.linear(g * h, p[f"maps.{layer}.weight"], p[f"maps.{layer}.bias"]) + g * psi
        penalty = penalty + psi.square().sum()
    cross_entropy = functional.cross_entropy(h, y)
    return cross_entropy + psi_decay * penalty, cross_entropy.detach()


class Loop:
    """One network by autograd, with torch's fused AdamW; `compiled`, its forward pass and loss by torch.compile.

    Attributes:
        members: K.
    """

    def __init__(
        self, data: Resident, widths: Widths, training: Training, compiled: bool = False, number: int = 0
    ) -> None:
        self.members, self.data, self.decay = 1, data, training.psi_decay
        self.parameters: Parameters = dict(IsotropicMLP(widths, seed=number).named_parameters())
        self.optimiser = _adamw(self.parameters, training)
        self.loss = torch.compile(loss) if compiled else loss

    def step(self, order: Tensor) -> Tensor:
        """One step on the samples [1, B]: the cross-entropy before it, [1]."""
        self.optimiser.zero_grad()
        x, y = self.data.x[order[0]], self.data.y[order[0]]
        descended, cross_entropy = self.loss(self.parameters, x, y, self.decay)
        descended.backward()
        self.optimiser.step()
        return cross_entropy[None]


class Vmapped:
    """K networks: the gradient of one by torch.func, of all by vmap, stacked parameters in torch's fused AdamW.

    Attributes:
        members: K.
    """

    def __init__(self, data: Resident, widths: Widths, training: Training, members: int, number: int = 0) -> None:
        self.members, self.data = members, data
        nets = [IsotropicMLP(widths, seed=number + k) for k in range(members)]
        self.parameters: Parameters = dict(torch.func.stack_module_state(nets)[0])
        self.optimiser = _adamw(self.parameters, training)
        one = partial(loss, psi_decay=training.psi_decay)
        self.gradient = torch.func.vmap(torch.func.grad(one, has_aux=True))

    def step(self, order: Tensor) -> Tensor:
        """One step of each on its samples [K, B]: the cross-entropies before it, [K]."""
        gradients, cross_entropy = self.gradient(self.parameters, self.data.x[order], self.data.y[order])
        for name, parameter in self.parameters.items():
            parameter.grad = gradients[name]
        self.optimiser.step()
        return torch.as_tensor(cross_entropy)


def _adamw(parameters: Parameters, training: Training) -> torch.optim.AdamW:
    rate, decay = training.learning_rate, training.weight_decay
    return torch.optim.AdamW(list(parameters.values()), lr=rate, weight_decay=decay, fused=True)
