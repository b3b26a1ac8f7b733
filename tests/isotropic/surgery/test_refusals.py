"""What cannot be done is refused in one clear line, and leaves network and optimiser as they were, bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from isotropic_testing import OPTIMISERS, inputs, network, train
from refusals import WIDTHS, Call, assert_refused, begun, everything
from torch import nn
from torch.optim import ASGD, Adafactor, Adam, AdamW, Optimizer, Rprop
from torch.optim.swa_utils import AveragedModel

from isotropic import (
    Ensemble,
    IsotropicActivation,
    IsotropicMLP,
    adapt,
    diagonalise,
    explain,
    find,
    grow,
    insert_layer,
    prune,
    prune_to,
    pruning_curve,
    sparsify_jointly,
    triangularise,
)
from isotropic.networks.base import MLP

OPERATIONS: dict[str, Callable[[MLP, Optimizer | None, object], object]] = {
    "diagonalise": lambda net, optimiser, layer: diagonalise(net, layer, "left", optimiser=optimiser),  # type: ignore[arg-type]
    "grow": lambda net, optimiser, layer: grow(net, layer, 1, optimiser=optimiser),  # type: ignore[arg-type]
    "prune": lambda net, optimiser, layer: prune(net, layer, 1, optimiser=optimiser),  # type: ignore[arg-type]
}
WHOLE: dict[str, Callable[[MLP, Optimizer | None, object], object]] = {
    "adapt": lambda net, optimiser, _: adapt(net, optimiser=optimiser),
    "prune_to": lambda net, optimiser, _: prune_to(net, 10, optimiser=optimiser),
    "triangularise": lambda net, optimiser, layer: triangularise(net, layer, optimiser=optimiser),  # type: ignore[arg-type]
    "sparsify jointly": lambda net, optimiser, _: sparsify_jointly(net, optimiser=optimiser),
    "insert": lambda net, optimiser, layer: insert_layer(net, layer, optimiser=optimiser),  # type: ignore[arg-type]
    "explain": lambda net, optimiser, layer: explain(net, layer),  # type: ignore[arg-type]
    "curve": lambda net, optimiser, layer: pruning_curve(net, layer, [1], torch.ones(2, 3), torch.ones(2)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3)),
            "Sequential is no network that.*nor a view; attach",
        ),
        (find(nn.Sequential(nn.Linear(3, 2), IsotropicActivation(), nn.Linear(2, 3)))[0], "Chain is no network"),
        (
            AveragedModel(IsotropicMLP([3, 3, 2])),
            "AveragedModel is no network that.*nor a view; give its",
        ),
        ([IsotropicMLP([3, 3, 2])], "list is no network that can be changed, nor a view; give one"),
        (IsotropicMLP, "type is no network"),
        (None, "NoneType is no network"),
    ],
    ids=["model", "chain", "average", "list", "class", "none"],
)
@pytest.mark.parametrize("operation", [*OPERATIONS, *WHOLE])
def test_what_is_no_network(operation: str, given: object, words: str) -> None:
    with pytest.raises(TypeError, match=f"net: {words}") as caught:
        (OPERATIONS | WHOLE)[operation](given, None, 1)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("generator", [5, [5], np.random.default_rng(0)], ids=["number", "list", "numpy"])
def test_what_is_no_generator(generator: object) -> None:
    net, optimiser = begun()
    words = "is no torch.Generator, such as torch.Generator().manual_seed(0), nor None"

    def adapted(n: MLP, o: Optimizer) -> object:
        return adapt(n, optimiser=o, scaffold=9, generator=generator)  # type: ignore[arg-type]

    def grown(n: MLP, o: Optimizer) -> object:
        return grow(n, 2, 1, optimiser=o, generator=generator)  # type: ignore[arg-type]

    for call in (grown, adapted):
        assert_refused(net, optimiser, call, words, TypeError)


@pytest.mark.parametrize("layer", [0, -1, 3, 4, True, 1.0, "1", None], ids=repr)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_layer_out_of_range(operation: str, layer: object) -> None:
    net, optimiser = begun()
    assert_refused(net, optimiser, lambda n, o: OPERATIONS[operation](n, o, layer), f"layer: {layer!r} ")


@pytest.mark.parametrize(
    ("side", "layer", "allowed"),
    [
        ("left", 3, "1 to 2"),
        ("right", 1, "2 to 3"),
        ("right", 4, "2 to 3"),
        ("full", 1, "2 to 2"),
        ("full", 3, "2 to 2"),
    ],
)
def test_a_layer_that_this_side_cannot_have(side: str, layer: int, allowed: str) -> None:
    net, optimiser = begun()
    words = f"layer: {layer} has no hidden width on side {side!r}; one of {allowed}"
    assert_refused(net, optimiser, lambda n, o: diagonalise(n, layer, side, optimiser=o), words)


@pytest.mark.parametrize("count", [0, -1, True, 1.5, "2", None], ids=repr)
@pytest.mark.parametrize("operation", [grow, prune])
def test_a_count_that_is_no_number_of_neurons(operation: Callable[..., None], count: object) -> None:
    net, optimiser = begun()
    words = f"count: {count!r} neurons of layer 2, which has 6, is not an integer"
    if operation is prune and count is None:
        words = "nothing given; valid is exactly one of count, to, fraction, threshold, energy"
    assert_refused(net, optimiser, lambda n, o: operation(n, 2, count, optimiser=o), words)


@pytest.mark.parametrize("count", [6, 7, 1000])
def test_pruning_a_layer_away(count: int) -> None:
    net, optimiser = begun()
    assert_refused(net, optimiser, lambda n, o: prune(n, 2, count, optimiser=o), "is not an integer from 1 to 5")


def test_pruning_the_only_neuron() -> None:
    net = network([3, 1, 2])
    optimiser = OPTIMISERS["adamw"](net.parameters())
    train(net, optimiser, 1)
    words = "count: 1 neurons of layer 1, which has 1: nothing can be pruned"
    assert_refused(net, optimiser, lambda n, o: prune(n, 1, 1, optimiser=o), words)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n, o: diagonalise(n, 2, "top", optimiser=o), "side: 'top' is not one of left, right, full"),
        (
            lambda n, o: grow(n, 2, 1, columns="ones", optimiser=o),
            "columns: 'ones' is not one of normal, semi-orthogonal, combination, zero",
        ),
        (
            lambda n, o: grow(n, 2, 1, optimiser=o, generator=[torch.Generator()] * 2),
            "generator: 2 generators for an ensemble of 1 members",
        ),
    ],
    ids=["side", "columns", "generators"],
)
def test_an_unknown_name(call: Call, words: str) -> None:
    assert_refused(*begun(), call, words)


@pytest.mark.parametrize("make", [Rprop, ASGD, Adafactor], ids=lambda make: make.__name__)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_optimiser_of_unknown_kind(operation: str, make: type[Optimizer]) -> None:
    net, optimiser = begun(make)
    words = f"the state of {make.__name__} has no known transform, as those of SGD, Adam, AdamW"
    assert_refused(net, optimiser, lambda n, o: OPERATIONS[operation](n, o, 1), words, TypeError)


def test_an_optimiser_with_a_state_of_its_own() -> None:
    net, optimiser = begun()
    optimiser.state[net.maps[1].weight]["curvature"] = torch.ones(6, 4)
    words = "its state 'curvature' of maps.1.weight has no known transform"
    assert_refused(net, optimiser, lambda n, o: grow(n, 1, 1, optimiser=o), words, TypeError)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_optimiser_of_another_network(operation: str) -> None:
    (net, own), (_, another) = begun(), begun()
    before = everything(net, own)
    assert_refused(net, another, lambda n, o: OPERATIONS[operation](n, o, 1), "does not hold maps.0.weight")
    assert everything(net, own) == before


def test_an_optimiser_of_a_part_of_the_network() -> None:
    net, _ = begun()
    optimiser = Adam(net.maps[0].parameters())
    optimiser.step()
    assert_refused(net, optimiser, lambda n, o: grow(n, 1, 1, optimiser=o), "does not hold")


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize(
    ("side", "layer", "bad"),
    [("left", 2, 2), ("left", 2, 3), ("right", 3, 3), ("right", 3, 2), ("full", 2, 2), ("full", 2, 1)],
)
def test_weights_that_are_not_finite(side: str, layer: int, bad: int, value: float) -> None:
    """In the map itself, or in the neighbour that it would be absorbed into."""
    net, optimiser = begun()
    net.maps[bad - 1].weight.data[0, 0] = value
    words = f"maps.{bad - 1}.weight has values that are not finite"
    assert_refused(net, optimiser, lambda n, o: diagonalise(n, layer, side, optimiser=o), words)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_elementwise_activations(operation: str) -> None:
    net = IsotropicMLP(WIDTHS, activation="tanh", intrinsic_length="none", compensation="none", dtype=torch.float64)
    optimiser = AdamW(net.parameters())
    train(net, optimiser, 1)
    words = "activation 'tanh' acts on each coordinate and does not commute with rotations"
    assert_refused(net, optimiser, lambda n, o: OPERATIONS[operation](n, o, 1), words)


def test_expectation_without_data_to_take_the_mean_over() -> None:
    net, optimiser = begun(compensation="expectation")
    assert_refused(
        net, optimiser, lambda n, o: prune(n, 2, 1, optimiser=o), "inputs: compensation 'expectation' needs"
    )
    prune(net, 2, 1, optimiser=optimiser, inputs=inputs(net))
    grow(net, 2, 1, optimiser=optimiser)  # which needs none


@pytest.mark.parametrize(
    ("layer", "call"),
    [
        (1, lambda n, o: diagonalise(n, 1, "left", optimiser=o)),
        (1, lambda n, o: diagonalise(n, 2, "right", optimiser=o)),
        (1, lambda n, o: diagonalise(n, 2, "full", optimiser=o)),
        (1, lambda n, o: grow(n, 1, 1, optimiser=o)),
        (1, lambda n, o: prune(n, 1, 1, optimiser=o)),
        (2, lambda n, o: diagonalise(n, 2, "left", optimiser=o)),
        (2, lambda n, o: diagonalise(n, 3, "right", optimiser=o)),
        (2, lambda n, o: diagonalise(n, 2, "full", optimiser=o)),
    ],
)
def test_a_width_in_which_members_differ(layer: int, call: Call) -> None:
    """Turning it would turn padding into it."""
    hidden = [[4, 6], [3, 6]] if layer == 1 else [[4, 6], [4, 5]]
    ensemble = Ensemble([network([5, *widths, 3]) for widths in hidden])
    optimiser = AdamW(ensemble.parameters())
    train(ensemble, optimiser, 1)
    assert_refused(ensemble, optimiser, call, f"layer {layer}: the members of this ensemble have different widths")
