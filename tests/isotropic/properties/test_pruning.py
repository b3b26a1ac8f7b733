"""Pruning: exact for vanishing singular values with an intrinsic length and psi, and not without either."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import (
    DTYPES,
    LENGTHS,
    TREATMENTS,
    WITH_PSI,
    assert_close,
    assert_differs,
    error,
    inputs,
    network,
    normal,
    orthogonal,
    psi,
)

from isotropic import IsotropicMLP, prune

NULL = 3  # neurons of layer 2 that do nothing but hold a bias


def idle(intrinsic_length: str, compensation: str, dtype: torch.dtype = torch.float64) -> IsotropicMLP:
    """Layer 2 of 7 neurons has rank 4; in a hidden basis, 3 neurons have zero weights and psi, but biases."""
    net = network([5, 6, 7, 4, 3], intrinsic_length, compensation)
    tensors, basis = net.tensors(), orthogonal(7)
    idle = torch.tensor([1.0] * (7 - NULL) + [0.0] * NULL, dtype=torch.float64)
    change = {"maps.1.weight": basis @ (idle[:, None] * tensors["maps.1.weight"])}
    if compensation in WITH_PSI:
        change["maps.1.psi"] = basis @ (idle * tensors["maps.1.psi"])
    net.assign(change)
    return net.to(dtype)


def change_of_logits(net: IsotropicMLP, count: int = NULL) -> tuple[torch.Tensor, torch.Tensor]:
    before = net(inputs(net))
    prune(net, 2, count, inputs=inputs(net))
    return net(inputs(net)), before


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("compensation", WITH_PSI)
@pytest.mark.parametrize("intrinsic_length", ["constant", "trainable"])
def test_exact_with_length_and_psi(intrinsic_length: str, compensation: str, count: int, dtype: torch.dtype) -> None:
    """Any part of the idle neurons can go: their singular values are equal, so their basis is arbitrary."""
    after, before = change_of_logits(idle(intrinsic_length, compensation, dtype), count)
    assert_close(after, before, "logits")


@pytest.mark.parametrize(
    ("intrinsic_length", "compensation"),
    [(o, psi) for o, psi in TREATMENTS if o == "none" or psi not in WITH_PSI],
)
def test_visibly_inexact_without_either(intrinsic_length: str, compensation: str) -> None:
    """By 3e-3 to 3e-1 of the logits, where the same neurons cost 1e-15 above."""
    after, before = change_of_logits(idle(intrinsic_length, compensation))
    assert_differs(after, before, f"logits with {intrinsic_length}, {compensation}", by=2e-3)


def test_one_neuron_too_many_is_visible() -> None:
    """Negative control: what is exact about it is the vanishing singular value."""
    after, before = change_of_logits(idle("trainable", "trainable"), NULL + 1)
    assert_differs(after, before, "logits without a neuron that did something", by=1e-2)


def test_a_psi_of_the_pruned_neurons_is_visible() -> None:
    """Negative control: the function changes with the entries of psi_l that are pruned (METHOD section 4)."""
    net = idle("trainable", "trainable")
    net.assign({"maps.1.psi": network([5, 6, 7, 4, 3]).tensors()["maps.1.psi"]})
    after, before = change_of_logits(net)
    assert_differs(after, before, "logits", by=1e-2)


def test_the_mean_gain_is_between_nothing_and_psi() -> None:
    """Compensation "expectation" is exact on average over the data, hence closer than dropping the bias."""
    corrected, dropped = (error(*change_of_logits(idle("trainable", kind))) for kind in ("expectation", "none"))
    assert corrected < dropped / 2, f"errors {corrected:.2e} with the mean gain, {dropped:.2e} without"


def test_the_mean_gain_is_exact_where_the_gain_does_not_vary() -> None:
    net = idle("trainable", "expectation")
    x = inputs(net, rows=1)
    before = net(x)
    prune(net, 2, NULL, inputs=x)
    assert_close(net(x), before, "logits of the one sample")


@pytest.mark.parametrize("compensation", ["none", *WITH_PSI])
@pytest.mark.parametrize("intrinsic_length", LENGTHS)
def test_k_at_once_is_one_k_times(intrinsic_length: str, compensation: str) -> None:
    """After the last rows are deleted, the rest is still diagonal: one decomposition serves any k."""
    at_once, one_by_one, fewer = (network([5, 6, 7, 4, 3], intrinsic_length, compensation) for _ in range(3))
    prune(at_once, 2, 3)
    for _ in range(3):
        prune(one_by_one, 2, 1)
    prune(fewer, 2, 2)
    x = inputs(at_once)
    assert at_once.widths == one_by_one.widths == [5, 6, 4, 4, 3]
    assert_close(one_by_one(x), at_once(x), "logits")
    assert_close(one_by_one.activations[1].o, at_once.activations[1].o, "o")
    if compensation in WITH_PSI:
        assert_close(psi(one_by_one, 3), psi(at_once, 3), "psi of the next map")
    assert_differs(fewer(x), at_once(x), "logits with one neuron more", by=1e-2)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_every_layer_down_to_one_neuron(layer: int) -> None:
    """A map of rank 1 needs one neuron, whatever its width was."""
    net = network([5, 6, 7, 4, 3], "trainable", "trainable")
    rows, columns = normal(net.widths[layer], seed=1), normal(net.widths[layer - 1], seed=2)
    change = {f"maps.{layer - 1}.weight": torch.outer(rows, columns)}
    if layer > 1:
        change[f"maps.{layer - 1}.psi"] = 0.3 * rows  # in the one direction that is kept
    net.assign(change)
    before = net(inputs(net))
    prune(net, layer, net.widths[layer] - 1)
    assert net.widths[layer] == 1
    assert_close(net(inputs(net)), before, "logits")
