"""A view: layers of somebody's model, under the names and with the methods that surgery knows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, cast

import torch
from torch import Tensor, nn

from isotropic.axes import Axis, Tensors, hidden_axes
from isotropic.changes import change
from isotropic.networks.activation import widened
from isotropic.successors import follow
from isotropic.views.diagonal import DiagonalLinear, put
from isotropic.views.layers import DTYPES, CompensatedLinear, Layer, check_layer
from isotropic.views.running import run
from isotropic.views.skeleton import mode


class ViewedMap:
    """An affine map of a view, as surgery sees those of a network.

    Args:
        layer: the module in the model.
        before: that of the map before, if it is in the view.
    """

    def __init__(self, layer: Layer, before: Layer | None) -> None:
        self.layer, self.before = layer, before

    @property
    def weight(self) -> Tensor:
        """W_l, [n_l, n_{l-1}]."""
        return self.layer.weight

    @property
    def bias(self) -> Tensor | None:
        """b_l, [n_l], or None."""
        return self.layer.bias

    @property
    def psi(self) -> Tensor | None:
        """psi_l = c v, [n_l], or None for a map that has none."""
        v = getattr(self.layer, "per_constant", None)
        return None if v is None else v * self._constant()

    @psi.setter
    def psi(self, psi: Tensor) -> None:
        constant = self._constant()
        assert isinstance(self.layer, CompensatedLinear)
        self.layer.per_constant = torch.where(constant > 0, psi / constant.where(constant > 0, 1.0), 0.0)

    def _constant(self) -> Tensor:
        """c = sqrt(o) of the map before; 1 where that is not in the view, and does not change."""
        log_o = getattr(self.before, "log_o", None)
        return self.layer.weight.new_ones(()) if log_o is None else (log_o / 2).exp()


class View:
    """A chain of nn.Linear modules of a model, for everything that takes a network: made by `attach` or `convert`.

        view = isotropic.attach(model, [model.fc1, model.fc2, model.fc3])
        isotropic.grow(view, 1, 16, optimiser=optimiser)         # an optimiser of the whole model

    The numbers stay in the modules of the model; a change puts new parameters there. Hidden width l of the view is
    what its layer l gives and its layer l + 1 takes in. The widths n_0 and n_L never change.

    Pruning keeps of a removed bias b*_i (METHOD section 4), with u_i the removed columns of the next layer:

        after `convert`                 o += b*_i^2 and psi += b*_i u_i: exact where singular values vanish
        after `attach`, with inputs     the next bias += mean(g) b*_i u_i, over inputs of the model, which are taken
                                        in evaluation; an error where the next layer has no bias
        after `attach`, without         nothing

    Attributes:
        model: whose layers these are.
        names: of the layers in the model.
    """

    isotropic = True
    has_kernels = False
    needs_inputs = False  # pruning takes them, and works without

    def __init__(self, model: nn.Module, layers: Sequence[Layer], names: Sequence[str]) -> None:
        self.model, self.names, self._layers = model, tuple(names), tuple(layers)
        self.affine = [ViewedMap(layer, before) for layer, before in zip(layers, [None, *layers], strict=False)]

    def __repr__(self) -> str:
        return f"View({self.widths}, layers {', '.join(self.names)} of {type(self.model).__name__})"

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"a View has no {name!r}: this needs a network of the library itself, as IsotropicMLP is"
        )

    @property
    def maps(self) -> list[ViewedMap]:
        """The maps, as `affine`."""
        return self.affine

    @property
    def depth(self) -> int:
        """L, the number of layers."""
        return len(self._layers)

    @property
    def widths(self) -> list[int]:
        """n_0 .. n_L."""
        return [self.affine[0].weight.shape[1], *(affine.weight.shape[0] for affine in self.affine)]

    @property
    def has_length(self) -> Tensor:
        """Whether pruning keeps an intrinsic length: after `convert`."""
        return torch.tensor(isinstance(self._layers[0], CompensatedLinear), device=self._layers[0].weight.device)

    @property
    def has_psi(self) -> Tensor:
        """Whether pruning keeps a compensatory vector: after `convert`."""
        return self.has_length

    @property
    def expects(self) -> Tensor:
        """Whether pruning uses inputs where they are given: before `convert`."""
        return ~self.has_length

    @property
    def member_widths(self) -> list[list[int]]:
        """The widths of the one network that this is."""
        return [self.widths]

    def axes(self, layer: int) -> tuple[Axis, ...]:
        """The rows of the axis table: all that carries hidden width `layer`, 1 <= layer <= L - 1."""
        return hidden_axes(layer)

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The parameters of the layers, under the names that surgery has for them."""
        for i, layer in enumerate(self._layers):
            yield from ((f"maps.{i}.{name}", p) for name, p in layer.named_parameters(recurse=False))

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the layers."""
        yield from (p for _, p in self.named_parameters())

    def tensors(self) -> Tensors:
        """Name -> tensor of everything that a change of width or basis may touch.

        Raises:
            ValueError: the model has another module in place of a layer now, or surgery can no longer change it.
        """
        self._check()
        found = {name: p.detach() for name, p in self.named_parameters()}
        for i, (affine, layer) in enumerate(zip(self.affine, self._layers, strict=True)):
            if affine.psi is not None:
                found[f"maps.{i}.psi"] = affine.psi
            if isinstance(layer, CompensatedLinear) and layer.log_o is not None:
                found[f"activations.{i}.log_o"] = layer.log_o.clone()
        return found

    def assign(self, tensors: Tensors) -> None:
        """Put tensors in place of those of the same names, whatever their shapes, as new parameters of the layers."""
        psi = {}  # what is stored is psi / sqrt(o), so it changes with either
        for i, affine in enumerate(self.affine):
            if affine.psi is not None and {f"maps.{i}.psi", f"activations.{i - 1}.log_o"} & tensors.keys():
                psi[i] = tensors.get(f"maps.{i}.psi", affine.psi)
        for i, layer in enumerate(self._layers):
            for leaf, old in list(layer.named_parameters(recurse=False)):
                if (t := tensors.get(f"maps.{i}.{leaf}")) is not None:
                    setattr(layer, leaf, nn.Parameter(t, old.requires_grad))
            if f"activations.{i}.log_o" in tensors:
                layer.log_o = tensors[f"activations.{i}.log_o"]
            if isinstance(layer, nn.Linear):
                layer.out_features, layer.in_features = layer.weight.shape
        for i, t in psi.items():
            self.affine[i].psi = t

    def trace(self, x: Any) -> tuple[Any, list[Tensor | None]]:
        """The model's output for x, its input or a tuple of arguments, and the gains g_l [N, 1] over N positions."""
        with mode(self.model, training=False):
            done = run(self.model, self._layers, x)
        return done.result, [self._reached(done.calls, layer)[2] for layer in range(1, self.depth)]

    def batches(self, inputs: Any) -> Iterator[Any]:
        """x or a tuple of arguments of the model, or an iterable of several such batches: one after another."""
        for x in [inputs] if isinstance(inputs, Tensor | tuple | Mapping) else inputs:
            if isinstance(x, list):
                raise TypeError(
                    "inputs: a DataLoader of pairs gives lists [x, y]; give x of each, or tuples of arguments"
                )
            yield x

    def reached(self, layer: int, x: Any) -> tuple[Tensor, Tensor, Tensor]:
        """What hidden layer l is for x, input of the model or a tuple of arguments: h_l, a_l [N, n_l] and g_l [N, 1].

        With g = <a, h> / <h, h>, over the N positions of all calls where h is not zero. In evaluation.
        """
        with mode(self.model, training=False):
            done = run(self.model, self._layers, x)
        return self._reached(done.calls, layer)

    def _reached(self, calls: Sequence[tuple[int, Tensor, Tensor]], layer: int) -> tuple[Tensor, Tensor, Tensor]:
        n = self.widths[layer]  # without the constant channel
        h = torch.cat([h[..., :n].reshape(-1, n) for place, _, h in calls if place == layer - 1])
        a = torch.cat([x[..., :n].reshape(-1, n) for place, x, _ in calls if place == layer])
        rounding = 1e-3 if a.dtype in DTYPES else 2e-2  # of a model that computes in bfloat16 or float16 itself
        h, a = widened(h), widened(a)
        squares = torch.linalg.vecdot(h, h)
        seen = squares > 0
        h, a, squares = h[seen], a[seen], squares[seen]
        g = (torch.linalg.vecdot(a, h) / squares)[:, None]
        if not torch.allclose(a, g * h, rtol=rounding, atol=1e-6):
            raise ValueError(
                f"inputs: what {self.names[layer - 1]!r} gives is not scaled by one gain, whose mean can be taken"
            )
        return h, a, g

    def same_layers(self, model: nn.Module) -> View:
        """The view of the layers of the same names in a copy of the model, such as an average of its weights.

        Raises:
            ValueError: the model has none of such a name, or one that is changed in another way.
        """
        layers = []
        for name, own in zip(self.names, self._layers, strict=True):
            try:
                layer = model.get_submodule(name)
            except AttributeError:
                raise ValueError(f"also: {type(model).__name__} has no {name!r}; give copies of the model") from None
            check_layer(layer, repr(name))
            if isinstance(layer, CompensatedLinear) != isinstance(own, CompensatedLinear):
                raise ValueError(f"also: {name!r} is {type(layer).__name__} beside {type(own).__name__} of `net`")
            layers.append(layer)
        return View(model, layers, self.names)  # type: ignore[arg-type]

    @change
    def fit(self, state: dict[str, Tensor]) -> None:
        """Give the layers the shapes that a saved state of the model has, for `model.load_state_dict` to follow.

        Parameters of other shapes are new ones, so make the optimiser after this.

        Raises:
            ValueError: a part of a layer that the state does not have, or one that only `convert` gives layers. The
                model is unchanged.
        """
        before, shapes = dict(self.named_parameters()), {}
        for i, (name, layer) in enumerate(zip(self.names, self._layers, strict=True)):
            if not isinstance(layer, CompensatedLinear) and {f"{name}.log_o", f"{name}.per_constant"} & state.keys():
                raise ValueError(
                    f"state: {name!r} was converted in it; convert(model, layers) here, too, before `fit`"
                )
            for leaf, t in layer.state_dict().items():
                if f"{name}.{leaf}" not in state:
                    raise ValueError(
                        f"state: has no {name}.{leaf}; it is of another model, of a part, or before `convert`"
                    )
                if leaf != "log_o":
                    shapes[f"maps.{i}.{leaf}"] = t.new_empty(state[f"{name}.{leaf}"].shape)
        first, last = shapes["maps.0.weight"].shape[1], shapes[f"maps.{self.depth - 1}.weight"].shape[0]
        if (first, last) != (self.widths[0], self.widths[-1]):
            raise ValueError(
                f"state: {self.names[0]} to {self.names[-1]} goes from {first} to {last}, and here from "
                f"{self.widths[0]} to {self.widths[-1]}; only hidden widths are changed to fit"
            )
        other = {name: t for name, t in shapes.items() if name in before and before[name].shape != t.shape}
        self.assign(other)
        named = dict(self.named_parameters())
        called = {each: f"{self.names[int(each.split('.')[1])]}.{each.split('.')[2]}" for each in before}
        follow({called[each]: p for each, p in before.items()}, {called[each]: named[each] for each in before})
        for i, layer in enumerate(self._layers):
            if isinstance(layer, CompensatedLinear) and layer.per_constant is not None:
                layer.per_constant = shapes[f"maps.{i}.per_constant"]

    def copied(self) -> View:
        """A view of the same layers of a copy of the model.

        Raises:
            ValueError: converted layers, which no diagonal stands for: it would lose their constant channel.
        """
        self._check()
        if any(isinstance(layer, CompensatedLinear) for layer in self._layers):
            raise ValueError(f"net: {self.names[0]!r} was converted; a view that `attach` gives can be copied")
        model = copy.deepcopy(self.model)
        return View(model, [cast("Layer", model.get_submodule(name)) for name in self.names], self.names)

    def with_diagonals(self, layers: Sequence[int]) -> nn.Module:
        """The model, with these layers, which are diagonal already, stored as no more than that."""
        chosen = [cast("nn.Linear", self._layers[layer - 1]) for layer in layers]
        put(self.model, {id(linear): DiagonalLinear(linear) for linear in chosen})
        return self.model

    def _check(self) -> None:
        for name, layer in zip(self.names, self._layers, strict=True):
            try:
                present = self.model.get_submodule(name)
            except AttributeError:
                present = None
            if present is not layer:
                raise ValueError(f"view: {name!r} of the model is another module now (it was replaced); attach again")
            check_layer(layer, name)
