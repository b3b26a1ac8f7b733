"""The optimisers whose state can be carried through a change of basis or width: one entry each.

With a parameter W <- A W B, a state of power 1 becomes A m B, as a gradient does (exact for what is linear in the
gradients); one of power 2 becomes (A * A) v (B * B), with the elementwise squares, which keep it non-negative
(METHOD section 2; an approximation but for permutations and signs); one of power 0 stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, optim
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

UNKNOWN = ("error", "reset")  # what is done with the state of an optimiser whose kind is not known


@dataclass(frozen=True)
class Kind:
    """How the states of one kind of optimiser transform.

    Attributes:
        powers: state name -> power: 0 unchanged, 1 as the parameter, 2 with squares.
        means: second moment -> the first moment whose square the optimiser subtracts from it. Then the variance
            v - m^2, and not v, turns by the squares, so that it stays non-negative: v <- Q^2 v + (Q m)^2 - Q^2 m^2.
        begins: state -> the setting of the group at which it begins, where that is before the first step.
    """

    powers: Mapping[str, int]
    means: Mapping[str, str] = field(default_factory=dict)
    begins: Mapping[str, str] = field(default_factory=dict)


_ADAM = {"step": 0, "exp_avg": 1, "exp_avg_sq": 2, "max_exp_avg_sq": 2}
_KINDS: dict[type[Optimizer], Kind] = {
    optim.SGD: Kind({"momentum_buffer": 1}),
    optim.Adam: Kind(_ADAM),
    optim.AdamW: Kind(_ADAM),
    optim.NAdam: Kind(_ADAM | {"mu_product": 0}),
    optim.RAdam: Kind(_ADAM),
    optim.Adamax: Kind({"step": 0, "exp_avg": 1, "exp_inf": 2}),  # a largest |gradient|: kept non-negative
    optim.RMSprop: Kind(
        {"step": 0, "square_avg": 2, "momentum_buffer": 1, "grad_avg": 1}, means={"square_avg": "grad_avg"}
    ),
    optim.Adagrad: Kind({"step": 0, "sum": 2}, begins={"sum": "initial_accumulator_value"}),
    optim.Adadelta: Kind({"step": 0, "square_avg": 2, "acc_delta": 2}),
}
if hasattr(optim, "Muon"):
    _KINDS[optim.Muon] = Kind({"momentum_buffer": 1})


def register_optimiser(kind: type[Optimizer], powers: Mapping[str, int]) -> None:
    """Say how the state of an optimiser transforms, so that every change carries it; of its subclasses too.

        register_optimiser(Lion, {"exp_avg": 1})

    Args:
        kind: the class.
        powers: state name -> 0, unchanged (a count of steps); 1, as the parameter (a mean of gradients); or 2, with
            squares (a mean of squared gradients).

    Raises:
        TypeError: `kind` is no class of optimisers.
        ValueError: a power that is not 0, 1 or 2.
    """
    if not (isinstance(kind, type) and issubclass(kind, Optimizer)):
        raise TypeError(f"kind: {kind!r} is not a subclass of torch.optim.Optimizer")
    for state, power in powers.items():
        if power not in (0, 1, 2):
            raise ValueError(f"powers: {power!r} of {state!r} is not one of 0, 1, 2")
    _KINDS[kind] = Kind(dict(powers))


def kind_of(optimiser: Optimizer) -> Kind | None:
    """Its entry, or that of the nearest class that it inherits from; None if there is none."""
    return next((_KINDS[each] for each in type(optimiser).__mro__ if each in _KINDS), None)


def chains_of(optimiser: object) -> list[list[Optimizer]]:
    """Of one optimiser, several, or None: each as the list [it, what it wraps, ...], whose last has the moments.

    Raises:
        TypeError: something that is no optimiser, such as a scheduler.
    """
    if optimiser is None:
        return []
    if isinstance(optimiser, Iterator):
        raise TypeError(f"optimiser: a {type(optimiser).__name__} can be gone through once only; give a list")
    if isinstance(optimiser, Iterable) and not isinstance(optimiser, Optimizer | Tensor | str | Mapping):
        return [_chain(each) for each in optimiser]
    return [_chain(optimiser)]


def _chain(given: Any) -> list[Any]:
    chain: list[Any] = []
    held = given
    while held is not None and not any(held is each for each in chain):
        if isinstance(held, LRScheduler):
            raise TypeError(f"optimiser: {type(held).__name__} is a scheduler; give the optimiser that it schedules")
        chain.append(held)
        held = getattr(held, "optimizer", None)
    if not chain or not isinstance(chain[-1], Optimizer):
        raise TypeError(
            f"optimiser: {type(given).__name__} is no torch.optim.Optimizer, nor has one as `optimizer`; give one, a "
            "list of several, or None"
        )
    return chain


def refusal(chain: list[Optimizer], named: Mapping[str, Tensor]) -> str | None:
    """Why the states that an optimiser has of these parameters cannot be carried, on one line; None if they can."""
    *wrappers, optimiser = chain
    name, kind = type(optimiser).__name__, kind_of(optimiser)
    instead = f"; register_optimiser({name}, {{state: power}}) says how it does, unknown='reset' begins it anew"
    for each in wrappers:
        if getattr(each, "state", None) and each.state is not optimiser.state:
            return f"optimiser: the state of {type(each).__name__}, around {name}, has no known transform{instead}"
    if kind is None:
        known = ", ".join(each.__name__ for each in _KINDS)
        return f"optimiser: the state of {name} has no known transform, as those of {known} have{instead}"
    for parameter, t in named.items():
        for state, value in optimiser.state.get(t, {}).items():
            power, alike = kind.powers.get(state), isinstance(value, Tensor) and value.shape == t.shape
            fits = not (alike and t.ndim) if power == 0 else alike and power is not None
            if value is not None and not fits:
                return f"optimiser: its state {state!r} of {parameter} has no known transform{instead}"
    return None


def begin(optimiser: Optimizer, parameter: Tensor) -> None:
    """Give a parameter the state that others have before its first step, where the optimiser expects one.

    Adagrad makes it when it is made; and fused SGD has momentum for all or for none.
    """
    optimiser.state.pop(parameter, None)
    kind, group = kind_of(optimiser), group_of(optimiser, parameter)
    others = [state for state in optimiser.state.values() if state]
    if kind is None or group is None:
        return
    for state, setting in kind.begins.items():
        made = {"step": torch.zeros_like(others[0]["step"])} if others else {"step": torch.tensor(0.0)}
        optimiser.state[parameter] = made | {state: torch.full_like(parameter, group[setting])}
    momentum = any(state.get("momentum_buffer") is not None for state in others)
    if momentum and group.get("fused") and isinstance(optimiser, optim.SGD):
        optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def group_of(optimiser: Optimizer, parameter: Tensor) -> dict[str, Any] | None:
    """The parameter group that holds it."""
    groups = optimiser.param_groups
    return next((group for group in groups if any(p is parameter for p in group["params"])), None)
