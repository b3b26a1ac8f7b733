"""Growing and pruning of elementwise tanh: what is exact about each method, and that nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import (
    DTYPES,
    OPTIMISERS,
    assert_close,
    assert_differs,
    error,
    inputs,
    loss,
    moments,
    network,
    train,
)
from refusals import assert_refused, begun
from torch import Generator, Tensor
from torch.optim import SGD, AdamW, Optimizer

from pipeline import Ensemble, IsotropicConvNet, IsotropicMLP
from pipeline.model.base import MLP
from pipeline.surgery.elementwise import add_neurons, merge_neurons, net2wider, prune_by_magnitude

WIDTHS, LAYER, N = [5, 6, 7, 4, 3], 2, 7
Draws = Generator | list[Generator]

# Each with `count` neurons more or fewer, random numbers from `draw` where it needs any.
METHODS: dict[str, Callable[[MLP, int, Optimizer | None, Draws], None]] = {
    "net2wider": lambda net, count, o, draw: net2wider(net, LAYER, count, 0.0, o, draw),
    "net2wider, noise": lambda net, count, o, draw: net2wider(net, LAYER, count, 0.1, o, draw),
    "add": lambda net, count, o, draw: add_neurons(net, LAYER, count, o, draw),
    "magnitude": lambda net, count, o, draw: prune_by_magnitude(net, LAYER, count, o),
    "magnitude, mean": lambda net, count, o, draw: prune_by_magnitude(net, LAYER, count, o, inputs(net)),
    "merge": lambda net, count, o, draw: merge_neurons(net, LAYER, count, o),
}
PRUNING = ("magnitude", "magnitude, mean", "merge")


def tanh_network(widths: list[int] = WIDTHS, seed: int = 0, dtype: torch.dtype = torch.float64) -> IsotropicMLP:
    """As if trained: no two neurons alike, no bias zero."""
    net = IsotropicMLP(widths, "tanh", "none", "none", seed=seed, dtype=dtype)
    trained = network(widths, "none", "none", seed, dtype).tensors()
    net.assign({name: trained[name] for name in net.tensors()})
    return net


def draw(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def part(net: MLP, name: str) -> Tensor:
    return net.tensors()[name].clone()


# Growing


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
        net2wider(net, LAYER, 3, noise, optimiser, draw())
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
    net2wider(net, 1, 3000, 0.2, generator=draw())
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
    add_neurons(net, layer, 3, optimiser, draw())
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


# Pruning


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("dead", ["incoming", "outgoing"])
def test_a_dead_neuron_is_pruned_without_a_change(dead: str, dtype: torch.dtype) -> None:
    net = tanh_network(dtype=dtype)
    name, index = ("maps.1.weight", (3,)) if dead == "incoming" else ("maps.2.weight", (slice(None), 3))
    net.assign({name: part(net, name).index_put(_index(index), torch.zeros((), dtype=dtype))})
    if dead == "incoming":
        net.assign({"maps.1.bias": part(net, "maps.1.bias").index_fill(0, torch.tensor([3]), 0.0)})
    before, rows = net(inputs(net)), part(net, "maps.1.weight")
    prune_by_magnitude(net, LAYER, 1)
    assert torch.equal(part(net, "maps.1.weight"), rows[[0, 1, 2, 4, 5, 6]]), "the others, in their order"
    assert_close(net(inputs(net)), before, "logits")
    prune_by_magnitude(net, LAYER, 1)
    assert_differs(net(inputs(net)), before, "logits without a neuron that did something", by=1e-2)


def _index(index: tuple[int | slice, ...]) -> tuple[Tensor, ...]:
    sizes = (4, N)
    return tuple(torch.arange(sizes[k]) if isinstance(i, slice) else torch.tensor(i) for k, i in enumerate(index))


def test_a_constant_neuron_is_made_up_for_by_its_mean_alone() -> None:
    """Incoming weights zero, but a bias: what is lost without the mean is c tanh(b)."""
    errors = {}
    for kept in (True, False):
        net = tanh_network()
        rows = part(net, "maps.1.weight")
        rows[3] = 0
        net.assign({"maps.1.weight": rows})
        before = net(inputs(net))
        prune_by_magnitude(net, LAYER, 1, inputs=[inputs(net)[:5], inputs(net)[5:]] if kept else None)
        errors[kept] = error(net(inputs(net)), before)
    assert errors[True] < 1e-14 and errors[False] > 1e-2, errors


def test_the_mean_of_the_next_map_stays() -> None:
    """Over the data whose mean is kept, to rounding; the logits still move."""
    net = tanh_network([5, 7, 3])
    before = net(inputs(net))
    prune_by_magnitude(net, 1, 4, inputs=inputs(net))
    assert_close(net(inputs(net)).mean(0), before.mean(0), "mean logits")
    assert_differs(net(inputs(net)), before, "logits", by=1e-2)


def test_those_of_least_magnitude_go() -> None:
    """|w_i| |c_i| by hand: 1 * 6, 2 * 1, 3 * 3, 5 * 1, so neurons 1 and then 3 go."""
    net = tanh_network([1, 4, 1])
    net.assign({"maps.0.weight": torch.tensor([[1.0], [-2], [3], [5]]).double()})
    net.assign({"maps.1.weight": torch.tensor([[6.0, 1, -3, 1]]).double()})
    prune_by_magnitude(net, 1, 2)
    assert part(net, "maps.0.weight").flatten().tolist() == [1, 3]
    assert part(net, "maps.1.weight").flatten().tolist() == [6, -3]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_equal_neurons_are_merged_without_a_change(dtype: torch.dtype) -> None:
    """Neuron 5 is neuron 1, and 6 is 2 but for its outgoing weights: two merges are exact, a third is not."""
    net = tanh_network(dtype=dtype)
    rows, bias = part(net, "maps.1.weight"), part(net, "maps.1.bias")
    rows[[5, 6]], bias[[5, 6]] = rows[[1, 2]], bias[[1, 2]]
    net.assign({"maps.1.weight": rows, "maps.1.bias": bias})
    before = net(inputs(net))
    merge_neurons(net, LAYER, 2)
    assert net.widths[LAYER] == N - 2
    assert_close(net(inputs(net)), before, "logits")
    merge_neurons(net, LAYER, 1)
    assert_differs(net(inputs(net)), before, "logits after unequal ones were merged", by=1e-2)


def test_equal_weights_with_another_bias_are_not_equal_neurons() -> None:
    net = tanh_network()
    rows = part(net, "maps.1.weight")
    rows[5] = rows[1]
    net.assign({"maps.1.weight": rows})
    before = net(inputs(net))
    merge_neurons(net, LAYER, 1)
    assert_differs(net(inputs(net)), before, "logits", by=1e-2)


def test_the_pair_of_least_saliency_by_hand() -> None:
    """Distances squared: 1 from 0 to 1, 4 from 1 to 3. c^2 = 9, 1, 1/64: 3 goes into 1, at 4/64."""
    net = tanh_network([1, 3, 1])
    net.assign({"maps.0.weight": torch.tensor([[0.0], [1], [3]]).double(), "maps.0.bias": torch.zeros(3).double()})
    net.assign({"maps.1.weight": torch.tensor([[3.0, 1, 0.125]]).double()})
    merge_neurons(net, 1, 1)
    assert part(net, "maps.0.weight").flatten().tolist() == [0, 1]
    assert part(net, "maps.1.weight").flatten().tolist() == [3, 1.125]
    merge_neurons(net, 1, 1)  # the smaller outgoing weight, 1.125^2 against 3^2, goes
    assert part(net, "maps.0.weight").flatten().tolist() == [0]
    assert part(net, "maps.1.weight").flatten().tolist() == [4.125]


@pytest.mark.parametrize("count", [2, 5])
def test_several_merges_at_once_are_those_one_by_one(count: int) -> None:
    at_once, one_by_one = tanh_network(), tanh_network()
    merge_neurons(at_once, LAYER, count)
    for _ in range(count):
        merge_neurons(one_by_one, LAYER, 1)
    assert_close(at_once(inputs(at_once)), one_by_one(inputs(at_once)), "logits")


# Moments, ensembles, refusals


def _momentum(net: MLP) -> Optimizer:
    """Whose momentum, after one step, is the gradient."""
    return SGD(net.parameters(), lr=0.0, momentum=0.9)


def _gradients(net: MLP) -> dict[str, Tensor]:
    net.zero_grad()
    loss(net).backward()
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("method", ["net2wider", "merge"])
def test_moments_are_those_of_the_gradients_that_there_would_have_been(method: str) -> None:
    """On the batch whose gradient the momentum is, the changed network has just that gradient."""
    net = tanh_network()
    if method == "merge":
        rows, bias = part(net, "maps.1.weight"), part(net, "maps.1.bias")
        rows[5], bias[5] = rows[1], bias[1]
        net.assign({"maps.1.weight": rows, "maps.1.bias": bias})
    optimiser = _momentum(net)
    _gradients(net)
    optimiser.step()
    METHODS[method](net, 1 if method == "merge" else 9, optimiser, draw())
    carried, found = moments(net, optimiser, "momentum_buffer"), _gradients(net)
    for name, gradient in found.items():
        assert_close(carried[name], gradient, f"momentum of {name}")
    if method == "net2wider":  # negative control
        rows = part(net, "maps.1.weight")
        copies = (rows[:, None] == rows[None]).all(-1).sum(1)  # 16 rows of 7 neurons
        undivided = carried["maps.1.weight"] * copies[:, None]
        assert_differs(undivided, found["maps.1.weight"], "momentum without division", by=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adam-amsgrad", "adamw-fused"])
def test_second_moments_stay_at_least_zero_and_training_goes_on(optimiser: str, method: str) -> None:
    net = tanh_network()
    descent = OPTIMISERS[optimiser](net.parameters())
    train(net, descent, 3)
    METHODS[method](net, 3, descent, draw())
    for name, p in net.named_parameters():
        for key, t in descent.state.get(p, {}).items():
            if isinstance(t, Tensor) and key != "step":
                assert t.shape == p.shape, f"{key} of {name}"
                assert "sq" not in key or (t >= 0).all()
    first = loss(net).item()
    train(net, descent, 40)
    assert loss(net).item() < first


@pytest.mark.parametrize("neighbours", [[6, 4], [5, 3]], ids=["alike", "padded"])
@pytest.mark.parametrize("method", METHODS)
def test_members_together_are_as_each_alone(method: str, neighbours: list[int]) -> None:
    """Also where the widths before and after differ, which pads the narrower member with zeros."""
    before, after = neighbours
    shapes = [WIDTHS, [5, before, N, after, 3], WIDTHS]
    nets = [tanh_network(widths, seed=k) for k, widths in enumerate(shapes)]
    ensemble = Ensemble(nets)
    descents = [AdamW(net.parameters(), lr=0.01) for net in (*nets, ensemble)]
    for net, descent in zip((*nets, ensemble), descents, strict=True):
        train(net, descent, 2)
    METHODS[method](ensemble, 3, descents[-1], [draw(k) for k in range(3)])
    for k, (net, descent) in enumerate(zip(nets, descents, strict=False)):
        METHODS[method](net, 3, descent, draw(k))
        assert ensemble.member(k).widths == net.widths
    train(ensemble, descents[-1], 3)  # with moments, and with padding that stays zero
    for k, (net, descent) in enumerate(zip(nets, descents, strict=False)):
        train(net, descent, 3)
        assert_close(ensemble.member(k)(inputs(net)), net(inputs(net)), f"logits of member {k}", slack=100)


def test_generators_one_a_member() -> None:
    ensemble = Ensemble([tanh_network(), tanh_network()])
    words = "generator: 3 generators for an ensemble of 2 members"
    descent = AdamW(ensemble.parameters())
    train(ensemble, descent, 1)
    for method in ("net2wider", "add"):
        three = [draw() for _ in range(3)]
        assert_refused(ensemble, descent, lambda n, o, m=method, d=three: METHODS[m](n, 1, o, d), words)  # type: ignore[misc]


@pytest.mark.parametrize("method", METHODS)
def test_an_isotropic_network_is_refused(method: str) -> None:
    words = "activation 'isotropic-tanh' acts on all neurons together"
    assert_refused(*begun(), lambda net, o: METHODS[method](net, 1, o, draw()), words)


@pytest.mark.parametrize("method", METHODS)
def test_kernels_are_refused(method: str) -> None:
    net = IsotropicConvNet((1, 4, 4), [6, 7], 3, 3, 1, "tanh", "none", "none", seed=0)
    descent = AdamW(net.parameters())
    net(torch.ones(2, 16)).square().sum().backward()
    descent.step()
    words = "net: IsotropicConvNet has kernels; this can be done to dense maps alone"
    assert_refused(net, descent, lambda n, o: METHODS[method](n, 1, o, draw()), words)


@pytest.mark.parametrize(
    ("method", "count"),
    [(m, count) for m in METHODS for count in [0, -1, True, 1.5, "2", None]] + [(m, N) for m in PRUNING],
)
def test_a_count_out_of_range_is_refused(method: str, count: object) -> None:
    net = tanh_network()
    descent = AdamW(net.parameters())
    train(net, descent, 1)
    allowed = "an integer from 1 to 6" if method in PRUNING else "an integer >= 1"
    words = f"count: {count!r} neurons of layer 2, which has 7, is not {allowed}"
    assert_refused(net, descent, lambda n, o: METHODS[method](n, count, o, draw()), words)  # type: ignore[arg-type]


def test_other_input_that_is_refused() -> None:
    net = tanh_network()
    descent = AdamW(net.parameters())
    train(net, descent, 1)
    for noise in (-0.1, float("nan"), float("inf")):
        assert_refused(net, descent, lambda n, o, s=noise: net2wider(n, 2, 1, s, o), f"noise: {noise!r} is not")  # type: ignore[misc]
    assert_refused(net, descent, lambda n, o: merge_neurons(n, 4, 1, o), "layer: 4 is not a hidden layer")
    assert_refused(net, descent, lambda n, o: prune_by_magnitude(n, 2, 1, o, []), "inputs: no samples")
    foreign = torch.optim.RMSprop(net.parameters())
    foreign.step()
    with pytest.raises(TypeError, match="RMSprop has no known transform"):
        merge_neurons(net, 2, 1, foreign)
