"""What is refused: one clear line, and network and optimiser as they were, bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import OPTIMISERS, network, train
from torch.optim import Optimizer

from isotropic import IsotropicMLP
from isotropic.networks.base import MLP

WIDTHS = [5, 4, 6, 3]
Call = Callable[[MLP, Optimizer], object]


def begun(
    make: Callable[..., Optimizer] = OPTIMISERS["adamw"], compensation: str = "trainable+decay"
) -> tuple[IsotropicMLP, Optimizer]:
    net = network(WIDTHS, compensation=compensation)
    optimiser = make(net.parameters())
    train(net, optimiser, 2)
    return net, optimiser


def everything(net: MLP, optimiser: Optimizer) -> dict[str, object]:
    """All numbers as bytes, and which objects hold them; NaN equals itself as bytes."""
    found: dict[str, object] = {"state": {name: t.numpy().tobytes() for name, t in net.tensors().items()}}
    found["parameters"] = {name: id(p) for name, p in net.named_parameters()}
    found["groups"] = [[id(p) for p in group["params"]] for group in optimiser.param_groups]
    found["moments"] = {
        (id(p), name): t.detach().numpy().tobytes() if isinstance(t, torch.Tensor) else t
        for p, state in optimiser.state.items()
        for name, t in state.items()
    }
    return found


def assert_refused(
    net: MLP, optimiser: Optimizer, call: Call, words: str, kind: type[Exception] = ValueError
) -> None:
    before = everything(net, optimiser)
    assert before["moments"]
    with pytest.raises(kind) as caught:
        call(net, optimiser)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert everything(net, optimiser) == before
