"""What lies between the layers of a chain, by running the model before and after hidden widths are turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from isotropic.views.commuting import orthogonal, same
from isotropic.views.layers import DTYPES, CompensatedLinear, Layer
from isotropic.views.skeleton import Skeleton, mode, one_line, trained

_LATER = "in evaluation, with other values of what is trained,"
_WAYS = {"in training": True, "in evaluation": False, _LATER: False}  # whether the modules are in training


@dataclass
class Run:
    """One run of a model.

    Attributes:
        calls: of the layers, in their order: which, what it took in, and what it gave.
        result: what the model returned.
    """

    calls: list[tuple[int, Tensor, Tensor]]
    result: Any

    @property
    def outputs(self) -> list[Tensor]:
        """The tensors in the result."""
        return [t for t in tree_leaves(self.result) if isinstance(t, Tensor)]


def run(model: nn.Module, layers: Sequence[nn.Module], inputs: Any) -> Run:
    """Run a model on inputs (x, a tuple of arguments, or a mapping of them), with the same random numbers each time.

    Nothing is changed but what the model itself changes when it is run.
    """
    calls: list[tuple[int, Tensor, Tensor]] = []

    def hook(place: int, args: tuple[Tensor, ...], named: dict[str, Tensor], h: Tensor) -> None:
        x = args[0] if args else next(iter(named.values()))
        calls.append((place, x.clone(), h.clone()))  # before somebody changes them in place

    def hooked(place: int):  # type: ignore[no-untyped-def]
        return lambda module, args, named, h: hook(place, args, named, h)

    device = next(model.parameters()).device
    handles = [layer.register_forward_hook(hooked(i), with_kwargs=True) for i, layer in enumerate(layers)]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(0)
            return Run(calls, _call(model, inputs))
    finally:
        for handle in handles:
            handle.remove()


def _call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def guessed_inputs(skeleton: Skeleton, first: Layer) -> Any:
    """Inputs [4, n_0] or [2, 3, n_0] for the first of a chain, if the model takes them."""
    reasons = []
    for before in ((4,), (2, 3)):
        x = _normal(first.weight, *before, first.weight.shape[1], seed=0)
        try:
            run(skeleton.model, [], x)
            return x
        except Exception as e:  # people's code
            reasons.append(one_line(e))
    raise ValueError(
        "inputs: torch.fx cannot trace this model, which has to be run to be checked, and it does not take "
        f"[4, {first.weight.shape[1]}] ({reasons[0]}); give inputs=x, or a tuple of its arguments"
    )


def check_order(calls: Sequence[int], names: Sequence[str]) -> None:
    """Raise a ValueError unless layers that are called in this order are called equally often, and in their order."""
    for place, name in enumerate(names):
        if calls.count(place) != calls.count(0) or not calls.count(0):
            raise ValueError(
                f"layers: one run of the model calls {names[0]} {calls.count(0)} times and {name} "
                f"{calls.count(place)} times; those of a chain are used one after another"
            )
    order = list(dict.fromkeys(calls))
    if order != sorted(order):
        raise ValueError(
            f"layers: the model calls them in the order {', '.join(names[i] for i in order)}; give this one"
        )


def check_by_running(skeleton: Skeleton, layers: Sequence[Layer], names: Sequence[str], inputs: Any) -> None:
    """Turn and widen each hidden width of a skeleton, with random weights around it; nothing else may change.

        W_l <- Q^T W_l, b_l <- Q^T b_l, W_{l+1} <- W_{l+1} Q        and zero rows of W_l with new columns of W_{l+1}

    Random weights, since those of the model may hide what lies between them: many a last map begins at zero; and for
    the same reason other values of the gates and scales that are trained. The skeleton keeps them.

    Raises:
        ValueError: the model does not take the inputs, calls the layers in another way, computes them in less than
            float32, or something changed.
    """
    for layer in layers:
        if isinstance(layer, CompensatedLinear) and layer.per_constant is not None:
            layer.per_constant = layer.per_constant.new_zeros(())  # for every width and basis
    called = False
    for how, training in _WAYS.items():
        if how == _LATER and not _train_gates(skeleton, layers):
            return
        with mode(skeleton.model, training):
            try:
                first = run(skeleton.model, layers, inputs)
            except Exception as e:  # people's code
                raise ValueError(f"inputs: the model does not run on them: {one_line(e)}") from e
            if called and not first.calls:  # a part of the model that is there in training alone
                continue
            called = bool(first.calls)
            if called or not training:
                check_order([place for place, _, _ in first.calls], names)
            _check_dtype(first, names)
            if how == _LATER and not all(bool(t.isfinite().all()) for t in first.outputs):
                return
            for place in range(len(layers) - 1) if called else ():
                _check_width(skeleton, layers, names, inputs, place, f"running the model {how} shows")


def _train_gates(skeleton: Skeleton, layers: Sequence[Layer]) -> bool:
    """Put into a skeleton what training might make of scalars and vectors that are no part of the layers, if any."""
    generator, found = torch.Generator().manual_seed(5), False
    for module in skeleton.model.modules():
        for name, p in module._parameters.items() if module not in layers else ():
            if p is not None and p.requires_grad and p.ndim < 2:
                module._parameters[name], found = nn.Parameter(trained(p, generator)), True
    return found


def _check_dtype(first: Run, names: Sequence[str]) -> None:
    place, dtype = next(((place, h.dtype) for place, _, h in first.calls if h.dtype not in DTYPES), (0, None))
    if dtype is not None:
        raise ValueError(
            f"layers: {names[place]} gives {dtype}, too coarse to tell what is isotropic; attach it without "
            "autocast, also within the model"
        )


def _check_width(
    skeleton: Skeleton, layers: Sequence[Layer], names: Sequence[str], inputs: Any, place: int, how: str
) -> None:
    here, after = layers[place], layers[place + 1]
    what = f"layers: {how} that what lies between {names[place]} and {names[place + 1]}"
    for scale in (1.0, 10.0):
        _randomise(skeleton, layers, inputs, place, scale)
        before = run(skeleton.model, layers, inputs)
        for change, fault in ((_turn, "does not commute with rotations"), (_widen, "depends on the width itself")):
            original = dict(here._parameters), dict(after._parameters)
            change(here, after)
            try:
                changed = run(skeleton.model, layers, inputs)
            except Exception as e:  # people's code
                raise ValueError(f"{what} {fault}: {one_line(e)}") from e
            here._parameters.update(original[0])
            after._parameters.update(original[1])
            if not _agree(_results(changed, place + 1), _results(before, place + 1)):
                raise ValueError(
                    f"{what} {fault}: look for elementwise functions, layer norm, dropout, a residual, a mean over it"
                )
            if not _agree(changed.outputs, before.outputs):
                raise ValueError(
                    f"layers: {how} that something reads what {names[place]} gives beside {names[place + 1]}"
                )


def _results(of: Run, place: int) -> list[Tensor]:
    return [h for p, _, h in of.calls if p == place]


def _agree(changed: Sequence[Tensor], before: Sequence[Tensor]) -> bool:
    return len(changed) == len(before) and all(
        same(a, b, 1e-8 if b.dtype == torch.float64 else 1e-3) for a, b in zip(changed, before, strict=True)
    )


def _set(layer: Layer, **tensors: Tensor) -> None:
    layer._parameters.update({name: nn.Parameter(t, requires_grad=False) for name, t in tensors.items()})


def _normal(like: Tensor, *shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), device="cpu").to(like)


def _randomise(skeleton: Skeleton, layers: Sequence[Layer], inputs: Any, place: int, scale: float) -> None:
    """Random W_l, b_l, W_{l+1}, so that entries of h_l are about as large as `scale`."""
    for seed, layer in enumerate(layers[place : place + 2]):
        n, m = layer.weight.shape
        _set(layer, weight=_normal(layer.weight, n, m, seed=seed) / m**0.5)
    here = layers[place]
    x = next(x for p, x, _ in run(skeleton.model, layers, inputs).calls if p == place)
    _set(here, weight=here.weight.detach() * scale / x.square().mean().sqrt().clamp_min(1e-6))
    if here.bias is not None:
        _set(here, bias=scale * _normal(here.bias, len(here.bias), seed=2))


def _turn(here: Layer, after: Layer) -> None:
    q = orthogonal(len(here.weight), torch.Generator().manual_seed(3)).to(here.weight)
    _set(after, weight=after.weight.detach() @ q)
    _set(here, weight=q.mT @ here.weight.detach())
    if here.bias is not None:
        _set(here, bias=q.mT @ here.bias.detach())


def _widen(here: Layer, after: Layer) -> None:
    weight, n = after.weight.detach(), len(after.weight)
    _set(after, weight=torch.cat([weight, _normal(weight, n, 1, seed=4)], dim=1))
    _set(here, weight=torch.cat([here.weight.detach(), torch.zeros_like(here.weight[:1])]))
    if here.bias is not None:
        _set(here, bias=torch.cat([here.bias.detach(), torch.zeros_like(here.bias[:1])]))
