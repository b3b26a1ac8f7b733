"""Device "cuda" where there is none: torch's fake tensors, and a watch over what crosses between host and device.

A fake tensor has a shape, a dtype and a device, and no numbers. torch computes these three for every operation and
refuses operands on two devices. `Cuda` adds what it does not do by itself:

- A read by the host is answered from a list, if the place in the code that reads is on it, and refused otherwise.
- Every copy from host to device is noted with its place.
- `backward`, `Module.to`, copies and fused SGD, which torch cannot do with such tensors, are done in Python.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

PACKAGES = [Path(__file__).parents[2] / name for name in ("isotropic", "pipeline")]
ATEN = torch.ops.aten
# An operation whose result has a number or a size that only the device knows.
READS = {ATEN._local_scalar_dense.default, ATEN.equal.default, ATEN.allclose.default, ATEN.nonzero.default}
CROSSING = {ATEN._to_copy.default, ATEN.copy_.default}

Answer = bool | int | float | Callable[[Tensor], object]
Answers = Mapping[str, Answer]


class HostRead(RuntimeError):
    """The host wants a number of the device, which has to wait for it."""


class Cuda(TorchDispatchMode):
    """Computes on device "cuda", as above.

        with cuda({"surgery/edit.py: _check": True}) as watch:
            net = IsotropicMLP([6, 5, 3], device="cuda")
            diagonalise(net, 1)
        assert watch.reads == {"surgery/edit.py: _check": 2}

    Attributes:
        reads: place -> how often the host waited there for the device.
        uploads: place -> how often something was copied from the host to the device.
    """

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self.answers = answers
        self.reads: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = kwargs or {}
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        on_device = any(t.is_cuda for t in tensors)
        if func in READS:
            return self._read(func, tensors[0])
        if func is ATEN._fused_sgd_.default:  # torch has no fake form of it
            return None if len({t.device for t in tensors}) == 1 else _refuse(tensors)
        if func is ATEN.index.Tensor and any(t.dtype == torch.bool for t in tensors[1:]):
            return self._masked(*args)
        out = func(*args, **kwargs)
        if func in CROSSING:
            self._crossed(tensors[-1], out)
        elif func is ATEN.index.Tensor and on_device and not all(t.is_cuda for t in tensors):
            self.uploads[_place()] += 1  # torch copies indices to where they are used
        return out

    def _read(self, func: torch._ops.OpOverload, t: Tensor) -> object:
        place = _place()
        if t.is_cuda:
            self.reads[place] += 1
        if place not in self.answers:
            raise HostRead(f"{func} of {tuple(t.shape)} on {t.device} in {place}")
        answer = self.answers[place]
        return answer(t) if callable(answer) else answer

    def _masked(self, t: Tensor, indices: list[Tensor | None]) -> Tensor:
        """t[mask]: how many there are is known to the device alone. Here it is all of them."""
        masks = [each for each in indices if each is not None]
        self._read(ATEN.nonzero.default, masks[0])
        return t[tuple(slice(None) for _ in indices)]

    def _crossed(self, source: Tensor, out: Tensor) -> None:
        if source.is_cuda and not out.is_cuda:
            place = _place()
            self.reads[place] += 1
            if place not in self.answers:
                raise HostRead(f"a copy of {tuple(source.shape)} to the host in {place}")
        elif out.is_cuda and not source.is_cuda:
            self.uploads[_place()] += 1


@contextmanager
def cuda(answers: Answers | None = None) -> Iterator[Cuda]:
    """All tensors made within are fake ones; those on "cuda" stay there.

    Args:
        answers: place -> what the host reads there, or a function of the tensor that makes it up.
    """
    watch = Cuda({} if answers is None else answers)
    with (
        FakeTensorMode(allow_non_fake_inputs=False),
        watch,
        patch.object(nn.Module, "_apply", _apply),
        patch.object(Tensor, "backward", backward),
        patch.object(Tensor, "__deepcopy__", _copied),
    ):
        yield watch


def _place() -> str:
    """The innermost function of the package that is being run, with its file."""
    frame = sys._getframe(1)
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        for package in PACKAGES:
            if package in file.parents:
                return f"{file.relative_to(package)}: {frame.f_code.co_qualname.partition('.<locals>')[0]}"
        frame = frame.f_back
    return "a test"


def _refuse(tensors: list[Tensor]) -> None:
    raise RuntimeError(f"tensors on {sorted({str(t.device) for t in tensors})}")


def _apply(self: nn.Module, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """`Module._apply`, which swaps fake parameters in place and cannot; here they are replaced."""
    for module in self.modules():
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = nn.Parameter(fn(p.detach()), p.requires_grad)
        for name, b in module._buffers.items():
            if b is not None:
                module._buffers[name] = fn(b)
    return self


def _copied(self: Tensor, memo: dict[int, object]) -> object:
    """`Tensor.__deepcopy__`, which would copy the mode that a fake tensor belongs to."""
    if id(self) not in memo:
        t = self.detach().clone()
        memo[id(self)] = nn.Parameter(t, self.requires_grad) if isinstance(self, nn.Parameter) else t
    return memo[id(self)]


def backward(self: Tensor) -> None:
    """`Tensor.backward`, whose engine wants a driver for "cuda": here its nodes are called one after the other."""
    pending: dict[torch.autograd.graph.Node, dict[int, Tensor]] = {self.grad_fn: {0: torch.ones_like(self)}}
    with torch.no_grad():
        for node in _ordered(self.grad_fn):
            gradients = pending.pop(node, None)
            if gradients is None:
                continue
            if hasattr(node, "variable"):  # where a parameter's gradient is added up
                p, g = node.variable, gradients[0]
                p.grad = g if p.grad is None else p.grad + g
                continue
            count = 1 + max(gradients)
            into = [gradients.get(i) for i in range(count)]
            results = (node.apply if hasattr(node, "apply") else node)(*into)
            results = results if isinstance(results, tuple) else (results,)
            for (after, number), g in zip(node.next_functions, results, strict=True):
                if after is not None and g is not None:
                    leaf = hasattr(after, "variable")
                    shape = after.variable.shape if leaf else after._input_metadata[number].shape
                    g = g.sum_to_size(shape)  # what was broadcast is summed, as torch's engine does
                    own = pending.setdefault(after, {})
                    own[number] = own[number] + g if number in own else g


def _ordered(root: torch.autograd.graph.Node) -> list[torch.autograd.graph.Node]:
    """All nodes of a graph, each after those that give to it."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(after, False) for after, _ in node.next_functions if after is not None]
    return order[::-1]
