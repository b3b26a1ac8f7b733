"""A copy of a model to try things on, whose parameters are those of the model and not copies."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


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
