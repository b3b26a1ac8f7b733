"""Everything that a change of basis or width carries along: parameters, and an optimiser's moments of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from isotropic import axes
from isotropic.axes import Tensors
from isotropic.networks.base import MLP
from isotropic.surgery.finite import check_finite

# How each kind of state transforms with its parameter W <- A W B (METHOD section 2): 1, as the parameter
# itself; 2, with the elementwise squares of A and B, which keeps second moments non-negative.
_POWERS = {"momentum_buffer": 1, "exp_avg": 1, "exp_avg_sq": 2, "max_exp_avg_sq": 2}
_UNCHANGED = {"step"}
_KNOWN = (SGD, Adam, AdamW)


@dataclass
class Family:
    """Tensors under the names of the network's: its own (`state` is None) or one kind of moment."""

    state: str | None
    power: int
    tensors: Tensors


class Carried:
    """A copy of a network's tensors and moments to operate on; nothing changes until `commit`.

    Args:
        net: one network or an ensemble.
        layer: the hidden width that will change, 1 <= layer <= L - 1.
        optimiser: a torch SGD, Adam or AdamW that holds the parameters of `net`, or None.
        elementwise: whether what will be done to neurons is for elementwise activations, rather than for isotropic
            ones. Only a basis of the latter can be rotated.
        mixes: whether what will be done mixes the entries of an axis, so that all must be finite: one NaN would
            become many. What only appends zeros does not.

    Raises:
        ValueError: the layer is out of range, the activations are of the other kind or elementwise between kernels,
            members of an ensemble differ in this width, the optimiser does not hold the network, or anything beside
            this width is not finite.
        TypeError: an optimiser whose state has no known transform.
    """

    def __init__(
        self, net: MLP, layer: int, optimiser: Optimizer | None, elementwise: bool = False, mixes: bool = True
    ) -> None:
        _check(net, layer, elementwise)
        self.net, self.layer, self.optimiser = net, layer, optimiser
        self.own = Family(None, 1, net.tensors())
        self._original = dict(self.own.tensors)
        self.families = [self.own, *families_of(net, optimiser)]
        if mixes:
            check_finite(self.families, layer)

    def at(self, layer: int) -> Carried:
        """The same copy, to go on with another hidden width; `commit` puts in place what was done to all."""
        _check(self.net, layer)
        check_finite(self.families, layer)
        self.layer = layer
        return self

    @property
    def width(self) -> int:
        """n_l as it is now."""
        return self.bias.shape[-1]

    @property
    def weight(self) -> Tensor:
        """W_l, [*K, n_l, n_{l-1}]; of kernels unfolded, [n_l, P n_{l-1}]."""
        return axes.unfolded(self.own.tensors[f"maps.{self.layer - 1}.weight"], self.bias.ndim - 1)

    @property
    def bias(self) -> Tensor:
        """b_l, [*K, n_l]."""
        return self.own.tensors[f"maps.{self.layer - 1}.bias"]

    @property
    def next_weight(self) -> Tensor:
        """W_{l+1}, [*K, *P, n_{l+1}, n_l]."""
        return self.own.tensors[f"maps.{self.layer}.weight"]

    def rotate(self, basis: Tensor, layer: int | None = None) -> None:
        """t <- Q^T t along every axis of hidden width `layer` (default: this one); Q is [*K, n, n]."""
        if layer is not None:
            _check(self.net, layer)
            check_finite(self.families, layer)
        for family in self.families:
            power = basis if family.power == 1 else basis.square()
            family.tensors = axes.rotate(family.tensors, layer or self.layer, power)

    def append(self, count: int, blocks: Mapping[str, Tensor]) -> None:
        """Widen by `count`: a parameter with `blocks[name]` where given; all else, and every moment, gains zeros."""
        for family in self.families:
            given = blocks if family is self.own else {}
            family.tensors = axes.append(family.tensors, self.layer, count, given)

    def delete(self, count: int) -> None:
        """Narrow by the last `count` entries of every axis."""
        for family in self.families:
            family.tensors = axes.delete(family.tensors, self.layer, count)

    def select(self, index: Tensor) -> None:
        """Keep the entries `index` [*K, m] of every axis: some may be there twice, and some not at all."""
        for family in self.families:
            family.tensors = axes.select(family.tensors, self.layer, index)

    def commit(self) -> None:
        """Put the result into the network and the optimiser, which goes on with the new parameters."""
        before = dict(self.net.named_parameters())
        self.net.assign({name: t for name, t in self.own.tensors.items() if t is not self._original[name]})
        if self.optimiser is None:
            return
        after = dict(self.net.named_parameters())
        replaced = {id(before[name]): after[name] for name in before}
        for group in self.optimiser.param_groups:
            group["params"] = [replaced.get(id(p), p) for p in group["params"]]
        for name in before:
            state = self.optimiser.state.pop(before[name], {})
            moments = {f.state: f.tensors[name] for f in self.families[1:] if name in f.tensors}
            if state:
                self.optimiser.state[after[name]] = state | moments


def _check(net: MLP, layer: int, elementwise: bool = False) -> None:
    if type(layer) is not int or not 1 <= layer <= net.depth - 1:
        raise ValueError(f"layer: {layer!r} is not a hidden layer of this network; one of 1 to {net.depth - 1}")
    if elementwise and net.isotropic:
        raise ValueError(
            "activation 'isotropic-tanh' acts on all neurons together, through their norm; only neurons of "
            "elementwise activations can be copied, merged or removed one by one: `grow` and `prune` are for this one"
        )
    if elementwise:
        refuse_kernels(net)
    if not elementwise and not net.isotropic:
        raise ValueError(
            "activation 'tanh' acts on each coordinate and does not commute with rotations; "
            "only isotropic activations can be diagonalised, grown and pruned this way"
        )
    if any(widths[layer] != net.widths[layer] for widths in net.member_widths):
        raise ValueError(
            f"layer {layer}: the members of this ensemble have different widths there; "
            "change each `ensemble.member(k)` and stack them again"
        )


def refuse_kernels(net: MLP) -> None:
    """Raise a ValueError if `net` has kernels: for what is done to dense maps alone."""
    if net.has_kernels:
        raise ValueError(f"net: {type(net).__name__} has kernels; this can be done to dense maps alone")


def families_of(net: nn.Module, optimiser: Optimizer | None) -> list[Family]:
    """An optimiser's moments of a network, each kind under the names of the parameters.

    Raises:
        ValueError: the optimiser does not hold the network.
        TypeError: its state has no known transform.
    """
    if optimiser is None:
        return []
    if type(optimiser) not in _KNOWN:
        raise TypeError(
            f"optimiser: the state of {type(optimiser).__name__} has no known transform under a change of basis; "
            f"one of {', '.join(kind.__name__ for kind in _KNOWN)}"
        )
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    missing = [name for name, p in net.named_parameters() if id(p) not in held]
    if missing:
        raise ValueError(f"optimiser: does not hold {missing[0]} of this network; make it from net.parameters()")
    families: dict[str, Family] = {}
    for name, parameter in net.named_parameters():
        for state, t in optimiser.state.get(parameter, {}).items():
            if state in _UNCHANGED or t is None:
                continue
            if state not in _POWERS:
                raise TypeError(f"optimiser: its state {state!r} of {name} has no known transform")
            families.setdefault(state, Family(state, _POWERS[state], {})).tensors[name] = t
    return list(families.values())
