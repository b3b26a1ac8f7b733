"""One network: its equations by hand, its initial values, its treatments and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from isotropic_testing import (
    COMPENSATIONS,
    DTYPES,
    LENGTHS,
    WITH_PSI,
    assert_close,
    assert_differs,
    inputs,
    network,
    normal,
    psi,
)
from torch import nn

import isotropic
from isotropic import IsotropicMLP


def double(*values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_forward_by_hand() -> None:
    """Widths 1, 1, 1: h = 2x + 1, s = h^2 + 16, z = 3 g h + 1/2 + 4 g. At x = 1: h = 3, r = 5."""
    net = IsotropicMLP([1, 1, 1], dtype=torch.float64)
    net.assign(
        {
            "maps.0.weight": double([2.0]),
            "maps.0.bias": double(1.0),
            "maps.1.weight": double([3.0]),
            "maps.1.bias": double(0.5),
            "maps.1.psi": double(4.0),
            "activations.0.log_o": double(16.0)[0].log(),
        }
    )
    assert net(double([1.0])).item() == pytest.approx(13 * math.tanh(5.0) / 5 + 0.5, rel=1e-14)
    assert net.activations[0].o.item() == pytest.approx(16.0, rel=1e-14)


def test_forward_is_the_recursion_of_the_paper() -> None:
    """h_{l+1} = W_{l+1} (g_l h_l) + b_{l+1} + g_l psi_{l+1}, one sample at a time."""
    net, rows = network([5, 4, 6, 3]), []
    for x in inputs(net):
        h = net.maps[0].weight @ x + net.maps[0].bias
        for affine, activation in zip(net.affine[1:], net.activations, strict=True):
            r = (h @ h + activation.o).sqrt()
            g = r.tanh() / r
            h = affine.weight @ (g * h) + affine.bias + g * affine.psi
        rows.append(h)
    assert_close(net(inputs(net)), torch.stack(rows), "logits")


@pytest.mark.parametrize("dtype", DTYPES)
def test_initial_values(dtype: torch.dtype) -> None:
    net = IsotropicMLP([7, 9, 4, 3], seed=0, dtype=dtype)
    assert net.widths == [7, 9, 4, 3] and net.member_widths == [[7, 9, 4, 3]] and net.depth == 3
    assert net.maps[0].psi is None
    for l, affine in enumerate(net.affine, start=1):  # noqa: E741
        assert_close(torch.linalg.svdvals(affine.weight), torch.ones(min(affine.weight.shape), dtype=dtype), f"W_{l}")
        assert affine.bias.count_nonzero() == 0 and (affine.psi is None or affine.psi.count_nonzero() == 0)
    for activation in net.activations:
        assert_close(activation.o, torch.tensor(1e-6, dtype=dtype), "o", slack=10)  # log o is 14 in size


def test_seed_gives_the_same_network_in_every_dtype() -> None:
    first, again, other = (IsotropicMLP([5, 4, 3], seed=seed, dtype=torch.float64) for seed in (1, 1, 2))
    single = IsotropicMLP([5, 4, 3], seed=1, dtype=torch.float32)
    assert torch.equal(first.maps[0].weight, again.maps[0].weight)
    assert torch.equal(first.maps[0].weight.float(), single.maps[0].weight)
    assert_differs(other.maps[0].weight, first.maps[0].weight, "another seed", by=0.1)


def test_without_a_seed_the_global_generator_is_drawn_from_and_with_one_it_is_not() -> None:
    torch.manual_seed(5)
    first = IsotropicMLP([5, 4, 3])
    torch.manual_seed(5)
    IsotropicMLP([5, 4, 3], seed=0)
    assert torch.equal(IsotropicMLP([5, 4, 3]).maps[0].weight, first.maps[0].weight)


@pytest.mark.parametrize("compensation", COMPENSATIONS)
def test_what_is_trained_of_psi(compensation: str) -> None:
    net = IsotropicMLP([3, 4, 2], compensation=compensation)
    parameters, buffers = dict(net.named_parameters()), dict(net.named_buffers())
    assert ("maps.1.psi" in parameters) == compensation.startswith("trainable")
    assert ("maps.1.psi" in buffers) == (compensation == "constant")
    assert (net.maps[1].psi is None) == (compensation not in WITH_PSI)


@pytest.mark.parametrize("intrinsic_length", LENGTHS)
def test_what_is_trained_of_the_length(intrinsic_length: str) -> None:
    net = IsotropicMLP([3, 4, 2], intrinsic_length=intrinsic_length)
    assert ("activations.0.log_o" in dict(net.named_parameters())) == (intrinsic_length == "trainable")
    assert (net.activations[0].o.item() == 0) == (intrinsic_length == "none")


def test_penalty_by_hand() -> None:
    """lambda_psi (1 + 4 + 9) = 1.4 with lambda_psi = 0.1, gradient 2 lambda_psi psi."""
    net = IsotropicMLP([3, 4, 2, 1], compensation="trainable+decay", psi_decay=0.1, dtype=torch.float64)
    net.assign({"maps.1.psi": double(1.0, 2.0), "maps.2.psi": double(3.0)})
    net.penalty().backward()
    assert net.penalty().item() == pytest.approx(1.4, rel=1e-15)
    for layer, expected in ((2, [0.2, 0.4]), (3, [0.6])):
        gradient = psi(net, layer).grad
        assert gradient is not None and gradient.tolist() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("compensation", [c for c in COMPENSATIONS if c != "trainable+decay"])
def test_no_penalty_without_decay(compensation: str) -> None:
    assert network([3, 4, 2], compensation=compensation).penalty().item() == 0


def test_the_elementwise_network_has_the_same_maps_and_nothing_else() -> None:
    net = IsotropicMLP([3, 4, 2], activation="tanh", intrinsic_length="none", compensation="none", seed=0)
    isotropic = IsotropicMLP([3, 4, 2], seed=0)
    assert set(net.tensors()) == {"maps.0.weight", "maps.0.bias", "maps.1.weight", "maps.1.bias"}
    assert torch.equal(net.maps[0].weight, isotropic.maps[0].weight)
    x = normal(5, 3, dtype=torch.float32)
    assert_close(net(x), net.maps[1](net.maps[0](x).tanh()), "logits")


def test_saved_state_comes_back() -> None:
    net, other = network([5, 4, 3], seed=1), network([5, 4, 3], seed=2)
    assert_differs(other(inputs(net)), net(inputs(net)), "before loading", by=0.1)
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(inputs(net)), net(inputs(net)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"widths": []}, "[]"),
        ({"widths": [3]}, "[3]"),
        ({"widths": [3, 0, 2]}, "[3, 0, 2]"),
        ({"widths": [3, -1, 2]}, "[3, -1, 2]"),
        ({"widths": [3, 4.0, 2]}, "[3, 4.0, 2]"),
        ({"widths": [3, True, 2]}, "[3, True, 2]"),
        ({"activation": "relu"}, "'relu' is not one of isotropic-tanh, isotropic-erf, "),
        ({"intrinsic_length": "long"}, "'long' is not one of none, constant, trainable"),
        ({"compensation": "some"}, "'some' is not one of none, constant, trainable, trainable+decay, expectation"),
        ({"activation": "tanh"}, "pass 'none' for both"),
        ({"psi_decay": -1.0}, "psi_decay: -1.0 is not a finite number >= 0"),
        ({"psi_decay": math.nan}, "psi_decay: nan is not a finite number >= 0"),
        ({"psi_decay": math.inf}, "psi_decay: inf is not a finite number >= 0"),
        ({"dtype": torch.complex64}, "dtype: torch.complex64 is none of real numbers with fractions"),
        ({"dtype": torch.int64}, "dtype: torch.int64"),
    ],
)
def test_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        IsotropicMLP(**({"widths": [3, 4, 2]} | arguments))  # type: ignore[arg-type]
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_class_is_no_activation() -> None:
    for make in (isotropic.IsotropicActivation, lambda kind: IsotropicMLP([3, 4, 2], kind)):
        with pytest.raises(TypeError, match=r"sigma: <class .*ReLU'> is not a name .* or a module"):
            make(nn.ReLU)
        make(nn.ReLU())


def test_a_seed_is_an_integer_of_any_kind() -> None:
    drawn = [IsotropicMLP([4, 3, 2], seed=seed).maps[0].weight for seed in (3, np.int64(3), torch.tensor(3), 4)]
    assert all(torch.equal(drawn[0], other) for other in drawn[1:3]) and not torch.equal(drawn[0], drawn[3])
    for seed in ("3", 3.0):
        with pytest.raises(ValueError, match=f"seed: {seed!r} is not an integer, nor None"):
            IsotropicMLP([4, 3, 2], seed=seed)  # type: ignore[arg-type]
