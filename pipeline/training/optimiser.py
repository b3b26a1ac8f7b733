"""The optimiser of a profile."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from isotropic.training.step import KERNELS
from pipeline import config
from pipeline.config import Training

KINDS: dict[config.Optimiser, Callable[..., Optimizer]] = {"adamw": AdamW, "adam": Adam, "sgd": SGD}


def make(net: nn.Module, settings: Training, momentum: float = 0.0) -> Optimizer:
    """AdamW, Adam or SGD on every parameter, with torch's fused kernels; betas and eps are torch's defaults.

    Adam's moments are there from the start, zero, as torch makes them in its first step: all steps can be `bound`.

    Lockstep needs no more than this: each member's loss depends on its own slice of a stacked parameter, and
    all three optimisers act on each entry alone.

    Args:
        net: a network, or an ensemble.
        settings: optimiser, learning rate and weight decay.
        momentum: mu of SGD, M <- mu M + gradient and W <- W - learning rate * M; the others take none.
    """
    kind = KINDS[settings.optimiser]
    more = {"momentum": momentum} if momentum else {}
    _without_compiler()
    made = kind(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True, **more)
    for p in net.parameters() if type(made) in KERNELS else ():
        count = torch.zeros((), dtype=torch.float32, device=p.device)
        made.state[p] = {"step": count, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
    return made


def _without_compiler() -> None:
    """Have torch not import its compiler, a second in every worker, to say that it must not compile this method.

    Private to torch (`torch._compile`), hence tried for: where it is otherwise, nothing comes of it.
    """
    method = getattr(Optimizer.add_param_group, "__wrapped__", None)
    if method is not None:
        vars(method).setdefault("__dynamo_disable", method)
