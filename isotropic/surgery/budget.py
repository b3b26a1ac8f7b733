"""Pruning all hidden widths together, to a number of parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from isotropic.changes import change
from isotropic.integers import integer
from isotropic.networks.base import MLP
from isotropic.reports import counted
from isotropic.surgery.activation_stats import Inputs, check_inputs
from isotropic.surgery.amounts import Change
from isotropic.surgery.edit import Edit
from isotropic.surgery.importance import ranked
from isotropic.surgery.modules import bare
from isotropic.surgery.removal import remove_last
from isotropic.surgery.widths import recorded


@change
def prune_to(
    net: MLP,
    parameters: int,
    *,
    round_to: int = 8,
    optimiser: object = None,
    also: object = (),
    unknown: str = "error",
    inputs: Inputs | None = None,
) -> list[Change]:
    """Prune all hidden layers together until `net` has at most so many parameters, as `count` counts them.

    A layer loses neurons in blocks, each to the next multiple of `round_to` below; next goes the block of whichever
    layer has the least root mean square of sigma_i / sigma_1, its singular values in units of the layer's largest.
    Layers differ in scale, which the activation evens out: a neuron is small beside others of its own layer. On
    networks trained on digits and cut to a third this kept a lower loss than sigma_i as they are.

    Args:
        net: one isotropic network; changed in place.
        parameters: the most that are left.
        round_to: what the widths that are pruned are multiples of. No layer becomes narrower than this, and one that
            is as narrow or narrower stays as it is.
        optimiser, also, unknown: as in `diagonalise`.
        inputs: as in `prune`, needed for compensation "expectation".

    Returns:
        The record of each hidden width, 1 .. L - 1. Layers that lose none are not touched.

    Raises:
        ValueError: an argument out of range, fewer parameters than the narrowest widths have, an ensemble, or as
            `prune`.
        TypeError: an optimiser whose state has no known transform. On any error network and optimiser are unchanged.
    """
    net = bare(net)
    if net.has_length.ndim > 0:
        raise ValueError("net: an ensemble's members need widths of their own; prune each `ensemble.member(k)`")
    most, step = integer("parameters", parameters), integer("round_to", round_to)
    check_inputs(net, inputs)
    sizes = Sizes(net)
    _check_possible(sizes, most, step)
    if net.depth == 1 or sizes.parameters(net.widths) <= most:
        return [Change(layer, n, n, torch.empty(0, dtype=torch.float64)) for layer, n in _hidden(net.widths)]
    edit = Edit(net, net.depth - 1, optimiser, also=also, unknown=unknown)
    spectra = {layer: ranked(edit.at(layer), "left", "singular-value") for layer, _ in _hidden(net.widths)}
    target = narrowed(sizes, {layer: values for layer, (_, values) in spectra.items()}, most, step)
    changes = []
    for layer, n in reversed(_hidden(net.widths)):  # so that psi_{l+1} needs no correction of its own
        basis, values = spectra[layer]
        edit.at(layer)
        if target[layer] < n:
            edit.rotate(basis)
            remove_last(edit, n - target[layer], inputs)
        changes.append(recorded(edit, n, values[target[layer] :]))
    edit.commit()
    return changes[::-1]


class Sizes:
    """How many parameters a network has at other hidden widths: each tensor of the table is as long as its widths."""

    def __init__(self, net: MLP) -> None:
        self.widths = net.widths
        self._shapes = {name: list(t.shape) for name, t in counted(net).items()}
        self._axes = {layer: net.axes(layer) for layer, _ in _hidden(net.widths)}

    def parameters(self, widths: Sequence[int]) -> int:
        """As `count` would count them at these n_0 .. n_L."""
        shapes = {name: list(shape) for name, shape in self._shapes.items()}
        for layer, rows in self._axes.items():
            for row in rows:
                if row.tensor in shapes:
                    shapes[row.tensor][row.axis] = widths[layer]
        return sum(math.prod(shape) for shape in shapes.values())


def narrowed(sizes: Sizes, importances: dict[int, Tensor], most: int, step: int) -> list[int]:
    """n_0 .. n_L with at most `most` parameters: the least important block of any layer goes next."""
    widths, tiny = list(sizes.widths), torch.finfo(torch.float64).tiny
    squares = {n: (values / values[0].clamp_min(tiny)).square().tolist() for n, values in importances.items()}
    while sizes.parameters(widths) > most:
        means = {}
        for layer, values in squares.items():
            below = lower(widths[layer], step)
            if below < widths[layer]:
                means[layer] = sum(values[below : widths[layer]]) / (widths[layer] - below)
        layer = min(means, key=lambda each: means[each])
        widths[layer] = lower(widths[layer], step)
    return widths


def lower(width: int, step: int) -> int:
    """The next multiple of `step` below a width; the width itself where there is none."""
    return width if width <= step else (width - 1) // step * step


def _check_possible(sizes: Sizes, most: int, step: int) -> None:
    widths = sizes.widths
    least = [widths[0], *(min(n, step) for n in widths[1:-1]), widths[-1]]
    if (fewest := sizes.parameters(least)) > most:
        raise ValueError(
            f"parameters: {most} is below the {fewest} of widths {least}, the least possible with round_to={step}"
        )


def _hidden(widths: Sequence[int]) -> list[tuple[int, int]]:
    """(l, n_l) of the hidden layers 1 .. L - 1."""
    return list(enumerate(widths))[1:-1]
