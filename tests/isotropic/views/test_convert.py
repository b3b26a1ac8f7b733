"""Converting changes no output, keeps the parameters, and puts what pruning needs into tensors of the model."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from isotropic_testing import DTYPES, OPTIMISERS, assert_close, assert_differs, normal
from torch import nn
from torch.utils.checkpoint import checkpoint
from views_testing import CASES, Iso, Mlp, case, step, view

import isotropic
from isotropic import CompensatedLinear, grow, prune


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_converting_changes_nothing_but_the_modules(name: str, dtype: torch.dtype) -> None:
    made = case(name, dtype)
    before, parameters = made(), dict(made.model.named_parameters())
    v = isotropic.convert(made.model, made.layers)
    assert_close(made(), before, name)
    now = dict(made.model.named_parameters())
    assert now.keys() == parameters.keys() and all(p is parameters[key] for key, p in now.items())
    assert [type(made.model.get_submodule(key)) for key in v.names] == [CompensatedLinear] * v.depth
    assert not any(isinstance(layer, CompensatedLinear) for layer in made.layers)
    assert [layer.in_features for layer in made.layers] == v.widths[:-1]


def test_an_optimiser_from_before_goes_on() -> None:
    made = case("transformer")
    optimiser = OPTIMISERS["adamw"](made.model.parameters())
    step(made, optimiser, 2)
    isotropic.convert(made.model, made.layers)
    loss = made().square().mean().log1p().item()
    assert step(made, optimiser, 5) < loss


def with_length() -> tuple[Mlp, torch.Tensor]:
    """A converted model with o and psi of both hidden widths, and its output on 9 inputs."""
    made, v = view("mlp", converted=True)
    prune(v, 2, 2)
    prune(v, 1, 1)
    model = made.model
    assert isinstance(model, Mlp) and model.fc1.log_o.exp() > 1e-3 and model.fc3.per_constant.abs().max() > 1e-3
    return model, made()


def test_it_computes_what_the_equations_say() -> None:
    """h_{l+1} = W (g h) + b + g psi with g = tanh(r) / r, r^2 = |h|^2 + o (METHOD section 1)."""
    model, z = with_length()
    v = isotropic.attach(model, [model.fc1, model.fc2, model.fc3])
    h = normal(9, 6) @ model.fc1.weight.T + model.fc1.bias
    for layer, psi in ((model.fc2, v.maps[1].psi), (model.fc3, v.maps[2].psi)):
        before = model.fc1 if layer is model.fc2 else model.fc2
        r = (h.square().sum(-1, keepdim=True) + before.log_o.exp()).sqrt()
        g = r.tanh() / r
        h = (g * h) @ layer.weight.T + layer.bias + g * psi
    assert_close(z, h, "by hand")


def test_it_is_part_of_a_saved_state_and_of_copies() -> None:
    model, z = with_length()
    x, file = normal(9, 6), io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    fresh = Mlp().double()
    v = isotropic.convert(fresh, [fresh.fc1, fresh.fc2, fresh.fc3])
    v.fit(state := torch.load(file, weights_only=True))
    fresh.load_state_dict(state)
    assert torch.equal(fresh(x), z)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(again(x), z)
    fresh.fc1.log_o.fill_(-torch.inf)  # the control: without the length it is another function
    assert_differs(fresh(x), z, "o = 0", 1e-4)


def test_no_side_channel() -> None:
    """Compiled without a break in the graph, with recomputed activations, and mapped over a batch."""
    model, z = with_length()
    x = normal(9, 6)
    with torch.no_grad():
        assert_close(torch.compile(model, backend="eager", fullgraph=True)(x), z, "compiled")
    assert_close(torch.vmap(model)(x), z, "mapped over samples")
    gradients = []
    for run in (model, lambda x: checkpoint(model, x, use_reentrant=False)):
        model.zero_grad()
        run(x).square().sum().backward()
        gradients.append(model.fc1.weight.grad.clone())
    assert torch.equal(*gradients)
    model.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(model(x.float()).double(), z, "autocast", slack=1e10)  # 8 bits
        assert model.fc1(x.float()).dtype == torch.bfloat16


def test_what_flows_has_a_gradient() -> None:
    model, _ = with_length()
    assert torch.autograd.gradcheck(model, normal(3, 6).requires_grad_())


def test_converted_layers_are_found_and_attached_but_not_converted_again() -> None:
    model, z = with_length()
    layers = [model.fc1, model.fc2, model.fc3]
    (chain,) = isotropic.find(model, normal(9, 6))
    assert list(chain) == layers
    with pytest.raises(ValueError, match="'fc1' was converted before; attach") as caught:
        isotropic.convert(model, layers)
    assert "\n" not in str(caught.value)
    part = isotropic.attach(model, layers[1:])  # whose first map has psi, of a length outside of the view
    grow(part, 1, 2)
    isotropic.diagonalise(part, 1)
    assert_close(model(normal(9, 6)), z, "a part")
    with pytest.raises(ValueError, match="some were converted and some were not"):
        mixed = nn.Sequential(nn.Linear(6, 5), Iso(), nn.Linear(5, 4), Iso(), nn.Linear(4, 3))
        isotropic.convert(mixed, [mixed[0], mixed[2]])
        isotropic.attach(mixed, [mixed[0], mixed[2], mixed[4]])


def test_a_view_from_before_is_stale() -> None:
    made, v = view("mlp")
    isotropic.convert(made.model, made.layers)
    with pytest.raises(ValueError, match=r"'fc1' of the model is another module now.*attach again") as caught:
        grow(v, 1, 1)
    assert "\n" not in str(caught.value)


def test_a_module_under_two_names_is_replaced_under_both() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(6, 5), nn.Linear(5, 4)
            self.net = nn.Sequential(self.fc1, Iso(), self.fc2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

    model = Twice().double()
    x = normal(3, 6)
    before = model(x)
    v = isotropic.convert(model, [model.fc1, model.fc2])
    assert model.net[0] is model.fc1 and isinstance(model.fc1, CompensatedLinear)
    prune(v, 1, 1)
    assert model(x).shape == before.shape


def test_a_length_that_is_spent_leaves_psi_as_it_is() -> None:
    """New biases are taken out of o (`grow` from the right); what is stored of psi is in units of sqrt(o)."""
    model, z = with_length()
    v = isotropic.attach(model, [model.fc1, model.fc2, model.fc3])
    psi, o = v.maps[1].psi.clone(), v.tensors()["activations.0.log_o"].exp()
    grow(v, 2, 2, side="right", rows="bias")
    assert_close(v.tensors()["activations.0.log_o"].exp(), o / 2, "half is spent")
    assert_close(v.maps[1].psi, psi, "psi")
    assert_close(model(normal(9, 6)), z, "grown")


class Listed(nn.Module):
    """Its forward calls the layers of a Python list, or of a dictionary of tuples."""

    def __init__(self, keep: str) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(6, 5), Iso(), nn.Linear(5, 3)
        if keep == "list":
            self.layers = [self.fc1, self.fc2]
        if keep == "dict":
            self.layers = {"both": (self.fc1, self.fc2)}  # type: ignore[assignment]
        if keep == "modules":
            self.layers = nn.ModuleList([self.fc1, self.fc2])  # type: ignore[assignment]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, last = self.layers["both"] if isinstance(self.layers, dict) else self.layers
        return last(self.act(first(x)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("keep", ["list", "dict"])
def test_layers_that_the_model_would_go_on_calling(keep: str) -> None:
    model = Listed(keep)
    with pytest.raises(ValueError, match=rf"^layers: 'fc1' is also in the {keep} layers of the model"):
        isotropic.convert(model, [model.fc1, model.fc2])
    assert type(model.fc1) is nn.Linear
    grow(isotropic.attach(model, [model.fc1, model.fc2]), 1, 2)  # the layers stay: nothing to replace
    assert model(torch.randn(2, 6)).shape == (2, 3) and model.fc1.out_features == 7


def test_layers_in_a_module_list_are_replaced_there_too() -> None:
    model = Listed("modules")
    isotropic.convert(model, [model.fc1, model.fc2])
    assert type(model.layers[0]) is CompensatedLinear and model.layers[0] is model.fc1  # type: ignore[comparison-overlap]
