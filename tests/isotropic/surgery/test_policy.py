"""adapt: a buffer of scaffold neurons in every hidden layer (METHOD section 5)."""

import copy
from fractions import Fraction

import pytest
import torch

from isotropic import Change, Ensemble, IsotropicMLP, adapt


def network(*values: list[float], seed: int = 0, **treatment) -> IsotropicMLP:
    """A network whose hidden map l has exactly the singular values `values[l - 1]`."""
    widths = [12, *(len(each) for each in values), 3]
    net = IsotropicMLP(widths, seed=seed, dtype=torch.float64, **treatment)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for affine, each in zip(net.maps, values, strict=False):
            u, _, vh = torch.linalg.svd(affine.weight, full_matrices=False)
            affine.weight.copy_(u @ torch.diag(torch.tensor(each, dtype=torch.float64)) @ vh)
            affine.bias.copy_(torch.randn(affine.bias.shape, generator=draw, dtype=torch.float64) * 0.1)
    return net


def values_of(net: IsotropicMLP, layer: int) -> list[float]:
    return [round(float(v), 6) for v in torch.linalg.svdvals(net.maps[layer - 1].weight.detach())]


def differences(changes: list[Change]) -> list[int]:
    return [change.difference for change in changes]


X = torch.randn(20, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_grows_what_is_missing_and_keeps_the_function():
    net = network([3, 2, 1.5, 0.5], [4, 2, 1, 0.1])
    before = net(X)
    assert differences(adapt(net, threshold=0.95, scaffold=3)) == [2, 2]
    assert net.widths == [12, 6, 6, 3]
    assert torch.allclose(net(X), before, atol=1e-12)


def test_prunes_what_is_too_much():
    net = network([3, 2, 0.9, 0.5, 0.3, 0.1], [4, 2, 1, 0.1])
    assert differences(adapt(net, threshold=0.95, scaffold=1)) == [-3, 0]
    assert values_of(net, 1) == [3, 2, 0.9]


def test_the_threshold_itself_counts_as_scaffold():
    assert differences(adapt(network([2, 1.0], [2, 1.0]), threshold=1.0 + 1e-12, scaffold=1)) == [0, 0]
    assert differences(adapt(network([2, 1.0], [2, 1.0]), threshold=1.0 - 1e-9, scaffold=1)) == [1, 1]


def test_a_width_beyond_the_rank_counts_as_scaffold():
    net = IsotropicMLP([2, 6, 3], seed=0, dtype=torch.float64)  # rank 2: four neurons of singular value 0
    assert differences(adapt(net, threshold=0.5, scaffold=5)) == [1]
    assert differences(adapt(net, threshold=0.5, scaffold=2)) == [-3]
    assert net.widths == [2, 4, 3]


def test_never_prunes_a_layer_away():
    net = network([0.3, 0.2, 0.1], [0.1, 0.1, 0.1])
    adapt(net, threshold=0.95, scaffold=1)
    assert net.widths == [12, 1, 1, 3]


@pytest.mark.parametrize("scaffold", [2, 6])
def test_adapting_one_layer_twice_changes_nothing_more(scaffold):
    """Of one layer only: pruning a layer takes columns from the next map, whose singular values then shrink."""
    net = network([3, 2, 0.9, 0.5, 0.3, 0.1])
    assert differences(adapt(net, threshold=0.95, scaffold=scaffold)) == [scaffold - 4]
    assert differences(adapt(net, threshold=0.95, scaffold=scaffold)) == [0]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_training_goes_on_with_the_same_optimiser(kind):
    net = network([3, 2, 1.5, 0.5], [4, 2, 1, 0.1])
    optimiser = kind(net.parameters(), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        (net(X).square().mean() + net.penalty()).backward()
        optimiser.step()
        adapt(net, threshold=0.95, scaffold=3, optimiser=optimiser)
    shapes = {p.shape for p in net.parameters()}
    for p in net.parameters():
        assert all(t.shape == p.shape for key, t in optimiser.state[p].items() if key != "step")
    assert len(shapes) > 3


def test_gradient_importance_is_the_derivative_by_the_singular_value():
    """|dL/d sigma_i| by finite differences; the least important by it are pruned, not those of small sigma."""
    net = network([3, 2, 1.5, 0.5], [4, 2, 1, 0.1])
    net(X).square().sum().backward()
    u, s, vh = torch.linalg.svd(net.maps[0].weight.detach(), full_matrices=False)
    derivative = []
    for i in range(4):
        moved, step = copy.deepcopy(net), 1e-6
        with torch.no_grad():
            moved.maps[0].weight.add_(step * torch.outer(u[:, i], vh[i]))
        up = float(moved(X).detach().square().sum())
        with torch.no_grad():
            moved.maps[0].weight.sub_(2 * step * torch.outer(u[:, i], vh[i]))
        derivative.append(abs(up - float(moved(X).detach().square().sum())) / (2 * step))
    ordered = sorted(range(4), key=lambda i: derivative[i])
    theta = (derivative[ordered[1]] + derivative[ordered[2]]) / 2  # two of four are unimportant
    changes = differences(adapt(net, threshold=theta, scaffold=1, importance="gradient"))
    assert changes[0] == -1
    expected = sorted((round(float(s[i]), 6) for i in range(4) if i != ordered[0]), reverse=True)
    assert values_of(net, 1) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0}, "threshold: 0"),
        ({"threshold": float("nan")}, "threshold: nan"),
        ({"threshold": "1"}, "threshold: '1'"),
        ({"layers": 1}, "layers: 1 is not a list of hidden layers, each of 1 to 2, nor None"),
        ({"layers": "1"}, "layers: '1' is not a list"),
        ({"scaffold": 0}, "scaffold: 0"),
        ({"scaffold": 1.5}, "scaffold: 1.5"),
        ({"importance": "size"}, "'size' is not one of singular-value, gradient"),
        ({"importance": "gradient"}, "call backward before"),
        ({"columns": "ones", "scaffold": 3}, "'ones' is not one of"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_changes(arguments, message):
    net = network([3, 2, 1.5, 0.5], [4, 2, 1, 0.1])
    before = {name: t.clone() for name, t in net.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        adapt(net, **arguments)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())


def test_layers_and_threshold_of_any_kind():
    """An iterator can be gone through once; a fraction compares with no tensor."""
    listed, iterated = (network([3, 2, 1.5, 0.5], [4, 2, 1, 0.1]) for _ in range(2))
    expected = adapt(listed, scaffold=3, layers=[1, 2])
    found = adapt(iterated, scaffold=3, layers=iter([1, 2]), threshold=Fraction(95, 100))
    assert (
        [change.after for change in found]
        == [change.after for change in expected]
        != [change.before for change in found]
    )


def test_what_cannot_be_adapted_is_refused():
    with pytest.raises(ValueError, match="adapt each"):
        adapt(Ensemble([IsotropicMLP([4, 3, 2], seed=0)]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expectation"):
        adapt(IsotropicMLP([4, 3, 2], compensation="expectation", seed=0))
