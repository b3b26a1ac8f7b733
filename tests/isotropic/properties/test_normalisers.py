"""How normalisers follow a change of basis: exactly, or, for batch normalisation, as far as a diagonal can."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from isotropic_testing import (
    DTYPES,
    TOLERANCE,
    assert_close,
    assert_differs,
    error,
    inputs,
    network,
    normal,
    orthogonal,
)
from torch import Tensor

from isotropic import BatchNorm, BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm, Whitening
from isotropic.normalise.normalised import NormalisedMLP
from isotropic.normalise.normalisers import Normaliser
from isotropic.surgery.diagonalise import left_vectors

EXACT: list[type[Normaliser]] = [BatchNormOfNorm, FrobNorm, GeneralisedLayerNorm, Whitening]
TURNING = [(GeneralisedLayerNorm, "direction"), (Whitening, "mean"), (Whitening, "covariance"), (BatchNorm, "mean")]


def correlated(n: int, seed: int = 0, rows: int = 50, dtype: torch.dtype = torch.float64) -> Tensor:
    """Samples [rows, n] with a mean and a covariance that is not diagonal."""
    mixed = normal(rows, n, seed=seed) @ (torch.eye(n) + 0.5 * normal(n, n, seed=seed + 1)) + normal(n, seed=seed + 2)
    return mixed.to(dtype)


def used(make: Callable[[int], Normaliser], n: int, train: bool, dtype: torch.dtype = torch.float64) -> Normaliser:
    """A normaliser that has seen data: its running statistics are not the initial ones."""
    norm = make(n).to(dtype)
    for seed in range(3):
        norm(correlated(n, seed=seed, dtype=dtype))
    if isinstance(norm, GeneralisedLayerNorm):
        norm.direction.copy_(normal(n, seed=8))
    return norm.train(train)


def sides(norm: Normaliser, x: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """normaliser'(x Q), with the normaliser turned, and normaliser(x) Q."""
    turned = copy.deepcopy(norm)
    turned.rotate(basis)
    return turned(x @ basis.to(x)), norm(x) @ basis.to(x)


@settings(max_examples=40)
@given(
    make=st.sampled_from(EXACT),
    n=st.integers(2, 16),
    seed=st.integers(0, 1000),
    train=st.booleans(),
    dtype=st.sampled_from(DTYPES),
)
def test_commutes_with_every_rotation(
    make: type[Normaliser], n: int, seed: int, train: bool, dtype: torch.dtype
) -> None:
    norm, x = used(make, n, train, dtype), correlated(n, seed=seed, dtype=dtype)
    turned, expected = sides(norm, x, orthogonal(n, seed=seed + 1))
    # Rounding of x is amplified by the root of the covariance's condition, or where nearly all of x is its mean.
    slack = 1.0
    if isinstance(norm, Whitening):
        slack = float(torch.linalg.cond(x.double().T.cov())) ** 0.5
    elif isinstance(norm, GeneralisedLayerNorm):
        m = norm.direction / norm.direction.norm()
        slack = float((x.norm(dim=-1) / (x - (x @ m)[:, None] * m).norm(dim=-1)).max())
    assert_close(turned, expected, f"{make.__name__}, train={train}", slack)


@settings(max_examples=20)
@given(make=st.sampled_from([*EXACT, BatchNorm]), n=st.integers(2, 12), seed=st.integers(0, 1000))
def test_one_rotation_after_another_is_their_product(make: type[Normaliser], n: int, seed: int) -> None:
    """Of everything but the variances of BatchNorm, from which each rotation takes what its diagonal cannot hold."""
    norm, p, q = used(make, n, train=False), orthogonal(n, seed=seed), orthogonal(n, seed=seed + 1)
    twice, once = copy.deepcopy(norm), copy.deepcopy(norm)
    twice.rotate(p)
    twice.rotate(q)
    once.rotate(p @ q)
    for name, t in twice.state_dict().items():
        if name not in ("variance", "entries"):
            assert_close(t, once.state_dict()[name], name)


@pytest.mark.parametrize("make", EXACT)
def test_not_with_a_matrix_that_is_not_orthogonal(make: type[Normaliser]) -> None:
    """In training. With running statistics the two that divide by a norm multiply by a constant: that commutes."""
    norm, x, skewed = used(make, 5, train=True), correlated(5), normal(5, 5, seed=4)
    assert_differs(norm(x @ skewed), norm(x) @ skewed, "normaliser(xA) against normaliser(x) A", by=0.05)


@pytest.mark.parametrize(("make", "forgotten"), TURNING)
def test_each_row_of_the_table_is_needed(make: type[Normaliser], forgotten: str) -> None:
    norm, x, basis = used(make, 5, train=False), correlated(5), orthogonal(5)
    turned = copy.deepcopy(norm)
    turned.rotate(basis)
    before = turned(x @ basis)
    getattr(turned, forgotten).copy_(getattr(norm, forgotten))
    assert_differs(turned(x @ basis), before, f"with {forgotten} not turned", by=0.05)


