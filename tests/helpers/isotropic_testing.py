"""What the tests share: one comparison that says how large the error is, and networks with nothing left at zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, Optimizer, RAdam, RMSprop

from isotropic import IsotropicMLP
from isotropic.networks import treatment as treatments
from isotropic.networks.base import MLP
from isotropic.networks.treatment import COMPENSATIONS
from isotropic.surgery.edit import Edit

# The largest error of an exact operation, relative to the largest entry expected.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 5e-6}

DTYPES = list(TOLERANCE)
LENGTHS, WITH_PSI = treatments.INTRINSIC_LENGTHS, treatments.WITH_PSI
TREATMENTS = list(product(LENGTHS, COMPENSATIONS))

# The library without its extra, as `tests/unit/test_library.py` tests it, does all but this.
needs_ica = pytest.mark.skipif(not all(map(find_spec, ("sklearn", "scipy"))), reason="needs the extra ica")

Make = Callable[[Iterable[nn.Parameter]], Optimizer]

# Those that the pipeline trains with.
OPTIMISERS: dict[str, Make] = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1),
    "momentum": lambda parameters: SGD(parameters, lr=0.05, momentum=0.9),
    "nesterov+decay": lambda parameters: SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda parameters: Adam(parameters, lr=0.01),
    "adam-amsgrad": lambda parameters: Adam(parameters, lr=0.01, amsgrad=True),
    "adamw": lambda parameters: AdamW(parameters, lr=0.01, weight_decay=0.1),
    "adamw-fused": lambda parameters: AdamW(parameters, lr=0.01, weight_decay=0.1, fused=True),
}


class Schooled(AdamW):
    """A subclass, of which nothing is known but what it inherits."""


# Every kind and every state that an optimiser may carry.
KINDS: dict[str, Make] = OPTIMISERS | {
    "sgd-dampened": lambda parameters: SGD(parameters, lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.01),
    "sgd-fused": lambda parameters: SGD(parameters, lr=0.05, momentum=0.9, fused=True),
    "sgd-foreach": lambda parameters: SGD(parameters, lr=0.05, momentum=0.9, foreach=True),
    "adam-foreach": lambda parameters: Adam(parameters, lr=0.01, foreach=True),
    "subclass": lambda parameters: Schooled(parameters, lr=0.01),
    "nadam": lambda parameters: NAdam(parameters, lr=0.01),
    "radam": lambda parameters: RAdam(parameters, lr=0.05),
    "adamax": lambda parameters: Adamax(parameters, lr=0.01),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=0.01),
    "rmsprop-centred": lambda parameters: RMSprop(parameters, lr=0.002, centered=True, momentum=0.5),
    "adagrad": lambda parameters: Adagrad(parameters, lr=0.05, initial_accumulator_value=0.1),
    "adagrad-fused": lambda parameters: Adagrad(parameters, lr=0.05, fused=True),
    "adadelta": lambda parameters: Adadelta(parameters, lr=1.0, eps=1e-3),
}


def error(actual: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest entry of `expected` (absolute if that is all zero)."""
    scale = expected.abs().max().item() or 1.0
    return (actual.double() - expected.double()).abs().max().item() / scale


def assert_close(actual: Tensor, expected: Tensor, what: str, slack: float = 1.0) -> None:
    """Equal up to TOLERANCE of their dtype.

    `slack` multiplies it where rounding is amplified on the way, by steps of training or by a cancellation.
    """
    actual, expected = actual.detach(), expected.detach()
    assert actual.dtype == expected.dtype, f"{what}: {actual.dtype} is not {expected.dtype}"
    assert actual.shape == expected.shape, f"{what}: {tuple(actual.shape)} is not {tuple(expected.shape)}"
    size, allowed = error(actual, expected), slack * TOLERANCE[expected.dtype]
    assert size <= allowed, f"{what}: error {size:.2e}, allowed {allowed:.2e} in {expected.dtype}"  # NaN fails too


def assert_differs(actual: Tensor, expected: Tensor, what: str, by: float) -> None:
    """The negative control: further apart than `by`, in the same measure."""
    size = error(actual.detach(), expected.detach())
    assert size >= by, f"{what}: error {size:.2e}, expected at least {by:.2e}: the property holds without its reason"


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers, the same in every dtype."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def orthogonal(n: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """A random orthogonal matrix."""
    return torch.linalg.qr(normal(n, n, seed=seed)).Q.to(dtype)


def network(
    widths: list[int],
    intrinsic_length: str = "trainable",
    compensation: str = "trainable+decay",
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> IsotropicMLP:
    """A network as if trained: biases, psi and o far from their initial values, singular values all different."""
    net = IsotropicMLP(widths, intrinsic_length=intrinsic_length, compensation=compensation, seed=seed, dtype=dtype)
    change = {}
    for i, (name, t) in enumerate(net.tensors().items()):
        noise = normal(*t.shape, seed=1000 * seed + i, dtype=dtype)
        if not name.endswith("log_o"):
            change[name] = t + 0.5 * noise
        elif intrinsic_length != "none":
            change[name] = 0.5 * noise
    net.assign(change)
    return net


def inputs(net: MLP, rows: int = 12, seed: int = 99) -> Tensor:
    """x [rows, n_0] of the network's dtype."""
    return normal(rows, net.widths[0], seed=seed, dtype=net.affine[0].weight.dtype)


def loss(net: MLP, rows: int = 12, seed: int = 99) -> Tensor:
    """Cross-entropy on random data with random labels, plus the penalty on psi; summed over members."""
    logits = net(inputs(net, rows, seed))  # [*K, B, n_L]
    labels = torch.arange(rows) % logits.shape[-1]
    members = logits.reshape(-1, *logits.shape[-2:])
    return torch.stack([nn.functional.cross_entropy(z, labels) for z in members]).sum() + net.penalty().sum()


def train(net: MLP, optimiser: Optimizer, steps: int, first: int = 0) -> None:
    """`steps` steps of descent, each on data of its own: those of step `first`, `first` + 1, ..."""
    for step in range(first, first + steps):
        optimiser.zero_grad()
        loss(net, seed=step).backward()
        optimiser.step()


def begun(widths: list[int], kind: str) -> tuple[IsotropicMLP, Optimizer]:
    """A network after two steps, so that its optimiser has moments to carry."""
    net = network(widths)
    optimiser = KINDS[kind](net.parameters())
    train(net, optimiser, 2)
    return net, optimiser


def psi(net: MLP, layer: int) -> Tensor:
    """psi_l of a map that has one, for l = 2 .. L."""
    vector = net.affine[layer - 1].psi
    assert vector is not None, f"map {layer} has no psi"
    return vector


def change_basis(net: MLP, layer: int, basis: Tensor, optimiser: Optimizer | None = None) -> None:
    """Turn hidden width `layer` by any orthogonal Q, with the machinery that the public operations use."""
    with torch.no_grad():
        edit = Edit(net, layer, optimiser)
        edit.rotate(basis)
        edit.commit()


def moments(net: MLP, optimiser: Optimizer, state: str) -> dict[str, Tensor]:
    """One kind of moment, under the names of the parameters."""
    return {name: optimiser.state[p][state] for name, p in net.named_parameters()}
