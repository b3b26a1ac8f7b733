"""Which neurons of a hidden width are pruned: a basis in which they come last."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from isotropic.axes import stacked, unfolded
from isotropic.surgery.amounts import Amount
from isotropic.surgery.backward import right_vectors
from isotropic.surgery.diagonalise import left_vectors
from isotropic.surgery.edit import Edit

IMPORTANCES = ("singular-value", "gradient")
Importance = str | Sequence[int] | Tensor


def pruning_basis(edit: Edit, side: str, choice: Importance, amount: Amount) -> tuple[Tensor, Tensor]:
    """Q [*K, n, n], and the importances [*K, count] of the neurons to be pruned: the last of the width turned by it.

    Args:
        edit: with its hidden width l.
        side: whose map's singular directions the neurons are: "left", W_l's, or "right", W_{l+1}'s.
        choice: "singular-value", the least go; "gradient", those of least |dL/d sigma| go, by `.grad`; or the
            indices of neurons as they stand, [count], or [K, count] for each member of an ensemble its own.
        amount: how many, none included.

    Both are in float64, the importances descending. Those of neurons chosen by indices are the lengths of their
    weights in that map, which in a diagonalised one are its singular values.
    """
    if not isinstance(choice, str):
        return _chosen(edit, side, choice, amount)
    if choice not in IMPORTANCES:
        raise ValueError(f"choice: {choice!r} is not one of {', '.join(IMPORTANCES)}, nor indices of neurons")
    if not amount.by_importance:  # refused before anything is computed
        amount.neurons(edit.layer, edit.width)
    basis, importances = ranked(edit, side, choice)
    count = amount.neurons(edit.layer, edit.width, importances)
    return basis, importances[..., edit.width - count :]


def ranked(edit: Edit, side: str, choice: str) -> tuple[Tensor, Tensor]:
    """A basis Q [*K, n, n] of the carried width and the importances [*K, n] in it, which descend, in float64.

    Args:
        edit, side: as for `pruning_basis`.
        choice: one of `IMPORTANCES`. A width beyond the rank has singular values of 0.
    """
    basis, values = left_vectors(edit.weight) if side == "left" else right_vectors(edit)
    if choice == "singular-value":
        return basis, F.pad(values, (0, edit.width - values.shape[-1]))
    index = edit.layer - 1 if side == "left" else edit.layer
    weight, gradient = edit.own.tensors[f"maps.{index}.weight"], edit.net.affine[index].weight.grad
    if gradient is None or gradient.shape != weight.shape:
        raise ValueError(f"importance 'gradient' needs maps.{index}.weight.grad; call backward before")
    members = len(edit.lead)
    weight, gradient = unfolded(weight, members), unfolded(gradient, members)
    transposed = (weight.mT, gradient.mT) if side == "right" else (weight, gradient)
    importances, order = by_gradient(basis, *transposed).sort(descending=True, stable=True)
    return torch.take_along_dim(basis, order[..., None, :], -1), importances


def by_gradient(basis: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    """|dL/d sigma_i| = |<u_i, G v_i>| for each neuron [*K, n], in the order of the basis U [*K, n, n], in float64."""
    directions = F.normalize(basis.mT @ weight.double(), dim=-1)  # v_i^T; 0 where sigma_i is 0
    return ((basis.mT @ gradient.double()) * directions).sum(-1).abs()


def _chosen(edit: Edit, side: str, choice: Sequence[int] | Tensor, amount: Amount) -> tuple[Tensor, Tensor]:
    """As `pruning_basis`, for neurons as they stand."""
    if amount.by_importance:
        raise ValueError(
            f"{amount.kind}: {amount.value!r} of neurons chosen by indices; valid is count, to or fraction"
        )
    count = amount.neurons(edit.layer, edit.width)
    basis = _to_the_end(edit, choice, count)
    weight = edit.weight if side == "left" else stacked(edit.next_weight, len(edit.lead)).mT
    lengths = (basis[..., edit.width - count :].mT @ weight.double()).norm(dim=-1)
    return basis, lengths.sort(descending=True).values


def _to_the_end(edit: Edit, choice: Sequence[int] | Tensor, count: int) -> Tensor:
    """The permutation that puts the chosen neurons last, the others keeping their order."""
    n, members = edit.width, edit.lead
    chosen = _indices(choice).cpu()  # from where it mostly comes: to check it there, no device is asked
    choice = choice.tolist() if isinstance(choice, Tensor) else choice  # to be shown on one line
    if chosen.shape not in {(count,), (*members, count)}:
        raise ValueError(f"choice: {choice!r} is not {count} neurons of layer {edit.layer}")
    chosen = chosen.expand(*members, count)
    if bool(((chosen < 0) | (chosen >= n)).any()) or bool((chosen.sort(-1).values.diff(dim=-1) == 0).any()):
        raise ValueError(f"choice: {choice!r} is not {count} different neurons from 0 to {n - 1}")
    chosen = chosen.to(edit.weight.device)
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
