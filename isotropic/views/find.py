"""`find`: the chains that a model has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import nn

from isotropic.changes import change
from isotropic.views.attach import check_traced, checked, inner
from isotropic.views.layers import Layer
from isotropic.views.running import check_by_running, run
from isotropic.views.skeleton import Skeleton, mode
from isotropic.views.tracing import NotTraceable, Traced, traced

Pair = tuple[nn.Module, nn.Module]


@dataclass(frozen=True, eq=False)
class Chain(Sequence[nn.Module]):
    """Layers that `attach(model, chain)` and `convert(model, chain)` take.

    Attributes:
        names: in the model.
        modules: the layers, in their order.
    """

    names: tuple[str, ...]
    modules: tuple[nn.Module, ...]

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.modules[index]

    def __len__(self) -> int:
        return len(self.modules)

    def __repr__(self) -> str:
        return f"Chain({' -> '.join(self.names)})"


@change
def find(model: nn.Module, inputs: Any = None) -> list[Chain]:
    """The chains of a model: nn.Linear modules with something isotropic between one and the next.

        for chain in isotropic.find(model):
            view = isotropic.attach(model, chain)

    What torch.fx can trace is looked through, the whole model or the outermost modules that can be, with all blocks
    in them: nn.Sequential, feed-forward blocks of transformers, modules of your own. Each chain is as long as it can.

    Not seen are: layers within code that branches on numbers, unless `inputs` are given and two layers are called one
    after the other; linear layers without anything between; layers whose widths `attach` would refuse; the weights
    within nn.MultiheadAttention; convolutions. Without `inputs`, neither are readers outside of what could be traced,
    but `attach(model, chain, inputs)` finds them.

    Args:
        model: unchanged; all is tried on a copy of its modules.
        inputs: as in `attach`.

    Returns:
        The chains, in the order in which the model has their first layers; an empty list if there is none.
    """
    model = inner(model)
    skeleton = Skeleton(model)
    names = {id(skeleton.of(layer)): name for name, layer in model.named_modules() if isinstance(layer, Layer)}
    graphs = []
    for training in (True, False):
        with mode(skeleton.model, training):
            graphs += _graphs(skeleton.model)[0]
    candidates = dict.fromkeys(pair for graph in graphs for pair in _neighbours(graph))
    if inputs is not None:
        with mode(skeleton.model, training=False):
            candidates |= dict.fromkeys(_called_in_turn(skeleton.model, inputs))
    order = {id(layer): place for place, layer in enumerate(model.modules())}
    follows: dict[nn.Module, nn.Module] = {}
    for a, b in candidates:
        pair = [model.get_submodule(names[id(a)]), model.get_submodule(names[id(b)])]
        if _is_chain(model, skeleton, graphs, pair, inputs):
            follows[pair[0]] = pair[1]
    starts = sorted(follows.keys() - set(follows.values()), key=lambda layer: order[id(layer)])
    return [_chain(model, start, follows) for start in starts]


def _chain(model: nn.Module, start: nn.Module, follows: dict[nn.Module, nn.Module]) -> Chain:
    modules = [start]
    while modules[-1] in follows:
        modules.append(follows[modules[-1]])
    names = {id(module): name for name, module in model.named_modules()}
    return Chain(tuple(names[id(module)] for module in modules), tuple(modules))


def _is_chain(
    model: nn.Module, skeleton: Skeleton, graphs: Sequence[Traced], pair: Sequence[nn.Module], inputs: Any
) -> bool:
    try:
        chain, names = checked(model, pair)
        copies: list[Layer] = [skeleton.of(layer) for layer in chain]  # type: ignore[misc]
        seen = _seen(graphs, copies, names)
        if inputs is not None:
            other = Skeleton(model)
            check_by_running(other, [other.of(layer) for layer in chain], names, inputs)  # type: ignore[misc]
        return seen or inputs is not None
    except ValueError:
        return False


def _seen(graphs: Sequence[Traced], copies: Sequence[Layer], names: Sequence[str]) -> bool:
    """Whether the graphs say that the layers are a chain; a ValueError if they say that these are not."""
    try:
        of = [graph for graph in graphs if graph.calls(copies)]
        for graph in of:
            check_traced(graph, copies, names)
        return bool(of)
    except NotTraceable:
        return False


def _graphs(module: nn.Module) -> tuple[list[Traced], set[nn.Module]]:
    """The graphs of the outermost modules that can be traced, and what cannot be, which is one operation in them."""
    try:
        return [traced(module)], set()
    except NotTraceable:
        pass
    below = [_graphs(child) for child in _holders(module)]
    inside = [graph for graphs, _ in below for graph in graphs]
    opaque = {m for _, found in below for m in found}
    try:
        whole = traced(module, opaque)
    except NotTraceable:
        return inside, {module, *opaque}
    hidden = {m for o in opaque for m in o.modules()}
    return [whole, *(graph for graph in inside if graph.module in hidden)], opaque


def _holders(module: nn.Module) -> Iterator[nn.Module]:
    """The modules one step inwards that hold layers; a list of modules is no step, since it is never called."""
    for child in module.children():
        if isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _holders(child)
        elif not isinstance(child, Layer | nn.MultiheadAttention) and any(
            isinstance(m, Layer) for m in child.modules()
        ):
            yield child


def _neighbours(graph: Traced) -> Iterator[Pair]:
    """Layers with something between, but no other layer."""
    for node in graph.graph.nodes:
        a = graph.called(node)
        if not isinstance(a, Layer):
            continue
        ahead, met = [user for user in node.users if not isinstance(graph.called(user), Layer)], set()
        while ahead:
            other = ahead.pop()
            if other in met:
                continue
            met.add(other)
            b = graph.called(other)
            if isinstance(b, Layer):
                yield a, b
            else:
                ahead += list(other.users)


def _called_in_turn(model: nn.Module, inputs: Any) -> list[Pair]:
    layers = [module for module in model.modules() if isinstance(module, Layer)]
    calls = run(model, layers, inputs).calls
    pairs = pairwise(calls)
    return [(layers[p], layers[q]) for (p, _, h), (q, x, _) in pairs if h.shape[-1] == x.shape[-1] and not h.equal(x)]
