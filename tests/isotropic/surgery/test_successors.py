"""What a parameter leaves to its successor: gradient, hooks, attributes, class; and a warning where none was told."""

from __future__ import annotations

import copy
import gc
import pickle
import warnings
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from isotropic_testing import assert_close, begun, change_basis, inputs, loss, network, orthogonal, train
from refusals import everything
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils import prune as masks
from torch.nn.utils.parametrize import register_parametrization
from torch.optim import SGD, AdamW, Optimizer

from isotropic import (
    Ensemble,
    IsotropicMLP,
    adapt,
    diagonalise,
    embed,
    grow,
    insert_layer,
    prune,
    remove_layer,
    sparsify,
    successors,
)
from isotropic.training.train_step import TrainStep

WIDTHS = [5, 4, 6, 3]
CHANGES: dict[str, Callable[[IsotropicMLP], object]] = {
    "diagonalise": lambda net: diagonalise(net, 2, "full"),
    "grow": lambda net: grow(net, 2, 2),
    "prune": lambda net: prune(net, 2, 2),
    "adapt": lambda net: adapt(net, threshold=1.0, scaffold=2),
    "remove": lambda net: [insert_layer(net, 2), remove_layer(net, 2)],
}


@pytest.mark.parametrize("side", ["left", "right", "full"])
def test_a_change_between_backward_and_step_changes_nothing(side: str) -> None:
    """With micro-batches on both sides of it, too."""
    net = network(WIDTHS)
    other = copy.deepcopy(net)
    stepped = []
    for each in (net, other):
        optimiser = SGD(each.parameters(), lr=0.1)
        loss(each, seed=1).backward()
        if each is other:
            diagonalise(each, 2, side, optimiser=optimiser)
        loss(each, seed=2).backward()
        optimiser.step()
        stepped.append(each(inputs(each)))
    assert_close(stepped[1], stepped[0], "logits", slack=100)


def test_gradients_left_in_the_old_basis_would_be_seen() -> None:
    """Negative control."""
    net = network(WIDTHS)
    loss(net).backward()
    kept = {name: p.grad for name, p in net.named_parameters()}
    change_basis(net, 2, orthogonal(6))
    turned = net.maps[1].weight.grad
    assert turned is not None
    assert_close(turned, orthogonal(6).T @ kept["maps.1.weight"], "gradient")
    assert (turned - kept["maps.1.weight"]).abs().max() > 0.1 * turned.abs().max()


def test_growing_and_pruning_gradients() -> None:
    """New neurons have none yet; a missing one stays missing."""
    net = network(WIDTHS)
    loss(net).backward()
    net.maps[1].bias.grad = None
    before = net.maps[1].weight.grad
    grow(net, 2, 2)
    after = net.maps[1].weight.grad
    assert net.maps[1].bias.grad is None and after is not None and before is not None
    assert torch.equal(after[:6], before) and not after[6:].any()
    prune(net, 2, 2, choice=[6, 7])
    assert torch.equal(net.maps[1].weight.grad, before)


@pytest.mark.parametrize("change", CHANGES)
def test_hooks_and_attributes_go_on(change: str) -> None:
    class Tagged(nn.Parameter):
        pass

    net = network(WIDTHS)
    net.maps[1].weight = Tagged(net.maps[1].weight.detach())
    weight, seen = net.maps[1].weight, []
    weight.tag = "mine"
    first = weight.register_hook(lambda gradient: seen.append(gradient.shape))
    last = weight.register_post_accumulate_grad_hook(lambda p: seen.append(p))
    CHANGES[change](net)
    new = net.maps[1].weight
    assert new is not weight and type(new) is Tagged and new.tag == "mine"
    loss(net).backward()
    assert seen == [new.shape, new]
    first.remove()
    last.remove()  # the handles that the user has
    loss(net).backward()
    assert len(seen) == 2


