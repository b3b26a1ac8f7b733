"""Which neurons of a hidden width are pruned: a basis in which they come last."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from isotropic.axes import unfolded
from isotropic.surgery.backward import right_vectors
from isotropic.surgery.carried import Carried
from isotropic.surgery.diagonalise import left_vectors

IMPORTANCES = ("singular-value", "gradient")
Choice = str | Sequence[int] | Tensor


def pruning_basis(carried: Carried, side: str, choice: Choice, count: int) -> Tensor:
    """Q [*K, n, n], in float64: the `count` neurons to be pruned are the last of the carried width turned by it.

    Args:
        carried: with its hidden width l.
        side: whose map's singular directions the neurons are: "left", W_l's, or "right", W_{l+1}'s.
        choice: "singular-value", the least go; "gradient", those of least |dL/d sigma| go, by `.grad`; or the
            indices of neurons as they stand, [count], or [K, count] for each member of an ensemble its own.
        count: how many, already checked.
    """
    if not isinstance(choice, str):
        return _to_the_end(carried, choice, count)
    if choice not in IMPORTANCES:
        raise ValueError(f"choice: {choice!r} is not one of {', '.join(IMPORTANCES)}, nor indices of neurons")
    basis = (left_vectors(carried.weight) if side == "left" else right_vectors(carried))[0]
    if choice == "singular-value":
        return basis
    index = carried.layer - 1 if side == "left" else carried.layer
    weight, gradient = carried.own.tensors[f"maps.{index}.weight"], carried.net.affine[index].weight.grad
    if gradient is None or gradient.shape != weight.shape:
        raise ValueError(f"importance 'gradient' needs maps.{index}.weight.grad; call backward before")
    members = len(carried.lead)
    weight, gradient = unfolded(weight, members), unfolded(gradient, members)
    transposed = (weight.mT, gradient.mT) if side == "right" else (weight, gradient)
    order = by_gradient(basis, *transposed).sort(descending=True, stable=True).indices
    return torch.take_along_dim(basis, order[..., None, :], -1)


def by_gradient(basis: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    """|dL/d sigma_i| = |<u_i, G v_i>| for each neuron [*K, n], in the order of the basis U [*K, n, n], in float64."""
    directions = F.normalize(basis.mT @ weight.double(), dim=-1)  # v_i^T; 0 where sigma_i is 0
    return ((basis.mT @ gradient.double()) * directions).sum(-1).abs()


def _to_the_end(carried: Carried, choice: Sequence[int] | Tensor, count: int) -> Tensor:
    """The permutation that puts the chosen neurons last, the others keeping their order."""
    n, members = carried.width, carried.lead
    chosen = _indices(choice).cpu()  # from where it mostly comes: to check it there, no device is asked
    choice = choice.tolist() if isinstance(choice, Tensor) else choice  # to be shown on one line
    if chosen.shape not in {(count,), (*members, count)}:
        raise ValueError(f"choice: {choice!r} is not {count} neurons of layer {carried.layer}")
    chosen = chosen.expand(*members, count)
    if bool(((chosen < 0) | (chosen >= n)).any()) or bool((chosen.sort(-1).values.diff(dim=-1) == 0).any()):
        raise ValueError(f"choice: {choice!r} is not {count} different neurons from 0 to {n - 1}")
    chosen = chosen.to(carried.weight.device)
    kept = torch.ones(*members, n, device=chosen.device).scatter(-1, chosen, 0.0)
    order = kept.sort(dim=-1, descending=True, stable=True).indices  # [*K, n]
    return F.one_hot(order, n).mT.double()


def _indices(choice: Sequence[int] | Tensor) -> Tensor:
    """Integers as a tensor; anything else as an empty one, which fits no count."""
    try:
        chosen = torch.as_tensor(choice)
    except (TypeError, ValueError, RuntimeError):
        return torch.empty(0)
    return chosen if chosen.dtype == torch.int64 else torch.empty(0)
