"""Backward adaptation, chosen neurons and depth: what cannot be done is refused, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from isotropic_testing import network, train
from refusals import WIDTHS, Call, assert_refused, begun, everything
from torch.optim import AdamW, Optimizer, Rprop

from isotropic import Ensemble, IsotropicMLP, grow, insert_layer, prune, remove_layer
from isotropic.networks.base import MLP

BACKWARD: dict[str, Callable[[MLP, Optimizer | None, object], object]] = {
    "grow": lambda net, optimiser, layer: grow(net, layer, 1, optimiser=optimiser, side="right"),  # type: ignore[arg-type]
    "prune": lambda net, optimiser, layer: prune(net, layer, 1, optimiser=optimiser, side="right"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n, o: grow(n, 2, 1, optimiser=o, side="full"), "side: 'full' is not one of left, right"),
        (lambda n, o: prune(n, 2, 1, optimiser=o, side="full"), "side: 'full' is not one of left, right"),
        (
            lambda n, o: prune(n, 2, 1, optimiser=o, correction="full"),
            "correction: 'full' is not one of none, linear, isometric",
        ),
        (
            lambda n, o: grow(n, 2, 1, optimiser=o, side="right", rows="ones"),
            "rows: 'ones' is not one of bias, normal, zero",
        ),
    ],
    ids=["growing", "pruning", "correction", "rows"],
)
def test_an_unknown_name(call: Call, words: str) -> None:
    assert_refused(*begun(), call, words)


@pytest.mark.parametrize("layer", [1, 0, 4, -1, True, "2", None], ids=repr)
@pytest.mark.parametrize("operation", BACKWARD)
def test_a_layer_without_a_hidden_width_before_it(operation: str, layer: object) -> None:
    net, optimiser = begun()
    words = f"layer: {layer!r} has no hidden width on side 'right'; one of 2 to 3"
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
    assert_refused(*begun(), lambda n, o: prune(n, 2, 2, optimiser=o, choice=choice), words)  # type: ignore[arg-type]


@pytest.mark.parametrize(("side", "layer"), [("left", 2), ("right", 3)])
def test_gradient_importance_without_gradients(side: str, layer: int) -> None:
    net, optimiser = begun()
    optimiser.zero_grad()
    words = f"importance 'gradient' needs maps.{layer - 1}.weight.grad; call backward before"
    assert_refused(net, optimiser, lambda n, o: prune(n, layer, 1, optimiser=o, choice="gradient", side=side), words)


def test_correcting_with_data_that_are_not_there() -> None:
    words = "inputs: no samples"
    assert_refused(*begun(), lambda n, o: prune(n, 2, 1, optimiser=o, correction="isometric", inputs=iter(())), words)


def test_biases_without_a_length_to_spend() -> None:
    """In one network, and in one member of a stack."""
    nets = [network(WIDTHS, intrinsic_length, "trainable") for intrinsic_length in ("none", "trainable")]
    for net in (nets[0], Ensemble(nets)):
        optimiser = AdamW(net.parameters())
        train(net, optimiser, 1)
        words = "rows: 'bias' takes the new biases out of the intrinsic length"
        assert_refused(net, optimiser, lambda n, o: grow(n, 2, 1, optimiser=o, side="right"), words)
        grow(net, 2, 1, optimiser=optimiser, side="right", rows="zero")


DEPTH: dict[str, Callable[[IsotropicMLP, object, object], None]] = {
    "insert": lambda net, layer, optimiser: insert_layer(net, layer, optimiser),  # type: ignore[arg-type]
    "remove": lambda net, layer, optimiser: remove_layer(net, layer, optimiser=optimiser),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("layer", [0, 4, -1, True, 1.0, None], ids=repr)
@pytest.mark.parametrize("operation", DEPTH)
def test_a_layer_that_cannot_be_inserted_or_removed(operation: str, layer: object) -> None:
    words = f"layer: {layer!r} is not a "
    assert_refused(*begun(), lambda n, o: DEPTH[operation](n, layer, o), words)  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", DEPTH)
def test_a_depth_that_cannot_be_changed(operation: str) -> None:
    call, (net, optimiser) = DEPTH[operation], begun()
    insert_layer(net, 1, optimiser)
    another = AdamW(network(WIDTHS).parameters())
    before = everything(net, optimiser)
    with pytest.raises(ValueError, match="does not hold"):
        call(net, 1, another)
    assert everything(net, optimiser) == before
    unknown = Rprop(net.parameters())
    train(net, unknown, 1)
    assert_refused(net, unknown, lambda n, o: call(n, 1, o), "Rprop has no known transform", TypeError)  # type: ignore[arg-type]
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
    assert_refused(net, optimiser, lambda n, o: remove_layer(n, 1, optimiser=o), words)  # type: ignore[arg-type]