def test_an_optimiser_in_backward_goes_on() -> None:
    """One a parameter, stepped by a hook, found by the name that the parameter has for the user."""
    net = network(WIDTHS)
    optimisers = {name: SGD([p], lr=0.01) for name, p in net.named_parameters()}
    for name, p in net.named_parameters():
        p.called = name

        def descend(p: nn.Parameter) -> None:
            optimisers[p.called].step()
            optimisers[p.called].zero_grad()

        p.register_post_accumulate_grad_hook(descend)
    grow(net, 2, 2, optimiser=optimisers.values())
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    loss(net).backward()
    assert all(not torch.equal(p, before[name]) for name, p in net.named_parameters())


def warned(net: IsotropicMLP, optimiser: Optimizer, first: int) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(net, optimiser, 2, first=first)
    return [str(each.message) for each in caught]


@pytest.mark.parametrize("change", CHANGES)
def test_an_optimiser_that_was_not_told_warns_once(change: str) -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    CHANGES[change](net)
    (message,) = warned(net, optimiser, 2)
    assert "AdamW steps maps." in message and "optimiser=" in message and "\n" not in message
    assert warned(net, optimiser, 4) == []


@pytest.mark.parametrize("widths", [[5, 7, 6, 3], [5, 4, 6, 6, 3], [5, 6, 3]], ids=["width", "deeper", "shallower"])
def test_an_optimiser_from_before_a_state_of_other_widths_warns(widths: list[int]) -> None:
    """It would go on without a word, with parameters that the network no longer has."""
    net = network(WIDTHS)
    optimiser = AdamW(net.parameters())
    net.load_state_dict(network(widths).state_dict())
    with pytest.warns(UserWarning, match=r"AdamW steps maps\.\d\.\w+, which .* make a new optimiser"):
        train(net, optimiser, 1)
    with warnings.catch_warnings():  # the controls: made after it, or of the widths that there were
        warnings.simplefilter("error")
        train(net, AdamW(net.parameters()), 1)
        same = network(WIDTHS)
        optimiser = AdamW(same.parameters())
        same.load_state_dict(network(WIDTHS, seed=3).state_dict())
        train(same, optimiser, 1)


def test_no_other_optimiser_warns() -> None:
    """One that was told, before and after; one that is new; one of another network."""
    (net, optimiser), (another, its) = begun(WIDTHS, "adamw"), begun(WIDTHS, "momentum")
    grow(net, 2, 1, optimiser=optimiser)
    assert warned(net, optimiser, 2) == []
    forgotten = copy.deepcopy(net)
    grow(forgotten, 2, 1)
    assert warned(net, optimiser, 4) == warned(another, its, 2) == []
    assert warned(forgotten, SGD(forgotten.parameters(), lr=0.1), 2) == []


def test_what_is_replaced_is_let_go() -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    old = weakref.ref(net.maps[1].weight)
    grow(net, 2, 1)
    warned(net, optimiser, 2)
    watched = weakref.ref(optimiser)
    del optimiser
    gc.collect()
    assert old() is None and watched() is None


def test_a_changed_network_is_saved_without_a_trace() -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    grow(net, 2, 1, optimiser=optimiser)
    assert not any(p.__dict__ for p in pickle.loads(pickle.dumps(net)).parameters())


