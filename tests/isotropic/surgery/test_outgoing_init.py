"""The outgoing columns of new neurons."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import DTYPES, OPTIMISERS, assert_close, error, network, normal, train
from torch import Generator, Tensor

from isotropic import Ensemble, IsotropicMLP, grow
from isotropic.surgery.outgoing_init import COLUMNS, SCAFFOLD_DEVIATION, draw_columns


def draw(kind: str, weight: Tensor, count: int, seed: int = 0) -> Tensor:
    return draw_columns(kind, weight, count, Generator().manual_seed(seed), [weight.shape[-2]])


def identity(n: int) -> Tensor:
    return torch.eye(n, dtype=torch.float64)


def test_normal_columns_have_the_deviation_of_the_paper() -> None:
    columns = draw("normal", normal(200, 3), 300)
    assert SCAFFOLD_DEVIATION == 0.01
    assert columns.std().item() == pytest.approx(0.01, rel=0.02)
    assert abs(columns.mean().item()) < 2e-4


def test_semi_orthogonal_columns_where_there_is_room() -> None:
    """8 rows, 3 columns: 5 more are unit, orthogonal to each other and to the 3."""
    weight = normal(8, 3)
    columns = draw("semi-orthogonal", weight, 5)
    assert_close(columns.T @ columns, identity(5), "new against new")
    assert_close(weight.T @ columns, torch.zeros(3, 5, dtype=torch.float64), "existing against new")


def test_semi_orthogonal_columns_where_there_is_not() -> None:
    """8 rows, 6 columns: 2 from the complement, then blocks of up to 8 orthogonal to themselves alone."""
    weight = normal(8, 6)
    columns = draw("semi-orthogonal", weight, 13)
    blocks = [columns[:, :2], columns[:, 2:10], columns[:, 10:]]
    for block in blocks:
        assert_close(block.T @ block, identity(block.shape[1]), "within a block")
    assert_close(weight.T @ blocks[0], torch.zeros(6, 2, dtype=torch.float64), "existing against the first")
    assert error(blocks[1].T @ blocks[2], torch.zeros(8, 3)) > 0.1


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_semi_orthogonal_columns_beside_dependent_ones(rank: int, dtype: torch.dtype) -> None:
    """Room is counted by rank, not by number of columns, and rounding is no rank: 4 of rank 2 leave 4 of 6."""
    weight = (normal(6, rank) @ normal(rank, 4, seed=1)).to(dtype)
    columns = draw("semi-orthogonal", weight, 6 - rank)
    assert_close(columns.T @ columns, identity(6 - rank).to(dtype), "new against new")
    assert_close(weight.T @ columns, torch.zeros(4, 6 - rank, dtype=dtype), "existing against new")


def test_combinations_lie_in_the_span_and_are_as_long_as_what_they_combine() -> None:
    weight = normal(50, 8)
    columns = draw("combination", weight, 200)
    outside = columns - weight @ torch.linalg.lstsq(weight, columns).solution
    assert_close(outside, torch.zeros_like(outside), "part outside the span")
    assert columns.norm(dim=0).mean().item() == pytest.approx(weight.norm(dim=0).mean().item(), rel=0.1)
    elsewhere = draw("normal", weight, 200)
    assert error(elsewhere, weight @ torch.linalg.lstsq(weight, elsewhere).solution) > 0.1


def test_zero_columns() -> None:
    assert draw("zero", normal(4, 3), 2).tolist() == [[0.0, 0.0]] * 4


@pytest.mark.parametrize("kind", COLUMNS)
def test_whether_new_neurons_train(kind: str) -> None:
    """METHOD section 3: zero row and zero column, no gradient for either, ever; any other column, and it trains."""
    net = network([5, 4, 6, 3])
    grow(net, 2, 2, columns=kind, generator=Generator().manual_seed(0))
    optimiser = OPTIMISERS["adamw"](net.parameters())
    train(net, optimiser, 3)
    new = [net.maps[1].weight[-2:], net.maps[1].bias[-2:], net.maps[2].weight[:, -2:]]
    assert net.maps[1].weight.grad is not None and net.maps[2].weight.grad is not None
    gradients = [net.maps[1].weight.grad[-2:], net.maps[2].weight.grad[:, -2:]]
    for t in [*new[:2], *gradients]:
        assert (t.count_nonzero() == 0) == (kind == "zero")


@pytest.mark.parametrize("widths", [[6, 5, 8, 3], [6, 5, 3, 3], [4, 8, 4], [5, 3, 9]], ids=str)
@pytest.mark.parametrize("initial", ["orthogonal", "random"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_same_seed_same_columns_in_every_dtype(kind: str, initial: str, widths: list[int]) -> None:
    """Whatever basis the decompositions end in: they differ in signs, and freely where singular values repeat."""
    grown = {}
    for dtype in (torch.float64, torch.float32):
        make = network if initial == "random" else IsotropicMLP
        net = make(widths, seed=0, dtype=dtype)
        grow(net, 1, 3, columns=kind, generator=Generator().manual_seed(1))
        grown[dtype] = net.maps[1].weight.detach()[:, -3:]
    assert_close(grown[torch.float32], grown[torch.float64].float(), "columns")


@pytest.mark.parametrize("kind", COLUMNS)
def test_same_seed_same_columns_alone_and_stacked(kind: str) -> None:
    """Also where members differ in the next width: the rows that are padding stay zero and cost no numbers."""
    nets = [network([5, 4, n, 3], seed=n) for n in (6, 2, 6)]
    ensemble = Ensemble(nets)
    grow(ensemble, 1, 3, columns=kind, generator=[Generator().manual_seed(k) for k in range(3)])
    for k, net in enumerate(nets):
        grow(net, 1, 3, columns=kind, generator=Generator().manual_seed(k))
        assert_close(ensemble.member(k).maps[1].weight[:, -3:], net.maps[1].weight[:, -3:], f"member {k}")
    assert ensemble.maps[1].weight[1, 2:].count_nonzero() == 0


def test_another_seed_gives_other_columns_and_none_the_global_ones() -> None:
    weight = normal(4, 3)
    assert not torch.equal(draw("normal", weight, 2, seed=0), draw("normal", weight, 2, seed=1))
    torch.manual_seed(3)
    first = draw_columns("normal", weight, 2, None, [4])
    torch.manual_seed(3)
    assert torch.equal(draw_columns("normal", weight, 2, None, [4]), first)
