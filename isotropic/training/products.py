"""How a training step multiplies matrices: in float32, in TF32 or in bfloat16. All else of a step is in float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    """Batched products as torch takes them.

    Attributes:
        singly: whether the gradients of weights are best taken one network at a time.
    """

    singly = False

    @staticmethod
    def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        """a [K, m, n] b [K, n, p] -> [K, m, p], into `out` if it is given."""
        return torch.bmm(a, b) if out is None else torch.bmm(a, b, out=out)

    @staticmethod
    def affine(bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """bias [K, 1, p] + a b."""
        return torch.baddbmm(bias, a, b)

    @classmethod
    def of_each(cls, d: Tensor, a: Tensor) -> Callable[[int], Tensor]:
        """d [K, B, n], a [K, B, m] -> a function k -> d_k^T a_k [n, m], contiguous."""
        return lambda k: cls.product(d[k : k + 1].mT, a[k : k + 1])[0]


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

    Its operator takes one factor as the weight of a linear map. It is fastest if that is the one with the batch: it
    repacks the weight. Products with an `out` are torch's, since the operator would have them copied.
    """

    singly = True

    @staticmethod
    def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        """As `Products.product`."""
        if out is not None:
            return Products.product(a, b, out)
        each = [_linear()(x, w.T, None, "none", [], "") for x, w in zip(a, b, strict=True)]
        return each[0][None] if len(each) == 1 else torch.stack(each)

    @staticmethod
    def affine(bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """As `Products.affine`, from (b^T a^T)^T."""
        h = a.new_empty(*a.shape[:-1], b.shape[-1])
        for out, c, x, w in zip(h, bias, a, b, strict=True):
            torch.add(_linear()(w.T, x, None, "none", [], "").T, c, out=out)
        return h

    @classmethod
    def of_each(cls, d: Tensor, a: Tensor) -> Callable[[int], Tensor]:
        """As `Products.of_each`."""
        rows = d.mT.contiguous()  # what oneDNN itself would do more slowly
        return lambda k: _linear()(rows[k], a[k].T, None, "none", [], "")


def products(matmul: str, weight: Tensor) -> type[Products]:
    """The products of a setting `matmul`, for a map with this weight [K, n_l, n_{l-1}].

    Chosen by kind and size alone, never by timing: the same run shall give the same bits.
    """
    if matmul == "bf16":
        return BFloat16Products
    large = weight[0].numel() >= _LARGE and weight.dtype == torch.float32 and weight.device.type == "cpu"
    # Of a weight of which only some columns are taken, oneDNN's products are many times slower.
    return OneDnnProducts if large and weight.is_contiguous() and _linear() is not None else Products


@cache
def _linear() -> Any:
    """oneDNN's linear map, private to torch; None where this torch has none, or another than is known here."""
    try:
        linear = torch.ops.mkldnn._linear_pointwise
        x, w, b = torch.ones(3, 2), torch.arange(8.0).view(4, 2), torch.ones(4)
        return linear if torch.equal(linear(x, w, b, "none", [], ""), functional.linear(x, w, b)) else None
    except Exception:  # whatever an operator raises that is not there or takes other arguments
        return None
