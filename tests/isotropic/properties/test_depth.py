"""Parameterised isotropy: a layer inserted while it is linear, and a linear one removed, change no output."""

from __future__ import annotations

import copy

import pytest
import torch
from isotropic_testing import (
    DTYPES,
    KINDS,
    TREATMENTS,
    assert_close,
    assert_differs,
    begun,
    error,
    inputs,
    loss,
    network,
    normal,
    orthogonal,
    train,
)
from torch.optim import SGD, AdamW, Muon, Optimizer

from isotropic import Ensemble, IsotropicMLP, diagonalise, grow, insert_layer, prune, remove_layer, sparsify
from isotropic.networks.activation import Isotropic
from isotropic.training.gradient import backward

WIDTHS = [5, 6, 4, 3]
MOMENTS = ["momentum", "adamw", "adam-amsgrad", "adamw-fused"]


def set_alpha(net: IsotropicMLP, layer: int, alpha: float) -> None:
    net.assign({f"activations.{layer - 1}.alpha": torch.full((), alpha, dtype=net.maps[0].weight.dtype)})


def inserted(layer: int = 2, alpha: float = 1.0, **treatment: str) -> IsotropicMLP:
    """With a layer inserted, and the new map as if trained."""
    net = network(WIDTHS, **treatment)
    insert_layer(net, layer)
    for name, noise in (("weight", normal(4, 4, seed=1)), ("bias", normal(4, seed=2)), ("psi", normal(4, seed=3))):
        if name != "psi" or net.maps[layer].psi is not None:
            net.assign({f"maps.{layer}.{name}": net.tensors()[f"maps.{layer}.{name}"] + 0.5 * noise})
    set_alpha(net, layer, alpha)
    return net


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("intrinsic_length", "compensation"), TREATMENTS)
def test_inserting_and_removing_at_every_depth(intrinsic_length: str, compensation: str, dtype: torch.dtype) -> None:
    for layer in (1, 2, 3):
        net = network(WIDTHS, intrinsic_length, compensation, dtype=dtype)
        before, old = net(inputs(net)), net.tensors()
        insert_layer(net, layer)
        assert net.widths == [*WIDTHS[: layer + 1], *WIDTHS[layer:]]
        assert_close(net(inputs(net)), before, f"logits with a layer after map {layer}")
        assert net.maps[layer].weight.dtype == dtype
        remove_layer(net, layer)
        assert net.widths == WIDTHS
        assert all(torch.equal(t, old[name]) for name, t in net.tensors().items())
        assert net.tensors().keys() == old.keys()


def test_a_network_of_one_map_gets_a_hidden_layer() -> None:
    net = IsotropicMLP([5, 3], seed=0, dtype=torch.float64)
    before = net(inputs(net))
    insert_layer(net, 1)
    assert net.widths == [5, 3, 3]
    assert torch.equal(net(inputs(net)), before)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
def test_it_is_alpha_that_keeps_the_function(alpha: float) -> None:
    """Negative control."""
    net = network(WIDTHS)
    before = net(inputs(net))
    insert_layer(net, 2)
    set_alpha(net, 2, alpha)
    assert_differs(net(inputs(net)), before, "logits", by=0.005)


def test_lowering_alpha_changes_the_function_continuously() -> None:
    net = network(WIDTHS)
    before = net(inputs(net)).detach()
    insert_layer(net, 2)
    changes = []
    for alpha in (1 - 1e-6, 1 - 1e-4, 1 - 1e-2):
        set_alpha(net, 2, alpha)
        changes.append(error(net(inputs(net)).detach(), before))
    assert changes[0] < 1e-6 and 50 < changes[1] / changes[0] < 200 and 50 < changes[2] / changes[1] < 200


def test_at_zero_it_is_an_ordinary_layer() -> None:
    net = inserted(alpha=0.0)
    other = IsotropicMLP(net.widths, dtype=torch.float64)
    other.assign({name: t for name, t in net.tensors().items() if not name.endswith("alpha")})
    assert torch.equal(net(inputs(net)), other(inputs(other)))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("intrinsic_length", "compensation"), TREATMENTS)
def test_removing_a_trained_linear_layer(intrinsic_length: str, compensation: str, dtype: torch.dtype) -> None:
    """Its biases, psi before and after it, and the products of the maps, in every depth but the last."""
    for layer in (1, 2, 3):
        net = network([5, 6, 7, 4, 3], intrinsic_length, compensation, dtype=dtype)
        net.activations[layer - 1].alpha = torch.ones((), dtype=dtype)
        before = net(inputs(net))
        remove_layer(net, layer)
        assert net.widths == [n for i, n in enumerate([5, 6, 7, 4, 3]) if i != layer]
        assert_close(net(inputs(net)), before, f"logits without layer {layer}", slack=4)