@pytest.mark.parametrize("n", [2, 5, 16])
def test_layer_norm_as_usual_commutes_only_with_what_keeps_its_mean_direction(n: int) -> None:
    norm, x, basis = GeneralisedLayerNorm(n).double(), correlated(n), orthogonal(n)
    assert_differs(norm(x @ basis), norm(x) @ basis, "any rotation, m not turned", by=0.05)
    one = torch.full((n, 1), n**-0.5, dtype=torch.float64)
    frame = torch.linalg.qr(torch.cat([one, normal(n, n - 1)], dim=1)).Q  # its first column is +-m
    inner = torch.block_diag(torch.eye(1, dtype=torch.float64), orthogonal(n - 1, seed=3))
    keeping = frame @ inner @ frame.T
    assert_close(norm(x @ keeping), norm(x) @ keeping, "a rotation with Q m = m")


# Batch normalisation


@pytest.mark.parametrize("train", [True, False])
def test_batch_norm_commutes_with_signed_permutations(train: bool) -> None:
    norm, x = used(BatchNorm, 6, train), correlated(6)
    basis = torch.eye(6, dtype=torch.float64)[[3, 0, 5, 1, 4, 2]] * torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
    assert_close(*sides(norm, x, basis), "a signed permutation")
    assert_differs(*sides(norm, x, orthogonal(6)), "any rotation", by=0.005)


def test_batch_norm_with_equal_variances_commutes_with_every_rotation() -> None:
    norm, x = used(BatchNorm, 6, train=False), correlated(6)
    norm.variance.fill_(3.0)
    assert_close(*sides(norm, x, orthogonal(6)), "all variances 3")


def diagonal(n: int) -> Tensor:
    """Samples whose covariance is diagonal to the last bit of rounding: columns of an orthogonal matrix."""
    columns = torch.linalg.qr(torch.cat([torch.ones(50, 1, dtype=torch.float64), normal(50, n)], dim=1)).Q[:, 1:]
    return columns * torch.linspace(1, 9, n, dtype=torch.float64) + 2  # columns have mean 2, for they are beside 1


@pytest.mark.parametrize("n", [2, 5, 16])
def test_turned_variances_are_the_true_ones_where_the_covariance_is_diagonal(n: int) -> None:
    basis = orthogonal(n)

    def variances(x: Tensor) -> tuple[Tensor, Tensor]:
        turned, anew = (BatchNorm(n, momentum=1.0).double() for _ in range(2))
        turned(x)
        turned.rotate(basis)
        anew(x @ basis)
        assert_close(turned.mean, anew.mean, "means")
        return turned.variance, anew.variance

    assert_close(*variances(diagonal(n)), "diagonal covariance")
    assert_differs(*variances(correlated(n)), "correlated data: a diagonal is not enough", by=0.02)


@settings(max_examples=20)
@given(n=st.integers(1, 16), seed=st.integers(0, 1000))
def test_turned_variances_are_positive_and_keep_their_sum(n: int, seed: int) -> None:
    norm, basis = used(BatchNorm, n, train=False), orthogonal(n, seed=seed)
    before = norm.variance.clone()
    norm.rotate(basis)
    assert_close(norm.variance, (basis.T @ before.diag() @ basis).diagonal(), "diagonal of Q^T diag(v) Q")
    assert_close(norm.variance.sum(), before.sum(), "total variance")
    assert norm.variance.min() >= before.min() * (1 - 1e-12)


@pytest.mark.parametrize("train", [True, False])
def test_in_the_eigenbasis_batch_norm_is_the_whitening(train: bool) -> None:
    x = correlated(6)
    basis = torch.linalg.eigh(x.T.cov()).eigenvectors
    diagonal, whole = (make(6, momentum=1.0).double() for make in (BatchNorm, Whitening))
    for norm in (diagonal, whole):
        norm(x @ basis)
        norm.train(train)
    assert_close(diagonal(x @ basis), whole(x @ basis), "in the eigenbasis", slack=10)
    diagonal.train(), whole.train()
    assert_differs(diagonal(x), whole(x), "in another basis", by=0.05)


# In a network


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("make", EXACT)
def test_a_network_does_not_see_the_basis_of_a_hidden_width(
    make: type[Normaliser], layer: int, dtype: torch.dtype
) -> None:
    """Left-partial diagonalisation among random rotations: W_l becomes S V^T, and no output changes."""
    net = NormalisedMLP(network([6, 5, 7, 3], compensation="none", dtype=dtype), make)
    x = normal(40, 6, dtype=dtype)
    net(x)
    net.eval()
    before = net(x)
    net.rotate(layer, orthogonal(net.affine[layer - 1].bias.shape[0]))
    net.rotate(layer, left_vectors(net.affine[layer - 1].weight.detach())[0])
    assert_close(net(x), before, "logits", slack=20)
    rows = net.affine[layer - 1].weight.detach().double()
    products = rows @ rows.T
    assert error(products, products.diagonal().diag()) < TOLERANCE[dtype], "rows of S V^T are orthogonal"


def test_a_network_with_batch_norm_does() -> None:
    net = NormalisedMLP(network([6, 5, 7, 3], compensation="none"), lambda n: BatchNorm(n, momentum=1.0))
    net(inputs(network([6, 5, 7, 3])))
    net.eval()
    x = normal(40, 6)
    before = net(x)
    net.rotate(2, orthogonal(7))
    assert_differs(net(x), before, "logits with batch normalisation", by=0.05)