def test_another_optimiser_of_the_same_parameters_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two losses, say, or within a wrapper: only one of them was told."""
    monkeypatch.setattr(successors, "_replacements", 0)  # as if it were the first change of all
    net = network(WIDTHS)
    told, other = AdamW(net.parameters()), SGD(net.parameters(), lr=0.1)
    grow(net, 2, 2, optimiser=told)
    loss(net).backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told.step()
    with pytest.warns(UserWarning, match=r"SGD steps maps.1.weight.* it no longer trains it"):
        other.step()


class Doubled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


COMPUTED: dict[str, Callable[[nn.Module, str], object]] = {
    "mask": lambda module, leaf: masks.l1_unstructured(module, leaf, 0.5),
    "parametrisation": lambda module, leaf: register_parametrization(module, leaf, Doubled()),
}
TAKERS = CHANGES | {
    "ensemble": lambda net: Ensemble([net]),
    "sparsify": sparsify,
    "embed": lambda net: embed(net, 2, 1e6),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize(
    ("name", "how"),
    [
        *((f"maps.{i}.{leaf}", how) for i in (1, 2) for leaf in ("weight", "bias", "psi") for how in COMPUTED),
        ("activations.1.log_o", "parametrisation"),
    ],
)
def test_what_is_computed_is_not_taken_for_absent(taker: str, name: str, how: str) -> None:
    net = network(WIDTHS)
    path, _, leaf = name.rpartition(".")
    COMPUTED[how](net.get_submodule(path), leaf)
    x = inputs(net)
    before = net(x)
    with pytest.raises(ValueError) as caught:
        TAKERS[taker](net)
    assert str(caught.value).startswith(f"{path}: its {leaf} is computed from other parameters")
    assert torch.equal(net(x), before) and net.widths == WIDTHS


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("wrap", ["weight_norm", "mask", "ddp"])
def test_what_cannot_be_replaced_is_refused(change: str, wrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    given: object = net
    if wrap == "weight_norm":
        parametrizations.weight_norm(net.maps[1])
        words = "maps.1: its weight is computed from other parameters"
    elif wrap == "mask":
        masks.l1_unstructured(net.maps[1], "weight", 0.5)
        words = "maps.1: its weight is computed from other parameters"
    else:

        class Wrapped(nn.parallel.DistributedDataParallel):
            def __init__(self, module: nn.Module) -> None:  # without the processes
                nn.Module.__init__(self)
                self.module = module

        given, words = Wrapped(net), "change `ddp.module` on every process"
    before = everything(net, optimiser)
    with pytest.raises(ValueError) as caught:
        CHANGES[change](given)  # type: ignore[arg-type]
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert everything(net, optimiser) == before


def test_a_compiled_network_is_changed_itself() -> None:
    net, same = network(WIDTHS), network(WIDTHS)
    compiled = torch.compile(net, backend="eager")
    for each, own in ((compiled, net), (same, same)):
        optimiser = AdamW(own.parameters())
        grow(each, 2, 2, columns="zero", optimiser=optimiser)  # type: ignore[arg-type]
        diagonalise(each, 2, optimiser=optimiser)  # type: ignore[arg-type]
        adapt(each, threshold=1.0, scaffold=1, columns="zero", optimiser=optimiser)  # type: ignore[arg-type]
        insert_layer(each, 1, optimiser)  # type: ignore[arg-type]
        assert [id(p) for p in optimiser.param_groups[0]["params"]] == [id(p) for p in own.parameters()]
    assert net.widths == same.widths != WIDTHS
    assert all(torch.equal(t, same.tensors()[name]) for name, t in net.tensors().items())


@pytest.mark.parametrize("layer", [np.int64(2), np.uint8(2), torch.tensor(2)], ids=repr)
def test_any_integer_is_a_layer(layer: int) -> None:
    net, same = network(WIDTHS), network(WIDTHS)
    for each, number in ((net, layer), (same, 2)):
        diagonalise(each, number)
        insert_layer(each, number)
        remove_layer(each, number)
    assert all(torch.equal(t, same.tensors()[name]) for name, t in net.tensors().items())


def test_a_network_without_hidden_layers_says_so() -> None:
    with pytest.raises(ValueError, match="layer: 1 is not a hidden layer of this network; it has none"):
        remove_layer(network([5, 3]), 1)


@pytest.mark.parametrize("told", [False, True])
def test_descent_warns_as_a_step_of_torch_does(told: bool) -> None:
    """Its kernel is called directly, where torch's hooks are not."""
    ensemble = Ensemble([network(WIDTHS)])
    optimiser = AdamW(ensemble.parameters(), fused=True)
    grow(ensemble, 2, 2, optimiser=optimiser if told else None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        TrainStep(ensemble, optimiser)
        TrainStep(ensemble, optimiser)
    assert len(caught) == (0 if told else 1)
