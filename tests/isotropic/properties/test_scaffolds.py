"""New neurons whose columns are zero stall for ever; with any other columns they become active (METHOD, A.3)."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import DTYPES, OPTIMISERS, TREATMENTS, network, train
from torch import Generator, Tensor
from torch.optim import Optimizer

from isotropic import Ensemble, IsotropicMLP, grow
from isotropic.axes import hidden_axes
from isotropic.surgery.outgoing_init import COLUMNS

# As many outputs as are needed: the gradient of a softmax sums to zero, so of n_3 columns n_3 - 1 directions train.
WIDTHS, LAYER, COUNT = [5, 6, 7, 5], 2, 3
STEPS = 25
ACTIVE = 1e-6  # a singular value of the new rows that is no rounding; zero columns leave exactly 0


def grown(kind: str, optimiser: str, *treatment: str, dtype: torch.dtype) -> tuple[IsotropicMLP, Optimizer]:
    """Grown after two steps, so that the optimiser has moments, and trained on."""
    net = network(WIDTHS, *treatment, dtype=dtype)
    descent = OPTIMISERS[optimiser](net.parameters())
    train(net, descent, 2)
    grow(net, LAYER, COUNT, columns=kind, optimiser=descent, generator=Generator().manual_seed(0))
    train(net, descent, STEPS, first=2)
    return net, descent


def new_parts(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What carries the new neurons: rows of W_2, b_2, psi_2, columns of W_3."""
    axes = [(name, axis) for name, axis, _ in hidden_axes(LAYER) if name in tensors]
    return {name: tensors[name].movedim(axis, 0)[-COUNT:] for name, axis in axes}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_zero_columns_stall(optimiser: str, dtype: torch.dtype) -> None:
    """Exactly: parameters, gradients and moments, whatever the optimiser, weight decay included."""
    net, descent = grown("zero", optimiser, dtype=dtype)
    parameters = dict(net.named_parameters())
    states = {key for name in parameters for key in descent.state[parameters[name]] if key != "step"}
    held = [net.tensors(), {name: p.grad for name, p in parameters.items() if p.grad is not None}]
    held += [{name: descent.state[p][key] for name, p in parameters.items()} for key in sorted(states)]
    for tensors in held:
        parts = new_parts({name: t for name, t in tensors.items() if t is not None})
        assert not parts or len(parts) == 4
        assert all(t.count_nonzero() == 0 for t in parts.values())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("kind", [kind for kind in COLUMNS if kind != "zero"])
def test_any_other_columns_become_active(kind: str, optimiser: str, dtype: torch.dtype) -> None:
    """Each in a direction of its own: the rows of the three in W_2 have rank 3."""
    net, _ = grown(kind, optimiser, dtype=dtype)
    values = torch.linalg.svdvals(new_parts(net.tensors())["maps.1.weight"].double())
    assert (values > ACTIVE).all(), values


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_in_every_treatment(treatment: tuple[str, str]) -> None:
    for kind in COLUMNS:
        net, _ = grown(kind, "adamw", *treatment, dtype=torch.float64)
        moved = [bool(t.count_nonzero()) for t in new_parts(net.tensors()).values()]
        assert any(moved) == (kind != "zero")
        if treatment[1] != "constant":  # whose psi stays at zero
            assert all(moved) == (kind != "zero")


@pytest.mark.parametrize("seed", ["maps.1.weight", "maps.1.bias", "maps.2.weight"])
def test_one_entry_that_is_not_zero_ends_the_stall(seed: str) -> None:
    """Negative control: a row, a bias or a column of 1e-3 in one entry is enough."""
    net = network(WIDTHS)
    grow(net, LAYER, COUNT, columns="zero")
    t = net.tensors()[seed].clone()
    t[(..., -1) if seed == "maps.2.weight" else -1] += 1e-3
    net.assign({seed: t})
    train(net, OPTIMISERS["sgd"](net.parameters()), STEPS)
    assert all(part[-1].count_nonzero() > 0 for part in new_parts(net.tensors()).values())


def test_each_member_of_a_stack_stalls_or_not() -> None:
    nets = [network(WIDTHS, seed=k) for k in range(3)]
    for kind in COLUMNS:
        ensemble = Ensemble(nets)
        grow(ensemble, LAYER, COUNT, columns=kind, generator=[Generator().manual_seed(k) for k in range(3)])
        train(ensemble, OPTIMISERS["adamw"](ensemble.parameters()), 5)
        rows = ensemble.maps[1].weight[:, -COUNT:]
        assert [bool(member.count_nonzero()) for member in rows] == [kind != "zero"] * 3
