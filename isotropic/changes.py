"""Under what settings of torch networks are changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def change(function: Callable[P, R]) -> Callable[P, R]:
    """A function that changes networks, or tries to: without gradients, outside of inference mode and of autocast.

    What is made in inference mode could not be trained, and autocast would compute in less what is to be exact.
    """

    @wraps(function)
    def changed(*args: P.args, **kwargs: P.kwargs) -> R:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(mode=False))
            stack.enter_context(torch.no_grad())
            for kind in ("cpu", "cuda"):
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            return function(*args, **kwargs)

    return changed
