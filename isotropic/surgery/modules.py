"""What people wrap networks and parameters in: taken off, or refused with what to do instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from isotropic.networks.base import MLP, refuse_computed

_SHARDED = {"DTensor", "FlatParameter"}  # by name: to import them takes longer than all else here


def bare(net: Any) -> Any:
    """The network itself, without torch.compile around it.

    Raises:
        ValueError: it is in DistributedDataParallel, which holds the parameters that are to be replaced, or sharded.
        TypeError: it is neither a network that can be changed nor a view.
    """
    inner = unwrapped(net)
    if not changes(inner):
        raise TypeError(f"net: {no_network(inner)}")
    return inner


def unwrapped(net: Any) -> Any:
    """Without torch.compile around it; a ValueError for wrappers that hold what is to be replaced."""
    if isinstance(net, DistributedDataParallel):
        raise ValueError(
            "net: DistributedDataParallel holds the old parameters; change `ddp.module` on every process, with a "
            "generator of the same seed, and wrap it again"
        )
    if any(kind.__name__ == "FullyShardedDataParallel" for kind in type(net).__mro__):
        raise ValueError("net: its parameters are sharded; change the network before FullyShardedDataParallel")
    return getattr(net, "_orig_mod", net)


def changes(net: Any) -> bool:
    """Whether surgery knows how to change this: a network, or a view."""
    return not isinstance(net, type) and all(hasattr(net, name) for name in ("axes", "tensors", "assign"))


def no_network(net: Any) -> str:
    """Why this cannot be changed, and what can instead."""
    said = f"{type(net).__name__} is no network that can be changed, nor a view"
    if changes(getattr(net, "module", None)):
        return f"{said}; give its `module`"
    if isinstance(net, nn.Module) or hasattr(net, "modules"):  # a chain has modules, too
        return f"{said}; attach(model, layers) gives a view of layers of any model, find(model) says which there are"
    return f"{said}; give one"


def averages_of(also: Any, net: MLP, layers: Sequence[int]) -> list[MLP]:
    """The networks to be changed alongside, without what averages them.

    Raises:
        ValueError: one is none, or `net` itself, or has another table, width or shape than `net` at one of the hidden
            layers.
    """
    if isinstance(also, Iterator):
        raise ValueError(f"also: a {type(also).__name__} can be gone through once only; give a list")
    several = [also] if isinstance(also, nn.Module) or not isinstance(also, Iterable) else also
    averages = [unwrapped(each.module if isinstance(each, AveragedModel) else each) for each in several]
    if hasattr(type(net), "same_layers"):  # of a view: averages of its model
        averages = [net.same_layers(each) if isinstance(each, nn.Module) else each for each in averages]  # type: ignore[operator]
    for each in averages:
        if not changes(each):
            raise ValueError(f"also: {no_network(each)}")
        if each is net or each.affine[0].weight is net.affine[0].weight:
            raise ValueError("also: the network itself is among them; give averages of it, such as `ema.module`")
        if each.isotropic != net.isotropic:
            raise ValueError(f"also: its activations are {_kind(each)} and those of `net` {_kind(net)}")
        if each.depth != net.depth:
            raise ValueError(f"also: it has {each.depth} maps and `net` {net.depth}; give averages of `net`")
        for layer in layers:
            check_modules(each, (layer - 1, layer))
            if (theirs := _shapes(each, layer)) != (own := _shapes(net, layer)):
                name = next(name for name in {**own, **theirs} if own.get(name) != theirs.get(name))
                raise ValueError(
                    f"also: {name} is {theirs.get(name)} beside {own.get(name)} of `net`; it must be changed "
                    "alongside every time, or be made anew from `net`"
                )
    return averages


def check_modules(net: MLP, maps: Sequence[int]) -> None:
    """Raise a ValueError for maps (counted from 0) whose parameters cannot be replaced by others of another shape."""
    _refuse_tied(net)
    refuse_computed(net, maps)
    for number in maps:
        affine = net.affine[number]
        for name in ("weight", "bias", "psi"):
            if any(kind.__name__ in _SHARDED for kind in type(getattr(affine, name, None)).__mro__):
                raise ValueError(
                    f"maps.{number}.{name} is sharded over processes; change the network before it is sharded (FSDP, "
                    "distribute_tensor), or gather it first"
                )


def _kind(net: MLP) -> str:
    return "isotropic" if net.isotropic else "elementwise"


def _refuse_tied(net: MLP) -> None:
    """Raise a ValueError if a network has one parameter under two names; `attach` sees it of a view's model."""
    first: dict[int, str] = {}
    for name, p in net.named_parameters(remove_duplicate=False) if isinstance(net, MLP) else ():
        if (other := first.setdefault(id(p), name)) != name:
            raise ValueError(f"net: {name} is tied to {other}, and one would not follow the other; untie them")


def _shapes(net: MLP, layer: int) -> dict[str, tuple[int, ...]]:
    present = net.tensors()
    return {row.tensor: tuple(present[row.tensor].shape) for row in net.axes(layer) if row.tensor in present}
