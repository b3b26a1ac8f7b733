"""An optimiser's step without what torch does around its fused kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer

from isotropic.successors import warn_of_replaced

# Private to torch, hence tried for; see `_kernel`.
KERNELS: dict[type[Optimizer], str] = {Adam: "_fused_adam_", AdamW: "_fused_adamw_"}

# A step of the weights [K, n_l, n_{l-1}] that it belongs to, given k -> the gradient of member k's.
Alone = Callable[[Callable[[int], Tensor]], None]


def bound(optimiser: Optimizer, apart: Sequence[Tensor] = ()) -> Callable[[], None]:
    """`optimiser.step` for the parameters, gradients and state that it has now, to be called many times.

    Adam's and AdamW's step takes most of its time, on a CPU and for small networks, in what torch does around the
    fused kernel. Here that kernel is called directly, where this torch has it and every parameter has its state,
    as `make` gives it. The numbers are the same to the last bit.

    Args:
        optimiser: of one group of parameters.
        apart: parameters without a gradient, which have a step of their own (`alone`).
    """
    warn_of_replaced(optimiser)  # as torch's own step does, which is not called
    kernel, kept = _kernel(optimiser), {id(p) for p in apart}
    parameters = [p for p in optimiser.param_groups[0]["params"] if id(p) not in kept]
    if kernel is None or any(p.grad is None for p in parameters):
        return lambda: optimiser.step() and None
    states, gradients = [optimiser.state[p] for p in parameters], [p.grad for p in parameters]
    steps, means, squares = ([state[key] for state in states] for key in ("step", "exp_avg", "exp_avg_sq"))

    @torch.no_grad()
    def step() -> None:
        torch._foreach_add_(steps, 1)
        kernel(parameters, gradients, means, squares, [], steps)

    return step


def alone(optimiser: Optimizer, weight: Tensor) -> Alone | None:
    """The part of `optimiser.step` that is of stacked weights [K, n_l, n_{l-1}], to the last bit.

    Member by member, each as soon as its gradient is there and while that is in the cache: the gradients of all
    members of a wide network would have to go to memory and back.

    Returns:
        None where the kernel cannot be called directly (`bound`), or on a layout of which members are no pieces.
    """
    kernel, state = _kernel(optimiser), optimiser.state.get(weight, {})
    if kernel is None or not state:
        return None
    stacked = [weight.detach(), state["exp_avg"], state["exp_avg_sq"]]
    if not all(t.is_contiguous() for t in stacked):
        return None
    count, members = state["step"], [[[piece] for piece in pieces] for pieces in zip(*stacked, strict=True)]

    @torch.no_grad()
    def step(gradient: Callable[[int], Tensor]) -> None:
        count.add_(1)
        for k, (own, mean, square) in enumerate(members):
            kernel(own, [gradient(k)], mean, square, [], [count])

    return step


def _kernel(optimiser: Optimizer) -> Callable[..., Any] | None:
    """The optimiser's fused kernel with its settings; None if there is none, or a parameter has no state yet."""
    (group, *others) = optimiser.param_groups
    fused = getattr(torch, KERNELS.get(type(optimiser), ""), None)
    usual = group.get("fused") and not (group.get("amsgrad") or group.get("maximize") or others)
    if fused is None or not usual or any("exp_avg" not in optimiser.state.get(p, {}) for p in group["params"]):
        return None
    names = ("lr", "weight_decay", "eps", "amsgrad", "maximize")
    beta1, beta2 = group["betas"]
    return partial(fused, **{name: group[name] for name in names}, beta1=beta1, beta2=beta2)
