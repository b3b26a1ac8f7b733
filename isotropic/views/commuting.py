"""Whether a function of a hidden width is isotropic, by numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]
OTHER_SHAPE = "changes the last axis"
NOT_FINITE = "gives values that are not finite"
# Elementwise functions are nearly linear near zero, some nearly constant far from it, and some clip beyond a bound.
_SCALES = (0.1, 1.0, 10.0, 1e3, 1e5)
_TOGETHER = 64  # coordinates
_ALLOWED = 1e-4  # relative; what computes in float32 is within 1e-6, what is not isotropic beyond 1e-2 at some scale


def shapes(n: int) -> list[tuple[int, ...]]:
    """What to try before a last axis of n: rows, tokens and positions, and no number that could be taken for n."""
    return [tuple(k + 5 if k == n else k for k in shape) for shape in ((4,), (2, 3), (2, 3, 2))]


def fault(f: Function, n: int, before: tuple[int, ...], device: torch.device) -> str | None:
    """What keeps f from being isotropic in every width, in words that follow the name of f; None if nothing does.

        f(h Q) = f(h) Q for orthogonal Q      so that hidden widths can be turned
        f((h, 0)) = (f(h), 0)                 so that they can grow and be pruned: a mean over the width fails

    Args:
        f: [*before, n] -> [..., n], in float64.
        n: the width.
        before: leading shape of what is tried.
        device: of what is tried.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu").to(device)

    q = orthogonal(n, generator).to(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for scale in _SCALES:
            found = _fault(f, scale * normal(*before, n), q)
            if found is not None and not (found == NOT_FINITE and scale > 1):  # what grows fast overflows
                return found
    return None


def _fault(f: Function, h: Tensor, q: Tensor) -> str | None:
    a = f(h)
    if not a.ndim or a.shape[-1] != h.shape[-1]:
        return f"{OTHER_SHAPE}: {list(h.shape)} becomes {list(a.shape)}"
    if not bool(a.isfinite().all()):
        return NOT_FINITE
    if not same(f(h), a):
        return "is random in training, such as dropout, which may stand before the first layer or after the last"
    if not same(f(h @ q), a.double() @ q):
        return "does not commute with rotations"
    try:
        wider = f(torch.cat([h, torch.zeros_like(h[..., :1])], dim=-1))
    except Exception:  # people's code
        return f"works for the width {h.shape[-1]} alone, so that it could not grow or be pruned"
    if not same(wider, torch.cat([a, torch.zeros_like(a[..., :1])], dim=-1)):
        return "depends on the width itself, such as a mean over it, so that growing and pruning would not be exact"
    return None


def orthogonal(n: int, generator: torch.Generator) -> Tensor:
    """A random orthogonal matrix in float64, which turns coordinates by tens: a wide one costs little."""
    q = torch.zeros(n, n, dtype=torch.float64, device="cpu")
    for some in torch.randperm(n, generator=generator, device="cpu").split(_TOGETHER):
        block = torch.randn(len(some), len(some), generator=generator, dtype=torch.float64, device="cpu")
        q[some[:, None], some] = torch.linalg.qr(block).Q
    return q


def same(actual: Tensor, expected: Tensor, allowed: float = _ALLOWED) -> bool:
    """Equal up to a share of the largest entry; False for NaN."""
    if actual.shape != expected.shape:
        return False
    scale = expected.abs().max().item() if expected.numel() else 0.0
    difference = (actual.double() - expected.double()).abs()
    return bool((difference <= allowed * scale + 1e-30).all())
