"""Growing and pruning a hidden width: neurogenesis and neurodegeneration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from pipeline.model.base import MLP
from pipeline.surgery.carried import Carried
from pipeline.surgery.columns import draw_columns
from pipeline.surgery.diagonalise import rotate_left

Inputs = Tensor | Iterable[Tensor]


@torch.no_grad()
def grow(
    net: MLP,
    layer: int,
    count: int,
    columns: str = "normal",
    optimiser: Optimizer | None = None,
    generator: Generator | Sequence[Generator] | None = None,
) -> None:
    """Add `count` neurons to hidden width `layer` without changing the function (METHOD section 3).

    After left-partial diagonalisation W_l gains zero rows, b_l and psi_l zeros, and W_{l+1} new columns, which
    meet only zeros until training moves them. o_l is unchanged, since the new biases are zero.

    Args:
        net: an isotropic network or an ensemble of them; changed in place.
        layer: l, 1 <= l <= L - 1.
        count: neurons to add, >= 1.
        columns: the new columns: "normal" (entries N(0, 0.01^2), the paper's), "semi-orthogonal" (unit,
            orthogonal to the existing columns and to each other where the shape allows), "combination" (random
            linear combinations of the existing columns) or "zero" (never trains: METHOD, A.3).
        optimiser: whose moments are carried along and gain zeros.
        generator: of the random columns; one per member for an ensemble. None is torch's global one.

    Raises:
        ValueError: layer, count or columns out of range, or as `diagonalise`.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    carried = Carried(net, layer, optimiser)
    _check_count(count, None, layer, carried.width)
    # Drawn before the rotation, whose basis is arbitrary in sign and where singular values repeat.
    drawn = new_columns(carried, columns, count, generator)
    rotate_left(carried)
    carried.append(drawn)
    carried.commit()


def new_columns(carried: Carried, kind: str, count: int, generator: Generator | Sequence[Generator] | None) -> Tensor:
    """Columns [*K, n_{l+1}, count] for `count` new neurons of the carried layer."""
    rows = [widths[carried.layer + 1] for widths in carried.net.member_widths]
    return draw_columns(kind, carried.next_weight, count, generator, rows)


@torch.no_grad()
def prune(
    net: MLP,
    layer: int,
    count: int,
    optimiser: Optimizer | None = None,
    inputs: Inputs | None = None,
) -> None:
    """Remove the `count` neurons of smallest singular value from hidden width `layer` (METHOD section 4).

    After left-partial diagonalisation the last rows of W_l go, with their biases b*_i and with the columns u_i
    of W_{l+1}. What the biases still did is kept:

        o_l       <- o_l + sum_i b*_i^2                    (unless intrinsic_length "none")
        psi_{l+1} <- psi_{l+1} + sum_i b*_i u_i            (compensation with psi)
        b_{l+1}   <- b_{l+1} + mean(g_l) sum_i b*_i u_i    (compensation "expectation")

    With an intrinsic length and psi, the function is unchanged exactly if the removed singular values and
    entries of psi_l are zero.

    Args:
        net: an isotropic network or an ensemble of them; changed in place.
        layer: l, 1 <= l <= L - 1. Prune several layers from the output to the input.
        count: neurons to remove, 1 <= count <= n_l - 1.
        optimiser: whose moments are carried along.
        inputs: x [N, ...] with n_0 numbers a sample, or several such batches, over which compensation
            "expectation" takes the mean of g_l; needed only there.

    Raises:
        ValueError: layer or count out of range, `inputs` missing or empty, or as `diagonalise`.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    carried = Carried(net, layer, optimiser)
    _check_count(count, carried.width - 1, layer, carried.width)
    check_inputs(net, inputs)
    rotate_left(carried)
    remove_last(carried, count, inputs)
    carried.commit()


def resize(
    net: MLP,
    layer: int,
    width: int,
    columns: str = "normal",
    optimiser: Optimizer | None = None,
    generator: Generator | Sequence[Generator] | None = None,
    inputs: Inputs | None = None,
) -> None:
    """Grow or prune hidden width `layer` to `width` neurons; a layer that has as many is not touched.

    Arguments and errors as in `grow` and `prune`.
    """
    change = width - net.widths[layer]
    if change > 0:
        grow(net, layer, change, columns, optimiser, generator)
    elif change < 0:
        prune(net, layer, -change, optimiser, inputs)


def remove_last(carried: Carried, count: int, inputs: Inputs | None) -> None:
    """Delete the last `count` neurons of the carried layer, and keep what their biases did; not yet committed."""
    net, layer = carried.net, carried.layer
    removed = carried.bias[..., -count:]  # b*, [*K, k]
    residue = (carried.next_weight[..., -count:] @ removed[..., None]).squeeze(-1)  # sum b*_i u_i, [*K, n_{l+1}]
    own, after = carried.own.tensors, f"maps.{layer}"
    length = f"activations.{layer - 1}.log_o"
    grown = torch.logaddexp(own[length], removed.square().sum(-1).log())
    own[length] = torch.where(net.has_length, grown, own[length])
    if f"{after}.psi" in own:
        own[f"{after}.psi"] = own[f"{after}.psi"] + net.has_psi[..., None] * residue
    if inputs is not None and bool(net.expects.any()):
        share = net.expects[..., None] * _mean_gain(net, layer, inputs)  # [*K, 1], of the network as it still is
        own[f"{after}.bias"] = own[f"{after}.bias"] + share * residue
    carried.delete(count)


def _mean_gain(net: MLP, layer: int, inputs: Inputs) -> Tensor:
    """The mean of g_layer over samples, [*K, 1]."""
    total, count = torch.zeros(()), 0
    for x in [inputs] if isinstance(inputs, Tensor) else inputs:
        gain = net.trace(x.flatten(1))[1][layer - 1]  # [*K, N, 1]
        assert gain is not None
        total, count = total.to(gain) + gain.sum(-2), count + gain.shape[-2]
    if count == 0:
        raise ValueError("inputs: no samples; give a tensor, or batches that can be gone through more than once")
    return total / count


def check_inputs(net: MLP, inputs: Inputs | None) -> None:
    """Raise a ValueError if pruning `net` needs inputs and there are none."""
    if inputs is None and bool(net.expects.any()):
        raise ValueError("inputs: compensation 'expectation' needs data [N, n_0] to take the mean gain over")


def _check_count(count: int, most: int | None, layer: int, width: int) -> None:
    allowed = "an integer >= 1" if most is None else f"an integer from 1 to {most}"
    if isinstance(count, bool) or not isinstance(count, int) or count < 1 or (most is not None and count > most):
        raise ValueError(f"count: {count!r} neurons of layer {layer}, which has {width}, is not {allowed}")
