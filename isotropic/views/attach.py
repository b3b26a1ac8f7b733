"""`attach` and `convert`: a view of layers of somebody's model, once they are known to be a chain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn
from torch.utils._pytree import tree_leaves

from isotropic.changes import change
from isotropic.views.diagonal import put
from isotropic.views.layers import CompensatedLinear, Layer, check_layer
from isotropic.views.running import check_by_running, check_order, guessed_inputs
from isotropic.views.skeleton import Skeleton, mode
from isotropic.views.tracing import Ambiguous, Between, NotTraceable, Traced, holders, traced
from isotropic.views.view import View


@change
def attach(model: nn.Module, layers: Sequence[nn.Module], inputs: Any = None) -> View:
    """A view of nn.Linear modules of any model, joined by isotropic activations; it can be changed as a network.

        view = isotropic.attach(model, [model.fc1, model.fc2, model.fc3])

    What lies between two of them has to commute with rotations, in training and in evaluation, and in every width:
    IsotropicActivation, functions of your own, reshapes that keep the last axis. It is found by torch.fx and tried on
    numbers; where torch.fx cannot trace the code around the layers, or where `inputs` are given, the model is run on
    them with the hidden widths turned. All of this happens on a copy of its modules: the model is not touched. Gates
    and scales that are trained are tried at other values, too, since a view is kept while they change.

    torch.fx sees neither hooks, nor who reads the layers outside of the innermost module that it can trace. Running
    sees all that the inputs lead to.

    Args:
        model: the whole of it, since a second reader may be anywhere. A compiled one is taken for what it compiles.
        layers: two or more nn.Linear of it, with bias or without, in their order; or a chain from `find`; or layers
            that `convert` has put there.
        inputs: x, a tuple of arguments, or a mapping of named ones, with which the model can be run.

    Returns:
        The view. The model is unchanged.

    Raises:
        ValueError: what lies between two layers is not isotropic, or something else reads there; layers that are not
            a chain of this model, or of another kind; a model that has to be run and does not take [4, n_0].
    """
    model = inner(model)
    chain, names = checked(model, layers)
    skeleton = Skeleton(model)
    copies: list[Layer] = [skeleton.of(layer) for layer in chain]  # type: ignore[misc]
    quoted = [repr(name) for name in names]
    try:
        for training in (True, False):
            with mode(skeleton.model, training):
                check_by_tracing(skeleton, copies, quoted)
        seen = True
    except NotTraceable as e:
        if isinstance(e, Ambiguous) and inputs is None:
            raise ValueError(
                f"layers: between {quoted[0]} and {quoted[-1]}, {e}; give inputs= to tell which it is"
            ) from e
        seen = False
    if inputs is not None or not seen:
        check_by_running(skeleton, copies, quoted, guessed_inputs(skeleton, copies[0]) if inputs is None else inputs)
    return View(model, chain, names)


@change
def convert(model: nn.Module, layers: Sequence[nn.Module], inputs: Any = None) -> View:
    """As `attach`, and replace the layers by maps that keep what pruning takes away: it becomes exact (METHOD 4).

    Each nn.Linear becomes a `CompensatedLinear` with the same parameters, so that optimisers go on. What lies between
    two of them sees one channel more, a constant, 0 until something is pruned: no output changes. Intrinsic lengths
    and compensatory vectors are buffers, which are saved and are not trained.

    The layers are replaced wherever the model has them by name.

    Args:
        model, layers, inputs: as in `attach`.

    Raises:
        ValueError: as `attach`, layers that were converted before, or that a Python list of the model holds, too,
            where they would not be replaced. The model is unchanged on any error.
    """
    view = attach(model, layers, inputs)
    if any(isinstance(affine.layer, CompensatedLinear) for affine in view.affine):
        raise ValueError(f"layers: {view.names[0]!r} was converted before; attach(model, layers) gives a view of it")
    model, last = view.model, view.depth - 1
    _refuse_held(model, [affine.layer for affine in view.affine], view.names)
    maps = [CompensatedLinear(affine.layer, i == 0, i == last) for i, affine in enumerate(view.affine)]  # type: ignore[arg-type]
    new = {id(affine.layer): converted for affine, converted in zip(view.affine, maps, strict=True)}
    put(model, new)
    return View(model, maps, view.names)


def _refuse_held(model: nn.Module, layers: Sequence[object], names: Sequence[str]) -> None:
    named = {id(layer): name for layer, name in zip(layers, names, strict=True)}
    for path, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute.startswith("_") and attribute in vars(nn.Module()):
                continue
            held = next((named[id(each)] for each in tree_leaves(value) if id(each) in named), None)
            if held is not None:
                where = f"the {type(value).__name__} {'.'.join(filter(None, (path, attribute)))}"
                raise ValueError(
                    f"layers: {held!r} is also in {where} of the model, where it would not be replaced; hold it "
                    "by name or in an nn.ModuleList alone"
                )


def inner(model: nn.Module) -> nn.Module:
    """The model within torch.compile or DataParallel.

    Raises:
        ValueError: what is no module, or a wrapper that does not follow a change.
    """
    if isinstance(model, View):
        raise ValueError("model: a View is attached already; give it to grow, prune, diagonalise as it is")
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: {type(model).__name__} is not a torch.nn.Module")
    if isinstance(model, nn.parallel.DistributedDataParallel):
        raise ValueError(
            "model: DistributedDataParallel holds the parameters it was made with; attach model.module, change it "
            "on every process with the same generator, and wrap it again"
        )
    if hasattr(model, "_orig_mod"):  # torch.compile, which compiles again when a shape changes
        return inner(model._orig_mod)  # type: ignore[arg-type]
    if isinstance(model, nn.DataParallel):
        return inner(model.module)
    return model


def check_by_tracing(skeleton: Skeleton, layers: Sequence[Layer], names: Sequence[str]) -> None:
    """Raise a ValueError unless torch.fx sees a chain of these layers with isotropic functions between them.

    Raises:
        NotTraceable: torch.fx cannot say.
    """
    check_traced(_traced(skeleton, layers), layers, names)


def check_traced(whole: Traced, layers: Sequence[Layer], names: Sequence[str]) -> None:
    """The same of a graph that has all calls of the layers."""
    calls = whole.calls(layers)
    if not calls:
        raise NotTraceable("no call of the layers is seen")
    check_order([place for place, _ in calls], names)
    _refuse_readers_of_parameters(whole, layers, names)
    for place in range(len(layers) - 1):
        pairs = zip(*([node for p, node in calls if p == place + side] for side in (0, 1)), strict=True)
        for first, last in pairs:
            between = Between(whole, first, last)
            if not between.reached:
                raise ValueError(f"layers: what {names[place]} gives does not reach {names[place + 1]}")
            if (reader := between.reader()) is not None:
                raise ValueError(
                    f"layers: {reader} also reads what {names[place]} gives, beside {names[place + 1]}; "
                    "a hidden width may have no other reader (a residual has to begin and end outside of the chain)"
                )
            fault = between.fault(layers[place].weight.shape[0], layers[place].weight.device)
            if fault is not None:
                raise ValueError(f"layers: between {names[place]} and {names[place + 1]}, {fault[0]} {fault[1]}")


def _traced(skeleton: Skeleton, layers: Sequence[Layer]) -> Traced:
    """The outermost module with all layers that can be traced."""
    reason = None
    for module in holders(skeleton, layers):
        try:
            return traced(module)
        except NotTraceable as e:
            reason = e
    raise reason or NotTraceable("no module holds all layers")


def _refuse_readers_of_parameters(whole: Traced, layers: Sequence[Layer], names: Sequence[str]) -> None:
    owners = {id(p): name for layer, name in zip(layers, names, strict=True) for p in layer.parameters()}
    for node in whole.graph.nodes:
        if node.op == "get_attr":
            path, _, leaf = str(node.target).rpartition(".")
            owner = owners.get(id(getattr(whole.module.get_submodule(path), leaf, None)))
            if owner is not None:
                raise ValueError(
                    f"layers: the {leaf} of {owner} is also read as {node.target}, outside of its own call"
                )


def checked(model: nn.Module, layers: Sequence[nn.Module]) -> tuple[list[Layer], list[str]]:
    """The layers and their names in the model, each of a kind that can be changed, of widths that fit."""
    if isinstance(layers, nn.Module) and not isinstance(layers, nn.ModuleList | nn.Sequential):
        raise ValueError(f"layers: one {type(layers).__name__}; give a list of two nn.Linear or more")
    if not isinstance(layers, Iterable):
        raise ValueError(f"layers: a {type(layers).__name__}; give a list of two nn.Linear or more")
    chain: list[Any] = list(layers)
    if len(chain) < 2:
        raise ValueError(f"layers: {len(chain)} given; the hidden widths lie between two or more")
    known = {id(module): name for name, module in model.named_modules()}
    names = []
    for place, layer in enumerate(chain):
        name = known.get(id(layer))
        check_layer(layer, f"number {place + 1}" if name is None else repr(name))
        if name is None:
            raise ValueError(f"layers: number {place + 1} ({type(layer).__name__}) is not in the model by any name")
        if name in names:
            raise ValueError(f"layers: {name!r} is given twice")
        names.append(name)
    if len({isinstance(layer, CompensatedLinear) for layer in chain}) > 1:
        raise ValueError("layers: some were converted and some were not; give a chain of one kind")
    _refuse_tied(model, chain, names)
    for a, b, here, after in zip(chain, chain[1:], names, names[1:], strict=False):
        if a.out_features != b.in_features:
            raise ValueError(
                f"layers: {here!r} gives {a.out_features} numbers and {after!r} takes {b.in_features}; give them in "
                "their order"
            )
    return chain, names


def _refuse_tied(model: nn.Module, chain: Sequence[nn.Module], names: Sequence[str]) -> None:
    owners = {id(p): (layer, name) for layer, name in zip(chain, names, strict=True) for p in layer.parameters()}
    for path, module in model.named_modules():
        for leaf, p in module._parameters.items():
            layer, name = owners.get(id(p), (module, path))
            if layer is not module:
                raise ValueError(
                    f"layers: the {leaf} of {name!r} is tied to {path}.{leaf}, which would not follow; untie them"
                )
