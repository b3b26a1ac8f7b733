"""What a network is like, without changing it: its singular values, its size, and what a change of width touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from isotropic.axes import unfolded
from isotropic.integers import index
from isotropic.networks.activation import NO_LENGTH
from isotropic.networks.base import MLP
from isotropic.networks.convolutional import IsotropicConvNet
from isotropic.networks.kernels import Convolution, side_after
from isotropic.networks.parallel import ParallelMLP
from isotropic.surgery.edit import families_of
from isotropic.surgery.holders import Holders
from isotropic.surgery.modules import bare, unwrapped


class Count(NamedTuple):
    """The size of a network.

    Attributes:
        parameters: the numbers that it computes with: all parameters, trained or not, and psi and o where they are
            buffers. An o = 0 of intrinsic_length "none" is none.
        multiply_adds: multiplications, each with an addition, by weights and psi for one input. Biases, norms, gains
            and normalisers are left out: they are of the order of the widths, and not of their products.
    """

    parameters: int
    multiply_adds: int


class Touched(NamedTuple):
    """A tensor that a hidden width runs through.

    Attributes:
        tensor: its name.
        shape: its shape.
        axis: along which, counted from the end.
        moments: what optimisers keep for it, and is changed alike.
    """

    tensor: str
    shape: tuple[int, ...]
    axis: int
    moments: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """What a change of one hidden width touches; as a string, a table.

    Attributes:
        layer: l.
        width: n_l.
        rows: the tensors, in the order of the table that surgery goes through.
    """

    layer: int
    width: int
    rows: tuple[Touched, ...]

    def __str__(self) -> str:
        head = ("tensor", "shape", "axis", "moments")
        body = [(row.tensor, str(list(row.shape)), str(row.axis), ", ".join(row.moments) or "-") for row in self.rows]
        sizes = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        lines = (
            "  ".join(cell.ljust(n) for cell, n in zip(row, sizes, strict=True)).rstrip() for row in (head, *body)
        )
        return "\n".join([f"hidden layer {self.layer}, {self.width} neurons", *lines])


@torch.no_grad()
def singular_values(net: Any) -> list[Tensor]:
    """The singular values of every map W_1 .. W_L, descending, [*K, min(n_l, n_{l-1})] each, in float64.

    Kernels are unfolded to [n_l, P n_{l-1}], as `prune` does. Nothing is changed.

    Raises:
        TypeError: a network without maps of its own, such as ParallelMLP.
    """
    net = unwrapped(net)
    members = net.has_length.ndim if hasattr(net, "has_length") else 0
    return [_values(affine.weight.detach().double(), members) for affine in _maps(net)]


@torch.no_grad()
def count(net: Any) -> Count:
    """How many parameters a network has, and how many multiply-adds it does for one input.

    Of an ensemble all members together, with their padding; of a view its own maps, each at one position.

    Raises:
        TypeError: a module that is none of this library's networks or views.
    """
    net = unwrapped(net)
    parameters = sum(t.numel() for t in counted(net).values())
    if isinstance(net, ParallelMLP):
        weights = [net.weight, *net.later]
        return Count(parameters, sum(t.numel() for t in weights))
    products = [sum(t.numel() for t in (m.weight, getattr(m, "psi", None)) if t is not None) for m in _maps(net)]
    return Count(parameters, sum(n * times for n, times in zip(products, _positions(net), strict=True)))


def counted(net: Any) -> dict[str, Tensor]:
    """Name -> what `count` counts: parameters, and psi and o where they are buffers and not absent."""
    found: dict[str, Tensor] = dict(net.named_parameters())
    buffers = net.named_buffers() if isinstance(net, nn.Module) else net.tensors().items()
    for name, t in buffers:
        leaf = name.rpartition(".")[2]
        if name not in found and (leaf == "psi" or (leaf == "log_o" and _has_length(net, t))):
            found[name] = t
    return found


def _has_length(net: Any, log_o: Tensor) -> bool:
    """Whether o is computed with, though it may be 0 as yet."""
    has = getattr(net, "has_length", None)
    return bool((log_o > NO_LENGTH / 2).any() if has is None else has.any())


def explain(net: MLP, layer: int, *, optimiser: object = None) -> Explanation:
    """The tensors that a change of hidden width `layer` touches, with their axes and what an optimiser keeps of them.

        print(explain(net, 2, optimiser=optimiser))

    From the table that all surgery goes through, and from nothing else. Pruning also adds to o_l, and to psi_{l+1} or
    b_{l+1}, whose shapes stay.

    Raises:
        ValueError: the layer is out of range, or the optimisers do not hold the network.
        TypeError: an optimiser whose state has no known transform.
    """
    net = bare(net)
    layer = index(layer, "layer", "is not a hidden layer of this network", 1, net.depth - 1)
    tensors, families = net.tensors(), families_of(net, Holders(net, optimiser))
    rows = []
    for name, axis, _ in net.axes(layer):
        if name in tensors:
            moments = tuple(f.state for f in families if name in f.tensors and f.state is not None)
            rows.append(Touched(name, tuple(tensors[name].shape), axis, moments))
    return Explanation(layer, net.widths[layer], tuple(rows))


def _maps(net: Any) -> Sequence[Any]:
    maps = getattr(net, "affine", getattr(net, "maps", None))
    if maps is None:
        raise TypeError(f"net: {type(net).__name__} has no maps; one of this library's networks or views")
    return list(maps)


def _values(weight: Tensor, members: int) -> Tensor:
    if weight.ndim == 1:  # a diagonal, of a SparseMLP
        return weight.abs().sort(descending=True).values
    return torch.linalg.svdvals(unfolded(weight, members))


def _positions(net: Any) -> list[int]:
    """How often each map is applied to one input: at every position of the grid that a convolution gives."""
    if not isinstance(net, IsotropicConvNet):
        return [1] * len(_maps(net))
    grid, times = list(net.image[1:]), []
    for affine in net.affine:
        if isinstance(affine, Convolution):
            grid = [side_after(side, affine.weight.shape[0], affine.stride) for side in grid]
            times.append(grid[0] * grid[1])
        else:
            times.append(1)
    return times
