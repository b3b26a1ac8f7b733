"""A model with every second layer of a chain diagonal: what `sparsify` makes of a view."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class DiagonalLinear(nn.Module):
    """x -> s * x + b, with s elementwise on the first min(n, m) numbers and nothing of the others (METHOD section 6).

    Attributes:
        weight: s, the diagonal of an nn.Linear, [min(n_l, n_{l-1})].
        bias: b, [n_l], or None.
        in_features, out_features: n_{l-1} and n_l.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = nn.Parameter(linear.weight.detach().diagonal().clone(), linear.weight.requires_grad)
        self.bias = linear.bias
        self.training = linear.training

    def forward(self, x: Tensor) -> Tensor:
        """x [..., n_{l-1}] -> [..., n_l]."""
        k = len(self.weight)
        h = nn.functional.pad(x[..., :k] * self.weight, (0, self.out_features - k))
        return h if self.bias is None else h + self.bias

    def extra_repr(self) -> str:
        """The shape, for print(model)."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def put(model: nn.Module, new: Mapping[int, nn.Module]) -> None:
    """Put modules in place of others (by id), wherever the model has them by name."""
    for module in list(model.modules()):
        for name, child in module._modules.items():
            if id(child) in new:
                module._modules[name] = new[id(child)]
