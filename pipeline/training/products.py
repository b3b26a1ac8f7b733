"""How a training step multiplies matrices: in float32, in TF32 or in bfloat16. All else of a step is in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_LARGE = 200_000  # entries of one network's weight from which on oneDNN's products pay


@contextmanager
def multiplying(matmul: str) -> Iterator[None]:
    """With "tf32", let a CUDA device round the factors of float32 products to TF32; a CPU has no such products.

    Only while training: what is measured of a network is computed in the precision that its rows name. Convolutions
    have a setting of their own, by which torch rounds them unless it is told not to.
    """
    before, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if matmul == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = matmul == "tf32"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = convolutions


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


class OneDnnProducts(Products):
    """Products taken one network at a time by oneDNN, for AMD processors, on which MKL uses no AVX-512.

    Where AVX-512 is of full width (Zen 5) they take down to half the time of MKL's; on Zen 4 about the same. Not
    those with an `out`, the gradients of weights: oneDNN's operator would have them copied.
    """

    @staticmethod
    def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        """As `Products.product`."""
        if out is not None:
            return Products.product(a, b, out)
        return _each([_linear()(x, w.T, None, "none", [], "") for x, w in zip(a, b, strict=True)])

    @staticmethod
    def affine(bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """As `Products.affine`."""
        return _each([_linear()(x, w.T, c[0], "none", [], "") for c, x, w in zip(bias, a, b, strict=True)])


def products(matmul: str, weight: Tensor) -> type[Products]:
    """The products of a setting `matmul`, for a map with this weight [K, n_l, n_{l-1}].

    Chosen by kind and size alone, never by timing: the same run shall give the same bits.
    """
    if matmul == "bf16":
        return BFloat16Products
    large = weight[0].numel() >= _LARGE and weight.dtype == torch.float32 and weight.device.type == "cpu"
    # Of a weight of which only some columns are taken, oneDNN's products are many times slower.
    return OneDnnProducts if large and weight.is_contiguous() and _linear() is not None else Products


def _each(products: list[Tensor]) -> Tensor:
    return products[0][None] if len(products) == 1 else torch.stack(products)


@cache
def _linear() -> Any:
    """oneDNN's linear map, private to torch; None where this torch has none, or another than is known here."""
    try:
        linear = torch.ops.mkldnn._linear_pointwise
        x, w, b = torch.ones(3, 2), torch.arange(8.0).view(4, 2), torch.ones(4)
        return linear if torch.equal(linear(x, w, b, "none", [], ""), functional.linear(x, w, b)) else None
    except Exception:  # whatever an operator raises that is not there or takes other arguments
        return None
