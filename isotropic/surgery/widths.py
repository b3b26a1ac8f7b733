"""Growing and pruning a hidden width: neurogenesis and neurodegeneration."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from isotropic.axes import stacked
from isotropic.changes import change
from isotropic.networks.base import MLP
from isotropic.surgery.activation_stats import Inputs, activity, check_inputs
from isotropic.surgery.amounts import Amount, Change, whole_count
from isotropic.surgery.backward import append_from_the_right, check_rows, right_vectors
from isotropic.surgery.correction import CORRECTIONS, prediction, residual_basis
from isotropic.surgery.diagonalise import hidden_width, rotate_left
from isotropic.surgery.edit import Edit
from isotropic.surgery.finite import require_finite
from isotropic.surgery.importance import Importance, pruning_basis
from isotropic.surgery.outgoing_init import OF_OTHERS, draw_columns
from isotropic.surgery.removal import remove_last

ENDS = ("left", "right")  # of a map: its output side, which forward adaptation changes, and its input side


@change
def grow(
    net: MLP,
    layer: int,
    count: int,
    *,
    basis: str | None = None,
    columns: str = "normal",
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    generator: Generator | Sequence[Generator] | None = None,
    side: str = "left",
    rows: str = "bias",
) -> Change:
    """Add `count` neurons on one side of map `layer` without changing the function (METHOD section 3).

    Left, to hidden width l: W_l gains zero rows, b_l and psi_l zeros, and W_{l+1} new columns, which meet only zeros
    until training moves them. o_l is unchanged, since the new biases are zero. This is exact in any basis, so the
    neurons that there are stay as they are, and so do their moments; with `basis` "singular" they are turned by
    left-partial diagonalisation before, as in METHOD section 3.

    Right, to hidden width l - 1: W_l gains zero columns. The rows of W_{l-1} are not free then, as they would be
    before an elementwise activation: the norm ||h_{l-1}|| sees them. What can be done is derived here from
    s = ||h||^2 + o, which must stay as it is:

        "bias"     zero rows, b*^2 = o_{l-1} / (2 count), o_{l-1} <- o_{l-1} / 2: exact. Gradient descent sees only
                   the direction of the new biases, so of several neurons grown at once one direction trains.
        "normal"   rows N(0, 0.01^2), no bias: all train; s gains ||W* x||^2, of second order in 0.01: not exact.
        "zero"     zero rows, no bias: exact, and never trains (METHOD, A.3).

    Args:
        net: an isotropic network or an ensemble of them; changed in place.
        layer: l, 1 <= l <= L - 1; for side "right" 2 <= l <= L.
        count: neurons to add, >= 1.
        basis: in which they are added. None: as it is, without a decomposition. "singular": that of the left
            singular vectors of W_l, or for side "right" the right ones, as `diagonalise` gives it.
        columns: the new columns, for side "left": "normal" (entries N(0, 0.01^2), the paper's), "semi-orthogonal"
            (unit, orthogonal to the existing columns and to each other where the shape allows), "combination"
            (random linear combinations of the existing columns) or "zero" (never trains: METHOD, A.3).
        optimiser: one, several in a list, or None: whose moments are carried along and gain zeros.
        also, unknown: as in `diagonalise`; the new columns are the same in all.
        generator: of the random numbers; one per member for an ensemble. None is torch's global one.
        side: "left", forward adaptation, or "right", backward adaptation.
        rows: for side "right": "bias", which needs an intrinsic length, "normal" or "zero".

    Returns:
        The record of the change, with nothing removed.

    Raises:
        ValueError: layer, count, basis, columns, side or rows out of range, side "right" of kernels, what is read is
            not finite (without a basis, W_{l+1} for columns made of others, and o), or as `diagonalise`.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    if basis not in (None, "singular"):
        raise ValueError(f"basis: {basis!r} is not None or 'singular'")
    changed, mixes = hidden_width(net, layer, side, ENDS), basis is not None
    edit = Edit(net, changed, optimiser, also=also, unknown=unknown, mixes=mixes)
    before, count = edit.width, check_count(count, None, edit)
    if side == "right":
        check_rows(edit, rows)
        if rows == "bias":
            length = f"activations.{edit.layer - 1}.log_o"
            for family in edit.networks:
                require_finite(length, family.tensors[length])
        if basis is not None:
            edit.rotate(right_vectors(edit)[0])
        append_from_the_right(edit, count, rows, generator)
    else:
        # Drawn before the rotation, whose basis is arbitrary in sign and where singular values repeat.
        drawn = new_columns(edit, columns, count, generator)
        if basis is not None:
            rotate_left(edit)
        edit.append(count, drawn)
    edit.commit()
    return recorded(edit, before)


def new_columns(
    edit: Edit, kind: str, count: int, generator: Generator | Sequence[Generator] | None
) -> dict[str, Tensor]:
    """Columns [*K, *P, n_{l+1}, count] of W_{l+1}, under its name, for `count` new neurons of the carried layer.

    Those of kernels are drawn as columns of all positions together, [P n_{l+1}, count].
    """
    after, name = edit.next_weight, f"maps.{edit.layer}.weight"
    if kind in OF_OTHERS:
        require_finite(name, after)
    together = stacked(after, len(edit.lead))
    positions = together.shape[-2] // after.shape[-2]
    # Without the padding of members; the next width may have changed already, and its padding has not.
    padding = [edit.net.widths[edit.layer + 1] - own[edit.layer + 1] for own in edit.net.member_widths]
    rows = [positions * (after.shape[-2] - each) for each in padding]
    drawn = draw_columns(kind, together, count, generator, rows)
    return {name: drawn.reshape(*after.shape[:-1], count)}


@change
def prune(
    net: MLP,
    layer: int,
    count: int | None = None,
    *,
    to: int | None = None,
    fraction: float | None = None,
    threshold: float | None = None,
    energy: float | None = None,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    inputs: Inputs | None = None,
    side: str = "left",
    choice: Importance = "singular-value",
    correction: str = "none",
) -> Change:
    """Remove the neurons of smallest singular value from one side of map `layer` (METHOD section 4).

    How many is said by exactly one of `count`, `to`, `fraction`, `threshold` and `energy`. Where the last three come
    to none, nothing is changed. At least one neuron stays.

    Left, from hidden width l: after left-partial diagonalisation the last rows of W_l go, with their biases b*_i
    and with the columns u_i of W_{l+1}. What the biases still did is kept:

        o_l       <- o_l + sum_i b*_i^2                    (unless intrinsic_length "none")
        psi_{l+1} <- psi_{l+1} + sum_i b*_i u_i            (compensation with psi)
        b_{l+1}   <- b_{l+1} + mean(g_l) sum_i b*_i u_i    (compensation "expectation")

    With an intrinsic length and psi, the function is unchanged exactly if the removed singular values and
    entries of psi_l are zero.

    Right, from hidden width l - 1: after right-partial diagonalisation the last columns of W_l go, sigma_i u_i, with
    their rows of W_{l-1}, b_{l-1} and psi_{l-1}, and the same is kept with l - 1 in place of l. A vanishing singular
    value is not enough here, since a removed neuron a_i = w_i x + b*_i + g psi_i still adds a_i^2 to the norm; the
    function is unchanged exactly if also w_i and psi_i are zero (derived here). Among vanishing singular values those
    of the shortest w_i, psi_i go first. Given `inputs`, the means over them stand for a removed neuron, E[a_i] for
    b*_i and E[a_i^2] for b*_i^2, which is closer where a_i varies.

    Other neurons than those of smallest singular value are pruned by `choice`. With a `correction` the kept neurons
    stand in for them, as far as they predict them in least squares, h_pruned = P h_kept + constant:

        "linear"     the pseudo-inverse as in Eqn. 18, Y = W_{l+1} S S'^T (S' S'^T)^-1 = W_{l+1} (I; P)
        "isometric"  the same and the norm ||h_l||, which Eqn. 18 leaves out (`correction.residual_basis`)

    The prediction is over inputs of the map W_l (or W_{l-1}) that are white, as in Eqn. 18, where nothing is
    predicted after left-partial diagonalisation, whichever neurons are chosen, since its rows are orthogonal; or,
    with `inputs`, over these, whose means then also stand for what is deleted. Directions that are not
    well-conditioned predict nothing (`correction.WELL_CONDITIONED`).

    Args:
        net: an isotropic network or an ensemble of them; changed in place.
        layer: l, 1 <= l <= L - 1; for side "right" 2 <= l <= L. Prune several layers from the output to the input.
        count: neurons to remove, at least 1, and fewer than there are.
        to: the width that is left, at least 1, and less than it is.
        fraction: the part of the neurons to remove, 0 <= fraction < 1; of n neurons floor(fraction n).
        threshold: >= 0; all neurons go whose singular value, or importance by `choice`, is at most this.
        energy: as many go as can while the squares of the singular values, or importances, that are kept sum to at
            least this part of all, 0 < energy <= 1. At 1 those go that are zero up to rounding.
        optimiser, also, unknown: as in `diagonalise`. What changes alongside keeps what its own biases did.
        inputs: x [N, ...] with n_0 numbers a sample, or several such batches, over which compensation
            "expectation" takes the mean of g; needed only there, and used for side "right" and by a correction.
        side: "left", forward adaptation, or "right", backward adaptation.
        choice: "singular-value"; "gradient", least |dL/d sigma_i| of W_l by its `.grad`; or the indices of as many
            neurons as go, as they stand, without diagonalisation, such as torch.randperm(n)[:count]: [count], or
            [K, count] for each member of an ensemble its own. To choose among singular directions, diagonalise
            before.
        correction: "none", "linear" or "isometric".

    Returns:
        The record of the change, with the singular values, or importances, of the neurons that went.

    Raises:
        ValueError: not exactly one amount, layer, amount, side, choice or correction out of range, members of an
            ensemble of which the amount would remove different numbers, `inputs` missing or empty, gradients missing,
            `inputs` or side "right" with kernels, or as `diagonalise`.
        TypeError: an optimiser whose state has no known transform. The network is unchanged on any error.
    """
    amount = Amount.one_of(count=count, to=to, fraction=fraction, threshold=threshold, energy=energy)
    edit = Edit(net, hidden_width(net, layer, side, ENDS), optimiser, also=also, unknown=unknown)
    check_inputs(net, inputs)
    if correction not in CORRECTIONS:
        raise ValueError(f"correction: {correction!r} is not one of {', '.join(CORRECTIONS)}")
    basis, removed = pruning_basis(edit, side, choice, amount)
    before, count = edit.width, removed.shape[-1]
    if count == 0:
        return recorded(edit, before)
    measured, predicted = None, None
    if inputs is not None and (correction != "none" or side == "right"):
        measured = activity(net, edit.layer, inputs)
    if correction != "none":
        rows = edit.weight.double()  # of white inputs, W W^T is the covariance
        covariance = rows @ rows.mT if measured is None else measured.covariance
        predicted = prediction(basis.mT @ covariance @ basis, count)
        if correction == "isometric":
            basis, predicted = basis @ residual_basis(predicted), None
    edit.rotate(basis)
    remove_last(edit, count, inputs, measured and measured.turned(basis), predicted)
    edit.commit()
    return recorded(edit, before, removed)


def recorded(edit: Edit, before: int, removed: Tensor | None = None) -> Change:
    """The record of the carried width, which had `before` neurons, and of the importances of what it lost."""
    if removed is None:
        removed = edit.next_weight.new_empty((*edit.lead, 0), dtype=torch.float64)
    return Change(edit.layer, before, edit.width, removed)


def resize(
    net: MLP,
    layer: int,
    width: int,
    *,
    basis: str | None = None,
    columns: str = "normal",
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    generator: Generator | Sequence[Generator] | None = None,
    inputs: Inputs | None = None,
) -> None:
    """Grow or prune hidden width `layer` to `width` neurons; a layer that has as many is not touched.

    Arguments and errors as in `grow` and `prune`.
    """
    change = width - net.widths[layer]
    if change > 0:
        grow(
            net,
            layer,
            change,
            basis=basis,
            columns=columns,
            optimiser=optimiser,
            also=also,
            unknown=unknown,
            generator=generator,
        )
    elif change < 0:
        prune(net, layer, -change, optimiser=optimiser, also=also, unknown=unknown, inputs=inputs)


def check_count(count: int, most: int | None, edit: Edit) -> int:
    """`count` neurons of the carried layer, from 1 to `most`, or any number for None; a ValueError for all else."""
    return whole_count(count, most, edit.layer, edit.width)
