"""Changes in whatever mode of autograd they are called: what they make is trained afterwards."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from isotropic_testing import loss, network
from torch import Tensor
from torch.optim import AdamW, Optimizer

import isotropic
from isotropic import IsotropicMLP
from isotropic.surgery.joint import annealing

CHANGES: dict[str, Callable[[Any, Optimizer], object]] = {
    "grow": lambda net, own: isotropic.grow(net, 1, 2, optimiser=own),
    "grow, right": lambda net, own: isotropic.grow(net, 2, 2, side="right", optimiser=own),
    "prune": lambda net, own: isotropic.prune(net, 1, 2, optimiser=own),
    "prune_to": lambda net, own: isotropic.prune_to(net, 110, round_to=2, optimiser=own),
    "adapt": lambda net, own: isotropic.adapt(net, optimiser=own),
    "diagonalise": lambda net, own: isotropic.diagonalise(net, 2, "full", optimiser=own),
    "triangularise": lambda net, own: isotropic.triangularise(net, 1, optimiser=own),
    "sparsify_jointly": lambda net, own: isotropic.sparsify_jointly(net, annealing(2, 2), optimiser=own),
    "insert_layer": lambda net, own: isotropic.insert_layer(net, 1, own),
    "remove_layer": lambda net, own: isotropic.remove_layer(net, 2, optimiser=own),
    "load_state_dict": lambda net, own: net.load_state_dict(
        network([6, 9, 5, 5, 4], dtype=torch.float32).state_dict()
    ),
}
MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


def begun() -> tuple[IsotropicMLP, Optimizer]:
    net = network([6, 7, 5, 4], dtype=torch.float32)  # which autocast would round
    isotropic.insert_layer(net, 2)
    optimiser = AdamW(net.parameters())
    loss(net).backward()
    optimiser.step()
    return net, optimiser


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_any_mode_is_the_same_and_trains_afterwards(change: str, mode: str) -> None:
    net, optimiser = begun()
    alone, its_own = begun()
    torch.manual_seed(0)
    with MODES[mode]():
        CHANGES[change](net, optimiser)
    torch.manual_seed(0)
    CHANGES[change](alone, its_own)
    expected: dict[str, Tensor] = copy.deepcopy(alone.state_dict())
    assert all(torch.equal(t, expected[name]) for name, t in net.state_dict().items())
    if change == "load_state_dict":
        optimiser = AdamW(net.parameters())
    net.zero_grad()
    loss(net).backward()
    optimiser.step()
    assert all(p.grad is not None for p in net.parameters())
