"""Diagonalisation: what the map looks like afterwards, also where singular values repeat or vanish."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import DTYPES, assert_close, assert_differs, network, normal, orthogonal
from torch import Tensor

from isotropic import Ensemble, IsotropicMLP, diagonalise
from isotropic.surgery.diagonalise import left_vectors

WIDTHS = [[5, 7, 4, 3], [4, 9, 9, 3], [3, 1, 5, 2], [2, 2, 2, 2]]  # maps 2: narrowing, square, widening, square
WEIGHTS = {
    "all different": lambda weight: weight,
    "all 1": lambda weight: IsotropicMLP([weight.shape[1], weight.shape[0], 1], seed=0).maps[0].weight.detach(),
    "one of them 0": lambda weight: torch.cat([weight[1:2], weight[1:]]) if len(weight) > 1 else weight,
    "all but one 0": lambda weight: torch.outer(weight[:, 0], weight[0]),
    "all 0": lambda weight: weight * 0,
}


def with_weight(widths: list[int], layer: int, kind: str, dtype: torch.dtype) -> IsotropicMLP:
    net = network(widths, dtype=dtype)
    net.assign({f"maps.{layer - 1}.weight": WEIGHTS[kind](net.maps[layer - 1].weight.detach()).to(dtype).clone()})
    return net


def padded(values: Tensor, n: int) -> Tensor:
    return torch.cat([values, values.new_zeros(n - len(values))])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
class TestShape:
    def test_left_makes_the_rows_orthogonal_by_descending_length(
        self, widths: list[int], kind: str, dtype: torch.dtype
    ) -> None:
        """W = S V^T: W W^T is the diagonal of the squared singular values."""
        for layer in (1, 2):
            net = with_weight(widths, layer, kind, dtype)
            expected = torch.linalg.svdvals(net.maps[layer - 1].weight.detach().double())
            returned = diagonalise(net, layer, "left")
            weight = net.maps[layer - 1].weight.detach()
            assert torch.all(returned.diff() <= 0)
            assert_close(returned.to(dtype), expected.to(dtype), "singular values", slack=10)
            squares = padded(expected.square(), widths[layer]).to(dtype)
            assert_close(weight @ weight.mT, squares.diag(), "W W^T", slack=2)

    def test_right_makes_the_columns_orthogonal(self, widths: list[int], kind: str, dtype: torch.dtype) -> None:
        """W = U S: W^T W is the diagonal of the squared singular values; also of the last map."""
        for layer in (2, 3):
            net = with_weight(widths, layer, kind, dtype)
            expected = torch.linalg.svdvals(net.maps[layer - 1].weight.detach().double())
            diagonalise(net, layer, "right")
            weight = net.maps[layer - 1].weight.detach()
            squares = padded(expected.square(), widths[layer - 1]).to(dtype)
            assert_close(weight.mT @ weight, squares.diag(), "W^T W", slack=2)

    def test_full_leaves_exactly_the_singular_values(self, widths: list[int], kind: str, dtype: torch.dtype) -> None:
        net = with_weight(widths, 2, kind, dtype)
        expected = torch.linalg.svdvals(net.maps[1].weight.detach().double())
        diagonalise(net, 2, "full")
        weight = net.maps[1].weight.detach()
        assert_close(weight.diagonal(), expected.to(dtype), "diagonal")
        off = weight.clone()
        off.diagonal().zero_()
        assert off.count_nonzero() == 0


@pytest.mark.parametrize(
    ("side", "layer", "touched"),
    [
        ("left", 2, {"maps.1.weight", "maps.1.bias", "maps.1.psi", "maps.2.weight"}),
        ("left", 1, {"maps.0.weight", "maps.0.bias", "maps.1.weight"}),
        ("right", 3, {"maps.1.weight", "maps.1.bias", "maps.1.psi", "maps.2.weight"}),
        ("full", 2, {"maps.0.weight", "maps.0.bias", "maps.1.weight", "maps.1.bias", "maps.1.psi", "maps.2.weight"}),
    ],
)
def test_only_the_tensors_of_the_axis_table_change(side: str, layer: int, touched: set[str]) -> None:
    net = network([5, 7, 4, 6, 3])
    before = dict(net.named_parameters())
    values = {name: p.detach().clone() for name, p in before.items()}
    diagonalise(net, layer, side)
    for name, p in net.named_parameters():
        assert (p is before[name]) == (name not in touched), name
        assert torch.equal(before[name], values[name]), f"{name}: the old tensor was overwritten"


def test_a_diagonal_map_stays_as_it_is() -> None:
    """Up to signs: W = diag(3, 2), with its singular values in order."""
    net = network([2, 2, 2])
    net.assign({"maps.0.weight": torch.tensor([[3.0, 0.0], [0.0, 2.0]], dtype=torch.float64)})
    assert diagonalise(net, 1).tolist() == [3.0, 2.0]
    assert_close(net.maps[0].weight.abs(), torch.tensor([[3.0, 0.0], [0.0, 2.0]], dtype=torch.float64), "|W|")


def test_singular_values_of_a_stack() -> None:
    nets = [network([5, 7, 4, 3], seed=k) for k in range(3)]
    values = diagonalise(Ensemble(nets), 2)
    assert_close(values, torch.stack([torch.linalg.svdvals(net.maps[1].weight) for net in nets]), "singular values")


def test_left_vectors_of_float32_weights_are_found_in_float64() -> None:
    """Condition number 1e4: rows orthogonal to 1e-3, where a Gram matrix in float32 loses them altogether."""
    values = torch.logspace(0, -4, 60, dtype=torch.float64)
    weight = (orthogonal(60) * values) @ orthogonal(80, seed=1)[:60]
    weight = weight.float()

    def cosines(basis: Tensor) -> Tensor:
        rows = basis.double().T @ weight.double()
        rows = rows / rows.norm(dim=1, keepdim=True)
        return rows @ rows.T

    identity = torch.eye(60, dtype=torch.float64)
    basis, found = left_vectors(weight)
    assert (cosines(basis) - identity).abs().max() < 1e-6
    assert_close(found.float(), values.float(), "singular values")
    in_float32 = torch.linalg.eigh(weight @ weight.T).eigenvectors.flip(-1)
    assert_differs(cosines(in_float32), identity, "cosines from a float32 Gram matrix", by=0.05)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (1, 5), (5, 1), (3, 9, 4)], ids=str)
def test_left_vectors_are_complete_and_orthogonal(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    weight = normal(*shape, dtype=dtype)
    basis, values = left_vectors(weight)
    n = shape[-2]
    assert values.shape == (*shape[:-2], min(shape[-2:])) and values.dtype == basis.dtype == torch.float64
    assert_close(basis.mT @ basis, torch.eye(n, dtype=torch.float64).expand(*shape[:-2], n, n), "Q^T Q")
