"""Backward adaptation: growing and pruning the input side of a map, exact wherever the norm can be kept."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from isotropic_testing import (
    COMPENSATIONS,
    DTYPES,
    TREATMENTS,
    WITH_PSI,
    assert_close,
    assert_differs,
    error,
    inputs,
    network,
    normal,
    orthogonal,
)
from torch import Generator, Tensor

from isotropic import IsotropicMLP, grow, prune

WIDTHS = [5, 6, 7, 4, 3]
NULL = 3  # neurons of layer 2 that map 3 does not see
WITH_LENGTH = [(o, psi) for o, psi in TREATMENTS if o != "none"]


def unseen(
    intrinsic_length: str, compensation: str, dtype: torch.dtype = torch.float64, arriving: float = 0.0
) -> IsotropicMLP:
    """Map 3 has rank 4 in 7 inputs; in a hidden basis, the 3 neurons that it does not see are constant.

    With `arriving` their rows of W_2 and psi_2 are that large instead of zero.
    """
    net = network(WIDTHS, intrinsic_length, compensation)
    tensors, basis = net.tensors(), orthogonal(7)
    seen = torch.tensor([1.0] * (7 - NULL) + [0.0] * NULL, dtype=torch.float64)
    share = torch.where(seen == 1, 1.0, arriving)
    change = {
        "maps.1.weight": basis @ (share[:, None] * tensors["maps.1.weight"]),
        "maps.2.weight": (tensors["maps.2.weight"] * seen) @ basis.mT,
    }
    if "maps.1.psi" in tensors:
        change["maps.1.psi"] = basis @ (share * tensors["maps.1.psi"])
    net.assign(change)
    return net.to(dtype)


def change_by(net: IsotropicMLP, count: int = NULL, data: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The logits after and before pruning the input side of map 3."""
    before = net(inputs(net))
    needed = inputs(net) if bool(net.expects) else None
    prune(net, 3, count, inputs=needed if data is None else data, side="right")
    return net(inputs(net)), before


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("intrinsic_length", "compensation"), WITH_LENGTH)
def test_pruning_constants_that_the_next_map_does_not_see_is_exact(
    intrinsic_length: str, compensation: str, count: int, dtype: torch.dtype
) -> None:
    """Also without psi, which the left side needs: their columns are zero."""
    net = unseen(intrinsic_length, compensation, dtype)
    after, before = change_by(net, count)
    assert net.widths == [5, 6, 7 - count, 4, 3]
    assert_close(after, before, "logits")


@pytest.mark.parametrize("compensation", COMPENSATIONS)
def test_without_a_length_the_norm_shrinks(compensation: str) -> None:
    after, before = change_by(unseen("none", compensation))
    assert_differs(after, before, "logits", by=1e-3)


def test_a_vanishing_singular_value_is_not_enough() -> None:
    """Negative control: what is exact about it is that the neurons are constant."""
    assert_differs(*change_by(unseen("trainable", "trainable", arriving=1.0)), "logits", by=1e-2)


def test_one_neuron_too_many_is_visible() -> None:
    assert_differs(*change_by(unseen("trainable", "trainable"), NULL + 1), "logits", by=1e-2)


