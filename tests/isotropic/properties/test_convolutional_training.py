"""Convolutional networks amid training: what a change of the channels carries along."""

from __future__ import annotations

import pytest
import torch
from convolutional_testing import convnet, images, train
from isotropic_testing import OPTIMISERS, assert_close, assert_differs, change_basis, moments, orthogonal
from torch import Tensor
from torch.optim import Optimizer

from isotropic import IsotropicConvNet, grow, prune


def begun(kind: str) -> tuple[IsotropicConvNet, Optimizer]:
    net = convnet()
    optimiser = OPTIMISERS[kind](net.parameters())
    train(net, optimiser, 2)
    return net, optimiser


def both_orders(kind: str) -> tuple[Tensor, Tensor]:
    """Logits of the network rotated and then trained, and trained and then rotated."""
    (first, first_optimiser), (last, last_optimiser) = begun(kind), begun(kind)
    change_basis(first, 2, orthogonal(7), first_optimiser)
    train(first, first_optimiser, 5, first=2)
    train(last, last_optimiser, 5, first=2)
    change_basis(last, 2, orthogonal(7), last_optimiser)
    return first(images(first)), last(images(last))


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_descent_and_momentum_commute_with_a_rotation_and_adam_does_not(kind: str) -> None:
    if kind.startswith("adam"):
        assert_differs(*both_orders(kind), "logits", by=1e-3)
    else:
        assert_close(*both_orders(kind), "logits", slack=1e2)


def test_momentum_must_be_carried_along() -> None:
    (net, optimiser), (last, last_optimiser) = begun("momentum"), begun("momentum")
    kept = moments(net, optimiser, "momentum_buffer")
    change_basis(net, 2, orthogonal(7), optimiser)
    for name, p in net.named_parameters():
        optimiser.state[p]["momentum_buffer"] = kept[name]
    train(net, optimiser, 5, first=2)
    train(last, last_optimiser, 5, first=2)
    assert_differs(net(images(net)), last(images(last)), "logits", by=1e-3)


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_training_goes_on_after_growing_and_pruning(kind: str) -> None:
    net, optimiser = begun(kind)
    grow(net, 1, 2, optimiser=optimiser, generator=torch.Generator().manual_seed(0))
    prune(net, 2, 3, optimiser=optimiser)
    for p in net.parameters():
        for state, t in optimiser.state[p].items():
            assert state == "step" or t is None or t.shape == p.shape
    if kind != "sgd":
        state = "momentum_buffer" if "momentum" in kind or "nesterov" in kind else "exp_avg"
        moment = moments(net, optimiser, state)["maps.1.weight"]
        assert moment.any() and not moment[..., -2:].any(), "new channels begin without moments"
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    train(net, optimiser, 1, first=2)
    assert all(not torch.equal(p, before[name]) for name, p in net.named_parameters())
    assert net.affine[1].weight.grad is not None and net.affine[0].weight.grad is not None
    assert net.affine[0].weight.grad[..., -2:, :].any(), "new channels train"
