"""Deeper classes contain shallower ones: in the limit as networks, exactly as freed parallel forms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from isotropic_testing import DTYPES, assert_close, assert_differs, error, inputs, network, normal

from isotropic import IsotropicMLP, ParallelMLP, embed

SHAPES = [[6, 3], [6, 4, 3], [4, 9, 3], [5, 7, 4, 3], [3, 1, 5, 2], [6, 4, 9, 8, 3], [2, 2, 2, 2, 2, 2]]


def relative(net: IsotropicMLP, deeper: IsotropicMLP) -> float:
    return error(deeper(inputs(net)).detach(), net(inputs(net)).detach())


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("extra", [0, 3])
def test_a_shallower_network_is_embedded_in_the_saturated_limit(layer: int, extra: int) -> None:
    """The error falls tenfold where o grows tenfold, as ||h||^2 / (2 o) does."""
    net = network([5, 7, 4, 3])
    width = net.widths[layer] + extra
    errors = [relative(net, embed(net, layer, 10.0**power, width)) for power in range(3, 10)]
    for before, after in pairwise(errors):
        assert after == pytest.approx(before / 10, rel=0.05)
    assert errors[-1] < 1e-7 and errors[0] > 1e-4
    assert embed(net, layer, 1.0, width).widths == [*net.widths[:layer], width, *net.widths[layer:]]


def test_integers_of_any_kind_and_no_random_numbers() -> None:
    net = network([5, 7, 4, 3])
    torch.manual_seed(3)
    expected = embed(net, 1, 1.0, 7)
    drawn = torch.rand(())
    assert drawn == torch.rand((), generator=torch.Generator().manual_seed(3))
    assert embed(net, np.int64(1), 1.0, np.int64(7)).widths == expected.widths


def test_an_embedded_network_has_the_same_penalty() -> None:
    net = network([5, 7, 4, 3])
    net.psi_decay = 0.3
    assert net.penalty().item() > 0.1
    assert_close(embed(net, 2, 10.0, width=6).penalty(), net.penalty(), "penalty")


def test_without_saturation_it_is_not() -> None:
    net = network([5, 7, 4, 3])
    assert relative(net, embed(net, 2, 1.0)) > 0.05


def test_the_error_is_the_one_derived() -> None:
    """Before the logits: z' = z + W_L g h (1 - ||z||^2 / (2 o)) ...: relative to h, ||h||^2 / (2 o)."""
    net, o = network([5, 7, 3]), 1e6
    z, after = net(inputs(net)), embed(net, 2, o)(inputs(net))
    assert_close((z - after) * 2 * o, z.square().sum(-1, keepdim=True) * z, "z ||z||^2", slack=1e8)


@pytest.mark.parametrize("treatment", ["constant", "trainable"])
def test_other_treatments_and_the_whole_way_to_sixteen_maps(treatment: str) -> None:
    net = network([5, 7, 4, 3], treatment, "constant")
    deeper = net
    while deeper.depth < 16:
        deeper = embed(deeper, 1 + deeper.depth // 2, 1e12)
    assert deeper.intrinsic_length == treatment and deeper.compensation == "constant"
    assert relative(net, deeper) < 1e-9
    assert_close(ParallelMLP(deeper)(inputs(net)), deeper(inputs(net)), "its parallel form", slack=1e3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("width", [1, 4, 20])
def test_in_the_freed_class_nesting_is_exact(width: int, dtype: torch.dtype) -> None:
    for widths in SHAPES:
        parallel = ParallelMLP(network(widths, dtype=dtype))
        x = normal(12, widths[0], dtype=dtype)
        deeper = parallel.deepened(width, log_o=1.0).deepened(width + 1)
        assert deeper.widths == [*widths[:-1], width, width + 1, widths[-1]]
        assert_close(deeper(x), parallel(x), f"logits of {widths}", slack=5)


def test_and_rests_on_the_constant_gain_of_the_new_layer() -> None:
    parallel, x = ParallelMLP(network([5, 7, 4, 3])), normal(12, 5)
    deeper = parallel.deepened(4)
    deeper.later[1].data += 0.5
    assert_differs(deeper(x), parallel(x), "logits with a new layer that is not zero", by=0.01)