@pytest.mark.parametrize("compensation", ["none", *WITH_PSI])
def test_means_over_data_are_closer_where_the_neurons_vary(compensation: str) -> None:
    """E[a] and E[a^2] leave about half of the change that b* and b*^2 do, on other data too."""
    biased, measured = (unseen("trainable", compensation, arriving=1.0) for _ in range(2))
    elsewhere = normal(400, 5, seed=5)
    assert error(*change_by(measured, data=elsewhere)) < error(*change_by(biased)) / 1.5


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_of_what_is_not_seen_the_constant_goes_first(dtype: torch.dtype) -> None:
    """Two of three unseen neurons vary; the basis that a decomposition gives mixes them with the constant one."""
    net = unseen("trainable", "trainable", arriving=1.0)
    basis = orthogonal(7)
    rows = basis.mT @ net.maps[1].weight.detach()
    vector = basis.mT @ net.maps[1].psi.detach()
    rows[-1], vector[-1] = 0.0, 0.0
    turn = torch.eye(7, dtype=torch.float64)
    turn[-NULL:, -NULL:] = orthogonal(NULL, seed=3)
    net.assign({"maps.1.weight": basis @ turn @ rows, "maps.1.psi": basis @ turn @ vector})
    after, before = change_by(net.to(dtype), 1)
    assert_close(after, before, "logits without the constant")
    after, before = change_by(net, 1)
    assert_differs(after, before, "logits without another", by=1e-3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rows", ["bias", "zero"])
@pytest.mark.parametrize(("intrinsic_length", "compensation"), WITH_LENGTH)
def test_growing_is_exact(intrinsic_length: str, compensation: str, rows: str, dtype: torch.dtype) -> None:
    for layer in (2, 3, 4):
        net = network(WIDTHS, intrinsic_length, compensation, dtype=dtype)
        before, o = net(inputs(net)), net.activations[layer - 2].o.item()
        grow(net, layer, 3, side="right", rows=rows)
        assert net.widths == [n + 3 * (i == layer - 1) for i, n in enumerate(WIDTHS)]
        assert net.activations[layer - 2].o.item() == pytest.approx(o / 2 if rows == "bias" else o)
        assert net.maps[layer - 1].weight[:, -3:].count_nonzero() == 0
        assert (net.maps[layer - 2].bias[-3:].count_nonzero() == 3) == (rows == "bias")
        assert_close(net(inputs(net)), before, f"logits after growing the input side of map {layer}")


@pytest.mark.parametrize("compensation", COMPENSATIONS)
def test_growing_without_a_length_is_exact_with_zero_rows(compensation: str) -> None:
    net = network(WIDTHS, "none", compensation)
    before = net(inputs(net))
    grow(net, 3, 3, side="right", rows="zero")
    assert_close(net(inputs(net)), before, "logits")


@settings(max_examples=20)
@given(widths=st.lists(st.integers(1, 9), min_size=3, max_size=6), seed=st.integers(0, 100), data=st.data())
def test_grown_neurons_can_be_pruned_again(widths: list[int], seed: int, data: st.DataObject) -> None:
    """They are constant and not seen, hence the first to go; also where many others are not seen either."""
    net = network(widths, seed=seed)
    before, layer = net(inputs(net)), data.draw(st.integers(2, net.depth))
    grow(net, layer, 2, side="right")
    prune(net, layer, 2, side="right")
    assert net.widths == widths
    assert_close(net(inputs(net)), before, "logits", slack=10)


def test_biases_without_their_length_are_visible() -> None:
    """Negative control: it is the intrinsic length that pays for the new biases."""
    net = network(WIDTHS)
    before = net(inputs(net))
    grow(net, 3, 3, side="right")
    net.activations[1].log_o.data += torch.tensor(2.0).log()
    assert_differs(net(inputs(net)), before, "logits", by=1e-3)


def test_normal_rows_are_seen_by_the_norm_alone() -> None:
    """s gains ||W* y||^2: a change of second order, which vanishes when that is taken out of the norm."""
    net = network([5, 7, 3])
    before, x = net(inputs(net)), inputs(net)
    grow(net, 2, 2, side="right", rows="normal", generator=Generator().manual_seed(0))
    after, new = net(x), net.maps[0].weight[-2:].detach()
    assert_differs(after, before, "logits", by=1e-6)
    assert error(after.detach(), before.detach()) < 1e-3
    one = x[:1]
    net.activations[0].log_o.data = (net.activations[0].o - (one @ new.mT).square().sum()).log().detach()
    assert_close(net(one), before[:1], "logits of the one sample")
