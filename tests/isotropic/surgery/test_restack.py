"""Ensembles taken apart and put together: exact, and the same training as alone."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from isotropic_testing import inputs, network, train
from torch.optim import SGD, Adagrad, Adam, AdamW, NAdam, RMSprop

from isotropic import Ensemble, adapt
from isotropic.surgery.restack import restack, unstack

MAKERS = {
    "plain": lambda net: SGD(net.parameters(), lr=0.05),
    "momentum": lambda net: SGD(net.parameters(), lr=0.05, momentum=0.9),
    "adam": lambda net: Adam(net.parameters(), lr=0.01),
    "adamw": lambda net: AdamW(net.parameters(), lr=0.01, weight_decay=0.1, amsgrad=True),
    "nadam": lambda net: NAdam(net.parameters(), lr=0.01),
    "centred": lambda net: RMSprop(net.parameters(), lr=0.01, centered=True),
    "adagrad": lambda net: Adagrad(net.parameters(), lr=0.01, initial_accumulator_value=0.1),
    "fused": lambda net: AdamW(net.parameters(), lr=0.01, fused=True),
}
WIDTHS = [[5, 4, 6, 3], [5, 7, 2, 3], [5, 1, 6, 3]]


def begun(make, steps=3):
    ensemble = Ensemble([network(widths, seed=k) for k, widths in enumerate(WIDTHS)])
    optimiser = make(ensemble)
    train(ensemble, optimiser, steps)
    return ensemble, optimiser


def moments(net, optimiser):
    return {
        (name, key): t
        for name, parameter in net.named_parameters()
        for key, t in optimiser.state.get(parameter, {}).items()
    }


def same(a, b):
    assert a.keys() == b.keys()
    return all(torch.equal(t, b[name]) if isinstance(t, torch.Tensor) else t == b[name] for name, t in a.items())


@pytest.mark.parametrize("kind", MAKERS)
def test_there_and_back_is_exact(kind):
    ensemble, optimiser = begun(MAKERS[kind])
    again, other = restack(unstack(ensemble, optimiser, MAKERS[kind]), MAKERS[kind])
    assert same(ensemble.tensors(), again.tensors())
    assert same(moments(ensemble, optimiser), moments(again, other))
    assert bool(moments(again, other)) == (kind != "plain")
    for each, descent in ((ensemble, optimiser), (again, other)):
        train(each, descent, 2, first=3)
    assert same(ensemble.tensors(), again.tensors()), "training goes on differently"


def test_a_moment_left_behind_would_be_seen():
    """Negative control of the test above."""
    make = MAKERS["momentum"]
    ensemble, optimiser = begun(make)
    again = Ensemble([net for net, _ in unstack(ensemble, optimiser, make)])
    for each, descent in ((ensemble, optimiser), (again, make(again))):
        train(each, descent, 1, first=3)
    assert not same(ensemble.tensors(), again.tensors())


@pytest.mark.parametrize("kind", MAKERS)
def test_equals_each_alone_through_adaptation(kind):
    """Train, adapt each in its own way, train again: stacked, taken apart and stacked again, or never stacked."""
    make, change = MAKERS[kind], partial(adapt, threshold=1.2, scaffold=2, columns="semi-orthogonal")
    ensemble, optimiser = begun(make)
    parts = unstack(ensemble, optimiser, make)
    for k, (net, own) in enumerate(parts):
        change(net, optimiser=own, generator=torch.Generator().manual_seed(k))
    again, other = restack(parts, make)
    assert again.member_widths != WIDTHS
    train(again, other, 3, first=3)
    for k, widths in enumerate(WIDTHS):
        alone = network(widths, seed=k)
        own = make(alone)
        train(alone, own, 3)
        change(alone, optimiser=own, generator=torch.Generator().manual_seed(k))
        train(alone, own, 3, first=3)
        assert alone.widths == again.member_widths[k]
        x = inputs(alone)
        assert float((alone(x) - again.member(k)(x)).detach().abs().max()) < 1e-9
        assert float((alone(x) - again.member((k + 1) % 3)(x)).detach().abs().max()) > 1e-2


def test_parts_are_copies():
    ensemble, optimiser = begun(MAKERS["adam"])
    before = {name: t.clone() for name, t in ensemble.tensors().items()}
    first = {name: t.clone() for name, t in moments(ensemble, optimiser).items()}
    net, own = unstack(ensemble, optimiser, MAKERS["adam"])[0]
    train(net, own, 2)
    assert same(before, ensemble.tensors())
    assert same(first, moments(ensemble, optimiser))


def test_members_that_train_different_things():
    """What a member does not train has no moments of its own, and stays as it was."""
    make = MAKERS["adamw"]
    nets = [network(WIDTHS[0], "trainable", "trainable"), network(WIDTHS[1], "constant", "constant")]
    ensemble = Ensemble(nets)
    optimiser = make(ensemble)
    for step in range(2):
        with ensemble.held():
            train(ensemble, optimiser, 1, first=step)
    parts = unstack(ensemble, optimiser, make)
    assert torch.equal(parts[1][0].maps[1].psi, nets[1].maps[1].psi)
    again, other = restack(parts, make)
    with again.held():
        train(again, other, 1, first=2)
    assert torch.equal(again.member(1).maps[1].psi, nets[1].maps[1].psi)
    assert not torch.equal(again.member(0).maps[1].psi, nets[0].maps[1].psi)


def test_members_of_different_ages_are_refused():
    make = MAKERS["adam"]
    parts = []
    for steps in (1, 2):
        net = network(WIDTHS[0])
        own = make(net)
        train(net, own, steps)
        parts.append((net, own))
    with pytest.raises(ValueError, match="members that took 1, 2 steps"):
        restack(parts, make)
