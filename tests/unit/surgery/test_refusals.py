"""What cannot be done is refused in one clear line, and leaves network and optimiser as they were, bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import OPTIMISERS, inputs, network, train
from torch.optim import Adagrad, Adam, AdamW, Optimizer, RMSprop

from pipeline import Ensemble, IsotropicMLP, diagonalise, grow, insert_layer, prune, remove_layer
from pipeline.model.base import MLP

WIDTHS = [5, 4, 6, 3]
Call = Callable[[MLP, Optimizer], object]


def begun(
    make: Callable[..., Optimizer] = OPTIMISERS["adamw"], compensation: str = "trainable+decay"
) -> tuple[IsotropicMLP, Optimizer]:
    net = network(WIDTHS, compensation=compensation)
    optimiser = make(net.parameters())
    train(net, optimiser, 2)
    return net, optimiser


def everything(net: MLP, optimiser: Optimizer) -> dict[str, object]:
    """All numbers as bytes, and which objects hold them; NaN equals itself as bytes."""
    found: dict[str, object] = {"state": {name: t.numpy().tobytes() for name, t in net.tensors().items()}}
    found["alphas"] = [getattr(activation, "alpha", None) for activation in net.activations]
    found["parameters"] = {name: id(p) for name, p in net.named_parameters()}
    found["groups"] = [[id(p) for p in group["params"]] for group in optimiser.param_groups]
    found["moments"] = {
        (id(p), name): t.detach().numpy().tobytes() if isinstance(t, torch.Tensor) else t
        for p, state in optimiser.state.items()
        for name, t in state.items()
    }
    return found


def assert_refused(
    net: MLP, optimiser: Optimizer, call: Call, words: str, kind: type[Exception] = ValueError
) -> None:
    before = everything(net, optimiser)
    assert before["moments"]
    with pytest.raises(kind) as caught:
        call(net, optimiser)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert everything(net, optimiser) == before


OPERATIONS: dict[str, Callable[[MLP, Optimizer | None, object], object]] = {
    "diagonalise": lambda net, optimiser, layer: diagonalise(net, layer, "left", optimiser),  # type: ignore[arg-type]
    "grow": lambda net, optimiser, layer: grow(net, layer, 1, optimiser=optimiser),  # type: ignore[arg-type]
    "prune": lambda net, optimiser, layer: prune(net, layer, 1, optimiser=optimiser),  # type: ignore[arg-type]
}
BACKWARD: dict[str, Callable[[MLP, Optimizer | None, object], object]] = {
    "grow": lambda net, optimiser, layer: grow(net, layer, 1, optimiser=optimiser, side="right"),  # type: ignore[arg-type]
    "prune": lambda net, optimiser, layer: prune(net, layer, 1, optimiser=optimiser, side="right"),  # type: ignore[arg-type]
}


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
    words = f"layer: {layer} cannot be diagonalised on side {side!r}; one of {allowed}"
    assert_refused(net, optimiser, lambda n, o: diagonalise(n, layer, side, o), words)


@pytest.mark.parametrize("layer", [1, 0, 4, -1, True, "2", None], ids=repr)
@pytest.mark.parametrize("operation", BACKWARD)
def test_a_layer_without_a_hidden_width_before_it(operation: str, layer: object) -> None:
    net, optimiser = begun()
    words = f"layer: {layer!r} cannot be diagonalised on side 'right'; one of 2 to 3"
    assert_refused(net, optimiser, lambda n, o: BACKWARD[operation](n, o, layer), words)


@pytest.mark.parametrize("count", [4, 5, 0, True])
def test_pruning_an_input_side_away(count: int) -> None:
    net, optimiser = begun()
    words = f"count: {count} neurons of layer 1, which has 4, is not an integer from 1 to 3"
    assert_refused(net, optimiser, lambda n, o: prune(n, 2, count, optimiser=o, side="right"), words)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("largest", "choice: 'largest' is not one of singular-value, gradient, nor indices of neurons"),
        ([1], "choice: [1] is not 2 neurons of layer 2"),
        ([1, 2, 3], "choice: [1, 2, 3] is not 2 neurons of layer 2"),
        ([1.0, 2.0], "choice: [1.0, 2.0] is not 2 neurons of layer 2"),
        ([True, False], "choice: [True, False] is not 2 neurons of layer 2"),
        (["a", "b"], "choice: ['a', 'b'] is not 2 neurons of layer 2"),
        (None, "choice: None is not 2 neurons of layer 2"),
        (torch.tensor([[1, 2]]), "choice: [[1, 2]] is not 2 neurons of layer 2"),
        ([1, 1], "choice: [1, 1] is not 2 different neurons from 0 to 5"),
        ([0, 6], "choice: [0, 6] is not 2 different neurons from 0 to 5"),
        ([-1, 0], "choice: [-1, 0] is not 2 different neurons from 0 to 5"),
    ],
    ids=str,
)
def test_a_choice_that_is_none(choice: object, words: str) -> None:
    assert_refused(*begun(), lambda n, o: prune(n, 2, 2, o, choice=choice), words)  # type: ignore[arg-type]


@pytest.mark.parametrize(("side", "layer"), [("left", 2), ("right", 3)])
def test_gradient_importance_without_gradients(side: str, layer: int) -> None:
    net, optimiser = begun()
    optimiser.zero_grad()
    words = f"importance 'gradient' needs maps.{layer - 1}.weight.grad; call backward before"
    assert_refused(net, optimiser, lambda n, o: prune(n, layer, 1, o, choice="gradient", side=side), words)


def test_correcting_with_data_that_are_not_there() -> None:
    words = "inputs: no samples"
    assert_refused(*begun(), lambda n, o: prune(n, 2, 1, o, correct=True, inputs=iter(())), words)


def test_biases_without_a_length_to_spend() -> None:
    """In one network, and in one member of a stack."""
    nets = [network(WIDTHS, intrinsic_length, "trainable") for intrinsic_length in ("none", "trainable")]
    for net in (nets[0], Ensemble(nets)):
        optimiser = AdamW(net.parameters())
        train(net, optimiser, 1)
        words = "rows: 'bias' takes the new biases out of the intrinsic length"
        assert_refused(net, optimiser, lambda n, o: grow(n, 2, 1, optimiser=o, side="right"), words)
        grow(net, 2, 1, optimiser=optimiser, side="right", rows="zero")


@pytest.mark.parametrize("count", [0, -1, True, 1.5, "2", None], ids=repr)
@pytest.mark.parametrize("operation", [grow, prune])
def test_a_count_that_is_no_number_of_neurons(operation: Callable[..., None], count: object) -> None:
    net, optimiser = begun()
    words = f"count: {count!r} neurons of layer 2, which has 6, is not an integer"
    assert_refused(net, optimiser, lambda n, o: operation(n, 2, count, optimiser=o), words)


@pytest.mark.parametrize("count", [6, 7, 1000])
def test_pruning_a_layer_away(count: int) -> None:
    net, optimiser = begun()
    assert_refused(net, optimiser, lambda n, o: prune(n, 2, count, optimiser=o), "is not an integer from 1 to 5")


def test_pruning_the_only_neuron() -> None:
    net = network([3, 1, 2])
    optimiser = OPTIMISERS["adamw"](net.parameters())
    train(net, optimiser, 1)
    assert_refused(net, optimiser, lambda n, o: prune(n, 1, 1, optimiser=o), "which has 1")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n, o: diagonalise(n, 2, "top", o), "side: 'top' is not one of left, right, full"),
        (
            lambda n, o: grow(n, 2, 1, "ones", o),
            "columns: 'ones' is not one of normal, semi-orthogonal, combination, zero",
        ),
        (lambda n, o: grow(n, 2, 1, optimiser=o, side="full"), "side: 'full' is not one of left, right"),
        (lambda n, o: prune(n, 2, 1, optimiser=o, side="full"), "side: 'full' is not one of left, right"),
        (
            lambda n, o: grow(n, 2, 1, optimiser=o, side="right", rows="ones"),
            "rows: 'ones' is not one of bias, normal, zero",
        ),
        (
            lambda n, o: grow(n, 2, 1, optimiser=o, generator=[torch.Generator()] * 2),
            "generator: 2 generators for an ensemble of 1 members",
        ),
    ],
    ids=["side", "columns", "growing", "pruning", "rows", "generators"],
)
def test_an_unknown_name(call: Call, words: str) -> None:
    assert_refused(*begun(), call, words)


@pytest.mark.parametrize("make", [RMSprop, Adagrad, torch.optim.NAdam], ids=lambda make: make.__name__)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_optimiser_of_unknown_kind(operation: str, make: type[Optimizer]) -> None:
    net, optimiser = begun(make)
    words = f"the state of {make.__name__} has no known transform under a change of basis; one of SGD, Adam, AdamW"
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
    assert_refused(net, optimiser, lambda n, o: diagonalise(n, layer, side, o), words)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_elementwise_activations(operation: str) -> None:
    net = IsotropicMLP(WIDTHS, activation="tanh", intrinsic_length="none", compensation="none", dtype=torch.float64)
    optimiser = AdamW(net.parameters())
    train(net, optimiser, 1)
    words = "activation 'tanh' acts on each coordinate and does not commute with rotations"
    assert_refused(net, optimiser, lambda n, o: OPERATIONS[operation](n, o, 1), words)


DEPTH = {"insert": (insert_layer, 3), "remove": (remove_layer, 2)}


@pytest.mark.parametrize("layer", [0, 4, -1, True, 1.0, None], ids=repr)
@pytest.mark.parametrize("operation", DEPTH)
def test_a_layer_that_cannot_be_inserted_or_removed(operation: str, layer: object) -> None:
    call, last = DEPTH[operation]
    words = f"layer: {layer!r} is not one of 1 to {last}"
    assert_refused(*begun(), lambda n, o: call(n, layer, o), words)  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", DEPTH)
def test_a_depth_that_cannot_be_changed(operation: str) -> None:
    call, (net, optimiser) = DEPTH[operation][0], begun()
    insert_layer(net, 1, optimiser)
    another = AdamW(network(WIDTHS).parameters())
    before = everything(net, optimiser)
    with pytest.raises(ValueError, match="does not hold"):
        call(net, 1, another)
    assert everything(net, optimiser) == before
    unknown = RMSprop(net.parameters())
    train(net, unknown, 1)
    assert_refused(net, unknown, lambda n, o: call(n, 1, o), "RMSprop has no known transform", TypeError)  # type: ignore[arg-type]
    ensemble = Ensemble([net, net])
    optimiser = AdamW(ensemble.parameters())
    train(ensemble, optimiser, 1)
    assert_refused(ensemble, optimiser, lambda n, o: call(n, 1, o), "stack them again")  # type: ignore[arg-type]
    tanh = IsotropicMLP(WIDTHS, activation="tanh", intrinsic_length="none", compensation="none", dtype=torch.float64)
    optimiser = AdamW(tanh.parameters())
    train(tanh, optimiser, 1)
    assert_refused(tanh, optimiser, lambda n, o: call(n, 1, o), "activation 'tanh' has no alpha")  # type: ignore[arg-type]


@pytest.mark.parametrize("alpha", [None, 0.75])
def test_removing_a_layer_that_is_not_linear(alpha: float | None) -> None:
    net, optimiser = begun()
    if alpha is not None:
        net.activations[0].alpha = torch.tensor(alpha)
    words = f"layer: 1 is not linear (alpha is {alpha or 0}, not 1)"
    assert_refused(net, optimiser, lambda n, o: remove_layer(n, 1, o), words)  # type: ignore[arg-type]


def test_expectation_without_data_to_take_the_mean_over() -> None:
    net, optimiser = begun(compensation="expectation")
    assert_refused(
        net, optimiser, lambda n, o: prune(n, 2, 1, optimiser=o), "inputs: compensation 'expectation' needs"
    )
    prune(net, 2, 1, optimiser, inputs=inputs(net))
    grow(net, 2, 1, optimiser=optimiser)  # which needs none


@pytest.mark.parametrize(
    ("layer", "call"),
    [
        (1, lambda n, o: diagonalise(n, 1, "left", o)),
        (1, lambda n, o: diagonalise(n, 2, "right", o)),
        (1, lambda n, o: diagonalise(n, 2, "full", o)),
        (1, lambda n, o: grow(n, 1, 1, optimiser=o)),
        (1, lambda n, o: prune(n, 1, 1, optimiser=o)),
        (2, lambda n, o: diagonalise(n, 2, "left", o)),
        (2, lambda n, o: diagonalise(n, 3, "right", o)),
        (2, lambda n, o: diagonalise(n, 2, "full", o)),
    ],
)
def test_a_width_in_which_members_differ(layer: int, call: Call) -> None:
    """Turning it would turn padding into it."""
    hidden = [[4, 6], [3, 6]] if layer == 1 else [[4, 6], [4, 5]]
    ensemble = Ensemble([network([5, *widths, 3]) for widths in hidden])
    optimiser = AdamW(ensemble.parameters())
    train(ensemble, optimiser, 1)
    assert_refused(ensemble, optimiser, call, f"layer {layer}: the members of this ensemble have different widths")
