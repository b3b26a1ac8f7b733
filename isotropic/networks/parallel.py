"""The parallel form: every matrix-vector product of a network in one product (METHOD section 7; Appendix C)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from isotropic.integers import integer
from isotropic.networks import state as states
from isotropic.networks.inputs import rows
from isotropic.networks.network import IsotropicMLP, check_dense, check_network


class ParallelMLP(nn.Module):
    """An isotropic network with its recursion written out (Eqns. 42, 43), and the wider class that this opens.

        h_l = (prod_{j<l} g_j) W^(l) x + sum_{i<l} (prod_{j=i}^{l-1} g_j) b^(i,l) + b_l

        with W^(l) = W_l ... W_1  and  b^(i,l) = W_l ... W_{i+1} b_i + W_l ... W_{i+2} psi_{i+1}

    The psi part is derived here: psi_{i+1} enters h_{i+1} with g_i, as W_{i+1} b_i does, so both are carried by the
    same products of gains, and the form needs no vectors for psi. All W^(l) x + b^(1,l) are one product of x with
    one matrix of n_1 + ... + n_L rows. What is left in sequence is, for each layer, a norm, a gain, scalars times
    vectors and their sum.

        parallel = ParallelMLP(net)          # the same logits as net, up to rounding
        parallel(x)                          # x as net takes it -> logits [..., n_L]
        wider = parallel.deepened(width=20)  # one hidden layer more, the same logits

    W^(l) and b^(i,l) are parameters of their own: trained, they leave the constraint that made them products, and
    the class of functions is wider than the network's. W^(l) may then have full rank however narrow the layers
    before it.

    Args:
        net: an isotropic network, whose values are contracted in float64 and copied.

    Attributes:
        weight: W^(1) .. W^(L) on top of each other, [n_1 + ... + n_L, n_0].
        bias: b^(1,1) .. b^(1,L), [n_1 + ... + n_L].
        later: of map l = 2 .. L the vectors b^(2,l) .. b^(l,l) (b^(l,l) = b_l), [l - 1, n_l].
        activations: as in IsotropicMLP.

    Raises:
        ValueError: elementwise activations, which have no scalar gain, kernels, which see one at every position, or
            an ensemble.
        TypeError: a network that is no IsotropicMLP.
    """

    kind = "ParallelMLP"

    def __init__(self, net: IsotropicMLP) -> None:
        super().__init__()
        check_network(net, "net")
        if not net.isotropic:
            raise ValueError(
                f"activation {net.activation!r} has no scalar gain to take out of a product; use an isotropic one"
            )
        if net.has_kernels:
            raise ValueError(
                f"net: {type(net).__name__} has a gain at every position, not one to take out of a product; use "
                "IsotropicMLP"
            )
        if net.has_length.ndim > 0:
            raise ValueError("net: an ensemble's members have products of their own; use each `ensemble.member(k)`")
        check_dense(net, "net")
        like = net.affine[0].weight
        weights, biases = contractions(net)
        self.activations = copy.deepcopy(net.activations)
        self.weight = nn.Parameter(torch.cat(weights).to(like))
        self.bias = nn.Parameter(torch.cat([vectors[0] for vectors in biases]).to(like))
        self.later = nn.ParameterList(nn.Parameter(vectors[1:].to(like)) for vectors in biases[1:])
        self._rows = net.widths[1:]
        self.flatten, self.treatment = net.flatten, net.treatment

    @property
    def widths(self) -> list[int]:
        """n_0 .. n_L."""
        return [self.weight.shape[1], *self._rows]

    def forward(self, x: Tensor) -> Tensor:
        """x [..., n_0] -> logits [..., n_L]; flattened as the network's."""
        x = rows(x, self.widths[0], self.flatten)
        return self._traced(x.reshape(-1, x.shape[-1])).view(*x.shape[:-1], self._rows[-1])

    def _traced(self, x: Tensor) -> Tensor:
        products = functional.linear(x, self.weight, self.bias).split(self._rows, dim=-1)
        h, scales = products[0], None
        for u, later, activation in zip(products[1:], self.later, self.activations, strict=True):
            g = activation(h)[1]  # [B, 1]
            scales = g if scales is None else torch.cat([scales * g, g], dim=-1)  # prod_{j=i}^{l-1} g_j, [B, l - 1]
            h = torch.addcmul(later[-1], scales[:, :1], u)  # b_l and the first term, [B, n_l]
            if len(later) > 1:
                h = torch.addmm(h, scales[:, 1:], later[:-1])
        return h

    @torch.no_grad()
    def deepened(self, width: int, log_o: float = 0.0) -> ParallelMLP:
        """The same function with one hidden layer more, before the last map: shallower classes are nested in deeper.

        Derived here: in the freed class this is exact, at any width. The new layer's W^(L) and b^(i,L) are zero, so
        that its gain is the constant g = gain(o), and the last map's W^(L+1), b^(i,L+1) are the old ones divided by
        g, except its own b_{L+1}, which no gain multiplies and which stays. (With products for parameters it takes
        the saturated limit: see `nested.embed`.) Zeros are also a fixed point of descent: to train the new layer,
        move it off zero first.

        Args:
            width: of the new hidden layer.
            log_o: the logarithm of its intrinsic length.

        Raises:
            ValueError: width below 1.
        """
        width = integer("width", width)
        deeper = copy.deepcopy(self)
        length = self.treatment.hidden(self.weight, log_o)
        g = length(self.weight.new_zeros(1, 1))[1].squeeze()
        last = self._rows[-1]
        first, own = self.weight[-last:] / g, self.bias[-last:]
        deeper._rows = [*self._rows[:-1], width, last]
        deeper.activations.append(length)
        zeros = self.weight.new_zeros(width, self.weight.shape[1])
        deeper.weight = nn.Parameter(torch.cat([self.weight[:-last], zeros, first]))
        if not self.later:  # a single affine map: its bias becomes the last map's own
            deeper.bias = nn.Parameter(self.bias.new_zeros(width + last))
            deeper.later.append(nn.Parameter(own[None].clone()))
            return deeper
        deeper.bias = nn.Parameter(torch.cat([self.bias[:-last], self.bias.new_zeros(width), own / g]))
        later = self.later[-1]
        new = [later[:-1] / g, torch.zeros_like(later[-1:]), later[-1:]]  # b^(2..L-1), b^(L), b_{L+1}
        deeper.later[-1] = nn.Parameter(later.new_zeros(len(later), width))
        deeper.later.append(nn.Parameter(torch.cat(new)))
        return deeper

    def get_extra_state(self) -> Tensor:
        """As in `MLP`."""
        known = {"kind": self.kind, "widths": self.widths, "flatten": self.flatten}
        return states.packed(known | self.treatment.described())

    def set_extra_state(self, state: Tensor) -> None:
        """Raise a ValueError if a saved state is of another kind of network."""
        if known := states.unpacked(state):
            states.check_kind(known, self.kind)
            self.treatment.check_same(known)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor], **arguments: Any) -> Self:
        """As `IsotropicMLP.from_state_dict`."""
        own = states.unwrapped(state)
        net = IsotropicMLP(**states.arguments(states.known_of(own, arguments, cls.kind), own))
        states.fit_alphas(net.activations, own)
        return states.filled(cls(net), own)


@torch.no_grad()
def contractions(net: IsotropicMLP) -> tuple[list[Tensor], list[Tensor]]:
    """W^(l), [n_l, n_0], and b^(1,l) .. b^(l,l), [l, n_l], for l = 1 .. L, in float64 (METHOD section 7)."""
    weight, vectors = torch.eye(net.widths[0], dtype=torch.float64, device=net.affine[0].weight.device), None
    weights, biases = [], []
    for affine in net.affine:
        w, own = affine.weight.double(), affine.bias.double()[None]
        weight = w @ weight
        if vectors is None:
            vectors = own
        else:
            vectors = vectors @ w.mT  # [l - 1, n_l]
            if affine.psi is not None:
                vectors[-1] += affine.psi.double()
            vectors = torch.cat([vectors, own])
        weights.append(weight)
        biases.append(vectors)
    return weights, biases
