"""Growing of elementwise tanh: what is exact about each method, and that nothing else is."""

from __future__ import annotations

import pytest
import torch
from elementwise_testing import LAYER, N, draw, part, tanh_network
from isotropic_testing import DTYPES, OPTIMISERS, assert_close, assert_differs, error, inputs, train

from isotropic import IsotropicMLP
from isotropic.surgery.elementwise import add_neurons, net2wider


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("count", [1, 4, 20])
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_copies_change_nothing(layer: int, count: int, dtype: torch.dtype) -> None:
    """20 of 7 are more than there are: some neurons are copied several times."""
    net = tanh_network(dtype=dtype)
    before, n = net(inputs(net)), net.widths[layer]
    net2wider(net, layer, count, generator=draw())
    assert net.widths[layer] == n + count
    rows = net.affine[layer - 1].weight
    assert all((rows[:n] == row).all(-1).any() for row in rows[n:]), "every new row is a copy of an old one"
    assert_close(net(inputs(net)), before, "logits")


def test_each_neuron_is_as_likely_to_be_copied_as_another() -> None:
    net = tanh_network()
    net2wider(net, LAYER, 7000, generator=draw())
    rows = part(net, "maps.1.weight")
    copies = (rows[N:, None] == rows[:N]).all(-1).sum(0)
    assert copies.sum() == 7000 and ((copies - 1000).abs() < 150).all(), copies  # five standard deviations


def test_it_is_the_division_that_changes_nothing() -> None:
    """Negative control: with the outgoing weights of the copies as they were."""
    net = tanh_network()
    before, columns = net(inputs(net)), part(net, "maps.2.weight")
    net2wider(net, LAYER, 2, generator=draw())
    copied = [int((net.affine[1].weight[:N] == row).all(-1).nonzero()) for row in net.affine[1].weight[N:]]
    net.assign({"maps.2.weight": torch.cat([columns, columns[:, copied]], dim=1)})
    assert_differs(net(inputs(net)), before, "logits without division", by=0.05)


def test_noise_moves_the_function_in_its_proportion() -> None:
    """And sets the copies apart: without it they stay copies, however long they are trained."""
    moved = {}
    for noise in (0.0, 1e-4, 1e-2):
        net = tanh_network()
        optimiser = OPTIMISERS["adamw"](net.parameters())
        before = net(inputs(net))
        net2wider(net, LAYER, 3, noise=noise, optimiser=optimiser, generator=draw())
        moved[noise] = error(net(inputs(net)), before)
        train(net, optimiser, 20)
        rows = net.affine[LAYER - 1].weight.detach()
        apart = torch.cdist(rows[N:], rows[:N]).min(dim=1).values  # of each new row from the nearest old one
        assert (apart < 1e-12).all() if noise == 0 else (apart > noise / 10).all(), apart
    assert moved[0.0] < 1e-14 and moved[1e-4] > 1e-7
    assert moved[1e-2] / moved[1e-4] == pytest.approx(100, rel=0.05)


def test_noise_is_relative_to_the_row_that_was_copied() -> None:
    net = tanh_network([50, 400, 3])
    net.assign({"maps.0.weight": 7 * part(net, "maps.0.weight")})
    net2wider(net, 1, 3000, noise=0.2, generator=draw())
    rows = part(net, "maps.0.weight")
    nearest = torch.cdist(rows[400:], rows[:400]).min(dim=1)
    relative = nearest.values / rows[:400].norm(dim=1)[nearest.indices]
    assert float(relative.square().mean().sqrt()) == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_neurons_without_outgoing_weights_change_nothing_and_train(layer: int, dtype: torch.dtype) -> None:
    net = tanh_network(dtype=dtype)
    optimiser = OPTIMISERS["adamw"](net.parameters())
    train(net, optimiser, 2)
    before, n = net(inputs(net)), net.widths[layer]
    add_neurons(net, layer, 3, optimiser=optimiser, generator=draw())
    assert net.widths[layer] == n + 3
    assert_close(net(inputs(net)), before, "logits")
    assert net.affine[layer - 1].weight[n:].abs().min() > 0
    train(net, optimiser, 2)
    assert net.affine[layer].weight[:, n:].abs().min() > 1e-4, "the new columns have grown"


def test_new_rows_are_as_long_as_at_the_start() -> None:
    net = IsotropicMLP([400, 10, 3], "tanh", "none", "none", seed=0)
    add_neurons(net, 1, 500, generator=draw())
    lengths = part(net, "maps.0.weight").norm(dim=1)
    assert_close(lengths[:10], torch.ones(10), "rows at the start")
    assert float(lengths[10:].square().mean()) == pytest.approx(1, rel=0.02)
