"""A state of other widths puts other parameters in place: no optimiser goes on with the old ones in silence."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from isotropic_testing import loss
from torch import Tensor, nn
from torch.optim import SGD, AdamW

from isotropic import Ensemble, IsotropicActivation, IsotropicMLP, attach, convert, grow, insert_layer, prune
from isotropic.networks.base import MLP

Load = Callable[[], tuple[nn.Module, Callable[[], object]]]


def trained(net: MLP) -> tuple[MLP, dict[str, Tensor]]:
    return net, copy.deepcopy(net.state_dict())


def of(net: MLP, change: Callable[[MLP], object]) -> tuple[nn.Module, Callable[[], object]]:
    """A network that was changed with all that it has, and what restores the best weights from before."""
    best = copy.deepcopy(net.state_dict())
    change(net)
    return net, lambda: net.load_state_dict(best)


def of_view(make: Callable[..., Any]) -> tuple[nn.Module, Callable[[], object]]:
    model = nn.Sequential(nn.Linear(6, 5), IsotropicActivation(), nn.Linear(5, 4))
    view = make(model, [model[0], model[2]])
    best = copy.deepcopy(model.state_dict())
    grow(view, 1, 3)
    return model, lambda: (view.fit(best), model.load_state_dict(best))


def small(**treatments: Any) -> IsotropicMLP:
    return IsotropicMLP([6, 5, 5, 4], seed=0, **treatments)


LOADS: dict[str, Load] = {
    "grown before": lambda: of(small(), lambda net: grow(net, 1, 3)),
    "pruned before": lambda: of(small(), lambda net: prune(net, 2, 2)),
    "inserted before": lambda: of(small(), lambda net: insert_layer(net, 1)),  # type: ignore[arg-type]
    "an ensemble": lambda: of(Ensemble([small(), small()]), lambda net: grow(net, 1, 3)),
    "a view": lambda: of_view(attach),
    "a converted view": lambda: of_view(convert),
}


def backward(model: nn.Module) -> None:
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    model.zero_grad()
    model(x).square().sum().backward()


@pytest.mark.parametrize("load", LOADS)
def test_the_optimiser_of_before_warns_once_and_a_new_one_does_not(load: str) -> None:
    model, restore = LOADS[load]()
    old = SGD(model.parameters(), lr=0.1)
    restore()
    backward(model)
    with pytest.warns(UserWarning, match="a saved state of other widths"):
        old.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        old.step()
        SGD(model.parameters(), lr=0.1).step()


def test_a_state_of_the_same_widths_leaves_the_optimiser_alone() -> None:
    net, best = trained(small())
    optimiser = AdamW(net.parameters())
    net.load_state_dict(best)
    loss(net).backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimiser.step()
    assert not torch.equal(net.state_dict()["maps.0.weight"], best["maps.0.weight"])


def test_hooks_and_attributes_stay() -> None:
    net, best = trained(small())
    grow(net, 1, 3)
    seen: list[tuple[int, ...]] = []
    net.affine[0].weight.register_hook(lambda gradient: seen.append(tuple(gradient.shape)))
    net.affine[0].weight.rate = 3.0  # type: ignore[attr-defined]
    net.load_state_dict(best)
    loss(net).backward()
    assert seen == [(5, 6)]
    assert net.affine[0].weight.rate == 3.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda net: grow(net, 1, 3), "maps.0.bias"),
        (lambda net: grow(net, 2, 3), "maps.1.psi"),
        (lambda net: insert_layer(net, 2), "maps.1.psi"),
        (lambda net: insert_layer(net, 2), "maps.1.bias"),
    ],
)
def test_a_part_of_another_width_or_depth_is_refused(change: Callable[[MLP], object], name: str) -> None:
    net, own = small(), small()
    change(net)
    state = copy.deepcopy(net.state_dict())
    before, widths = copy.deepcopy(own.state_dict()), own.widths
    del state[name]
    with pytest.raises(ValueError, match=rf"^state: is of widths .* and has no {name}"):
        own.load_state_dict(state, strict=False)
    assert own.widths == widths
    assert all(torch.equal(t, before[key]) for key, t in own.state_dict().items())


def test_only_what_a_width_shapes_takes_another_shape() -> None:
    state: Mapping[str, Tensor] = small().state_dict() | {"activations.0.log_o": torch.zeros(3)}
    with pytest.raises(RuntimeError, match=r"size mismatch for activations\.0\.log_o"):
        small().load_state_dict(state)


@pytest.mark.parametrize(("saved", "own"), [(attach, convert), (convert, attach)])
def test_a_state_of_the_other_kind_of_view(saved: Callable[..., Any], own: Callable[..., Any]) -> None:
    def model() -> nn.Sequential:
        return nn.Sequential(nn.Linear(6, 5), IsotropicActivation(), nn.Linear(5, 4))

    first, second = model(), model()
    grow(saved(first, [first[0], first[2]]), 1, 3)
    view = own(second, [second[0], second[2]])
    with pytest.raises(ValueError, match=r"^state: (has no \d\.|'0' was converted)"):
        view.fit(first.state_dict())
    assert view.widths == [6, 5, 4]