@pytest.mark.parametrize("part", ["maps.1.bias", "maps.2.bias", "maps.1.psi", "maps.2.psi"])
def test_every_term_of_the_merged_map_is_seen(part: str) -> None:
    """Negative control: a merged map that had forgotten one of them would be noticed."""
    net = inserted()
    before = net(inputs(net))
    net.assign({part: net.tensors()[part] * 0})
    remove_layer(net, 2)
    assert_differs(net(inputs(net)), before, f"logits without {part}", by=0.01)


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_parameterised_isotropy_commutes_with_rotations(alpha: float) -> None:
    x, r = normal(8, 5), orthogonal(5, seed=1)
    f = Isotropic(torch.zeros((), dtype=torch.float64), False, alpha=torch.tensor(alpha, dtype=torch.float64))
    assert_close(f(x @ r.T)[0], f(x)[0] @ r.T, "f(Rx) against R f(x)")


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_all_surgery_works_with_it(alpha: float) -> None:
    net = inserted(alpha=alpha)
    before, x = net(inputs(net)), inputs(net)
    diagonalise(net, 2, "left")
    diagonalise(net, 4, "right")
    diagonalise(net, 3, "full")
    grow(net, 2, 2)
    grow(net, 3, 1, side="right")
    assert_close(net(x), before, "logits after surgery", slack=10)
    prune(net, 3, 1, side="right")
    prune(net, 2, 2)
    assert_close(net(x), before, "logits after pruning what was grown", slack=10)
    assert_close(sparsify(net)(x), before, "logits of the sparse form", slack=10)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_closed_form_gradient_is_autograds(alpha: float) -> None:
    net = inserted(alpha=alpha)
    other, x, y = copy.deepcopy(net), inputs(net), torch.arange(12) % 3
    (torch.nn.functional.cross_entropy(net(x), y) + net.penalty()).backward()
    backward(other, x, y)
    for (name, p), q in zip(net.named_parameters(), other.parameters(), strict=True):
        if p.grad is None or (alpha == 1.0 and name == "activations.1.log_o"):
            assert q.grad is None or not q.grad.any()  # a linear layer has no length
        else:
            assert_close(q.grad, p.grad, name, slack=10)


def test_a_stack_of_networks_with_and_without_it() -> None:
    nets = [inserted(), inserted(alpha=0.4), network([5, 6, 4, 4, 3], "constant", "none"), network([5, 7, 2, 3, 3])]
    ensemble, x = Ensemble(nets), inputs(nets[0])
    for k, net in enumerate(nets):
        assert_close(ensemble(x)[k], net(x), f"logits of member {k}")
        assert_close(ensemble.member(k)(x), net(x), f"logits of member {k}, taken out")
    remove_layer(ensemble.member(0), 2)


