"""The axis table, on numbers small enough to work out by hand."""

from __future__ import annotations

import torch
from isotropic_testing import assert_close, error, normal, orthogonal

from isotropic import axes

FIRST = axes.hidden_axes(1)
# Widths 1, 2, 1, 1: width 1 has two neurons.
TINY = {
    "maps.0.weight": torch.tensor([[1.0], [2.0]]),
    "maps.0.bias": torch.tensor([3.0, 4.0]),
    "maps.1.weight": torch.tensor([[5.0, 6.0]]),
    "maps.1.bias": torch.tensor([7.0]),
    "maps.1.psi": torch.tensor([8.0]),
    "activations.0.log_o": torch.tensor(9.0),
}


def as_lists(tensors: axes.Tensors) -> dict[str, list[object] | float]:
    return {name: t.tolist() for name, t in tensors.items()}


def test_where_a_width_lives() -> None:
    assert axes.hidden_axes(2) == (
        ("maps.1.weight", -2, 1),
        ("maps.1.bias", -1, 1),
        ("maps.1.psi", -1, 1),
        ("maps.2.weight", -1, 1),
    )


def test_rotate_by_a_quarter_turn() -> None:
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])  # Q^T (a, b) = (b, -a)
    assert as_lists(axes.rotate(TINY, FIRST, quarter)) == as_lists(TINY) | {
        "maps.0.weight": [[2.0], [-1.0]],
        "maps.0.bias": [4.0, -3.0],
        "maps.1.weight": [[6.0, -5.0]],
    }


def test_append_zeros_and_a_given_block() -> None:
    assert as_lists(axes.append(TINY, FIRST, 1, {"maps.1.weight": torch.tensor([[0.5]])})) == as_lists(TINY) | {
        "maps.0.weight": [[1.0], [2.0], [0.0]],
        "maps.0.bias": [3.0, 4.0, 0.0],
        "maps.1.weight": [[5.0, 6.0, 0.5]],
    }


def test_delete_the_last() -> None:
    assert as_lists(axes.delete(TINY, FIRST, 1)) == as_lists(TINY) | {
        "maps.0.weight": [[1.0]],
        "maps.0.bias": [3.0],
        "maps.1.weight": [[5.0]],
    }


def test_select_one_twice() -> None:
    assert as_lists(axes.select(TINY, FIRST, torch.tensor([1, 0, 1]))) == as_lists(TINY) | {
        "maps.0.weight": [[2.0], [1.0], [2.0]],
        "maps.0.bias": [4.0, 3.0, 4.0],
        "maps.1.weight": [[6.0, 5.0, 6.0]],
    }


def test_select_of_each_member_its_own() -> None:
    """Of two stacked networks, as of each alone."""
    stacked = {name: torch.stack([t, -t]) for name, t in TINY.items()}
    both = axes.select(stacked, FIRST, torch.tensor([[1], [0]]))
    for k, (sign, index) in enumerate([(1, 1), (-1, 0)]):
        alone = axes.select({name: sign * t for name, t in TINY.items()}, FIRST, torch.tensor([index]))
        assert as_lists({name: t[k] for name, t in both.items()}) == as_lists(alone)


def test_psi_follows_its_rows() -> None:
    """Width 2 carries psi_2; the width before does not."""
    assert axes.append(TINY, axes.hidden_axes(2), 1, {})["maps.1.psi"].tolist() == [8.0, 0.0]
    assert axes.append(TINY, FIRST, 1, {})["maps.1.psi"].tolist() == [8.0]


def test_stacked_is_each_alone() -> None:
    shapes = {"maps.0.weight": (4, 3), "maps.0.bias": (4,), "maps.1.weight": (2, 4)}
    stacked = {name: normal(5, *shape, seed=i) for i, (name, shape) in enumerate(shapes.items())}
    basis = torch.stack([orthogonal(4, seed=k) for k in range(5)])
    together = axes.rotate(stacked, FIRST, basis)
    for k in range(5):
        alone = axes.rotate({name: t[k] for name, t in stacked.items()}, FIRST, basis[k])
        for name, t in alone.items():
            assert_close(together[name][k], t, f"{name} of member {k}")


def test_the_product_is_taken_in_the_precision_of_the_basis() -> None:
    """Float32 tensors turned by a float64 basis are rounded once: closer than a product in float32."""
    weight, basis = normal(200, 200, dtype=torch.float32), orthogonal(200)
    exact = basis.T @ weight.double()
    once = axes.rotate({"maps.0.weight": weight}, FIRST, basis)["maps.0.weight"]
    assert once.dtype == torch.float32
    assert error(once, exact) < error(basis.T.float() @ weight, exact) / 2
