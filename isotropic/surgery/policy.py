"""The policy: a buffer of scaffold neurons is kept in every hidden layer, by growing and pruning."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from isotropic.axes import unfolded
from isotropic.networks.base import MLP
from isotropic.surgery.carried import Carried
from isotropic.surgery.choice import IMPORTANCES, by_gradient
from isotropic.surgery.diagonalise import left_vectors
from isotropic.surgery.over_data import Inputs, check_inputs
from isotropic.surgery.removal import remove_last
from isotropic.surgery.widths import new_columns


@torch.no_grad()
def adapt(
    net: MLP,
    *,
    threshold: float = 0.95,
    scaffold: int = 5,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    importance: str = "singular-value",
    columns: str = "normal",
    generator: Generator | None = None,
    inputs: Inputs | None = None,
) -> list[int]:
    """Grow or prune every hidden layer until `scaffold` of its neurons are unimportant (METHOD section 5).

    The scaffold of layer l is the number of its n_l neurons whose importance is at most `threshold` (theta).
    Fewer than `scaffold` (Xi): the difference is grown. More: the least important are pruned. Layers are taken
    from the output to the input, so that psi_{l+1} needs no correction of its own in the same pass. One
    decomposition a layer.

    Args:
        net: one isotropic network; changed in place.
        threshold: theta > 0, in units of the importance.
        scaffold: Xi >= 1.
        optimiser, also, unknown: as in `diagonalise`.
        importance: "singular-value", sigma_i of W_l, 0 beyond its rank; or "gradient", |dL/d sigma_i| =
            |<u_i, (dL/dW_l) v_i>| from the gradients that are in `.grad`.
        columns, generator: of new neurons, as in `grow`.
        inputs: as in `prune`, needed for compensation "expectation".

    Returns:
        The change of each hidden width 1 .. L - 1: neurons added (positive) or removed (negative).

    Raises:
        ValueError: threshold or scaffold out of range, unknown importance, an ensemble, gradients missing where
            they are needed, or as `grow` and `prune`. The layers before the one that fails are changed.
        TypeError: an optimiser whose state has no known transform.
    """
    if net.has_length.ndim > 0:
        raise ValueError("net: an ensemble's members need changes of their own; adapt each `ensemble.member(k)`")
    if not threshold > 0:
        raise ValueError(f"threshold: {threshold!r} is not greater than 0")
    if isinstance(scaffold, bool) or not isinstance(scaffold, int) or scaffold < 1:
        raise ValueError(f"scaffold: {scaffold!r} is not an integer >= 1")
    if importance not in IMPORTANCES:
        raise ValueError(f"importance: {importance!r} is not one of {', '.join(IMPORTANCES)}")
    check_inputs(net, inputs)
    gradients = [affine.weight.grad for affine in net.affine]
    changes = []
    for layer in range(net.depth - 1, 0, -1):
        carried = Carried(net, layer, optimiser, also=also, unknown=unknown)
        basis, singular_values = left_vectors(carried.weight)
        if importance == "gradient":
            ranked = by_gradient(basis, carried.weight, unfolded(_gradient(net, layer, gradients), members=0))
        else:  # a width beyond the rank counts as 0
            ranked = F.pad(singular_values, (0, carried.width - len(singular_values)))
        values, order = ranked.sort(descending=True, stable=True)
        change = scaffold - int((values <= threshold).sum())
        drawn = new_columns(carried, columns, change, generator) if change > 0 else None
        carried.rotate(basis[:, order])  # an order of neurons is a rotation too: the least important come last
        if drawn is not None:
            carried.append(change, drawn)
        elif change < 0:
            remove_last(carried, -change, inputs)
        carried.commit()
        changes.append(change)
    return changes[::-1]


def _gradient(net: MLP, layer: int, gradients: list[Tensor | None]) -> Tensor:
    """dL/dW_layer as it was before the first change."""
    gradient = gradients[layer - 1]
    if gradient is None or gradient.shape != net.affine[layer - 1].weight.shape:
        raise ValueError(f"importance 'gradient' needs maps.{layer - 1}.weight.grad; call backward before")
    return gradient