def held(optimiser: Optimizer) -> list[int]:
    return [id(p) for group in optimiser.param_groups for p in group["params"]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_optimiser_goes_on(layer: int, kind: str) -> None:
    """With the parameters of the network in its order; the moments of what is not new are kept."""
    net, optimiser = begun(WIDTHS, kind)
    old = {id(p): dict(optimiser.state[p]) for p in net.parameters()}
    weight = net.maps[layer - 1].weight
    insert_layer(net, layer, optimiser)
    assert held(optimiser) == [id(p) for p in net.parameters()]
    assert net.maps[layer - 1].weight is weight
    begins = "adagrad" in kind or kind == "sgd-fused"  # whose state is there before the first step
    for p in net.parameters():
        kept = old.get(id(p), old[id(weight)] if begins else {})
        assert optimiser.state[p].keys() == kept.keys()
    train(net, optimiser, 3, first=2)
    set_alpha(net, layer, 0.5)
    train(net, optimiser, 1, first=5)
    set_alpha(net, layer, 1.0)
    assert error(net.maps[layer].weight.detach(), torch.eye(WIDTHS[layer])) > 1e-3  # the new map has trained
    merged = [p for name, p in net.named_parameters() if name.startswith((f"maps.{layer - 1}.", f"maps.{layer}."))]
    elsewhere = {id(p): optimiser.state.get(p) for p in net.parameters() if all(p is not q for q in merged)}
    remove_layer(net, layer, optimiser=optimiser)
    assert held(optimiser) == [id(p) for p in net.parameters()]
    assert {id(p) for p in optimiser.state} <= set(held(optimiser))
    for name, p in net.named_parameters():
        if name.startswith(f"maps.{layer - 1}."):
            assert begins or p not in optimiser.state
        else:
            assert optimiser.state.get(p) is elsewhere[id(p)]
    before = loss(net).item()
    for _ in range(15):
        optimiser.zero_grad()
        loss(net).backward()
        optimiser.step()
    assert loss(net).item() < before - 0.01


@pytest.mark.parametrize("fused", [True, False])
def test_sgd_goes_on_with_momentum(fused: bool) -> None:
    """torch's fused kernel takes the momentum of every parameter or of none."""
    stepped = []
    for kind in (fused, False):
        net = network(WIDTHS)
        optimiser = SGD(net.parameters(), lr=0.01, momentum=0.9, fused=kind)
        train(net, optimiser, 2)
        insert_layer(net, 2, optimiser)
        train(net, optimiser, 1, first=2)
        remove_layer(net, 2, optimiser=optimiser)  # its alpha, which is not trained, is still 1
        train(net, optimiser, 1, first=3)
        stepped.append(net.tensors())
    for name, t in stepped[0].items():
        assert_close(t, stepped[1][name], name)


def named_groups(net: IsotropicMLP, optimiser: Optimizer) -> list[list[str]]:
    names = {id(p): name for name, p in net.named_parameters()}
    return [[names[id(p)] for p in group["params"]] for group in optimiser.param_groups]


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_new_parameters_join_the_group_of_their_map(layer: int) -> None:
    """Of a learning rate for each map, as in fine-tuning: psi too, where map l has none; log_o with the others."""
    net = network(WIDTHS)
    groups = [{"params": list(each.parameters()), "lr": 10.0**-n} for n, each in enumerate(net.maps)]
    optimiser = AdamW([*groups, {"params": net.activations.parameters(), "lr": 1.0}])
    insert_layer(net, layer, optimiser)
    held = named_groups(net, optimiser)
    assert {f"maps.{layer}.{leaf}" for leaf in ("weight", "bias", "psi")} <= set(held[layer - 1])
    assert f"activations.{layer - 1}.log_o" in held[-1]
    assert sorted(name for group in held for name in group) == sorted(name for name, _ in net.named_parameters())
    remove_layer(net, layer, optimiser=optimiser)
    assert [len(group) for group in named_groups(net, optimiser)] == [2, 3, 3, 2]


@pytest.mark.parametrize("prefix", ["", "model."])
def test_names_in_groups_follow(prefix: str) -> None:
    """Those of later maps count one more, whatever the user has put before the names."""
    net = network(WIDTHS)
    named = [(prefix + name, p) for name, p in net.named_parameters()]
    optimiser = AdamW([{"params": named[:3]}, {"params": named[3:]}])
    for change in (lambda: insert_layer(net, 1, optimiser), lambda: remove_layer(net, 1, optimiser=optimiser)):
        change()
        expected = [[prefix + name for name in group] for group in named_groups(net, optimiser)]
        assert [group["param_names"] for group in optimiser.param_groups] == expected
        optimiser.state_dict()


def test_an_optimiser_of_matrices_alone_gets_no_vectors() -> None:
    net = network(WIDTHS)
    muon = Muon([p for p in net.parameters() if p.ndim == 2])
    rest = AdamW([p for p in net.parameters() if p.ndim < 2])
    insert_layer(net, 1, [muon, rest])
    assert {p.ndim for p in muon.param_groups[0]["params"]} == {2}
    assert len(muon.param_groups[0]["params"]) == 4 and len(rest.param_groups[0]["params"]) == 10


def test_groups_keep_their_settings() -> None:
    net = network(WIDTHS)
    weights = [p for name, p in net.named_parameters() if name.endswith("weight")]
    rest = [p for name, p in net.named_parameters() if not name.endswith("weight")]
    optimiser = AdamW([{"params": weights, "weight_decay": 0.5}, {"params": rest, "weight_decay": 0.0}])
    insert_layer(net, 2, optimiser)
    decayed = optimiser.param_groups[0]["params"]
    assert len(decayed) == 4 and decayed[2] is net.maps[2].weight
    assert len(optimiser.param_groups[1]["params"]) == len(rest) + 3
