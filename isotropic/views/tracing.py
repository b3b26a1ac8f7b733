"""What lies between two layers, by torch.fx: which operations, whether they are isotropic, and who else reads."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, fx, nn

from isotropic.views.commuting import NOT_FINITE, OTHER_SHAPE, fault, shapes
from isotropic.views.layers import Layer
from isotropic.views.skeleton import Skeleton, in_float64, trained, wide


class NotTraceable(Exception):
    """torch.fx cannot say; running the model can."""


class Ambiguous(NotTraceable):
    """It depends on how many axes come before the last, which only inputs can tell."""


class _Tracer(fx.Tracer):
    """Goes into modules that hold layers, and takes all others, and those that are `opaque`, as one operation."""

    def __init__(self, opaque: Collection[nn.Module]) -> None:
        super().__init__()
        self.opaque = set(opaque)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, Layer) or m in self.opaque:
            return True
        # Attention multiplies by the weights of its linear layers itself, and its forward cannot be traced.
        return isinstance(m, nn.MultiheadAttention) or not any(isinstance(inner, Layer) for inner in m.modules())


@dataclass
class Traced:
    """The operations of a module of a skeleton, in training or in evaluation."""

    module: nn.Module
    graph: fx.Graph
    training: bool

    def calls(self, layers: Sequence[nn.Module]) -> list[tuple[int, fx.Node]]:
        """The calls of these layers in order, each with its place in `layers`."""
        place = {id(layer): i for i, layer in enumerate(layers)}
        found = ((place.get(id(self.called(node))), node) for node in self.graph.nodes)
        return [(i, node) for i, node in found if i is not None]

    def called(self, node: fx.Node) -> nn.Module | None:
        """The module that a node calls, if it does."""
        return self.module.get_submodule(str(node.target)) if node.op == "call_module" else None


def traced(module: nn.Module, opaque: Collection[nn.Module] = ()) -> Traced:
    """The operations of a module of a skeleton, as it is in its present mode.

    Raises:
        NotTraceable: its code branches on numbers, or does something else that has no graph.
    """
    try:
        return Traced(module, _Tracer(opaque).trace(module), module.training)
    except Exception as e:  # people's code runs here, with stand-ins for tensors: anything may be raised
        raise NotTraceable(str(e)) from e


def holders(skeleton: Skeleton, layers: Sequence[nn.Module]) -> Iterator[nn.Module]:
    """The modules that hold all of these layers, from the model inwards."""
    module: nn.Module | None = skeleton.model
    while module is not None:
        yield module
        inner = [m for m in module.children() if set(layers) <= set(m.modules())]
        module = inner[0] if len(inner) == 1 and inner[0] not in layers else None


class Between:
    """The operations from the result h of one call to the argument of another.

    Args:
        whole: what both calls are in.
        first, last: the two calls.

    Raises:
        NotTraceable: they depend on something else that is not known before the model runs.
    """

    def __init__(self, whole: Traced, first: fx.Node, last: fx.Node) -> None:
        self.whole, self.first, self.last = whole, first, last
        self.argument = last.args[0] if last.args else next(iter(last.kwargs.values()))
        needed, depending = _backwards(self.argument, first), _forwards(first, last)
        self.reached = first in needed
        self.nodes = [n for n in whole.graph.nodes if n in needed and n is not first]  # in the order of execution
        self.inside = {n for n in self.nodes if n in depending}
        self.readers = [n for n in depending - needed - {last} if not _harmless(n)]
        beside = [n for n in self.nodes if n not in depending]
        if self.reached and any(n.op == "placeholder" or isinstance(whole.called(n), Layer) for n in beside):
            raise NotTraceable(f"{self.describe(self.nodes)} takes in more than what comes out of the layer before")

    def reader(self) -> str | None:
        """Who else reads what comes out of the first call, or of operations after it, in words."""
        ours = {self.first, *self.inside}
        direct = [n for n in self.readers if any(argument in ours for argument in n.all_input_nodes)]
        return self.describe(direct[:1]) if direct else None

    def fault(self, n: int, device: torch.device) -> tuple[str, str] | None:
        """Which operations are not isotropic, and why; None if all together are, for every shape that they take.

        Raises:
            NotTraceable: they take no shape that is tried, or are isotropic for one and not for another.
        """
        if self.argument is self.first:
            return None
        modules = self._modules()
        found = {before: self._fault(modules, n, before, device) for before in self._shapes(modules, n, device)}
        faults = [each for each in found.values() if each is not None]
        if 0 < len(faults) < len(found):
            good = next(before for before, each in found.items() if each is None)
            bad = next(before for before, each in found.items() if each is not None)
            raise Ambiguous(f"{faults[0][0]} {faults[0][1]} for {[*bad, n]}, though not for {[*good, n]}")
        return faults[0] if faults else self._later_fault(modules, n, next(iter(found)), device)

    def _later_fault(
        self, modules: dict[str, Any], n: int, before: tuple[int, ...], device: torch.device
    ) -> tuple[str, str] | None:
        """The same of what training might make of the gates in between."""
        later = _trained(modules)
        if later is None:
            return None
        try:
            found = self._fault(later, n, before, device)
        except Exception:  # people's code, with values that it may not be made for
            return None
        if found is None or found[1] == NOT_FINITE:
            return None
        what, why = found
        return what, f"{why} once its parameters change in training; freeze them if they are to stay"

    def _fault(
        self, modules: dict[str, Any], n: int, before: tuple[int, ...], device: torch.device
    ) -> tuple[str, str] | None:
        """The same for one shape [*before, n]."""

        def upto(node: Any) -> str | None:
            return fault(lambda h: self._run(modules, h, node), n, before, device)

        why = upto(self.argument)
        if why is None:
            return None
        start = 0
        for end in self._waists():  # one waist after another, until what leads to it is not isotropic
            part = upto(self.nodes[end])
            if part is not None and not part.startswith(OTHER_SHAPE):  # which a later operation may undo
                return self.describe([x for x in self.nodes[start : end + 1] if x in self.inside]), part
            start = end + 1 if part is None else start
        return self.describe([x for x in self.nodes if x in self.inside]), why

    def describe(self, nodes: Sequence[fx.Node]) -> str:
        """Modules by name and kind, other operations by what they call."""
        words = []
        for node in nodes:
            if node.op == "call_module":
                words.append(f"{str(node.target)!r} ({type(self.whole.called(node)).__name__})")
            elif node.op == "output":
                words.append("the end of the model")
            elif node.op != "get_attr":
                words.append(f"the operation {getattr(node.target, '__name__', node.target)}")
        return ", ".join(dict.fromkeys(words)) or "an operation"

    def _shapes(self, modules: dict[str, Any], n: int, device: torch.device) -> list[tuple[int, ...]]:
        """What may come before the last axis of h in this code: what it takes, keeping the last axis, or else one."""
        keeping: list[tuple[int, ...]] = []
        taken: list[tuple[int, ...]] = []
        reasons = []
        for shape in shapes(n):
            try:
                a = self._run(modules, torch.ones(*shape, n, dtype=torch.float64, device=device), self.argument)
                (keeping if a.ndim and a.shape[-1] == n else taken).append(shape)
            except Exception as e:  # people's code, with a shape that it may not be made for
                reasons.append(str(e))
        if not keeping and not taken:
            raise NotTraceable(reasons[0])
        return keeping or taken[:1]

    def _waists(self) -> list[int]:
        """The places in `nodes` that all that depends on h goes through."""
        place = {node: i for i, node in enumerate(self.nodes)}
        waists, last_use = [], max((place[u] for u in self.first.users if u in place), default=-1)
        for i, node in enumerate(self.nodes):
            if node not in self.inside:
                continue
            if last_use <= i:
                waists.append(i)
            last_use = max(last_use, *(place[u] for u in node.users if u in place), -1)
        return waists

    def _modules(self) -> dict[str, Any]:
        """Copies of the modules and attributes that the operations use, in float64."""
        ours: dict[str, Any] = {}
        for target in (str(x.target) for x in self.nodes if x.op in ("call_module", "get_attr")):
            found = attrgetter(target)(self.whole.module)
            if isinstance(found, nn.Module):
                ours[target] = in_float64(found)
                for inner in ours[target].modules():
                    inner.training = self.whole.training
            else:
                floating = isinstance(found, Tensor) and found.is_floating_point()
                ours[target] = wide(found).requires_grad_(found.requires_grad) if floating else found
        return ours

    def _run(self, modules: dict[str, Any], h: Tensor, result: Any) -> Tensor:
        interpreter = _Interpreter(self.whole.module, modules, self.whole.graph)
        interpreter.env[self.first] = h.clone()  # which may be changed in place
        with torch.no_grad():
            for node in self.nodes:
                interpreter.env[node] = interpreter.run_node(node)
                if node is result:
                    break
        value = interpreter.env[result]
        return value if isinstance(value, Tensor) else torch.zeros(())


def _trained(modules: dict[str, Any]) -> dict[str, Any] | None:
    """The same with other values of the gates that are trained; None if there are none."""
    generator, several = torch.Generator().manual_seed(0), copy.deepcopy(modules)
    found = False
    for target, each in several.items():
        for p in each.parameters() if isinstance(each, nn.Module) else ():
            if p.requires_grad and p.ndim < 2:
                p.data, found = trained(p, generator), True
        if isinstance(each, Tensor) and each.requires_grad and each.ndim < 2:
            several[target], found = trained(each, generator), True
    return several if found else None


class _Interpreter(fx.Interpreter):
    """Runs nodes with modules and attributes of our own."""

    def __init__(self, module: nn.Module, ours: dict[str, Any], graph: fx.Graph) -> None:
        super().__init__(module, garbage_collect_values=False, graph=graph)
        self.ours = ours

    def fetch_attr(self, target: str) -> Any:
        return self.ours[target]


def _backwards(argument: Any, stop: fx.Node) -> set[fx.Node]:
    found: set[fx.Node] = set()
    ahead = [argument] if isinstance(argument, fx.Node) else []
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += [] if node is stop else node.all_input_nodes
    return found


def _forwards(start: fx.Node, stop: fx.Node) -> set[fx.Node]:
    found: set[fx.Node] = set()
    ahead = list(start.users)
    while ahead:
        node = ahead.pop()
        if node not in found and node is not stop:
            found.add(node)
            ahead += [] if _harmless(node) else list(node.users)
    return found


def _harmless(node: fx.Node) -> bool:
    """Whether a node reads nothing that a change of width or basis changes: dtype, device, the first dimension."""
    if node.op == "call_function" and node.target is getattr:
        if node.args[1] in ("dtype", "device"):
            return True
        return bool(node.args[1] == "shape") and all(_first_of(user) for user in node.users)
    return node.op == "call_method" and node.target == "size" and bool(node.args[1:] == (0,))


def _first_of(node: fx.Node) -> bool:
    return (
        node.op == "call_function" and getattr(node.target, "__name__", "") == "getitem" and bool(node.args[1] == 0)
    )
