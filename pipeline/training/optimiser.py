"""The optimiser of a profile."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from pipeline.config import Training

# Private to torch, hence tried for; see `bound`.
KERNELS: dict[type[Optimizer], str] = {Adam: "_fused_adam_", AdamW: "_fused_adamw_"}


def make(net: nn.Module, settings: Training, momentum: float = 0.0) -> Optimizer:
    """AdamW, Adam or SGD on every parameter, with torch's fused kernels; betas and eps are torch's defaults.

    Lockstep needs no more than this: each member's loss depends on its own slice of a stacked parameter, and
    all three optimisers act on each entry alone.

    Args:
        net: a network, or an ensemble.
        settings: optimiser, learning rate and weight decay.
        momentum: mu of SGD, M <- mu M + gradient and W <- W - learning rate * M; the others take none.
    """
    kind = {"adamw": AdamW, "adam": Adam, "sgd": SGD}[settings.optimiser]
    more = {"momentum": momentum} if momentum else {}
    return kind(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True, **more)


def bound(optimiser: Optimizer) -> Callable[[], None]:
    """`optimiser.step` for the parameters, gradients and state that it has now, to be called many times.

    Adam's and AdamW's step takes most of its time, on a CPU and for small networks, in what torch does around the
    fused kernel. Here that kernel is called directly, where this torch has it and every parameter has its state,
    as it has after one ordinary step. The numbers are the same to the last bit.
    """
    kernel = KERNELS.get(type(optimiser), "")
    (group, *others) = optimiser.param_groups
    states = [optimiser.state.get(p, {}) for p in group["params"]]
    usual = group.get("fused") and not (group.get("amsgrad") or group.get("maximize") or others)
    known = all(p.grad is not None and "exp_avg" in state for p, state in zip(group["params"], states, strict=True))
    fused = getattr(torch, kernel, None)
    if fused is None or not (usual and known):
        return lambda: optimiser.step() and None
    steps, means, squares = ([state[key] for state in states] for key in ("step", "exp_avg", "exp_avg_sq"))
    parameters, gradients = list(group["params"]), [p.grad for p in group["params"]]
    beta1, beta2 = group["betas"]
    names = ("lr", "weight_decay", "eps", "amsgrad", "maximize")
    settings = {name: group[name] for name in names} | {"beta1": beta1, "beta2": beta2}

    @torch.no_grad()
    def step() -> None:
        torch._foreach_add_(steps, 1)
        fused(parameters, gradients, means, squares, [], steps, **settings)

    return step
