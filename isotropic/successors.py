"""What a parameter leaves to the one that replaces it, and a warning where an optimiser goes on with the old one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

_MARK = "_isotropic_replaced"  # on a parameter that was replaced: the name that it had
_replacements = 0  # so far
_looked: WeakKeyDictionary[Optimizer, float] = WeakKeyDictionary()  # how many there were when it was last looked at


def succeed(old: nn.Parameter, new: nn.Parameter, gradient: Tensor | None) -> None:
    """Give a new parameter what the old one had: its gradient, as it now is, hooks, attributes and class.

    Hooks are shared, so that the handles that the user has still remove them.
    """
    new.grad = gradient
    new.__dict__.update({name: value for name, value in old.__dict__.items() if name != _MARK})
    if old._backward_hooks:
        new._backward_hooks = old._backward_hooks
    if hooks := getattr(old, "_post_accumulate_grad_hooks", None):
        new._post_accumulate_grad_hooks = hooks
    if type(new) is not type(old):
        with suppress(TypeError):  # of another layout in memory
            new.__class__ = type(old)


def follow(before: Mapping[str, nn.Parameter], after: Mapping[str, nn.Parameter]) -> None:
    """After parameters were replaced without their optimisers, as by a saved state of other widths.

    They leave all but their gradients to those of the same names, and who still steps them is warned.
    """
    for name, old in before.items():
        new = after.get(name)
        if new is old:
            continue
        if new is not None:
            succeed(old, new, None)
        mark(old, name)


def mark(old: nn.Parameter, name: str) -> None:
    """Remember of a parameter that it was replaced, and look who goes on with it.

    Also where an optimiser was told: another may have it, too, such as one within a wrapper.
    """
    global _replacements
    setattr(old, _MARK, name)
    if not old.requires_grad:
        return
    if _replacements == 0:
        register_optimizer_step_pre_hook(warn_of_replaced)
    _replacements += 1


def warn_of_replaced(optimiser: Optimizer, *_: Any) -> None:
    """Before a step: warn, once an optimiser, if it holds what was replaced."""
    if _looked.get(optimiser, 0) >= _replacements:
        return
    _looked[optimiser] = _replacements
    held = (p for group in optimiser.param_groups for p in group["params"])
    name = next((getattr(p, _MARK) for p in held if hasattr(p, _MARK)), None)
    if name is not None:
        _looked[optimiser] = float("inf")
        warnings.warn(
            f"{type(optimiser).__name__} steps {name}, which a change of the network, or a saved state of other "
            "widths, has replaced by another parameter: it no longer trains it; pass `optimiser=` to the change, or "
            "make a new optimiser",
            stacklevel=3,
        )
