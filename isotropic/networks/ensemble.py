"""K independent networks of one depth, stacked and trained in lockstep."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor

from isotropic.axes import Tensors
from isotropic.networks import state as states
from isotropic.networks.activation import Elementwise, Isotropic
from isotropic.networks.base import MLP, AffineMap
from isotropic.networks.inputs import check_tensor
from isotropic.networks.network import IsotropicMLP, check_dense, check_network
from isotropic.networks.treatment import Treatment


class Ensemble(MLP):
    """K networks as one set of stacked tensors, W_l of shape [K, n_l, n_{l-1}].

    Members may differ in hidden widths, intrinsic length and compensation. A narrower member is padded with
    exact zeros, and descent keeps them exactly zero: a zero row with a zero column gets no gradient (METHOD
    section 11). A member's result therefore does not depend on its companions, beyond rounding.

        ensemble = Ensemble([IsotropicMLP([64, 32, 10], seed=k) for k in range(20)])
        ensemble(x)               # x [K, B, n_0], or [B, n_0] shared by all -> logits [K, B, n_L]
        ensemble.member(3)        # the IsotropicMLP that member 3 is now

    Args:
        members: the networks, whose values are copied.

    Raises:
        ValueError: no members, members with kernels, or that differ in depth, input, output, activation, dtype or
            device.
        TypeError: a member that is no IsotropicMLP.
    """

    kind = "Ensemble"

    def __init__(self, members: Sequence[IsotropicMLP]) -> None:
        _check(members)
        first, states = members[0], [net.tensors() for net in members]
        widest = [max(sizes) for sizes in zip(*(net.widths for net in members), strict=True)]
        trains_length = [net.treatment.trains_length for net in members]
        trains_psi = [net.treatment.trains_psi for net in members]

        def stack(name: str, *shape: int) -> Tensor:
            return torch.stack([_pad(state.get(name), shape, first.affine[0].weight) for state in states])

        def affine(index: int) -> AffineMap:
            rows, columns = widest[index + 1], widest[index]
            here = f"maps.{index}"
            psi = stack(f"{here}.psi", rows) if any(f"{here}.psi" in state for state in states) else None
            weight, bias = stack(f"{here}.weight", rows, columns), stack(f"{here}.bias", rows)
            return AffineMap(weight, bias, psi, any(trains_psi))

        def hidden(index: int) -> Isotropic | Elementwise:
            if not first.isotropic:
                return Elementwise(first.activation)
            here = f"activations.{index}"
            linear = any(f"{here}.alpha" in state for state in states)  # a member without one has alpha = 0
            alpha = stack(f"{here}.alpha") if linear else None
            return Isotropic(stack(f"{here}.log_o"), any(trains_length), alpha, first.treatment.named)

        super().__init__([affine(i) for i in range(first.depth)], [hidden(i) for i in range(first.depth - 1)])
        self._mixed = {"log_o": len({*trains_length}) > 1, "psi": len({*trains_psi}) > 1}
        self._padding = [[w - n for w, n in zip(widest, net.widths, strict=True)] for net in members]
        self._blanks = _Shared(_blank(net) for net in members)
        self.to(first.affine[0].weight.device)
        for name in ("decay", "trains_length", "trains_psi"):  # what a step of training needs
            self._flags(name)

    def __len__(self) -> int:
        """K, the number of members."""
        return len(self._blanks)

    @property
    def treatments(self) -> tuple[Treatment, ...]:
        """Of each member."""
        return tuple(net.treatment for net in self._blanks)

    @property
    def members(self) -> tuple[int, ...]:
        """[K]."""
        return (len(self),)

    def rows(self, x: Tensor) -> Tensor:
        """x [K, B, n_0] or [B, n_0] as it is.

        Raises:
            ValueError: x is neither.
            TypeError: x is no tensor.
        """
        check_tensor(x)
        k, n = len(self), self.widths[0]
        if x.ndim not in (2, 3) or x.shape[-1] != n or (x.ndim == 3 and x.shape[0] != k):
            raise ValueError(f"x: shape {list(x.shape)}, and this ensemble takes [{k}, B, {n}], or [B, {n}] for all")
        return x

    def forward(self, x: Tensor) -> Tensor:
        """x [K, B, n_0], or [B, n_0] shared by all members -> logits [K, B, n_L]."""
        return self.trace(self.rows(x))[0]

    @property
    def member_widths(self) -> list[list[int]]:
        """The widths of each member, without padding."""
        return [[w - p for w, p in zip(self.widths, padding, strict=True)] for padding in self._padding]

    def member(self, k: int) -> IsotropicMLP:
        """Member k as a network of its own, a copy without padding."""
        net, widths = copy.deepcopy(self._blanks[k]).to(self.affine[0].weight), self.member_widths[k]
        stacked = self.tensors()
        own: dict[str, Tensor] = {}
        for name in net.tensors():
            index = int(name.split(".")[1])
            bounds = {"weight": (widths[index + 1], widths[index]), "log_o": (), "alpha": ()}
            shape = bounds.get(name.split(".")[2], (widths[index + 1],))
            own[name] = stacked[name][k][tuple(slice(n) for n in shape)].clone()
        net.assign(own)
        return net

    def become(self, tensors: Tensors, member_widths: Sequence[Sequence[int]]) -> None:
        """Put `tensors` in place of all of its own, as those of members that have these widths without padding."""
        self.assign(tensors)
        self._padding = [[w - n for w, n in zip(self.widths, own, strict=True)] for own in member_widths]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep, over a step of an optimiser, the lengths and psi of the members that do not train them.

        Needed only where members differ: what no member trains is no parameter, and what all train is free.
        """
        held = [(t, trains) for t, trains in self._small()]
        before = [t.detach().clone() for t, _ in held]
        yield
        for (t, trains), old in zip(held, before, strict=True):
            mask = trains.view(-1, *[1] * (t.ndim - 1))
            torch.where(mask, t.detach(), old, out=t.data)

    def _small(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The lengths and psi that some members train and others do not, with the mask of those that do."""
        if self._mixed["log_o"]:
            lengths = (a.log_o for a in self.activations if isinstance(a, Isotropic))
            yield from ((length, self._flags("trains_length")) for length in lengths)
        if self._mixed["psi"]:
            psi = (affine.psi for affine in self.affine if affine.psi is not None)
            yield from ((vector, self._flags("trains_psi")) for vector in psi)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor], **arguments: Any) -> Self:
        """As `IsotropicMLP.from_state_dict`; the arguments are those of every member."""
        own = states.unwrapped(state)
        known, widths = states.known_of(own, {}, cls.kind), states.widths_of(own)
        members = [
            IsotropicMLP(
                [w - p for w, p in zip(widths, padding, strict=True)], **states.arguments(each | arguments, own)
            )
            for each, padding in zip(known["members"], known["padding"], strict=True)
        ]
        for net in members:
            states.fit_alphas(net.activations, own)
        return states.filled(cls(members), own)

    def described(self) -> dict[str, Any]:
        """As in `MLP`: of each member its treatment, and how much of the widths is padding."""
        return {"members": [each.described() for each in self.treatments], "padding": self._padding}

    def check_same(self, known: dict[str, Any]) -> None:
        """As in `MLP`."""
        if len(known["members"]) != len(self):
            raise ValueError(f"state: is of {len(known['members'])} members, and this ensemble has {len(self)}")
        for treatment, own in zip(self.treatments, known["members"], strict=True):
            treatment.check_same(own)

    def adopt(self, known: dict[str, Any]) -> None:
        """Take over lambda_psi and the padding of each member."""
        self._padding = known["padding"]
        blanks = [copy.deepcopy(net) for net in self._blanks]  # which copies of this ensemble share
        for net, own in zip(blanks, known["members"], strict=True):
            net.psi_decay = own["psi_decay"]
        self._blanks = _Shared(blanks)


class _Shared(tuple[IsotropicMLP, ...]):
    """Networks that nothing changes, so that copies of an ensemble can have them in common: there are many."""

    def __deepcopy__(self, memo: dict[int, object]) -> _Shared:
        return self


def _pad(t: Tensor | None, shape: tuple[int, ...], like: Tensor) -> Tensor:
    padded = torch.zeros(shape, dtype=like.dtype, device=like.device)
    if t is not None:
        padded[tuple(slice(n) for n in t.shape)] = t
    return padded


def _blank(net: IsotropicMLP) -> IsotropicMLP:
    """`net` without its numbers, on no device but the CPU: what `member` needs besides the stacked tensors."""
    blank = copy.deepcopy(net)
    blank.assign({name: t.new_empty(0, device="cpu") for name, t in net.tensors().items()})
    return blank


def _check(members: Sequence[IsotropicMLP]) -> None:
    if not members:
        raise ValueError("members: an ensemble needs at least one network")
    for k, net in enumerate(members):
        check_network(net, f"members: member {k}")
        if net.has_kernels:
            raise ValueError(f"members: member {k} is an {type(net).__name__}; only dense networks can be stacked")
        check_dense(net, f"members: member {k}")
        for what, of in (
            ("depth", lambda n: n.depth),
            ("input width", lambda n: n.widths[0]),
            ("output width", lambda n: n.widths[-1]),
            ("activation", lambda n: n.activation),
            ("activations of its own", lambda n: n.treatment.sigma),
            ("dtype", lambda n: n.affine[0].weight.dtype),
            ("device", lambda n: n.affine[0].weight.device),
        ):
            if of(net) != of(members[0]):
                raise ValueError(f"members: member {k} has {what} {of(net)}, member 0 has {of(members[0])}")
