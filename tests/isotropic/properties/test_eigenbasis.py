"""Turning a layer to the eigenbasis of its covariance in the midst of training, with the optimiser's moments."""

from __future__ import annotations

import copy

import pytest
import torch
from isotropic_testing import assert_close, assert_differs, network, normal
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer, Rprop

from isotropic import BatchNorm, NormalisedMLP, Whitening, hold_in_eigenbasis, measure_whitening
from isotropic.surgery.eigenbasis import turn_to_eigenbasis

WIDTHS = [6, 5, 4, 3]
X, Y = normal(60, 6) * torch.linspace(0.3, 2, 6, dtype=torch.float64), torch.arange(60) % 3


def trained(normaliser: type, kind: type[Optimizer], **options: float) -> tuple[NormalisedMLP, Optimizer]:
    net = NormalisedMLP(network(WIDTHS, compensation="none"), normaliser)
    optimiser = kind(net.parameters(), lr=0.05, **options)
    for _ in range(3):
        step(net, optimiser)
    return net, optimiser


def step(net: nn.Module, optimiser: Optimizer) -> None:
    optimiser.zero_grad()
    nn.functional.cross_entropy(net(X), Y).backward()
    optimiser.step()


def logits(net: nn.Module) -> Tensor:
    """With the statistics of X itself, as in training: what running ones are does not matter."""
    z: Tensor = copy.deepcopy(net).train()(X).detach()
    return z


@pytest.mark.parametrize("layer", [1, 2])
def test_the_covariance_becomes_diagonal_and_is_that_of_the_statistics(layer: int) -> None:
    net, optimiser = trained(BatchNorm, Adam)
    variances = turn_to_eigenbasis(net, layer, X, optimiser=optimiser)
    assert net.training and all(norm.training for norm in net.normalisers)
    net.eval()
    norm, a = net.norm(layer), net.activated(layer, X).detach()
    assert_close(a.T.cov(), variances.diag(), "covariance")
    assert torch.equal(norm.variance, variances) and torch.equal(variances, variances.sort(descending=True).values)
    assert_close(norm.mean, a.mean(0), "mean")


def test_it_is_measuring_and_holding() -> None:
    net, optimiser = trained(BatchNorm, Adam)
    other = copy.deepcopy(net).eval()
    turn_to_eigenbasis(net, 1, X, optimiser=optimiser)
    measure_whitening(other, 1, X)
    hold_in_eigenbasis(other, 1)
    for name, t in net.state_dict().items():
        assert torch.equal(t, other.state_dict()[name]), name


@pytest.mark.parametrize("forgotten", [False, True])
def test_momentum_commutes_if_it_is_turned(forgotten: bool) -> None:
    """Networks with the whole whitening, which do not see the basis: turned and trained on beside trained on.

    Negative control: with the momentum left in the old basis the networks part.
    """
    net, optimiser = trained(Whitening, SGD, momentum=0.9)
    turned, own = copy.deepcopy((net, optimiser))
    before = [own.state[p]["momentum_buffer"].clone() for p in turned.parameters()]
    turn_to_eigenbasis(turned, 1, X, optimiser=own)
    for p, momentum in zip(turned.parameters(), before, strict=True) if forgotten else ():
        own.state[p]["momentum_buffer"].copy_(momentum)
    turned.normalisers[0] = Whitening.of(turned.norm(1))
    assert_close(logits(turned), logits(net), "logits, turned", slack=100)
    for _ in range(2):
        step(net, optimiser)
        step(turned, own)
    if forgotten:
        assert_differs(logits(turned), logits(net), "logits, momentum not turned", by=0.005)
    else:
        assert_close(logits(turned), logits(net), "logits", slack=100)


def test_second_moments_turn_by_squares() -> None:
    net, optimiser = trained(BatchNorm, Adam)
    weight, bias = net.affine[0].weight, net.affine[0].bias
    before, first, second = weight.detach().clone(), *(optimiser.state[bias][k].clone() for k in _MOMENTS)
    turn_to_eigenbasis(net, 1, X, optimiser=optimiser)
    weight, bias = net.affine[0].weight, net.affine[0].bias
    turn = weight.detach() @ torch.linalg.pinv(before)  # W' = Q^T W, of full row rank
    assert_close(optimiser.state[bias]["exp_avg"], turn @ first, "first moment", slack=100)
    assert_close(optimiser.state[bias]["exp_avg_sq"], turn.square() @ second, "second moment", slack=100)


_MOMENTS = ("exp_avg", "exp_avg_sq")


def test_refusals_change_nothing() -> None:
    net, optimiser = trained(BatchNorm, Adam)
    other = copy.deepcopy(net)
    strange = Rprop(net.parameters())
    before = {name: t.clone() for name, t in net.state_dict().items()}
    moments = {id(p): copy.deepcopy(state) for p, state in optimiser.state.items()}
    for layer, x, given, kind, words in (
        (0, X, optimiser, ValueError, "layer: 0 is not a hidden layer of this network; one of 1 to 2"),
        (1, X[:1], optimiser, ValueError, "1 samples"),
        (1, X, Adam(other.parameters()), ValueError, "does not hold maps.0.weight"),
        (1, X, strange, TypeError, "Rprop"),
    ):
        with pytest.raises(kind) as caught:
            turn_to_eigenbasis(net, layer, x, optimiser=given)
        assert words in str(caught.value) and "\n" not in str(caught.value)
    assert net.training and all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    for p, state in optimiser.state.items():
        assert all(torch.equal(t, moments[id(p)][key]) for key, t in state.items())
