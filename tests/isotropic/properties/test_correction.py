"""Pruning chosen neurons, with and without the pseudo-inverse correction (METHOD section 4, Eqn. 18)."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import (
    COMPENSATIONS,
    DTYPES,
    LENGTHS,
    OPTIMISERS,
    TREATMENTS,
    WITH_PSI,
    assert_close,
    assert_differs,
    error,
    inputs,
    loss,
    network,
    normal,
    psi,
    train,
)
from torch import Tensor

from isotropic import Ensemble, IsotropicMLP, diagonalise, prune
from isotropic.surgery.correction import CORRECTIONS, WELL_CONDITIONED, prediction

WIDTHS = [5, 6, 7, 4, 3]
CHOSEN, KEPT = [1, 4, 5], [0, 2, 3, 6]  # of layer 2


def dependent(
    intrinsic_length: str = "trainable", compensation: str = "trainable", dtype: torch.dtype = torch.float64
) -> IsotropicMLP:
    """Three neurons of layer 2 are combinations of the four others, but for their biases."""
    net = network(WIDTHS, intrinsic_length, compensation)
    mixed, change = normal(3, 4, seed=7), {}
    for name in ("maps.1.weight", "maps.1.psi"):
        if name in net.tensors():
            change[name] = net.tensors()[name].clone()
            change[name][CHOSEN] = mixed @ change[name][KEPT]
    net.assign(change)
    return net.to(dtype)


def change_by(net: IsotropicMLP, correction: str) -> tuple[Tensor, Tensor]:
    """The logits after and before pruning the chosen neurons."""
    before = net(inputs(net))
    prune(net, 2, len(CHOSEN), choice=CHOSEN, correction=correction)
    return net(inputs(net)), before


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("compensation", WITH_PSI)
@pytest.mark.parametrize("intrinsic_length", ["constant", "trainable"])
def test_neurons_that_others_predict_are_pruned_exactly(
    intrinsic_length: str, compensation: str, dtype: torch.dtype
) -> None:
    after, before = change_by(dependent(intrinsic_length, compensation, dtype), correction="isometric")
    assert_close(after, before, "logits", slack=4)
    after, before = change_by(dependent(intrinsic_length, compensation, dtype), correction="none")
    assert_differs(after, before, "logits without the correction", by=0.1)


@pytest.mark.parametrize(
    ("intrinsic_length", "compensation"),
    [(o, psi) for o, psi in TREATMENTS if (o == "none" or psi == "none") and psi != "expectation"],
)
def test_what_the_biases_do_needs_length_and_psi(intrinsic_length: str, compensation: str) -> None:
    after, before = change_by(dependent(intrinsic_length, compensation), correction="isometric")
    assert_differs(after, before, "logits", by=2e-3)


def eqn_18(net: IsotropicMLP) -> Tensor:
    """Y = W_3 S S'^T (S' S'^T)^-1 with S = W_2 and S' its kept rows."""
    weight, after = net.maps[1].weight.detach(), net.maps[2].weight.detach()
    kept = weight[KEPT]
    return after @ weight @ kept.T @ torch.linalg.inv(kept @ kept.T)


def test_the_linear_correction_is_eqn_18() -> None:
    """The next map is Y, and the kept rows are as they were; also where the kept predict the others in part only."""
    net = network(WIDTHS)
    expected, weight, bias = eqn_18(net), net.maps[1].weight.detach()[KEPT], net.maps[1].bias.detach()
    before, columns = psi(net, 3).detach(), net.maps[2].weight.detach()[:, CHOSEN]
    prune(net, 2, 3, choice=CHOSEN, correction="linear")
    assert_close(net.maps[2].weight, expected, "Y", slack=10)
    assert_close(net.maps[1].weight, weight, "S'")
    p = torch.linalg.lstsq(weight.T, network(WIDTHS).maps[1].weight.detach()[CHOSEN].T).solution.T
    constant = bias[CHOSEN] - p @ bias[KEPT]
    assert_close(psi(net, 3), before + columns @ constant, "psi", slack=10)


def test_both_corrections_keep_the_linear_term() -> None:
    for correction in ("linear", "isometric"):
        net = dependent()
        expected = (net.maps[2].weight @ net.maps[1].weight).detach()
        prune(net, 2, 3, choice=CHOSEN, correction=correction)
        assert_close(
            (net.maps[2].weight @ net.maps[1].weight).detach(), expected, f"W_3' W_2', {correction}", slack=4
        )


def test_eqn_18_alone_forgets_the_norm() -> None:
    """Negative control: 2e-1 of the logits change even without biases; with the norm kept too, 4e-16."""
    change = {}
    for correction in ("linear", "isometric"):
        net = dependent()
        net.assign({name: net.tensors()[name] * 0 for name in ("maps.1.bias", "maps.1.psi")})
        change[correction] = change_by(net, correction)
    assert_close(*change["isometric"], "logits with the norm", slack=4)
    assert_differs(*change["linear"], "logits with Eqn. 18 alone", by=1e-2)


@pytest.mark.parametrize("chosen", [[0, 1, 2], [2, 4], [6]], ids=str)
def test_in_a_diagonal_basis_white_inputs_predict_nothing(chosen: list[int]) -> None:
    """Not only for the smallest singular values: the rows are orthogonal, so Eqn. 18 deletes columns for any."""
    plain, corrected, standing = (network([5, 8, 7, 4, 3]) for _ in range(3))
    for net in (plain, corrected):
        diagonalise(net, 2)
    for net in (plain, corrected, standing):
        prune(net, 2, len(chosen), choice=chosen, correction="none" if net is plain else "isometric")
    x = inputs(plain)
    assert_close(corrected(x), plain(x), "logits", slack=10)
    prune(other := network([5, 8, 7, 4, 3]), 2, len(chosen), choice=chosen)
    assert_differs(standing(x), other(x), "logits in the basis as it stood", by=1e-2)


@pytest.mark.parametrize("choice", ["singular-value", "gradient", CHOSEN], ids=str)
@pytest.mark.parametrize("side", ["left", "right"])
def test_three_samples_are_kept_exactly(side: str, choice: str | list[int]) -> None:
    """Their h_2 span a plane, over which four neurons predict three, whichever they are."""
    layer = 2 if side == "left" else 3
    net, plain = network(WIDTHS), network(WIDTHS)
    x, others = inputs(net, rows=3), inputs(net, rows=12, seed=5)
    before, elsewhere = net(x), net(others)
    for each in (net, plain):
        loss(each).backward()
        prune(each, layer, 3, inputs=x, side=side, choice=choice, correction="isometric" if each is net else "none")
    assert net.widths == [5, 6, 4, 4, 3]
    assert_close(net(x), before, "logits of the samples", slack=10)
    assert_differs(plain(x), before, "logits without the correction", by=1e-2)
    assert_differs(net(others), elsewhere, "logits of other samples", by=1e-2)


@pytest.mark.parametrize("intrinsic_length", LENGTHS)
@pytest.mark.parametrize("compensation", COMPENSATIONS)
def test_data_bring_the_function_closer(intrinsic_length: str, compensation: str) -> None:
    """Of random neurons, measured on other data than corrected with."""
    corrected, plain = (network(WIDTHS, intrinsic_length, compensation) for _ in range(2))
    x, data = normal(200, 5, seed=1), normal(400, 5, seed=2)
    before = corrected(x).detach()
    prune(corrected, 2, 2, choice=[0, 3], inputs=data, correction="isometric")
    prune(plain, 2, 2, choice=[0, 3], inputs=data)
    assert error(corrected(x).detach(), before) < error(plain(x).detach(), before)


@pytest.mark.parametrize(("share", "used"), [(1.5, True), (0.5, False)])
def test_directions_that_are_not_well_conditioned_predict_nothing(share: float, used: bool) -> None:
    """Two kept neurons of deviations 1 and `share` times the limit; the third is the sum of what they do in units."""
    small = share * WELL_CONDITIONED
    deviations = torch.tensor([[1.0, 0.0], [0.0, small], [1.0, 1.0]], dtype=torch.float64)
    found = prediction(deviations @ deviations.mT, 1)
    expected = torch.tensor([[1.0, 1 / small if used else 0.0]], dtype=torch.float64)
    assert_close(found, expected, "P", slack=1e4)


def test_the_prediction_is_least_squares() -> None:
    samples = normal(50, 7)
    samples = samples - samples.mean(0)
    found = prediction(samples.mT @ samples / 50, 3)
    assert_close(found.mT, torch.linalg.lstsq(samples[:, :4], samples[:, 4:]).solution, "P^T", slack=10)


def test_given_neurons_go_as_they_stand() -> None:
    """Their rows and columns alone are missing afterwards; o and psi keep what their biases did."""
    net = network(WIDTHS)
    old = {name: t.clone() for name, t in net.tensors().items()}
    prune(net, 2, 3, choice=CHOSEN)
    new, biases, columns = net.tensors(), old["maps.1.bias"][CHOSEN], old["maps.2.weight"][:, CHOSEN]
    changed = {
        "maps.1.weight": old["maps.1.weight"][KEPT],
        "maps.1.bias": old["maps.1.bias"][KEPT],
        "maps.1.psi": old["maps.1.psi"][KEPT],
        "maps.2.weight": old["maps.2.weight"][:, KEPT],
        "maps.2.psi": old["maps.2.psi"] + columns @ biases,
        "activations.1.log_o": (old["activations.1.log_o"].exp() + biases.square().sum()).log(),
    }
    for name, t in (old | changed).items():
        assert_close(new[name], t, name)


@pytest.mark.parametrize("side", ["left", "right"])
def test_gradient_importance(side: str) -> None:
    """|u_i^T (dL/dW) v_i| in the full decomposition; the least go, which here are not the smallest values."""
    layer = 2 if side == "left" else 3
    net, by_hand = (network([5, 6, 6, 6, 3], seed=1) for _ in range(2))
    loss(net).backward()
    weight, gradient = net.maps[layer - 1].weight.detach(), net.maps[layer - 1].weight.grad
    u, _, vh = torch.linalg.svd(weight)
    least = (u.T @ gradient @ vh.T).diagonal().abs().argsort()[:2]
    assert set(least.tolist()) != {4, 5}
    prune(net, layer, 2, side=side, choice="gradient")
    diagonalise(by_hand, layer, side)
    prune(by_hand, layer, 2, side=side, choice=least)
    assert net.widths == by_hand.widths
    assert_close(net(inputs(net)), by_hand(inputs(net)), "logits", slack=10)


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("kind", ["nesterov+decay", "adamw"])
def test_each_member_of_a_stack_its_own_neurons(kind: str, correction: str) -> None:
    """And training after it: a permutation of neurons is exact for Adam's moments too."""
    nets = [network([5, 6, 7, 3 + k % 2, 3], *treatment, seed=k) for k, treatment in enumerate(TREATMENTS)]
    chosen = torch.stack(
        [torch.randperm(7, generator=torch.Generator().manual_seed(k))[:3] for k in range(len(nets))]
    )
    ensemble, x = Ensemble(nets), normal(30, 5)
    optimiser = OPTIMISERS[kind](ensemble.parameters())
    for step in range(2):
        with ensemble.held():
            train(ensemble, optimiser, 1, first=step)
    prune(ensemble, 2, 3, optimiser=optimiser, inputs=x, choice=chosen, correction=correction)
    with ensemble.held():
        train(ensemble, optimiser, 1, first=2)
    for k, net in enumerate(nets):
        own = OPTIMISERS[kind](net.parameters())
        train(net, own, 2)
        prune(net, 2, 3, optimiser=own, inputs=x, choice=chosen[k].tolist(), correction=correction)
        train(net, own, 1, first=2)
        assert_close(ensemble.member(k)(inputs(net)), net(inputs(net)), f"logits of member {k}", slack=100)
