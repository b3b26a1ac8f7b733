"""What a hidden layer does over data: the means that pruning may put in place of the neurons that it removes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from isotropic.networks.activation import widened
from isotropic.networks.base import MLP
from isotropic.surgery.finite import require_finite

Inputs = Tensor | Iterable[Tensor]
_NO_SAMPLES = "inputs: no samples; give a tensor, or batches that can be gone through more than once"


@dataclass(frozen=True)
class Activity:
    """Means over samples of a hidden layer's h_l, before its activation, in float64.

    Attributes:
        mean: E[h], [*K, n_l].
        second: E[h h^T], [*K, n_l, n_l].
        gain: E[g_l], [*K, 1].
    """

    mean: Tensor
    second: Tensor
    gain: Tensor

    def turned(self, basis: Tensor) -> Activity:
        """The same in another basis: h <- Q^T h, with Q [*K, n_l, n_l]."""
        mean = (basis.mT @ self.mean[..., None]).squeeze(-1)
        return Activity(mean, basis.mT @ self.second @ basis, self.gain)

    @property
    def covariance(self) -> Tensor:
        """E[h h^T] - E[h] E[h]^T, [*K, n_l, n_l]."""
        return self.second - self.mean[..., :, None] * self.mean[..., None, :]


def activity(net: MLP, layer: int, inputs: Inputs) -> Activity:
    """The activity of hidden layer `layer` over `inputs`, which are gone through once."""
    mean, second, gain, count = torch.zeros(()), torch.zeros(()), torch.zeros(()), 0
    for x in net.batches(inputs):
        h, _, g = net.reached(layer, x)  # [*K, N, n_l], [*K, N, 1]
        assert g is not None
        h, g = h.double(), g.double()
        mean, second, gain = mean.to(h) + h.sum(-2), second.to(h) + h.mT @ h, gain.to(h) + g.sum(-2)
        count += h.shape[-2]
    if count == 0:
        raise ValueError(_NO_SAMPLES)
    require_finite("inputs: the mean of h h^T over them", second)
    return Activity(mean / count, second / count, gain / count)


def mean_gain(net: MLP, layer: int, inputs: Inputs) -> Tensor:
    """The mean of g_layer over samples, [*K, 1]."""
    total, count = torch.zeros(()), 0
    for x in net.batches(inputs):
        gain = net.reached(layer, x)[2]  # [*K, N, 1]
        assert gain is not None
        gain = widened(gain)
        total, count = total.to(gain) + gain.sum(-2), count + gain.shape[-2]
    if count == 0:
        raise ValueError(_NO_SAMPLES)
    require_finite("inputs: the mean gain over them", total)
    return total / count


def mean_activation(net: MLP, layer: int, inputs: Inputs) -> Tensor:
    """The mean of what hidden layer `layer` passes on, a_l, over samples, [*K, n_l], in float64."""
    total, count = torch.zeros(()), 0
    for x in net.batches(inputs):
        a = net.reached(layer, x)[1]  # [*K, N, n_l]
        total, count = total.to(a.device) + a.double().sum(-2), count + a.shape[-2]
    if count == 0:
        raise ValueError(_NO_SAMPLES)
    require_finite("inputs: the mean of the activation over them", total)
    return total / count


def check_inputs(net: MLP, inputs: Inputs | None) -> None:
    """Raise a ValueError if pruning `net` needs inputs and there are none, or if it cannot use them."""
    if inputs is not None and net.has_kernels:
        raise ValueError("inputs: means over them are not known of kernels; valid is None")
    if inputs is None and net.needs_inputs:
        raise ValueError("inputs: compensation 'expectation' needs data [N, n_0] to take the mean gain over")
