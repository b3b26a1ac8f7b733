"""How a training step multiplies matrices: in float32, in TF32 or in bfloat16. All else of a step is in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def multiplying(matmul: str) -> Iterator[None]:
    """With "tf32", let a CUDA device round the factors of float32 products to TF32; a CPU has no such products.

    Only while training: what is measured of a network is computed in the precision that its rows name.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if matmul == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class Products:
    """Batched products as torch takes them."""

    @staticmethod
    def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        """a [K, m, n] b [K, n, p] -> [K, m, p], into `out` if it is given."""
        return torch.bmm(a, b) if out is None else torch.bmm(a, b, out=out)

    @staticmethod
    def affine(bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """bias [K, 1, p] + a b."""
        return torch.baddbmm(bias, a, b)


class BFloat16Products(Products):
    """Products of factors rounded to bfloat16; parameters, gradients and moments stay what they are."""

    @staticmethod
    def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        """As `Products.product`."""
        low = torch.bmm(a.bfloat16(), b.bfloat16())
        return low.to(a.dtype) if out is None else out.copy_(low)

    @staticmethod
    def affine(bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """As `Products.affine`."""
        return BFloat16Products.product(a, b).add_(bias)


def products(matmul: str) -> type[Products]:
    """The products of a setting `matmul`."""
    return BFloat16Products if matmul == "bf16" else Products
