"""An isotropic network with a normaliser after each hidden activation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

from torch import Tensor, nn

from isotropic.axes import Axis, Tensors
from isotropic.changes import change
from isotropic.integers import index
from isotropic.networks import state as states
from isotropic.networks.network import IsotropicMLP, Treated, check_network
from isotropic.normalise.normalisers import (
    BatchNormOfNorm,
    FrobNorm,
    GeneralisedLayerNorm,
    Normaliser,
    check_basis,
)
from isotropic.normalise.whitening import BatchNorm, Whitening
from isotropic.surgery.edit import Edit


class NormalisedMLP(Treated):
    """h_1 = W_1 x + b_1,  h_{l+1} = W_{l+1} N_l(g_l h_l) + b_{l+1},  logits = h_L (METHOD sections 1 and 8).

        net = NormalisedMLP(IsotropicMLP([64, 32, 10], compensation="none"), BatchNormOfNorm)
        diagonalise(net, 1)       # another basis of hidden width 1; with an equivariant normaliser no output changes

    A module to be trained by autograd. It is diagonalised, grown, pruned and adapted as an `IsotropicMLP`, with the
    rows of its normalisers in the axis table (derived here):

    - Growing is exact with every normaliser, as far as its change of basis is: new neurons are zero, and so are their
      running statistics.
    - It has no psi: what a pruned bias adds, N_l(g h)_i, is no longer proportional to g. o keeps b*_i^2, which the
      gain sees before the normaliser; and with compensation "expectation" b_{l+1} gains the sum of u_i E[N_l(g h)_i]
      over the inputs given. The normaliser of what is left no longer sees the removed neurons, so the function is
      unchanged exactly only if their rows and biases are zero.
    - BatchNorm is not equivariant: turning its basis changes the function, unless by a permutation.

    Args:
        net: an isotropic network, whose values are copied.
        normaliser: the normaliser of a hidden layer, made from its width: a class, or any function.

    Attributes:
        maps, activations: as in IsotropicMLP.
        normalisers: N_1 .. N_{L-1}.

    Raises:
        ValueError: elementwise activations, or compensatory vectors.
    """

    kind = "NormalisedMLP"

    def __init__(self, net: IsotropicMLP, normaliser: Callable[[int], Normaliser]) -> None:
        check_network(net, "net")
        if not net.isotropic:
            raise ValueError(
                f"activation {net.activation!r} does not commute with rotations; a network with an isotropic one"
            )
        if any(affine.psi is not None for affine in net.affine):
            raise ValueError(
                f"compensation: {net.compensation!r} has vectors psi, which nothing multiplies behind a normaliser; "
                "one of none, expectation"
            )
        own = copy.deepcopy(net)
        super().__init__(own.affine, list(own.activations))  # type: ignore[arg-type]
        weight = net.affine[0].weight
        self.treatment, self.flatten = net.treatment, net.flatten
        self.normalisers = nn.ModuleList(normaliser(n).to(weight) for n in net.widths[1:-1])

    def axes(self, layer: int) -> tuple[Axis, ...]:
        """The rows of hidden width `layer`, with those of its normaliser."""
        here, rows = f"normalisers.{layer - 1}", self.norm(layer).rows
        return (*super().axes(layer), *(Axis(f"{here}.{name}", axis, power) for name, axis, power in rows))

    def assign(self, tensors: Tensors) -> None:
        """As of any network; the widths of the normalisers follow."""
        super().assign(tensors)
        for norm, affine in zip(self.normalisers, self.affine, strict=False):
            cast("Normaliser", norm).width = affine.weight.shape[-2]

    def passed(self, layer: int, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """N_l(g_l h_l) [B, n_l] and g_l [B, 1] of h_l [B, n_l]."""
        a, g = super().passed(layer, h)
        return self.normalisers[layer - 1](a), g

    def reached(self, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """As of any network, with the running statistics, which stay as they are."""
        modes = [norm.training for norm in self.normalisers]
        self.normalisers.eval()
        try:
            return super().reached(layer, x)
        finally:
            for norm, mode in zip(self.normalisers, modes, strict=True):
                norm.train(mode)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., n_0] -> logits [..., n_L]; all that comes before n_0 are samples. Flattened as the network's."""
        rows = self.rows(x)
        h = self.after(len(self.normalisers), rows.reshape(-1, rows.shape[-1]))
        return h.view(*rows.shape[:-1], h.shape[-1])

    def after(self, layer: int, x: Tensor) -> Tensor:
        """h_{layer+1}, [B, n_{layer+1}]: what the map behind `layer` normalisers gives; 0 <= layer <= L - 1."""
        h: Tensor = self.maps[0](self.rows(x))
        for number in range(1, layer + 1):
            h = self.maps[number](self.passed(number, h)[0])
        return h

    def activated(self, layer: int, x: Tensor) -> Tensor:
        """g_l h_l, [B, n_l]: what normaliser l = `layer` is given."""
        a: Tensor = self.activations[layer - 1](self.after(layer - 1, x))[0]
        return a

    @change
    def rotate(self, layer: int, basis: Tensor, *, optimiser: object = None) -> None:
        """Change the basis of hidden width `layer`: W_l <- Q^T W_l, b_l <- Q^T b_l, W_{l+1} <- W_{l+1} Q, N_l too.

        Args:
            layer: l, 1 <= l <= L - 1.
            basis: Q, [n_l, n_l], orthogonal.
            optimiser: as in `diagonalise`.

        Raises:
            ValueError: the layer is out of range, or Q is not of that shape or not orthogonal; nothing is changed.
        """
        wide = check_basis(basis, self.norm(layer).width)
        edit = Edit(self, layer, optimiser)
        edit.rotate(wide)
        edit.commit()

    def norm(self, layer: int) -> Normaliser:
        """N_l behind hidden layer l = `layer`; ValueError where there is none."""
        layer = index(layer, "layer", "is not a hidden layer of this network", 1, len(self.normalisers))
        return cast("Normaliser", self.normalisers[layer - 1])

    def described(self) -> dict[str, Any]:
        """As in `MLP`, with the kind and the settings of each normaliser."""
        norms = [_described(cast("Normaliser", norm)) for norm in self.normalisers]
        return super().described() | {"flatten": self.flatten, "normalisers": norms}

    def check_same(self, known: dict[str, Any]) -> None:
        """As in `MLP`."""
        super().check_same(known)
        for own, norm in zip(known["normalisers"], self.normalisers, strict=False):
            if own["kind"] != type(norm).__name__:
                raise ValueError(
                    f"state: its normalisers are {own['kind']}, and this network's {type(norm).__name__}"
                )

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, Tensor], *, normaliser: Callable[[int], Normaliser] | None = None, **arguments: Any
    ) -> Self:
        """As `IsotropicMLP.from_state_dict`; a normaliser that is not the library's has to be given."""
        own = states.unwrapped(state)
        known = states.known_of(own, arguments, cls.kind)
        each = iter(known.pop("normalisers", []))
        net = IsotropicMLP(states.widths_of(own), **states.arguments(known, own))
        states.fit_alphas(net.activations, own)
        return states.filled(cls(net, normaliser or (lambda n: _made(next(each), n))), own)


_KNOWN = {kind.__name__: kind for kind in (BatchNorm, BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm, Whitening)}


def _described(norm: Normaliser) -> dict[str, Any]:
    trained = {"trained": True} if any(True for _ in norm.parameters()) else {}
    return {"kind": type(norm).__name__, "eps": norm.eps, "momentum": norm.momentum} | trained


def _made(known: dict[str, Any], width: int) -> Normaliser:
    """A normaliser of the library as a state describes it."""
    settings = dict(known)
    kind = settings.pop("kind")
    if kind not in _KNOWN:
        raise ValueError(f"state: its normaliser {kind} is none of the library's; give normaliser=")
    eps, momentum = settings.pop("eps"), settings.pop("momentum")
    norm: Normaliser = _KNOWN[kind](width, eps, **settings)
    norm.momentum = momentum
    return norm
