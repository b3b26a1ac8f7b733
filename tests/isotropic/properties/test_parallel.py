"""The parallel form is the network; freed, it is more."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from isotropic_testing import (
    DTYPES,
    TREATMENTS,
    WITH_PSI,
    assert_close,
    assert_differs,
    change_basis,
    inputs,
    network,
    normal,
    orthogonal,
)
from torch import Tensor, nn

from isotropic import IsotropicMLP, ParallelMLP, embed

SHAPES = [[6, 3], [6, 4, 3], [4, 9, 3], [5, 7, 4, 3], [3, 1, 5, 2], [6, 4, 9, 8, 3], [2, 2, 2, 2, 2, 2]]


# The same function


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("intrinsic_length", "compensation"), TREATMENTS)
def test_the_same_logits(intrinsic_length: str, compensation: str, dtype: torch.dtype) -> None:
    for widths in SHAPES:
        net = network(widths, intrinsic_length, compensation, dtype=dtype)
        parallel = ParallelMLP(net)
        assert parallel.widths == net.widths
        assert_close(parallel(inputs(net)), net(inputs(net)), f"logits of {widths}", slack=5)


@settings(max_examples=30)
@given(widths=st.lists(st.integers(1, 12), min_size=2, max_size=18), seed=st.integers(0, 1000))
def test_the_same_logits_at_any_depth(widths: list[int], seed: int) -> None:
    """Up to 17 maps: contracted weights grow to 1e10, products of gains shrink as much, and no digit is lost."""
    net = network(widths, seed=seed)
    assert_close(ParallelMLP(net)(inputs(net)), net(inputs(net)), f"logits of {widths}")


def test_the_same_gradients_of_inputs_and_lengths() -> None:
    net = network([5, 7, 4, 6, 3])
    parallel, gradients = ParallelMLP(net), []
    for each in (net, parallel):
        x = inputs(net).requires_grad_()
        lengths = [activation.log_o for activation in each.activations]
        gradients.append(torch.autograd.grad(each(x).square().sum(), [x, *lengths]))
    for actual, expected in zip(gradients[1], gradients[0], strict=True):
        assert_close(actual, expected, "gradient", slack=10)


@pytest.mark.parametrize("part", ["weight", "bias", "later.0", "later.1", "later.2", "activations.1.log_o"])
def test_every_part_is_seen_in_the_logits(part: str) -> None:
    net = network([5, 7, 4, 6, 3])
    parallel = ParallelMLP(net)
    parallel.get_parameter(part).data *= 0
    assert_differs(parallel(inputs(net)), net(inputs(net)), f"logits without {part}", by=0.005)


@pytest.mark.parametrize("compensation", WITH_PSI)
def test_psi_is_carried_by_the_vectors(compensation: str) -> None:
    net = network([5, 7, 4, 3], compensation=compensation)
    without = network([5, 7, 4, 3], compensation=compensation)
    without.assign({name: 0 * t for name, t in net.tensors().items() if name.endswith("psi")})
    assert_differs(ParallelMLP(without)(inputs(net)), net(inputs(net)), "logits with psi forgotten", by=0.01)


def test_one_product_of_a_matrix_with_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The input enters one product; no other has a factor of a hidden width squared."""
    net, calls = network([5, 7, 4, 6, 3]), []
    linear, addmm = nn.functional.linear, torch.addmm
    monkeypatch.setattr(nn.functional, "linear", lambda *a: calls.append(tuple(a[1].shape)) or linear(*a))
    monkeypatch.setattr(torch, "addmm", lambda *a: calls.append(tuple(a[2].shape)) or addmm(*a))
    ParallelMLP(net)(inputs(net))
    assert calls == [(7 + 4 + 6 + 3, 5), (1, 6), (2, 3)]  # then one and two vectors, times scalars


# The wider class


def rank(t: Tensor) -> int:
    return int(torch.linalg.matrix_rank(t, rtol=1e-9))


