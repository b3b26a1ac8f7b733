"""Every dtype, with and without autocast, at every norm: rounded once, with gradients."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import normal
from torch import Tensor

import isotropic
from isotropic import IsotropicActivation, IsotropicMLP
from isotropic.activations import SIGMAS

HALF = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}  # half a unit in the last place
ROUNDING = HALF | {torch.float32: 2e-6, torch.float64: 1e-14}
LARGEST = {torch.float16: 6e4, torch.bfloat16: 1e38, torch.float32: 1e38, torch.float64: 1e307}
DTYPES = pytest.mark.parametrize("dtype", ROUNDING, ids=str)
BOUNDED = [name for name, sigma in SIGMAS.items() if sigma.bounded]
N = 40


def norms(dtype: torch.dtype) -> list[float]:
    """From 1e-6 to the largest whose entries this dtype holds."""
    return [
        size
        for size in (1e-6, 1e-3, 0.5, 3.0, 100.0, 300.0, 6e4, 1e15, 1e19, 1e25, 1e38, 1e307)
        if size <= LARGEST[dtype]
    ]


def vector(size: float, dtype: torch.dtype) -> Tensor:
    h = normal(4, N)
    return (h / h.norm(dim=-1, keepdim=True) * size).to(dtype)


def expected(name: str, h: Tensor) -> Tensor:
    """In float64, from the direction and the norm, by numbers that cannot overflow."""
    wide = h.double()
    largest = wide.abs().amax(-1, keepdim=True)
    unit = wide / largest
    length = unit.norm(dim=-1, keepdim=True)
    r = largest * length
    value = {
        "tanh": torch.tanh,
        "erf": torch.erf,
        "arctan": torch.arctan,
        "softsign": lambda r: 1 / (1 + 1 / r),
        "algebraic": lambda r: 1 / torch.hypot(1 / r, torch.ones_like(r)),
        "relu": lambda r: (r - 1).relu(),
        "identity": lambda r: r,
    }[name](r)
    return value * unit / length


def relative(actual: Tensor, wanted: Tensor) -> float:
    scale = wanted.abs().amax(-1, keepdim=True)
    return ((actual.double() / scale - wanted / scale).norm(dim=-1) / (wanted / scale).norm(dim=-1)).max().item()


@DTYPES
@pytest.mark.parametrize("autocast", [None, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", SIGMAS)
def test_rounded_once_at_every_norm(name: str, autocast: torch.dtype | None, dtype: torch.dtype) -> None:
    f = IsotropicActivation(name)
    for size in norms(dtype):
        h = vector(size, dtype)
        with torch.autocast("cpu", autocast or torch.float16, enabled=autocast is not None):
            actual = f(h)
        assert actual.dtype == dtype
        wanted = expected(name, h)
        rounded = wanted.to(dtype).double()
        if not wanted.abs().any():
            assert not actual.any(), f"{name} of norm {size}"
            continue
        assert relative(actual, rounded) < 2e-4 if dtype in HALF else relative(actual, wanted) < ROUNDING[dtype], size


@DTYPES
def test_gradients_at_every_norm(dtype: torch.dtype) -> None:
    """Of f in the directions across h they are sigma(r) / r, along it sigma'(r)."""
    for name in BOUNDED:
        for size in norms(dtype):
            h = vector(size, dtype).requires_grad_()
            IsotropicActivation(name)(h).sum().backward()
            assert h.grad is not None and h.grad.isfinite().all(), f"{name} at {size}"
            if size <= 1e15:
                wide = h.detach().double().requires_grad_()
                IsotropicActivation(name)(wide).sum().backward()
                assert wide.grad is not None
                worst = (h.grad.double() - wide.grad).abs().max() / wide.grad.abs().max()
                tiny = torch.finfo(dtype).tiny / wide.grad.abs().max()  # what is subnormal is rounded more coarsely
                assert worst < 4 * ROUNDING[dtype] + tiny, f"{name} at {size}: {worst}"


@DTYPES
@pytest.mark.parametrize("name", BOUNDED)
def test_far_out_the_length_is_the_limit(name: str, dtype: torch.dtype) -> None:
    limit = {"arctan": torch.pi / 2}.get(name, 1.0)
    far = norms(dtype)[-1]
    length = IsotropicActivation(name)(vector(far, dtype)).double().norm(dim=-1)
    assert (length / limit - 1).abs().max() < 4 * ROUNDING[dtype] + 2 / far


@pytest.mark.parametrize("name", ["tanh", "softsign"])
def test_squares_in_the_dtype_itself_fail(name: str) -> None:
    """The negative control: the formula without widening and scaling."""
    for dtype, size in ((torch.float16, 300.0), (torch.float32, 1e25), (torch.bfloat16, 1e25)):
        h = vector(size, dtype)
        g = SIGMAS[name].gain(torch.linalg.vecdot(h, h)[:, None])
        assert relative(g * h, expected(name, h)) > 0.5


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("how", ["half", "autocast"])
def test_networks_on_raw_pixels(how: str, dtype: torch.dtype) -> None:
    net = IsotropicMLP([784, 64, 64, 10], seed=0)
    pixels = (normal(8, 784, dtype=torch.float32).abs() * 100).clamp(max=255).round()
    wanted, x = net(pixels), pixels
    if how == "half":
        net, x = net.to(dtype), pixels.to(dtype)
    with torch.autocast("cpu", dtype, enabled=how == "autocast"):
        assert (net.maps[0](x).float().norm(dim=-1) > 300).all(), "its square overflows in float16"
        z = net(x)
        loss = z.float().square().sum()
    loss.backward()
    assert z.dtype == dtype
    assert ((z.float() - wanted).norm() / wanted.norm()).item() < 8 * HALF[dtype]
    for name, p in net.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all(), name
        assert p.grad.any() or name.endswith("log_o"), name  # o is 1e-6, and so is what it gets


def test_networks_far_out() -> None:
    net = IsotropicMLP([20, 16, 16, 4], seed=0)
    x = normal(8, 20, dtype=torch.float32)
    near, far = net(x * 1e6), net(x * 1e30)
    assert ((far - near).norm() / near.norm()).item() < 1e-4


@pytest.mark.parametrize("size", [1.0, 90.0, 1000.0])
@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_pruning_in_half_keeps_what_large_biases_did(dtype: torch.dtype, size: float) -> None:
    """Of biases beyond 256 the square overflows in float16, and of several before."""
    net = IsotropicMLP([6, 12, 7, 3], seed=0)
    net.assign({"maps.0.bias": size * normal(12, dtype=torch.float32)})
    net = net.to(dtype)
    x = normal(16, 6).to(dtype)
    before = net(x).float()
    isotropic.prune(net, 1, 6)  # of rank 6: those that are removed are constant
    assert net.activations[0].log_o.isfinite()
    assert ((net(x).float() - before).norm() / before.norm()).item() < 8 * HALF[dtype]


def test_o_is_not_rounded_in_half() -> None:
    net = IsotropicMLP([4, 4, 2], seed=0).half()
    net.assign({"activations.0.log_o": torch.tensor(12.0).half()})  # o = 162755 is more than float16 holds
    x = normal(5, 4).half()
    wanted = net.double()(x.double())
    assert ((net.half()(x).double() - wanted).norm() / wanted.norm()).item() < 2e-3
