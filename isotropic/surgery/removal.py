"""Deleting neurons, and keeping what they did as far as constants can (METHOD section 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropic.surgery.carried import Carried
from isotropic.surgery.over_data import Activity, Inputs, mean_gain


def remove_last(
    carried: Carried,
    count: int,
    inputs: Inputs | None,
    measured: Activity | None = None,
    predicted: Tensor | None = None,
) -> None:
    """Delete the last `count` neurons of the carried layer, and keep what they did; not yet committed.

    The removed h_i are replaced by constants: by their biases b*_i, so that o gains b*_i^2, or, where their activity
    was measured (in the basis in which they are deleted), by E[h_i], and o gains E[h_i^2]. For a neuron without
    incoming weights and psi both are the same. With `predicted`, P [*K, count, n - count], P h_kept stands for them
    in the linear term, and the constant is that of h_i - P h_kept.
    """
    net, layer = carried.net, carried.layer
    constants, squares = _constants(carried, count, measured)
    removed = constants[..., -count:]
    if predicted is not None:
        p = predicted.to(removed)
        removed = removed - (p @ constants[..., :-count, None]).squeeze(-1)
    residue = (carried.next_weight[..., -count:] @ removed[..., None]).squeeze(-1)  # sum b*_i u_i, [*K, n_{l+1}]
    own, after = carried.own.tensors, f"maps.{layer}"
    length = f"activations.{layer - 1}.log_o"
    grown = torch.logaddexp(own[length], squares.log())
    own[length] = torch.where(net.has_length, grown, own[length])
    if f"{after}.psi" in own:
        own[f"{after}.psi"] = own[f"{after}.psi"] + net.has_psi[..., None] * residue
    if inputs is not None and bool(net.expects.any()):
        gain = mean_gain(net, layer, inputs) if measured is None else measured.gain.to(residue)
        share = net.expects[..., None] * gain  # [*K, 1], of the network as it still is
        own[f"{after}.bias"] = own[f"{after}.bias"] + share * residue
    if predicted is not None:  # the moments of the kept columns stay: their gradient is d h_kept^T, before and after
        kept, gone = carried.next_weight.split([carried.width - count, count], dim=-1)
        own[f"{after}.weight"] = torch.cat([kept + gone @ p, gone], dim=-1)
    carried.delete(count)


def _constants(carried: Carried, count: int, measured: Activity | None) -> tuple[Tensor, Tensor]:
    """The constant part of each neuron, [*K, n], and the squares of those to be removed, summed, [*K]."""
    if measured is None:
        return carried.bias, carried.bias[..., -count:].square().sum(-1)
    squares = measured.second.diagonal(dim1=-2, dim2=-1)[..., -count:].sum(-1)
    return measured.mean.to(carried.bias), squares.to(carried.bias)
