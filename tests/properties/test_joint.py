"""Joint sparsity optimisation: exact at every step, descending, and no better than the bases' dimensions allow."""

from __future__ import annotations

import copy

import pytest
import torch
from isotropic_testing import OPTIMISERS, assert_close, assert_differs, inputs, network, normal

from pipeline import Ensemble, IsotropicMLP, sparsify_jointly
from pipeline.model import axes
from pipeline.model.base import MLP
from pipeline.surgery.joint import Stage, annealing, most_zeros
from pipeline.surgery.sparsify import diagonalise_alternate, triangularise, triangularise_unpaired

WIDTHS = [9, 6, 6, 5, 4]
FEW = annealing(60, stages=6)


def l1_norm(net: MLP) -> torch.Tensor:
    maps = [t for name, t in net.tensors().items() if name.startswith("maps.")]
    members = net.has_length.ndim
    return torch.stack([t.abs().flatten(members).sum(-1) for t in maps]).sum(0)


def zeros(net: MLP, above: float = 1e-9) -> int:
    return sum(int((t.abs() <= above).sum()) for name, t in net.tensors().items() if name.startswith("maps."))


def test_the_function_is_the_same_after_every_number_of_steps() -> None:
    net = network(WIDTHS)
    x, before = inputs(net), net(inputs(net))
    for steps in (1, 2, 5, 20):
        sparsify_jointly(net, [Stage(smoothing=0.1, rate=0.1, steps=steps)])
        assert_close(net(x), before, f"logits after {steps} more steps")


def test_with_a_basis_that_is_not_orthogonal_it_would_not_be() -> None:
    """Negative control."""
    net = network(WIDTHS)
    x, before = inputs(net), net(inputs(net))
    nearly = torch.eye(6, dtype=torch.float64) + 1e-3 * normal(6, 6)
    net.assign(axes.rotate(net.tensors(), 1, nearly))
    assert_differs(net(x), before, "logits in a basis that is nearly orthogonal", by=1e-5)


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_the_norm_that_is_returned_is_the_networks_and_goes_down(power: float) -> None:
    net = network(WIDTHS)
    before = l1_norm(net)
    norms = sparsify_jointly(net, FEW, power)
    assert norms.shape == (len(FEW) + 1,)
    assert_close(norms[0], before, "norm before")
    assert_close(norms[-1], l1_norm(net), "norm after")
    assert norms[-1] < 0.95 * norms[0]


def test_the_l1_norm_ends_below_that_of_alternate_diagonalisation() -> None:
    net = network([9, 6, 6, 4])
    alternate = copy.deepcopy(net)
    diagonalise_alternate(alternate)
    sparsify_jointly(net, annealing(300), power=1.0)
    assert l1_norm(net) < l1_norm(alternate) < l1_norm(network([9, 6, 6, 4]))


def test_no_more_zeros_than_the_bases_have_dimensions_and_almost_as_many() -> None:
    widths = [9, 6, 6, 4]
    most = most_zeros(widths)
    assert most == 2 * 15
    net, alternate = network(widths), network(widths)
    assert zeros(net) == 0
    diagonalise_alternate(alternate)
    assert zeros(alternate) == most, "all of a paired width's dimensions"
    sparsify_jointly(net, annealing(3000))
    assert 0.8 * most <= zeros(net, above=1e-5) <= most


def test_a_network_that_is_no_general_one_can_have_more() -> None:
    """Negative control: of a network turned out of a sparse basis more zeros can be found."""
    widths = [9, 6, 6, 4]
    net = network(widths)
    with torch.no_grad():
        net.maps[0].weight[:, 2:] = 0
    assert zeros(net) > most_zeros(widths)


def test_a_width_left_over_can_be_made_triangular() -> None:
    widths = [9, 6, 6, 6, 4]
    net, alternate = network(widths), network(widths)
    x, before = inputs(net), net(inputs(net))
    for each in (net, alternate):
        diagonalise_alternate(each)
    triangularise_unpaired(net)
    assert_close(net(x), before, "logits")
    assert zeros(alternate) == 2 * 15 and zeros(net) == most_zeros(widths) == 3 * 15
    assert bool((net.maps[2].weight.tril(-1) == 0).all())
    even = network([9, 6, 6, 4])
    unchanged = copy.deepcopy(even)
    triangularise_unpaired(even)
    assert all(torch.equal(t, unchanged.tensors()[name]) for name, t in even.tensors().items()), (
        "nothing is left over"
    )


def test_stacked_networks_find_what_each_finds_alone() -> None:
    nets = [network(WIDTHS, seed=seed) for seed in (0, 1)]
    ensemble = Ensemble(nets)
    norms = sparsify_jointly(ensemble, FEW)
    for k, net in enumerate(nets):
        alone = sparsify_jointly(net, FEW)
        assert_close(norms[:, k], alone, f"norms of member {k}")
        for name, t in net.tensors().items():
            assert_close(ensemble.member(k).tensors()[name], t, f"{name} of member {k}", slack=1e3)
    with pytest.raises(ValueError, match="have different widths there"):
        sparsify_jointly(Ensemble([network([9, 6, 4]), network([9, 5, 4])]), FEW)


@pytest.mark.parametrize("kind", ["momentum", "adamw"])
def test_moments_are_carried_as_by_the_same_rotation(kind: str) -> None:
    net = network(WIDTHS)
    optimiser = OPTIMISERS[kind](net.parameters())
    net(inputs(net)).square().sum().backward()
    optimiser.step()
    first = "momentum_buffer" if kind == "momentum" else "exp_avg"
    weight = net.maps[1].weight
    products = (weight.detach() * optimiser.state[weight][first]).sum()
    sparsify_jointly(net, FEW, optimiser=optimiser)
    turned = net.maps[1].weight
    assert_close(
        (turned.detach() * optimiser.state[turned][first]).sum(), products, "<W, M>, which no rotation moves"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda net: sparsify_jointly(net, FEW, power=0.0), "power: 0.0 is not above 0 and at most 1"),
        (lambda net: sparsify_jointly(net, FEW, power=1.5), "power: 1.5"),
        (lambda net: sparsify_jointly(net, annealing(1)), "steps: 1 steps in 30 stages"),
        (lambda net: sparsify_jointly(net, FEW, optimiser=torch.optim.RMSprop(net.parameters())), "RMSprop"),
        (lambda net: triangularise(net, 4), "layer: 4 is not a hidden layer"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(change, said: str) -> None:  # type: ignore[no-untyped-def]
    net = network(WIDTHS)
    before = {name: t.clone() for name, t in net.tensors().items()}
    with pytest.raises((ValueError, TypeError), match=said):
        change(net)
    assert all(torch.equal(t, before[name]) for name, t in net.tensors().items())


def test_elementwise_activations_and_what_is_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="does not commute with rotations"):
        sparsify_jointly(IsotropicMLP([4, 3, 2], "tanh", "none", "none"), FEW)
    broken = network(WIDTHS)
    with torch.no_grad():
        broken.maps[1].bias[0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        sparsify_jointly(broken, FEW)
