"""What `find` and `attach` try is tried on copies, in any mode; and what holds only for now is no chain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import assert_close, normal
from torch import Tensor, nn
from views_testing import Iso, Mlp

import isotropic


class Gate(nn.Module):
    """f(h) + gate * relu(h), with a gate that is 0 at first."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(shape))

    def forward(self, h: Tensor) -> Tensor:
        return h * h.norm(dim=-1, keepdim=True).tanh() + self.gate * h.relu()


BETWEEN: dict[str, Callable[[], nn.Module]] = {
    "LayerNorm": lambda: nn.LayerNorm(8),
    "BatchNorm": lambda: nn.BatchNorm1d(8),
    "PReLU": nn.PReLU,
    "isotropic PReLU": lambda: isotropic.IsotropicActivation(nn.PReLU()),
    "a gate": Gate,
    "an isotropic function": Iso,
}


def joined(between: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), between, nn.Linear(8, 3))


@pytest.mark.parametrize("name", BETWEEN)
def test_every_parameter_and_buffer_stays_as_it_is(name: str) -> None:
    """Also those between the layers, which are tried in float64."""
    model = joined(BETWEEN[name]())
    held = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    before = {each: (id(t), t.dtype, t.requires_grad, t.detach().clone()) for each, t in held.items()}
    isotropic.find(model)
    try:
        isotropic.attach(model, [model[0], model[2]])
    except ValueError:
        assert name not in ("isotropic PReLU", "an isotropic function")
    after = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert after.keys() == before.keys()
    for each, t in after.items():
        place, dtype, trained, values = before[each]
        assert (id(t), t.dtype, t.requires_grad) == (place, dtype, trained), each
        assert torch.equal(t, values), each
    model(torch.zeros(2, 6)).sum().backward()


@pytest.mark.parametrize("traceable", [True, False])
@pytest.mark.parametrize("shape", [(), (1,)], ids=str)
def test_a_gate_that_training_will_open(shape: tuple[int, ...], traceable: bool) -> None:
    """At its present value it lets nothing through; a view is kept while it is trained."""

    class Branching(Gate):
        def forward(self, h: Tensor) -> Tensor:
            return super().forward(h) if h.sum() < 1e9 else h

    gate = Gate(*shape) if traceable else Branching(*shape)
    model = nn.Sequential(nn.Linear(6, 8), nn.Sequential(gate), nn.Linear(8, 3))
    inputs = None if traceable else normal(5, 6, dtype=torch.float32)
    with pytest.raises(ValueError, match="does not commute with rotations"):
        isotropic.attach(model, [model[0], model[2]], inputs)
    gate.gate.requires_grad_(False)  # the control: frozen, it stays what it is
    isotropic.attach(model, [model[0], model[2]], inputs)


@pytest.mark.parametrize("bound", [60.0, 1e3, 3e4])
def test_a_bound_that_is_far_away(bound: float) -> None:
    model = joined(nn.Hardtanh(-bound, bound))
    with pytest.raises(ValueError, match="does not commute with rotations"):
        isotropic.attach(model, [model[0], model[2]])


def test_what_overflows_far_away_is_isotropic_all_the_same() -> None:
    class Growing(nn.Module):
        def forward(self, h: Tensor) -> Tensor:
            return h * h.norm(dim=-1, keepdim=True).exp()

    model = joined(Growing())
    isotropic.attach(model, [model[0], model[2]])


@pytest.mark.parametrize("inputs", [None, normal(5, 6, dtype=torch.float32)], ids=["traced", "run"])
def test_autocast_around_does_not_matter(inputs: Tensor | None) -> None:
    """The numbers that are tried, and what pruning keeps, are computed as without it."""
    results = []
    for wanted in (False, True):
        torch.manual_seed(0)
        model = Mlp()
        with torch.autocast("cpu", torch.bfloat16, enabled=wanted):
            assert isotropic.find(model, inputs)
            view = isotropic.attach(model, [model.fc1, model.fc2, model.fc3], inputs)
            isotropic.prune(view, 1, 2, inputs=normal(5, 6, dtype=torch.float32))
        results.append(model(normal(5, 6, dtype=torch.float32)))
    assert torch.equal(*results)


def test_autocast_within_is_said() -> None:
    class Mixed(Mlp):
        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return super().forward(x).float()

    model, x = Mixed(), normal(5, 6, dtype=torch.float32)
    with pytest.raises(ValueError, match=r"'fc1' gives torch.bfloat16.* attach it without autocast"):
        isotropic.attach(model, [model.fc1, model.fc2, model.fc3], x)
    view = isotropic.attach(model, [model.fc1, model.fc2, model.fc3])
    isotropic.prune(view, 1, 2, inputs=x)  # a mean of gains need not be exact


@pytest.mark.parametrize("how", ["convert", "fit"])
def test_what_is_made_in_inference_mode_can_be_trained(how: str) -> None:
    model, other = Mlp(), Mlp()
    view = isotropic.attach(model, [model.fc1, model.fc2, model.fc3])
    isotropic.grow(isotropic.attach(other, [other.fc1, other.fc2, other.fc3]), 1, 2)
    with torch.inference_mode():
        if how == "convert":
            isotropic.convert(model, [model.fc1, model.fc2, model.fc3])
        else:
            view.fit(other.state_dict())
    model(torch.ones(2, 6)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_loader_of_pairs_is_said() -> None:
    model, x = Mlp(), normal(5, 6, dtype=torch.float32)
    view = isotropic.attach(model, [model.fc1, model.fc2, model.fc3])
    with pytest.raises(TypeError, match=r"inputs: a DataLoader of pairs gives lists \[x, y\]"):
        isotropic.prune(view, 1, 2, inputs=[[x, torch.zeros(5)]])
    isotropic.prune(view, 1, 2, inputs=[(x,), (x,)])


def test_a_default_device_of_another_kind() -> None:
    """As torch.set_default_device('cuda'): what is drawn is drawn on the CPU."""
    torch.manual_seed(0)
    model = Mlp()
    with torch.device("meta"):
        (chain,) = isotropic.find(model)
        view = isotropic.attach(model, chain)
        x = torch.ones(3, 6, device="cpu")
        before = model(x)
        isotropic.attach(model, chain, x)
        isotropic.grow(view, 1, 2, generator=torch.Generator().manual_seed(0))
    assert_close(model(x), before, "grown")
