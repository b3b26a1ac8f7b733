"""Deleting neurons, and keeping what they did as far as constants can (METHOD section 4)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from isotropic.networks.activation import widened
from isotropic.surgery.activation_stats import Activity, Inputs, activity, mean_activation, mean_gain
from isotropic.surgery.edit import Edit, Family


def remove_last(
    edit: Edit,
    count: int,
    inputs: Inputs | None,
    measured: Activity | None = None,
    predicted: Tensor | None = None,
) -> None:
    """Delete the last `count` neurons of the carried layer, and keep what they did; not yet committed.

    The removed h_i are replaced by constants: by their biases b*_i, so that o gains b*_i^2, or, where their activity
    was measured (in the basis in which they are deleted), by E[h_i], and o gains E[h_i^2]. For a neuron without
    incoming weights and psi both are the same. With `predicted`, P [*K, count, n - count], P h_kept stands for them
    in the linear term, and the constant is that of h_i - P h_kept. Networks that change alongside keep what their
    own neurons did. What has no o, psi or bias to keep something in does not keep it.

    Raises:
        ValueError: compensation "expectation" without a bias to correct, or a prediction through a normaliser.
    """
    for family in edit.networks:
        own = measured
        if own is not None and family is not edit.own and inputs is not None:
            own = activity(family.net, edit.layer, inputs)
            own = own if edit.basis is None else own.turned(edit.basis)
        _compensate(edit, family, count, inputs, own, predicted)
    edit.delete(count)


def _compensate(
    edit: Edit,
    family: Family,
    count: int,
    inputs: Inputs | None,
    measured: Activity | None,
    predicted: Tensor | None,
) -> None:
    """Let o, psi and the next bias of one of the networks keep what its last `count` neurons did."""
    net, own, layer, after = family.net, family.tensors, edit.layer, f"maps.{edit.layer}"
    weight = widened(own[f"{after}.weight"])
    constants, squares = _constants(widened(edit.bias_of(family)), count, measured)
    removed = constants[..., -count:]
    if predicted is not None:
        p = predicted.to(removed)
        removed = removed - (p @ constants[..., :-count, None]).squeeze(-1)
    residue = (weight[..., -count:] @ removed[..., None]).squeeze(-1)  # sum b*_i u_i, [*K, n_{l+1}]
    if f"{after}.psi" in own:
        own[f"{after}.psi"] = _sum(own[f"{after}.psi"], net.has_psi[..., None] * residue)
    if inputs is not None and bool(net.expects.any()):
        if f"{after}.bias" not in own:
            raise ValueError(f"compensation: 'expectation' corrects maps.{layer}.bias, which this network has not")
        if hasattr(net, "normalisers"):
            residue = _normalised_residue(family, layer, count, inputs)
            share = net.expects[..., None].to(residue)
        else:
            gain = mean_gain(net, layer, inputs) if measured is None else measured.gain.to(residue)
            share = net.expects[..., None] * gain  # [*K, 1], of the network as it still is
        own[f"{after}.bias"] = _sum(own[f"{after}.bias"], share * residue)
    length = f"activations.{layer - 1}.log_o"
    if length in own:
        grown = torch.logaddexp(widened(own[length]), squares.log())
        own[length] = torch.where(net.has_length, grown.to(own[length].dtype), own[length])
    if predicted is not None:  # the moments of the kept columns stay: their gradient is d h_kept^T, before and after
        if hasattr(net, "normalisers"):
            raise ValueError("correction: 'linear' is not known behind a normaliser; 'none' or 'isometric'")
        kept, gone = weight.split([weight.shape[-1] - count, count], dim=-1)
        own[f"{after}.weight"] = torch.cat([kept + gone @ p, gone], dim=-1).to(own[f"{after}.weight"].dtype)


def _sum(t: Tensor, more: Tensor) -> Tensor:
    """Rounded once to the dtype of `t`: of half precisions, whose squares overflow, all here is in float32."""
    return (t + more).to(t.dtype)


def _normalised_residue(family: Family, layer: int, count: int, inputs: Inputs) -> Tensor:
    """sum of E[N_l(g h)_i] u_i over the last `count` neurons, [n_{l+1}], in the basis in which they are deleted.

    Behind a normaliser a constant b*_i is no longer passed on as g b*_i (derived here), but its mean can be taken.
    """
    turned = copy.deepcopy(family.net)
    turned.assign(family.tensors)
    mean = mean_activation(turned, layer, inputs)[..., -count:]
    gone = widened(family.tensors[f"maps.{layer}.weight"])[..., -count:]
    return (gone @ mean[..., None].to(gone)).squeeze(-1)


def _constants(bias: Tensor, count: int, measured: Activity | None) -> tuple[Tensor, Tensor]:
    """The constant part of each neuron, [*K, n], and the squares of those to be removed, summed, [*K]."""
    if measured is None:
        return bias, bias[..., -count:].square().sum(-1)
    squares = measured.second.diagonal(dim1=-2, dim2=-1)[..., -count:].sum(-1)
    return measured.mean.to(bias), squares.to(bias)
