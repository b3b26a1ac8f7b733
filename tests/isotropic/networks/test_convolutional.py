"""Convolutional networks: their initialisation, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from convolutional_testing import convnet, images, train
from isotropic_testing import OPTIMISERS, assert_close
from refusals import Call, assert_refused
from torch.optim import Optimizer, Rprop

from isotropic import (
    Ensemble,
    IsotropicConvNet,
    IsotropicMLP,
    ParallelMLP,
    adapt,
    diagonalise,
    grow,
    insert_layer,
    prune,
    sparsify,
)
from isotropic.surgery.elementwise import add_neurons, merge_neurons, net2wider, prune_by_magnitude
from isotropic.surgery.joint import annealing, sparsify_jointly
from isotropic.surgery.sparsify import triangularise


def test_initial_kernels_are_semi_orthogonal_unfolded() -> None:
    net = IsotropicConvNet((3, 8, 8), [8, 40], classes=10, stride=2, seed=1, dtype=torch.float64)
    for affine in net.affine:
        weight = affine.weight.detach()
        assert_close(
            torch.linalg.svdvals(weight.movedim(-2, 0).flatten(1)), torch.ones(weight.shape[-2]).double(), "sigma"
        )
        assert not affine.bias.any() and (affine.psi is None or not affine.psi.any())
    assert net.widths == [3, 8, 40, 10] and net.affine[2].weight.shape == (2, 2, 10, 40)
    assert [affine.psi is None for affine in net.affine] == [True, False, False]


def test_seed_dtype_and_state() -> None:
    first, again, other = (IsotropicConvNet((1, 4, 4), [5], 2, seed=seed) for seed in (0, 0, 1))
    x = images(first)
    assert torch.equal(first(x), again(x)) and not torch.equal(first(x), other(x))
    other.load_state_dict(first.state_dict())
    assert torch.equal(first(x), other(x)) and first(x).dtype == torch.float32
    torch.manual_seed(0)
    free = IsotropicConvNet((1, 4, 4), [5], 2)
    assert not torch.equal(free(x), IsotropicConvNet((1, 4, 4), [5], 2)(x)), "without a seed"
    assert IsotropicConvNet((1, 4, 4), [5], 2, device="meta").affine[0].weight.device.type == "meta"
    torch.set_default_dtype(torch.float64)
    try:
        assert IsotropicConvNet((1, 4, 4), [5], 2).affine[0].weight.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert str(first).startswith("IsotropicConvNet(\n  (1, 4, 4), [5, 2], 'isotropic-tanh', 'trainable'")


@pytest.mark.parametrize("compensation", ["none", "constant", "trainable", "trainable+decay"])
@pytest.mark.parametrize("intrinsic_length", ["none", "constant", "trainable"])
def test_what_is_trained_and_decayed(intrinsic_length: str, compensation: str) -> None:
    """The same as of a dense network of these treatments."""
    treatment: dict[str, Any] = {"intrinsic_length": intrinsic_length, "compensation": compensation, "psi_decay": 0.3}
    net, dense = IsotropicConvNet((1, 4, 4), [5, 6], 2, **treatment), IsotropicMLP([1, 5, 6, 2], **treatment)
    assert {name for name, _ in net.named_parameters()} == {name for name, _ in dense.named_parameters()}
    assert set(net.tensors()) == set(dense.tensors())
    for name in ("has_length", "has_psi", "expects", "psi_decay"):
        assert torch.equal(getattr(net, name), getattr(dense, name)), name
    if compensation != "none":
        net.maps[1].psi.data.fill_(1.0)
        assert net.penalty().item() == pytest.approx(0.3 * 9 * 6 if compensation == "trainable+decay" else 0.0)


def test_elementwise_tanh_for_comparison() -> None:
    net = IsotropicConvNet((1, 4, 4), [5], 2, activation="tanh", intrinsic_length="none", compensation="none")
    assert net(images(net)).shape == (12, 2)
    with pytest.raises(ValueError, match="acts on each coordinate and does not commute"):
        diagonalise(net, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": (8, 8)}, r"image: \(8, 8\) is not \(C, H, W\), three integers >= 1"),
        ({"image": (1, 0, 8)}, r"image: \(1, 0, 8\)"),
        ({"image": 8}, r"image: 8 is not \(C, H, W\), three integers >= 1"),
        ({"channels": 4}, r"channels: 4 is not a list of one or more integers >= 1"),
        ({"channels": []}, r"channels: \[\] is not a list of one or more integers >= 1"),
        ({"channels": [4, 1.5]}, r"channels: \[4, 1.5\]"),
        ({"classes": 0}, "classes: 0 is not an integer >= 1"),
        ({"kernel": 0}, "kernel: 0 is not"),
        ({"stride": True}, "stride: True is not"),
        ({"activation": "relu"}, "activation: 'relu' is not one of isotropic-tanh, .*, tanh"),
        ({"activation": "tanh"}, "activation 'tanh' has no intrinsic length and no psi"),
        ({"compensation": "expectation"}, "compensation: 'expectation' corrects a bias.*one of none, constant"),
    ],
)
def test_impossible_networks(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        IsotropicConvNet(**{"image": (1, 8, 8), "channels": [4], "classes": 10} | changes)


def begun(make: Any = OPTIMISERS["adamw"]) -> tuple[IsotropicConvNet, Optimizer]:
    net = convnet()
    optimiser: Optimizer = make(net.parameters())
    train(net, optimiser, 2)
    return net, optimiser


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda n, o: diagonalise(n, 2, "full", optimiser=o),
            "side: 'full' is not possible with kernels; one of left, right",
        ),
        (lambda n, o: diagonalise(n, 2, "top", optimiser=o), "side: 'top' is not one of left, right, full"),
        (
            lambda n, o: grow(n, 2, 1, optimiser=o, side="right"),
            "side: 'right' is not possible with kernels; one of left",
        ),
        (lambda n, o: prune(n, 2, 1, optimiser=o, side="right"), "side: 'right' is not possible with kernels"),
        (
            lambda n, o: prune(n, 2, 1, optimiser=o, inputs=images(n)),
            "inputs: means over them are not known of kernels",
        ),
        (
            lambda n, o: adapt(n, threshold=0.5, scaffold=1, optimiser=o, inputs=images(n)),
            "inputs: means over them are not known of kernels",
        ),
        (
            lambda n, o: prune(n, 2, 7, optimiser=o),
            "count: 7 neurons of layer 2, which has 7, is not an integer from 1 to 6",
        ),
        (lambda n, o: grow(n, 3, 1, optimiser=o), "layer: 3 has no hidden width on side 'left'; one of 1 to 2"),
        (lambda n, o: grow(n, 1, 1, columns="ones", optimiser=o), "columns: 'ones' is not one of"),
        (lambda n, o: sparsify(n), "side: 'full' is not possible with kernels"),
        (lambda n, o: insert_layer(n, 1, o), "net: IsotropicConvNet is no IsotropicMLP"),
        (lambda n, o: triangularise(n, 2, optimiser=o), "net: IsotropicConvNet has kernels"),
        (lambda n, o: sparsify_jointly(n, annealing(30), optimiser=o), "net: IsotropicConvNet has kernels"),
        (lambda n, o: ParallelMLP(n), "net: IsotropicConvNet has a gain at every position"),
        (lambda n, o: Ensemble([n]), "members: member 0 is an IsotropicConvNet; only dense networks can be stacked"),
        (lambda n, o: n.trace(images(n).flatten(1), slice(0, 2)), "block: slice(0, 2, None) of an image"),
    ],
)
def test_what_is_refused_changes_nothing(call: Call, said: str) -> None:
    assert_refused(*begun(), call, said)


def test_an_optimiser_of_unknown_kind_and_kernels_that_are_not_finite() -> None:
    net, optimiser = begun(Rprop)
    assert_refused(net, optimiser, lambda n, o: grow(n, 1, 1, optimiser=o), "the state of Rprop", TypeError)
    net, optimiser = begun()
    net.affine[1].weight.data[0, 1, 2, 3] = float("nan")
    assert_refused(
        net, optimiser, lambda n, o: prune(n, 2, 1, optimiser=o), "maps.1.weight has values that are not finite"
    )


@pytest.mark.parametrize("change", [net2wider, add_neurons, prune_by_magnitude, merge_neurons])
def test_channels_of_elementwise_tanh_are_not_changed_one_by_one(change: Any) -> None:
    net = IsotropicConvNet((1, 4, 4), [5], 3, activation="tanh", intrinsic_length="none", compensation="none", seed=0)
    optimiser = OPTIMISERS["adamw"](net.parameters())
    train(net, optimiser, 1)
    assert_refused(net, optimiser, lambda n, o: change(n, 1, 2, optimiser=o), "net: IsotropicConvNet has kernels")