def test_freed_it_computes_what_no_network_of_these_widths_can() -> None:
    """A linear map of rank 3 through a hidden layer of one neuron. Constrained, h_2 = g (W_2 h_1 + psi) + b_2 lies
    in a plane; freed, W^(1) = 0 makes the gain constant and W^(2) / g any matrix."""
    net, target, x = network([4, 1, 3]), normal(3, 4), normal(20, 4, seed=3)
    freed = ParallelMLP(net)
    g = net.activations[0](torch.zeros(1, 1, dtype=torch.float64))[1].item()
    freed.weight.data = torch.cat([torch.zeros(1, 4, dtype=torch.float64), target / g])
    for each in (freed.bias, freed.later[0]):
        each.data.zero_()
    assert_close(freed(x), x @ target.T, "the linear map")
    assert rank(freed(x).detach()) == 3
    constrained = (net(x) - net.maps[1].bias).detach()
    assert rank(constrained) == 2


def test_trained_it_goes_where_no_network_of_these_widths_can() -> None:
    """Its loss falls below the least that outputs in a plane can have, that of the best approximation of rank 2."""
    net, x = network([4, 1, 3]), normal(40, 4, seed=3)
    wanted = x @ orthogonal(4)[:3].T / 10
    least = (torch.linalg.svdvals(wanted - wanted.mean(0))[2] ** 2 / wanted.numel()).item()
    losses, freed = {}, ParallelMLP(net)
    assert rank(freed.weight[1:].detach()) == 1
    for name, each in (("constrained", net), ("freed", freed)):
        optimiser = torch.optim.Adam(each.parameters(), lr=0.02)
        for _ in range(600):
            optimiser.zero_grad()
            loss = (each(x) - wanted).square().mean()
            loss.backward()
            optimiser.step()
        losses[name] = loss.item()
    assert losses["freed"] < least / 2 < 2 * least < 2 * losses["constrained"]
    assert rank(freed.weight[1:].detach()) == 3


# What is refused


def test_refusals() -> None:
    tanh = IsotropicMLP([3, 4, 2], "tanh", "none", "none")
    net = IsotropicMLP([3, 4, 2])
    for call, words in (
        (lambda: ParallelMLP(tanh), "no scalar gain"),
        (lambda: ParallelMLP(net).deepened(0), "width: 0"),
        (lambda: embed(tanh, 1, 1.0), "'tanh'"),
        (lambda: embed(IsotropicMLP([3, 4, 2], intrinsic_length="none"), 1, 1.0), "'none'"),
        (lambda: embed(net, 0, 1.0), "layer: 0"),
        (lambda: embed(net, True, 1.0), "layer: True"),
        (lambda: embed(net, 3, 1.0), "one of 1 to 2"),
        (lambda: embed(net, 1, 0.0), "length: 0.0"),
        (lambda: embed(net, 1, float("nan")), "length: nan"),
        (lambda: embed(net, 1, 1.0, width=3), "width: 3 is not an integer >= 4"),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_network_is_left_alone() -> None:
    net = network([5, 7, 4, 3])
    before, x = {name: t.clone() for name, t in net.tensors().items()}, inputs(net)
    for other in (ParallelMLP(net), embed(net, 2, 10.0)):
        for parameter in other.parameters():
            parameter.data += 1.0
        other(x).sum().backward()
    assert all(torch.equal(t, before[name]) for name, t in net.tensors().items())


def test_a_change_of_basis_changes_only_the_hidden_rows() -> None:
    """Turning hidden width 1 turns the first rows of the product; all contractions behind it are the same."""
    net, basis = network([5, 7, 4, 3]), orthogonal(7)
    before = ParallelMLP(net)
    change_basis(net, 1, basis)
    after = ParallelMLP(net)
    assert_close(after.weight[:7], basis.T @ before.weight[:7], "W^(1)")
    assert_close(after.weight[7:], before.weight[7:], "W^(2), W^(3)")
    for mine, theirs in zip(after.later, before.later, strict=True):
        assert_close(mine, theirs, "vectors")
