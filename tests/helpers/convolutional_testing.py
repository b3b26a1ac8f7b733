"""What tests of convolutional networks share: networks with nothing left at zero, and steps of descent."""

from __future__ import annotations

import torch
from isotropic_testing import normal
from torch import Tensor, nn
from torch.optim import Optimizer

from isotropic import IsotropicConvNet

IMAGE, CHANNELS, CLASSES = (2, 5, 4), [6, 7], 3
STRIDES = [1, 2]
LAYERS = [1, 2]


def convnet(
    intrinsic_length: str = "trainable",
    compensation: str = "trainable+decay",
    stride: int = 1,
    kernel: int = 3,
    dtype: torch.dtype = torch.float64,
) -> IsotropicConvNet:
    """As if trained: biases, psi and o far from their initial values, singular values all different."""
    net = IsotropicConvNet(
        IMAGE,
        CHANNELS,
        CLASSES,
        kernel,
        stride,
        intrinsic_length=intrinsic_length,
        compensation=compensation,
        seed=0,
        dtype=dtype,
    )
    change = {}
    for i, (name, t) in enumerate(net.tensors().items()):
        noise = normal(*t.shape, seed=i, dtype=dtype)
        if not name.endswith("log_o"):
            change[name] = t + 0.3 * noise
        elif intrinsic_length != "none":
            change[name] = 0.5 * noise
    net.assign(change)
    return net


def images(net: IsotropicConvNet, rows: int = 12, seed: int = 99) -> Tensor:
    """x [rows, C, H, W] of the network's dtype."""
    return normal(rows, *net.image, seed=seed, dtype=net.affine[0].weight.dtype)


def train(net: IsotropicConvNet, optimiser: Optimizer, steps: int, first: int = 0) -> None:
    """`steps` steps of descent on random labels, each on data of its own: those of step `first`, `first` + 1, ..."""
    for step in range(first, first + steps):
        optimiser.zero_grad()
        logits = net(images(net, seed=step))
        loss = nn.functional.cross_entropy(logits, torch.arange(len(logits)) % CLASSES) + net.penalty()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def unfolded(net: IsotropicConvNet, layer: int) -> Tensor:
    """W_l as [n_l, P n_{l-1}]."""
    weight = net.affine[layer - 1].weight.detach()
    return torch.stack([weight[..., row, :].flatten() for row in range(weight.shape[-2])])
