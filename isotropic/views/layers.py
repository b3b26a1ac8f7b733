"""The layers that a view can have: nn.Linear, and the one that `convert` puts in its place."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isotropic.networks.activation import NO_LENGTH
from isotropic.networks.base import AffineMap

DTYPES = (torch.float32, torch.float64)


class CompensatedLinear(nn.Module):
    """nn.Linear with what METHOD section 4 needs to prune exactly: an intrinsic length and a compensatory vector.

    The length is one more channel, the constant c = sqrt(o) >= 0, and an isotropic activation passes it on as g c:

        x = (a, k)     h = W a + b + k v     returns (h, c)

    An activation sees ||(h, c)||^2 = ||h||^2 + o, and k = g c of the layer before, so that k v = g psi with
    psi = c v. Where c = 0, so is psi. All is in tensors that flow through the model, so it can be compiled, copied
    and run anywhere. It is no nn.Linear: what replaces one by another module would lose the channel.

    Attributes:
        weight, bias: W [n_l, n_{l-1}] and b [n_l], or None: the parameters of the nn.Linear that it replaced.
        log_o: log o of the hidden width that it begins, a buffer, `NO_LENGTH` at first; None for the last of a chain.
        per_constant: v [n_l], a buffer, 0 at first; None for the first of a chain.
    """

    log_o: Tensor | None
    per_constant: Tensor | None

    def __init__(self, linear: nn.Linear, first: bool, last: bool) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        like = linear.weight.detach()
        self.register_buffer("log_o", None if last else like.new_full((), NO_LENGTH))
        self.register_buffer("per_constant", None if first else like.new_zeros(len(like)))
        self.training = linear.training

    @property
    def in_features(self) -> int:
        """n_{l-1}, without the constant channel."""
        return self.weight.shape[1]

    @property
    def out_features(self) -> int:
        """n_l, without the constant channel."""
        return self.weight.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """x [..., n_{l-1} + 1] -> [..., n_l + 1]; the first of a chain takes n_{l-1}, the last returns n_l."""
        v = self.per_constant
        h = F.linear(x if v is None else x[..., :-1], self.weight, self.bias)
        if v is not None:
            h = h + x[..., -1:] * v.to(h.dtype)
        if self.log_o is None:
            return h
        constant = (self.log_o / 2).exp().to(h.dtype)
        return torch.cat([h, constant.expand_as(h[..., :1])], dim=-1)

    def extra_repr(self) -> str:
        """The shape, for print(model)."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


Layer = nn.Linear | CompensatedLinear


def check_layer(layer: object, name: str) -> None:
    """Raise a ValueError in one line, which says what to do, unless surgery can change this layer.

    Args:
        layer: nn.Linear, or a subclass with its forward, or CompensatedLinear, in float32 or float64.
        name: under which the line speaks of it.
    """
    if isinstance(layer, AffineMap):
        raise ValueError(
            f"layers: {name} is a map of a network of this library; grow and prune take that network itself"
        )
    if not isinstance(layer, Layer):
        raise ValueError(f"layers: {name} is a {type(layer).__name__}, and not an nn.Linear")
    if isinstance(layer, nn.Linear) and type(layer).forward is not nn.Linear.forward:
        raise ValueError(
            f"layers: {name} is a {type(layer).__name__} with a forward of its own, not that of nn.Linear"
        )
    weight = layer._parameters.get("weight")
    if weight is None or (layer.bias is not None and "bias" not in layer._parameters):
        raise ValueError(
            f"layers: {name} is parametrised (weight norm, spectral norm, an adapter): its weight is computed from "
            "others; remove that first (torch.nn.utils.parametrize.remove_parametrizations), and put it back after"
        )
    if isinstance(weight, nn.parameter.UninitializedParameter):
        raise ValueError(f"layers: {name} is lazy and has no shape yet; run the model on a batch first")
    if weight.is_meta:
        raise ValueError(
            f"layers: {name} is on the meta device and holds no numbers; to_empty and load its state first"
        )
    if type(weight.data) is not Tensor:
        raise ValueError(
            f"layers: the weight of {name} is a {type(weight.data).__name__} (sharded or quantised); "
            "attach the model before it is sharded or quantised"
        )
    if weight.dtype not in DTYPES:
        raise ValueError(
            f"layers: {name} is in {weight.dtype}, where no change of basis is exact; keep its weights in float32 "
            "(autocast may compute in less)"
        )
