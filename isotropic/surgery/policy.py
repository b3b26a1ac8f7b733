"""The policy: a buffer of scaffold neurons is kept in every hidden layer, by growing and pruning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Generator

from isotropic.changes import change
from isotropic.integers import integer, whole
from isotropic.networks.base import MLP
from isotropic.surgery.activation_stats import Inputs, check_inputs
from isotropic.surgery.amounts import Change, real
from isotropic.surgery.edit import Edit
from isotropic.surgery.importance import IMPORTANCES, ranked
from isotropic.surgery.modules import bare
from isotropic.surgery.removal import remove_last
from isotropic.surgery.widths import new_columns, recorded

ONLY = ("prune", "grow")


@change
def adapt(
    net: MLP,
    *,
    threshold: float = 0.95,
    scaffold: int = 5,
    layers: Sequence[int] | None = None,
    most: int | None = None,
    only: str | None = None,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    importance: str = "singular-value",
    columns: str = "normal",
    generator: Generator | None = None,
    inputs: Inputs | None = None,
) -> list[Change]:
    """Grow or prune every hidden layer until `scaffold` of its neurons are unimportant (METHOD section 5).

    The scaffold of layer l is the number of its n_l neurons whose importance is at most `threshold` (theta).
    Fewer than `scaffold` (Xi): the difference is grown. More: the least important are pruned. Layers are taken
    from the output to the input, so that psi_{l+1} needs no correction of its own in the same pass. One
    decomposition a layer, whose neurons are then its singular directions, also where their number stays.

    Args:
        net: one isotropic network; changed in place.
        threshold: theta > 0, in units of the importance.
        scaffold: Xi >= 1.
        layers: those hidden layers alone, each from 1 to L - 1; None: all.
        most: the width beyond which no layer is grown; None: any. One that is wider already is pruned as others are.
        only: "prune", nothing is grown, or "grow", nothing is pruned; None: both.
        optimiser, also, unknown: as in `diagonalise`.
        importance: "singular-value", sigma_i of W_l, 0 beyond its rank; or "gradient", |dL/d sigma_i| =
            |<u_i, (dL/dW_l) v_i>| from the gradients that are in `.grad`.
        columns, generator: of new neurons, as in `grow`.
        inputs: as in `prune`, needed for compensation "expectation".

    Returns:
        The record of each of these hidden widths, 1 .. L - 1 in this order, with the importances of what was removed.

    Raises:
        ValueError: an argument out of range, unknown importance, an ensemble, gradients missing where they are
            needed, or as `grow` and `prune`.
        TypeError: an optimiser whose state has no known transform. On any error network and optimiser are unchanged:
            every layer is checked before the first is changed, and the changes are put in place together.
    """
    net = bare(net)
    if net.has_length.ndim > 0:
        raise ValueError("net: an ensemble's members need changes of their own; adapt each `ensemble.member(k)`")
    limit = real(threshold)
    if not limit > 0:
        raise ValueError(f"threshold: {threshold!r} is not greater than 0")
    wanted, most = integer("scaffold", scaffold), most if most is None else integer("most", most)
    if only is not None and only not in ONLY:
        raise ValueError(f"only: {only!r} is not one of {', '.join(ONLY)}, nor None")
    if importance not in IMPORTANCES:
        raise ValueError(f"importance: {importance!r} is not one of {', '.join(IMPORTANCES)}")
    check_inputs(net, inputs)
    edit, changes, chosen = None, [], hidden_layers(net, layers)
    for layer in reversed(chosen):  # all are checked
        if edit is None:
            edit = Edit(net, layer, optimiser, also=also, unknown=unknown)
        edit.at(layer)
    for layer in reversed(chosen):
        assert edit is not None
        basis, importances = ranked(edit.at(layer), "left", importance)
        n = edit.width
        change = _allowed(wanted - int((importances <= limit).sum()), n, most, only)
        drawn = new_columns(edit, columns, change, generator) if change > 0 else None
        edit.rotate(basis.contiguous())  # by rows; a product of columns rounds in another way
        if drawn is not None:
            edit.append(change, drawn)
        elif change < 0:
            remove_last(edit, -change, inputs)
        changes.append(recorded(edit, n, importances[n + min(change, 0) :]))
    if edit is not None:
        edit.commit()
    return changes[::-1]


def _allowed(change: int, width: int, most: int | None, only: str | None) -> int:
    """What of a wanted change of a width `most` and `only` leave."""
    if change < 0:
        return 0 if only == "grow" else change
    if only == "prune":
        return 0
    return change if most is None else min(change, max(most - width, 0))


def hidden_layers(net: MLP, layers: Sequence[int] | None) -> list[int]:
    """Hidden layers in ascending order, all of a network's for None.

    Raises:
        ValueError: one that is none of its hidden layers, or is there twice.
    """
    every = list(range(1, net.depth))
    if layers is None:
        return every
    if isinstance(layers, str) or not isinstance(layers, Iterable):
        raise ValueError(f"layers: {layers!r} is not a list of hidden layers, each of 1 to {net.depth - 1}, nor None")
    layers = list(layers)
    chosen = [whole(layer) for layer in layers]
    for layer, given in zip(chosen, layers, strict=True):
        if layer not in every:
            raise ValueError(f"layers: {given!r} is not a hidden layer of this network; of 1 to {net.depth - 1}")
        if chosen.count(layer) > 1:
            raise ValueError(f"layers: {given!r} is there twice; each once")
    return sorted(layer for layer in chosen if layer is not None)
