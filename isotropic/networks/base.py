"""What one network and K stacked networks have in common: maps, activations and the way through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from isotropic.axes import Axis, Tensors, hidden_axes
from isotropic.networks import state as states
from isotropic.networks.activation import Elementwise, Isotropic
from isotropic.networks.treatment import Treatment, flags


class AffineMap(nn.Module):
    """x -> W x + b + g psi (METHOD section 1).

    Attributes:
        weight: W_l, [*K, n_l, n_{l-1}].
        bias: b_l, [*K, n_l].
        psi: the compensatory vector psi_l, [*K, n_l], or None where there is none; a parameter where it is
            trained, a buffer elsewhere.
    """

    psi: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor, psi: Tensor | None, psi_trained: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        if psi is not None and psi_trained:
            self.psi = nn.Parameter(psi)
        else:
            self.register_buffer("psi", psi)

    def forward(self, x: Tensor, g: Tensor | None = None, block: slice | None = None) -> Tensor:
        """x [*K, B, n_{l-1}], or [B, n_{l-1}] for all, and the gain g [*K, B, 1] before the map -> [*K, B, n_l].

        With a `block` x holds only these of the n_{l-1} numbers, and the others are zero.
        """
        weight = self.weight if block is None else self.weight[..., block]
        if x.ndim < weight.ndim and x.ndim == 2:  # one product for all K: a batched one would copy x K times
            together = functional.linear(x, weight.flatten(0, -2))  # [B, K n_l]
            h = together.unflatten(-1, weight.shape[:-1]).movedim(0, -2)
        else:
            h = x @ weight.mT  # [*K, B, n_l]
        h = h.add_(self.bias[..., None, :])
        if self.psi is not None and g is not None:
            h = h.addcmul_(g, self.psi[..., None, :])
        return h

    def extra_repr(self) -> str:
        """The shapes, for print(net)."""
        return f"{list(self.weight.shape)}" + ("" if self.psi is None else f", psi {list(self.psi.shape)}")


class MLP(nn.Module):
    """Affine maps 1..L with an activation after each but the last; tensors have a leading shape [*K].

    Attributes:
        maps: the L affine maps.
        activations: the L - 1 activations.
    """

    kind = "MLP"  # as a saved state names it
    can_deepen = False  # whether a state of another depth can be loaded

    def __init__(self, maps: list[AffineMap], activations: list[Isotropic | Elementwise]) -> None:
        super().__init__()
        self._kept: dict[str, tuple[tuple[Treatment, ...], Tensor]] = {}
        self.maps = nn.ModuleList(maps)
        self.activations = nn.ModuleList(activations)

    @property
    def treatments(self) -> tuple[Treatment, ...]:
        """Of each network."""
        raise NotImplementedError

    @property
    def members(self) -> tuple[int, ...]:
        """[*K]: () of one network."""
        return ()

    def _flags(self, name: str) -> Tensor:
        """A property of the treatments, [*K]: kept, so that no step has to wait for its copy to a device."""
        like, treatments = self.affine[0].weight, self.treatments
        of, t = self._kept.get(name, ((), like))
        if of != treatments or t.device != like.device or (t.is_floating_point() and t.dtype != like.dtype):
            t = flags(treatments, self.members, lambda treatment: getattr(treatment, name), like)
            self._kept[name] = treatments, t
        return t

    @property
    def has_length(self) -> Tensor:
        """Which networks have an intrinsic length that pruning changes, boolean [*K]."""
        return self._flags("has_length")

    @property
    def has_psi(self) -> Tensor:
        """Which networks have compensatory vectors, boolean [*K]."""
        return self._flags("has_psi")

    @property
    def expects(self) -> Tensor:
        """Which networks use compensation "expectation", boolean [*K]."""
        return self._flags("expects")

    @property
    def psi_decay(self) -> Tensor:
        """lambda_psi, [*K]; 0 where psi is not decayed. A copy: of one network it is changed by assignment."""
        return self._flags("decay").clone()

    def rows(self, x: Tensor) -> Tensor:
        """x as `trace` takes it; ValueError or TypeError if it cannot be."""
        return x

    @property
    def affine(self) -> list[AffineMap]:
        """The maps, typed."""
        return cast("list[AffineMap]", list(self.maps))

    @property
    def depth(self) -> int:
        """L, the number of affine maps."""
        return len(self.maps)

    @property
    def isotropic(self) -> bool:
        """Whether the hidden activations commute with rotations."""
        return all(treatment.isotropic for treatment in self.treatments)

    @property
    def has_kernels(self) -> bool:
        """Whether its weights have positions before their rows and columns: [*K, *P, n_l, n_{l-1}]."""
        return any(affine.weight.ndim > len(self.members) + 2 for affine in self.affine)

    @property
    def widths(self) -> list[int]:
        """n_0 .. n_L, the padded ones of an ensemble."""
        return [self.affine[0].weight.shape[-1], *(affine.weight.shape[-2] for affine in self.affine)]

    @property
    def member_widths(self) -> list[list[int]]:
        """The widths of each stacked network, without padding; here of the one."""
        return [self.widths]

    def axes(self, layer: int) -> tuple[Axis, ...]:
        """The rows of the axis table: all that carries hidden width `layer`, 1 <= layer <= L - 1."""
        return hidden_axes(layer)

    def passed(self, layer: int, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """What hidden layer `layer` makes of h_l [*K, B, n_l] for the next map, and its gain [*K, B, 1]."""
        passed: tuple[Tensor, Tensor | None] = self.activations[layer - 1](h)
        return passed

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Two groups for an optimiser: the weights of the maps with `weight_decay`, and all else without.

        Decay would pull the logarithm of the intrinsic length towards 0, the length itself towards 1.

            AdamW(net.parameter_groups(weight_decay=0.01), lr=1e-3)
        """
        weights = {id(affine.weight) for affine in self.affine}
        own = [p for p in self.parameters() if id(p) in weights]
        rest = [p for p in self.parameters() if id(p) not in weights]
        return [{"params": own, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]

    def trace(self, x: Tensor, block: slice | None = None) -> tuple[Tensor, list[Tensor | None]]:
        """The way of x [*K, B, n_0] through the network: logits [*K, B, n_L] and the gains g_1 .. g_{L-1}.

        With a `block` x holds only these of the n_0 inputs, and the others are zero.
        """
        h = self.affine[0](x, block=block)
        gains: list[Tensor | None] = []
        for layer, affine in enumerate(self.affine[1:], start=1):
            a, g = self.passed(layer, h)
            h = affine(a, g)
            gains.append(g)
        return h, gains

    @property
    def needs_inputs(self) -> bool:
        """Whether pruning needs data to take means over."""
        return any(treatment.expects for treatment in self.treatments)

    def batches(self, inputs: Tensor | Iterable[Tensor]) -> Iterator[Tensor]:
        """x, or several such batches, one after another, [*K, N, n_0] or [N, n_0]: what is before n_0 are samples."""
        for x in [inputs] if isinstance(inputs, Tensor) else inputs:
            taken = self.rows(x)
            yield taken if self.members else taken.reshape(-1, taken.shape[-1])

    def reached(self, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Hidden layer l over x of `batches`: h_l and what it passes on, [*K, N, n_l], and the gain [*K, N, 1]."""
        h = self.affine[0](x)
        for number, affine in enumerate(self.affine[1:layer], start=1):
            h = affine(*self.passed(number, h))
        return h, *self.passed(layer, h)

    def penalty(self) -> Tensor:
        """lambda_psi * sum over l of ||psi_l||^2, [*K]: to be added to the loss where psi decays."""
        members, decays = len(self.members), {treatment.decay for treatment in self.treatments}
        squares = [affine.psi.square().flatten(members).sum(-1) for affine in self.affine if affine.psi is not None]
        if not squares:
            return self.affine[0].weight.new_zeros(self.members)
        decay = decays.pop() if len(decays) == 1 else self.psi_decay  # a number need not be copied to a device
        return decay * torch.stack(squares).sum(0)

    def tensors(self) -> Tensors:
        """Name -> tensor of everything that a change of width or basis may touch."""
        named = [*self.named_parameters(), *self.named_buffers()]
        return {name: t.detach() for name, t in named if name.startswith(("maps.", "activations.", "normalisers."))}

    def assign(self, tensors: Tensors) -> None:
        """Put `tensors` in place of those of the same names, whatever their shapes.

        A parameter is replaced by a new one: the old one may still be part of a graph that knows its shape.
        """
        for name, t in tensors.items():
            path, _, leaf = name.rpartition(".")
            module = self.get_submodule(path)
            old = getattr(module, leaf)
            setattr(module, leaf, nn.Parameter(t, old.requires_grad) if isinstance(old, nn.Parameter) else t)

    def get_extra_state(self) -> Tensor:
        """What a saved state holds beside parameters and buffers: the kind and the treatments, as bytes."""
        return states.packed({"kind": type(self).kind} | self.described())

    def set_extra_state(self, state: Tensor) -> None:
        """Take over from a saved state what a network of the same kind may differ in."""
        if known := states.unpacked(state):
            self.adopt(known)

    def described(self) -> dict[str, Any]:
        """All that a saved state says of the network beside its tensors."""
        raise NotImplementedError

    def check_same(self, known: dict[str, Any]) -> None:
        """Raise a ValueError if a saved state is of another kind of network."""
        raise NotImplementedError

    def adopt(self, known: dict[str, Any]) -> None:
        """Take over lambda_psi from a saved state."""
        raise NotImplementedError

    def redepth(self, depth: int) -> None:
        """Have so many maps, the new ones blank."""
        raise NotImplementedError

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, metadata: Any, strict: bool, missing: list[str], *rest: Any
    ) -> None:
        """Fit depth and widths to the state, which may be part of a larger one; states without treatments load, too.

        Raises:
            ValueError: the state is of another kind of network; this one is unchanged.
        """
        own = {name[len(prefix) :]: t for name, t in state_dict.items() if name.startswith(prefix)}
        known = states.unpacked(own.get(states.EXTRA))
        if known:
            states.check_kind(known, type(self).kind)
            self.check_same(known)
        states.fit(self, own)
        super()._load_from_state_dict(state_dict, prefix, metadata, strict, missing, *rest)
        if prefix + states.EXTRA in missing:
            missing.remove(prefix + states.EXTRA)


def refuse_computed(net: Any, maps: Iterable[int]) -> None:
    """Raise a ValueError for what is computed in these maps (from 0), or in the activations behind them.

    It is among no network's tensors; to take it for absent would be to take zeros for it.
    """
    present, activations = net.tensors(), list(getattr(net, "activations", ()))
    for number in maps:
        beside = {f"maps.{number}": net.affine[number]}
        if number < len(activations):
            beside[f"activations.{number}"] = activations[number]
        for path, module in beside.items():
            for leaf in ("weight", "bias", "psi", "log_o", "alpha"):
                if f"{path}.{leaf}" not in present and getattr(module, leaf, None) is not None:
                    raise ValueError(
                        f"{path}: its {leaf} is computed from other parameters (a parametrisation, weight_norm or a "
                        "pruning mask); make it a parameter before: torch.nn.utils has remove_parametrizations, "
                        "remove_weight_norm and prune.remove"
                    )
