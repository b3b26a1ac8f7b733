"""Sparsification: the same function, only what is left, and the counts of METHOD section 6."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from isotropic_testing import DTYPES, TREATMENTS, assert_close, assert_differs, inputs, network

from isotropic import IsotropicMLP, diagonalise, sparsify
from isotropic.networks.sparse import SparseMLP, storage
from isotropic.surgery.sparsify import alternate_maps, parameter_count

WIDTHS = [9, 7, 5, 6, 8, 8, 4, 3]  # L = 7: maps 2 (7 to 5), 4 (6 to 8) and 6 (8 to 4) become diagonal


def test_the_maps_that_can_be_diagonal_together() -> None:
    assert [alternate_maps(depth) for depth in range(1, 8)] == [[], [], [2], [2], [2, 4], [2, 4], [2, 4, 6]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("treatment", TREATMENTS)
def test_the_same_function_in_wider_and_narrower_maps(treatment: tuple[str, str], dtype: torch.dtype) -> None:
    net = network(WIDTHS, *treatment, dtype=dtype)
    x, sparse = inputs(net), sparsify(net)
    assert_close(sparse(x), net(x), "logits of the sparse form", slack=4)
    assert [tuple(affine.weight.shape) for affine in sparse.maps] == [
        (7, 9), (5,), (6, 5), (6,), (8, 8), (4,), (3, 4)
    ]  # fmt: skip
    with torch.no_grad():
        sparse.maps[1].weight[0] *= 2
    assert_differs(sparse(x), net(x), "with one weight doubled", by=1e-3)


def test_the_network_itself_is_unchanged_and_shares_nothing() -> None:
    net = network(WIDTHS)
    before = {name: t.clone() for name, t in net.tensors().items()}
    sparse = sparsify(net)
    with torch.no_grad():
        for parameter in sparse.parameters():
            parameter.zero_()
    assert all(torch.equal(t, before[name]) for name, t in net.tensors().items())


def test_what_is_frozen_stays_frozen() -> None:
    net = network(WIDTHS)
    frozen = ["maps.0.weight", "maps.1.weight", "maps.1.bias", "maps.2.psi", "activations.3.log_o"]
    for name in frozen:
        net.get_parameter(name).requires_grad_(False)
    assert [name for name, p in sparsify(net).named_parameters() if not p.requires_grad] == frozen
    assert all(p.requires_grad for p in sparsify(network(WIDTHS)).parameters())


def test_it_trains_as_an_ordinary_module() -> None:
    sparse = sparsify(network(WIDTHS, dtype=torch.float32))
    optimiser = torch.optim.SGD(sparse.parameters(), lr=0.1)
    x, y = torch.randn(8, 9, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
    losses = []
    for _ in range(5):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(sparse(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(parameter.grad is not None for parameter in sparse.parameters())


def test_what_is_stored_is_what_is_counted() -> None:
    net = IsotropicMLP(WIDTHS, seed=0)
    assert storage(net) == 4 * parameter_count(WIDTHS)
    assert storage(sparsify(net)) == 4 * parameter_count(WIDTHS, alternate_maps(7))
    bare = IsotropicMLP(WIDTHS, intrinsic_length="none", compensation="none", seed=0)
    assert storage(bare) - 4 * 6 == 4 * parameter_count(WIDTHS, rest=False)  # 6 lengths of 0 are held as well


def test_counts_by_hand() -> None:
    """3-4-2-5: 12 + 8 + 10 weights, 11 biases; psi of maps 2 and 3, two o. Map 2 keeps 2 of its 8 weights."""
    assert parameter_count([3, 4, 2, 5], rest=False) == 41
    assert parameter_count([3, 4, 2, 5]) == 41 + 7 + 2
    assert parameter_count([3, 4, 2, 5], [2]) == 50 - 6


@pytest.mark.parametrize("width", [1, 2, 10, 1000])
@pytest.mark.parametrize("depth", range(2, 12))
def test_the_fractions_of_constant_width(depth: int, width: int) -> None:
    """METHOD section 6, weights and biases; and with o and psi added to numerator and denominator."""
    n, half = width, depth // 2
    if depth % 2:
        expected = Fraction(half + 1, depth) + Fraction(2 * half, depth * (n + 1))
    else:
        expected = Fraction(half + 1, depth) + Fraction(half - 1, half * (n + 1))
    widths, diagonal = [n] * (depth + 1), alternate_maps(depth)
    left, all_ = (parameter_count(widths, some, rest=False) for some in (diagonal, []))
    assert Fraction(left, all_) == expected
    more = (depth - 1) * (n + 1)
    assert parameter_count(widths, diagonal) == left + more and parameter_count(widths) == all_ + more


def test_the_fractions_tend_to_half() -> None:
    widths = [10_000] * 1002
    left, whole = parameter_count(widths, alternate_maps(1001)), parameter_count(widths)
    assert left / whole == pytest.approx(0.5, abs=1e-3)


def test_refusals() -> None:
    net = network([4, 5, 5, 3])
    with pytest.raises(ValueError, match="map 2 has 20 entries beside its diagonal"):
        SparseMLP(net, [2])
    diagonalise(net, 2, "full")
    SparseMLP(net, [2])
    standard = IsotropicMLP([4, 5, 5, 3], activation="tanh", intrinsic_length="none", compensation="none")
    with pytest.raises(ValueError, match="tanh"):
        sparsify(standard)
    with pytest.raises(ValueError, match="tanh"):
        SparseMLP(standard, [])
