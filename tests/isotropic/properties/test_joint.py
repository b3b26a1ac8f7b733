"""Joint sparsity optimisation: exact at every step, descending, and no better than the bases' dimensions allow."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from isotropic_testing import (
    OPTIMISERS,
    assert_close,
    assert_differs,
    change_basis,
    inputs,
    network,
    normal,
    orthogonal,
)

from isotropic import Ensemble, IsotropicMLP, axes, sparsify_jointly
from isotropic.networks.base import MLP
from isotropic.surgery.joint import Stage, annealing, most_zeros
from isotropic.surgery.sparsify import diagonalise_alternate, triangularise, triangularise_unpaired

WIDTHS = [9, 6, 6, 5, 4]
FEW = annealing(60, stages=6)
# Goes on after `annealing`, until zeros are zeros but for rounding, and what is merely small is left behind.
TO_ROUNDING = tuple(Stage(10.0**-digits, 10.0**-digits, 60) for digits in range(6, 13))


def l1_norm(net: MLP) -> torch.Tensor:
    maps = [t for name, t in net.tensors().items() if name.startswith("maps.")]
    members = net.has_length.ndim
    return torch.stack([t.abs().flatten(members).sum(-1) for t in maps]).sum(0)


def zeros(net: MLP, above: float = 1e-9) -> int:
    return sum(int((t.abs() <= above).sum()) for name, t in net.tensors().items() if name.startswith("maps."))


@cache
def _annealed(*widths: int) -> MLP:
    net = network([*widths])
    sparsify_jointly(net, annealing(3000))
    return net


def annealed(*widths: int) -> MLP:
    """A network after 3,000 steps, which are taken once; a copy of it."""
    return copy.deepcopy(_annealed(*widths))


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
    net.assign(axes.rotate(net.tensors(), net.axes(1), nearly))
    assert_differs(net(x), before, "logits in a basis that is nearly orthogonal", by=1e-5)


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_the_norm_that_is_returned_is_the_networks_and_goes_down(power: float) -> None:
    net = network(WIDTHS)
    before = l1_norm(net)
    norms = sparsify_jointly(net, FEW, power=power)
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


@pytest.mark.parametrize("widths", [[9, 6, 6, 4], [12, 8, 5, 4], [20, 8, 8, 8, 5]], ids=str)
def test_no_more_exact_zeros_than_the_bases_have_dimensions_and_almost_as_many(widths: list[int]) -> None:
    net, most = annealed(*widths), most_zeros(widths)
    assert zeros(network(widths)) == 0
    sparsify_jointly(net, TO_ROUNDING)
    assert 0.9 * most <= zeros(net, above=1e-10) <= zeros(net, above=1e-8) <= most


def test_small_entries_can_be_more_than_zeros_can() -> None:
    """Negative control: why it is at the end of `TO_ROUNDING` that they are counted."""
    widths = [20, 8, 8, 8, 5]
    assert zeros(annealed(*widths), above=1e-3) > most_zeros(widths)


@pytest.mark.parametrize("widths", [[9, 6, 6, 4], [12, 8, 5, 4], [20, 8, 8, 8, 5]], ids=str)
def test_a_network_that_is_no_general_one_can_have_more(widths: list[int]) -> None:
    """Negative control: two thirds of the entries were zero before it was turned, and more than D are found again."""
    net, most = network(widths), most_zeros(widths)
    kept = {
        name: torch.rand(t.shape, generator=torch.Generator().manual_seed(i)) < 0.35
        for i, (name, t) in enumerate(net.tensors().items())
    }
    net.assign({name: t * kept[name] for name, t in net.tensors().items() if name.startswith("maps.")})
    assert zeros(net) > 2 * most
    for layer in range(1, net.depth):
        change_basis(net, layer, orthogonal(widths[layer], seed=layer))
    assert zeros(net) < most / 3, "hidden, but for those of the last map's b and psi, which no basis turns"
    sparsify_jointly(net, annealing(900))
    sparsify_jointly(net, TO_ROUNDING)
    assert zeros(net, above=1e-10) > 1.2 * most


@pytest.mark.parametrize("widths", [[9, 6, 6, 4], [9, 6, 6, 6, 6, 4]], ids=str)
def test_equal_pairs_of_widths_diagonalised_have_all_zeros_that_bases_can_give(widths: list[int]) -> None:
    net = network(widths)
    diagonalise_alternate(net)
    assert zeros(net, above=0.0) == most_zeros(widths) == (len(widths) - 2) * 15


def test_stages_in_one_call_do_what_each_does_in_a_call_of_its_own() -> None:
    """Each begins at the zero of the Lie algebra, about the basis where the stage before ended.

    It is how one sees that bases are centred: about the first basis steps are no radians, but norms as low.
    """
    together, one_by_one = network(WIDTHS), network(WIDTHS)
    norms = sparsify_jointly(together, FEW)
    apart = torch.stack([sparsify_jointly(one_by_one, [stage])[-1] for stage in FEW])
    assert_close(norms[1:], apart, "norms after each stage")
    for name, t in together.tensors().items():
        assert_close(t, one_by_one.tensors()[name], name, slack=10)


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
    with pytest.raises(ValueError, match="layer 2: the members of this ensemble have different widths there"):
        sparsify_jointly(Ensemble([network([9, 6, 5, 4]), network([9, 6, 3, 4])]), FEW)


def test_a_network_in_float32_is_turned_by_bases_in_float64() -> None:
    """Rounded once, at the beginning and at the end."""
    net, wide = (network(WIDTHS, dtype=torch.float32) for _ in range(2))
    wide.to(torch.float64)
    before = net(inputs(net))
    norms = sparsify_jointly(net, FEW)
    assert_close(norms, sparsify_jointly(wide, FEW), "norms, in float64")
    assert_close(net(inputs(net)), before, "logits")
    for name, t in wide.tensors().items():
        assert_close(net.tensors()[name], t.float(), name)


def test_stages_share_the_steps_and_the_smoothing_goes_down_geometrically() -> None:
    stages = annealing(100, stages=3)
    assert [stage.steps for stage in stages] == [33, 33, 33]
    assert [stage.smoothing for stage in stages] == pytest.approx([0.3, (0.3 * 1e-6) ** 0.5, 1e-6])
    assert [stage.rate for stage in stages] == pytest.approx([0.1, (0.3 * 1e-6) ** 0.5, 1e-6])


def test_without_a_hidden_width_there_is_nothing_to_turn() -> None:
    net = network([5, 3])
    before = net(inputs(net))
    assert_close(sparsify_jointly(net, FEW), l1_norm(net)[None], "the norm, once")
    assert torch.equal(net(inputs(net)), before)


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
        (lambda net: sparsify_jointly(net, FEW, optimiser=torch.optim.Rprop(net.parameters())), "Rprop"),
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
    huge = network(WIDTHS)
    huge.assign({"maps.1.weight": 1e308 * huge.tensors()["maps.1.weight"].sign()})
    before = {name: t.clone() for name, t in huge.tensors().items()}
    with pytest.raises(ValueError, match="the proxy is not finite in float64; the parameters are too large"):
        sparsify_jointly(huge, FEW)
    assert all(torch.equal(t, before[name]) for name, t in huge.tensors().items())
