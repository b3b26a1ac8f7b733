"""What happens to an optimiser when its network changes shape or basis."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import KINDS, assert_close, begun, loss, moments, network, train
from torch import Tensor
from torch.optim import AdamW, Optimizer

from isotropic import IsotropicMLP, diagonalise, grow, prune
from isotropic.axes import hidden_axes

CHANGES: dict[str, Callable[[IsotropicMLP, Optimizer], object]] = {
    "left": lambda net, optimiser: diagonalise(net, 2, "left", optimiser=optimiser),
    "right": lambda net, optimiser: diagonalise(net, 2, "right", optimiser=optimiser),
    "full": lambda net, optimiser: diagonalise(net, 2, "full", optimiser=optimiser),
    "grow": lambda net, optimiser: grow(net, 2, 2, optimiser=optimiser),
    "prune": lambda net, optimiser: prune(net, 2, 2, optimiser=optimiser),
}
MOMENTS = [("momentum", "momentum_buffer"), ("adamw", "exp_avg"), ("adamw", "exp_avg_sq")]
WIDTHS = [5, 4, 6, 3]


def parts(tensors: dict[str, Tensor], entries: slice) -> dict[str, Tensor]:
    """The given entries of hidden width 2, along each of its axes."""
    return {name: tensors[name].movedim(axis, -1)[..., entries].movedim(-1, axis) for name, axis, _ in hidden_axes(2)}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on(kind: str, change: str) -> None:
    """Each state has the shape of its parameter, none is left over, and steps lower the loss on fixed data."""
    net, optimiser = begun(WIDTHS, kind)
    CHANGES[change](net, optimiser)
    assert [id(p) for group in optimiser.param_groups for p in group["params"]] == [id(p) for p in net.parameters()]
    assert {id(p) for p in optimiser.state} <= {id(p) for p in net.parameters()}
    for p in net.parameters():
        for name, t in optimiser.state[p].items():
            assert name in ("step", "mu_product") or t is None or t.shape == p.shape
    before = loss(net).item()
    for _ in range(15):
        optimiser.zero_grad()
        loss(net).backward()
        optimiser.step()
    assert loss(net).item() < before - 0.01
    assert all(p.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("change", CHANGES)
def test_a_graph_from_before_can_still_be_alive(change: str) -> None:
    """It keeps the tensors that it was made with, and its gradients go there."""
    net, optimiser = begun(WIDTHS, "adamw-fused")
    old, weight = loss(net), net.maps[1].weight
    shape = weight.shape
    CHANGES[change](net, optimiser)
    optimiser.zero_grad()
    old.backward()
    assert weight.grad is not None and weight.grad.shape == shape
    assert net.maps[1].weight.grad is None
    train(net, optimiser, 2, first=2)


@pytest.mark.parametrize("change", CHANGES)
def test_the_step_count_is_kept(change: str) -> None:
    net, optimiser = begun(WIDTHS, "adamw")
    CHANGES[change](net, optimiser)
    assert {t.item() for t in moments(net, optimiser, "step").values()} == {2.0}


@pytest.mark.parametrize(("kind", "state"), MOMENTS)
@pytest.mark.parametrize("basis", [None, "singular"])
def test_growing_gives_the_moments_zeros(kind: str, state: str, basis: str | None) -> None:
    """And leaves the rest as it was, or with a basis as diagonalising alone would."""
    (net, optimiser), (turned, turned_optimiser) = begun(WIDTHS, kind), begun(WIDTHS, kind)
    grow(net, 2, 2, basis=basis, optimiser=optimiser)
    if basis is not None:
        diagonalise(turned, 2, "left", optimiser=turned_optimiser)
    after, expected = moments(net, optimiser, state), moments(turned, turned_optimiser, state)
    for name, t in parts(after, slice(6, None)).items():
        assert 2 in t.shape and t.count_nonzero() == 0, name
    for name, t in (after | parts(after, slice(6))).items():
        assert torch.equal(t, expected[name]), name


@pytest.mark.parametrize(("kind", "state"), MOMENTS)
def test_pruning_deletes_the_moments_of_the_last(kind: str, state: str) -> None:
    (net, optimiser), (turned, turned_optimiser) = begun(WIDTHS, kind), begun(WIDTHS, kind)
    prune(net, 2, 2, optimiser=optimiser)
    diagonalise(turned, 2, "left", optimiser=turned_optimiser)
    after, expected = moments(net, optimiser, state), moments(turned, turned_optimiser, state)
    for name, t in (expected | parts(expected, slice(4))).items():
        assert torch.equal(after[name], t), name
    assert parts(expected, slice(4, None))["maps.1.bias"].count_nonzero() > 0  # something was there to delete


def test_the_moments_of_a_diagonal_map_by_hand() -> None:
    """W = diag(1, 3): turned to diag(3, 1), so the second moments of its rows change places, whatever the signs."""
    net = network([2, 2, 1])
    net.assign({"maps.0.weight": torch.tensor([[1.0, 0.0], [0.0, 3.0]], dtype=torch.float64)})
    optimiser = AdamW(net.parameters(), lr=0.0, weight_decay=0.0)  # moments without moving
    train(net, optimiser, 1)
    before = moments(net, optimiser, "exp_avg_sq")
    diagonalise(net, 1, "left", optimiser=optimiser)
    after = moments(net, optimiser, "exp_avg_sq")
    assert_close(after["maps.0.weight"], before["maps.0.weight"].flip(0), "v of W_1")
    assert_close(after["maps.0.bias"], before["maps.0.bias"].flip(0), "v of b_1")
    assert_close(after["maps.1.weight"], before["maps.1.weight"].flip(1), "v of W_2")
    assert torch.equal(after["maps.1.bias"], before["maps.1.bias"])


def test_groups_keep_their_settings_and_strangers_their_place() -> None:
    """An optimiser with a group for psi, and a parameter that belongs to something else."""
    net, stranger = network(WIDTHS), torch.nn.Parameter(torch.ones(2))
    psi = [affine.psi for affine in net.affine[1:]]
    rest = [p for p in net.parameters() if all(p is not q for q in psi)]
    optimiser = AdamW([{"params": [*rest, stranger], "weight_decay": 0.5}, {"params": psi, "lr": 0.2}], lr=0.1)
    train(net, optimiser, 1)
    grow(net, 2, 2, optimiser=optimiser)
    first, second = optimiser.param_groups
    assert (first["weight_decay"], first["lr"], second["lr"]) == (0.5, 0.1, 0.2)
    assert first["params"][-1] is stranger and len(first["params"]) == len(rest) + 1
    assert [id(p) for p in second["params"]] == [id(affine.psi) for affine in net.affine[1:]]


@pytest.mark.parametrize("change", CHANGES)
def test_an_optimiser_that_has_not_stepped_yet(change: str) -> None:
    net = network(WIDTHS)
    optimiser = AdamW(net.parameters(), lr=0.01)
    CHANGES[change](net, optimiser)
    assert len(optimiser.state) == 0
    train(net, optimiser, 2)


def test_frozen_parameters_stay_frozen() -> None:
    net = network(WIDTHS)
    net.maps[1].weight.requires_grad_(False)
    grow(net, 2, 1)
    assert not net.maps[1].weight.requires_grad and net.maps[2].weight.requires_grad
