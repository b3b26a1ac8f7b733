"""How far the function moves with the number of neurons pruned (METHOD sections 4 and 10)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from isotropic.networks.base import MLP
from isotropic.surgery.activation_stats import Inputs
from isotropic.surgery.importance import Importance
from isotropic.surgery.modules import bare
from isotropic.surgery.widths import prune
from isotropic.training.measures import function_change


@torch.no_grad()
def pruning_curve(
    net: MLP,
    layer: int,
    counts: Sequence[int],
    x: Tensor,
    labels: Tensor,
    *,
    choice: Importance = "singular-value",
    correction: str = "none",
    inputs: Inputs | None = None,
    side: str = "left",
) -> dict[str, Tensor]:
    """The change of function after pruning each of `counts` neurons from the network as it is, which stays so.

    Args:
        net: one network or an ensemble.
        layer, side, correction, inputs: as in `prune`.
        counts: numbers of neurons to remove; 0 is allowed, and no change.
        x, labels: [N, n_0] and [N], where the change is measured. `inputs` should be other data.
        choice: as in `prune`; indices are an order [n], or [K, n], of which the first `count` are pruned.

    Returns:
        What `function_change` measures, each [len(counts), *K], in float64.

    Raises:
        ValueError, TypeError: as `prune`.
    """
    if not isinstance(counts, Iterable):
        raise TypeError(f"counts: {counts!r} is not a list of numbers of neurons, such as range(10)")
    net = bare(net)
    before, changes = net.trace(x)[0], []
    order = choice if isinstance(choice, str) else torch.as_tensor(choice)
    for count in counts:
        pruned = copy.deepcopy(net)
        for affine, original in zip(pruned.affine, net.affine, strict=True):
            affine.weight.grad = original.weight.grad
        if count != 0:
            chosen = order if isinstance(order, str) else order[..., : max(count, 0)]
            prune(
                pruned, layer, count, optimiser=None, inputs=inputs, side=side, choice=chosen, correction=correction
            )
        changes.append(function_change(before, pruned.trace(x)[0], labels))
    return {name: torch.stack([change[name] for change in changes]) for name in changes[0]}
