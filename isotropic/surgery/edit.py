"""Everything that a change of basis or width carries along: parameters, their gradients, an optimiser's moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isotropic import axes
from isotropic.axes import Table, Tensors
from isotropic.integers import index
from isotropic.networks.base import MLP
from isotropic.optimisers import group_of
from isotropic.successors import succeed
from isotropic.surgery.finite import check_finite
from isotropic.surgery.holders import Holders
from isotropic.surgery.modules import averages_of, bare, check_modules

GRADIENT = ".grad"  # carried as a first moment; no optimiser has a state of this name


@dataclass
class Family:
    """Tensors under the names of a network's: its own (`state` is None), gradients or one kind of moment.

    Attributes:
        net: whose tensors they are, or whose gradients or moments.
        power: how they turn: 1, as the parameters; 2, by squares.
        begins: name -> with what new entries are filled, 0 where it is not named.
        mean: the first moments that second ones are taken about, if they are (`Kind.means`).
    """

    net: MLP
    state: str | None
    power: int
    tensors: Tensors
    begins: dict[str, float] = field(default_factory=dict)
    mean: Family | None = None


class Edit:
    """A copy of a network's tensors and moments to operate on; nothing changes until `commit`.

    Args:
        net: one network or an ensemble.
        layer: the hidden width that will change, 1 <= layer <= L - 1.
        optimiser: one, several or None, which hold the trained parameters of `net` (`isotropic.optimisers`).
        elementwise: whether what will be done to neurons is for elementwise activations, rather than for isotropic
            ones. Only a basis of the latter can be rotated.
        also: averages of the network's weights, or other networks of the same widths, that change alongside: in the
            same basis, with the same new columns, and pruned with their own biases.
        unknown: "error", or "reset", which begins anew the state of optimisers whose kind is not known.
        mixes: whether what will be done mixes the entries of an axis, so that all must be finite: one NaN would
            become many. What only appends zeros does not.

    Attributes:
        own: the tensors of `net`.
        networks: those and the tensors of `also`.
        families: these, gradients and moments: all that turns.
        basis: the product of what the carried width was turned by, or None.

    Raises:
        ValueError: the layer is out of range, the activations are of the other kind or elementwise between kernels,
            members of an ensemble differ in this width, the optimisers do not hold the network, `also` is of other
            widths, parameters are sharded or parametrised, or anything beside this width is not finite.
        TypeError: an optimiser whose state has no known transform.
    """

    def __init__(
        self,
        net: MLP,
        layer: int,
        optimiser: object,
        elementwise: bool = False,
        *,
        also: object = (),
        unknown: str = "error",
        mixes: bool = True,
    ) -> None:
        self.net = bare(net)
        self.layer = _check(self.net, layer, elementwise)
        self.table: Table = self.net.axes(self.layer)
        self.averages = averages_of(also, self.net, [self.layer])
        self.holders = Holders(self.net, optimiser, unknown)
        self.networks = [Family(each, None, 1, each.tensors()) for each in (self.net, *self.averages)]
        self.own = self.networks[0]
        self._original = [dict(family.tensors) for family in self.networks]
        gradients = [family for each in (self.net, *self.averages) for family in gradients_of(each)]
        self.families = [*self.networks, *gradients, *families_of(self.net, self.holders)]
        self.basis: Tensor | None = None
        if mixes:
            check_finite(self.families, self.layer, self.table)

    def at(self, layer: int) -> Edit:
        """The same copy, to go on with another hidden width; `commit` puts in place what was done to all."""
        self.layer = _check(self.net, layer)
        self.table, self.basis = self.net.axes(self.layer), None
        averages_of(self.averages, self.net, [self.layer])
        check_finite(self.families, self.layer, self.table)
        return self

    @property
    def lead(self) -> torch.Size:
        """[*K]: empty for one network."""
        return self.net.has_length.shape

    @property
    def width(self) -> int:
        """n_l as it is now."""
        return self.own.tensors[f"maps.{self.layer - 1}.weight"].shape[-2]

    @property
    def weight(self) -> Tensor:
        """W_l, [*K, n_l, n_{l-1}]; of kernels unfolded, [n_l, P n_{l-1}]."""
        return axes.unfolded(self.own.tensors[f"maps.{self.layer - 1}.weight"], len(self.lead))

    @property
    def bias(self) -> Tensor:
        """b_l, [*K, n_l]; zeros where the map has none."""
        return self.bias_of(self.own)

    def bias_of(self, family: Family) -> Tensor:
        """b_l, [*K, n_l], of one of the networks."""
        weight = family.tensors[f"maps.{self.layer - 1}.weight"]
        bias = family.tensors.get(f"maps.{self.layer - 1}.bias")
        return weight.new_zeros(*self.lead, weight.shape[-2]) if bias is None else bias

    @property
    def next_weight(self) -> Tensor:
        """W_{l+1}, [*K, *P, n_{l+1}, n_l]."""
        return self.own.tensors[f"maps.{self.layer}.weight"]

    def rotate(self, basis: Tensor, layer: int | None = None) -> None:
        """t <- Q^T t along every axis of hidden width `layer` (default: this one); Q is [*K, n, n]."""
        table = self.table
        if layer is None:
            self.basis = basis if self.basis is None else self.basis @ basis
        else:
            layer = _check(self.net, layer)
            table = self.net.axes(layer)
            check_finite(self.families, layer, table)
        turned = [_turned(family, table, basis) for family in self.families]
        for family, tensors in zip(self.families, turned, strict=True):
            family.tensors = tensors

    def append(self, count: int, *blocks: Mapping[str, Tensor]) -> None:
        """Widen by `count`: each network with `blocks[name]` where given; all else, and every moment, gains zeros.

        Args:
            count: of neurons.
            blocks: for all the networks, or one for each. Moments that an optimiser begins elsewhere gain that.
        """
        given = blocks if len(blocks) > 1 else blocks * len(self.networks)
        begins = [{name: torch.tensor(v) for name, v in each.begins.items()} for each in self.families]
        for family, new in zip(self.families, [*given, *begins[len(given) :]], strict=True):
            family.tensors = axes.append(family.tensors, self.table, count, new)

    def delete(self, count: int) -> None:
        """Narrow by the last `count` entries of every axis."""
        for family in self.families:
            family.tensors = axes.delete(family.tensors, self.table, count)

    def select(self, index: Tensor) -> None:
        """Keep the entries `index` [*K, m] of every axis: some may be there twice, and some not at all."""
        for family in self.families:
            family.tensors = axes.select(family.tensors, self.table, index)

    def commit(self) -> None:
        """Put the result into the networks and the optimisers, which go on with the new parameters."""
        for family, original in zip(self.networks, self._original, strict=True):
            before = dict(family.net.named_parameters())
            family.net.assign({name: t for name, t in family.tensors.items() if t is not original[name]})
            moments = [each for each in self.families if each.net is family.net and each.state is not None]
            gradients = next((each.tensors for each in moments if each.state == GRADIENT), {})
            holders = self.holders if family is self.own else Holders(family.net, None)
            replaced = {}
            for name, parameter in family.net.named_parameters():
                if parameter is not before[name]:
                    succeed(before[name], parameter, gradients.get(name))
                    replaced[name] = (before[name], parameter)
            states = {(each.state, name): t for each in moments for name, t in each.tensors.items()}
            holders.replace(replaced, {(state, name): t for (state, name), t in states.items() if state is not None})


def _turned(family: Family, table: Table, basis: Tensor) -> Tensors:
    """The tensors of a family in another basis."""
    tensors = axes.rotate(family.tensors, table, basis, family.power)
    if family.mean is None:
        return tensors
    # v - m^2 turns by squares, not v: v <- Q^2 v + (Q m)^2 - Q^2 m^2, at least (Q m)^2 but for rounding.
    means = family.mean.tensors
    squares = axes.rotate({name: t.square() for name, t in means.items()}, table, basis, 2)
    for name, mean in axes.rotate(means, table, basis).items():
        if mean is not means[name]:
            tensors[name] = torch.maximum(tensors[name] + (mean.square() - squares[name]), mean.square())
    return tensors


def gradients_of(net: MLP) -> list[Family]:
    """The gradients that a network has, which turn as its parameters do."""
    gradients = {name: p.grad.detach() for name, p in net.named_parameters() if p.grad is not None}
    return [Family(net, GRADIENT, 1, gradients)] if gradients else []


def families_of(net: MLP, holders: Holders) -> list[Family]:
    """The moments of a network that optimisers have, each kind under the names of the parameters."""
    families: dict[tuple[str, int], Family] = {}
    for name, parameter, optimiser, kind in holders.carried():
        for state, t in optimiser.state.get(parameter, {}).items():
            power = kind.powers[state]
            if power == 0 or t is None:
                continue
            family = families.setdefault((state, power), Family(net, state, power, {}))
            family.tensors[name] = t.detach()
            if state in kind.begins and (group := group_of(optimiser, parameter)) is not None:
                family.begins[name] = group[kind.begins[state]]
    for _, _, _, kind in holders.carried():
        for state, mean in kind.means.items():
            if (state, 2) in families:
                families[state, 2].mean = families.get((mean, 1))
    return list(families.values())


def _check(net: MLP, layer: int, elementwise: bool = False) -> int:
    """The hidden layer as an int, after everything that can be wrong with it and the network."""
    layer = index(layer, "layer", "is not a hidden layer of this network", 1, net.depth - 1)
    check_modules(net, (layer - 1, layer))
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
    return layer


def refuse_kernels(net: MLP) -> None:
    """Raise a ValueError if `net` has kernels: for what is done to dense maps alone."""
    if net.has_kernels:
        raise ValueError(f"net: {type(net).__name__} has kernels; this can be done to dense maps alone")
