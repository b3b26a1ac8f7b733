"""A copy of a model to try things on, whose parameters are those of the model and not copies."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor, nn


class Skeleton:
    """The modules of a model once more, with the same parameters and with buffers of their own.

    What is run, traced or replaced in it leaves the model as it was.

    Args:
        model: whose modules are copied.

    Raises:
        ValueError: a module holds something that Python cannot copy.
    """

    def __init__(self, model: nn.Module) -> None:
        shared: list[Tensor] = list(model.parameters())
        for module in model.modules():  # results that a module keeps, which cannot be copied while they have a graph
            shared += [t for t in vars(module).values() if isinstance(t, Tensor)]
        self._copies: dict[int, object] = {id(t): t for t in shared}
        try:
            self.model: nn.Module = copy.deepcopy(model, self._copies)
        except (TypeError, RuntimeError, AttributeError) as e:
            raise ValueError(f"model: {type(model).__name__} cannot be copied for the check: {one_line(e)}") from e

    def of(self, module: nn.Module) -> nn.Module:
        """The copy of a module of the model."""
        found = self._copies[id(module)]
        assert isinstance(found, nn.Module)
        return found


def in_float64(module: nn.Module) -> nn.Module:
    """A copy of a module with parameters and buffers of its own, in float64 those that are floats."""
    copied = Skeleton(module).model
    for inner in copied.modules():
        for name, p in inner._parameters.items():
            if p is not None:  # not `Module.double`, which would change the parameters that the model has, too
                inner._parameters[name] = nn.Parameter(wide(p), requires_grad=p.requires_grad)
        for name, t in inner._buffers.items():
            inner._buffers[name] = None if t is None else wide(t)
    return copied


def wide(t: Tensor) -> Tensor:
    """A copy of its values, in float64 if they are floats."""
    return t.detach().to(torch.float64 if t.is_floating_point() else t.dtype, copy=True)


def trained(t: Tensor, generator: Generator) -> Tensor:
    """What training might make of a gate: further from 0, on its side of it; what is 0 at first may hide much.

    All that has an axis of the width itself is refused already, since it could not grow.
    """
    drawn = torch.randn(t.shape, generator=generator, dtype=torch.float64, device="cpu").to(t)
    return t.detach() + torch.where(t < 0, -0.3, 0.3) * drawn.abs()


@contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """All modules in training or in evaluation for a while; after that each as it was."""
    before = {module: module.training for module in model.modules()}
    try:
        for module in before:
            module.training = training
        yield
    finally:
        for module, was in before.items():
            module.training = was


def one_line(e: Exception) -> str:
    """The first line of an error, not too long."""
    lines = str(e).strip().splitlines()
    return f"{type(e).__name__}: {lines[0][:160]}" if lines else type(e).__name__
