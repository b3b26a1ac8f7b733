"""The gain g(s) = tanh(r)/r, its slope and the activation built on it."""

from __future__ import annotations

import math

import pytest
import torch
from isotropic_testing import DTYPES, assert_close, normal
from torch import Tensor

from isotropic.activations import _SERIES_BELOW, SIGMAS
from isotropic.networks.activation import Elementwise, Isotropic, IsotropicActivation

gain, gain_and_slope = SIGMAS["tanh"].gain, SIGMAS["tanh"].gain_and_slope

EDGE = _SERIES_BELOW
POINTS = [0.0, 1e-30, 1e-8, 1e-3, EDGE * (1 - 1e-6), EDGE, EDGE * (1 + 1e-6), 1e-2, 0.3, 1.0, 30.0, 1e4]


def reference(s: float) -> tuple[float, float]:
    """g and 2 dg/ds by Lambert's continued fraction tanh(r)/r = 1/(1 + s/(3 + s/(5 + ...))).

    It has neither a square root nor a cancellation near s = 0, and nothing in common with the code under test.
    """
    f, slope = 999.0, 0.0
    for k in range(997, 0, -2):
        f, slope = k + s / f, 1 / f - s * slope / f**2
    return 1 / f, -2 * slope / f**2


def table(column: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    s = torch.tensor(POINTS, dtype=dtype)
    return s, torch.tensor([reference(value)[column] for value in s.tolist()], dtype=dtype)


def activation(log_o: float, dtype: torch.dtype = torch.float64) -> Isotropic:
    return Isotropic(torch.tensor(log_o, dtype=dtype), trained=False)


def test_the_reference_is_tanh() -> None:
    assert reference(1.0)[0] == pytest.approx(math.tanh(1.0), rel=1e-15)
    assert reference(1e4)[0] == pytest.approx(math.tanh(100.0) / 100, rel=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gain_on_both_sides_of_the_series(dtype: torch.dtype) -> None:
    s, expected = table(0, dtype)
    for point, actual, wanted in zip(POINTS, gain(s), expected, strict=True):  # one by one: errors are relative
        assert_close(actual, wanted, f"g({point})")
    assert gain(s)[0] == 1.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_slope_in_closed_form_and_by_autograd(dtype: torch.dtype) -> None:
    s, expected = table(1, dtype)
    slack = 20 if dtype == torch.float32 else 1  # just above the edge (1 - g)/s loses three of its seven digits
    same, by_hand = gain_and_slope(s)
    assert_close(same, table(0, dtype)[1], "g beside its slope")
    s.requires_grad_()
    (by_autograd,) = torch.autograd.grad(gain(s).sum(), s)
    for point, hand, auto, wanted in zip(POINTS, by_hand, by_autograd, expected, strict=True):
        assert_close(hand, wanted, f"2 dg/ds at {point}")
        assert_close(2 * auto, wanted, f"2 dg/ds by autograd at {point}", slack)


def test_slope_by_finite_differences() -> None:
    s = torch.tensor([1e-3, EDGE, 0.1, 1.0, 10.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gain, s, eps=1e-7)


@pytest.mark.parametrize("size", [0.0, 1e-38, 1e-20, 1e10, 1e30, 3e38])
def test_gradient_is_finite_for_every_length(size: float) -> None:
    s = torch.tensor(size, requires_grad=True)
    gain(s).backward()
    assert s.grad is not None and s.grad.isfinite(), f"dg/ds at {size} is {s.grad}"


def test_a_gain_of_the_root_would_not_be_finite_at_zero() -> None:
    """Negative control: why g is evaluated from s and by a series."""
    x = torch.zeros(3, requires_grad=True)
    r = x.square().sum().sqrt()
    (r.tanh() / r * x).sum().backward()
    assert x.grad is not None and x.grad.isnan().all()


@pytest.mark.parametrize("log_o", [-math.inf, math.log(1e-6), 0.0], ids=["o=0", "o=1e-6", "o=1"])
def test_at_the_origin_the_jacobian_is_g_times_identity(log_o: float) -> None:
    f = activation(log_o)
    origin = torch.zeros(3, dtype=torch.float64)
    assert f(origin[None])[0].count_nonzero() == 0
    jacobian = torch.autograd.functional.jacobian(lambda x: f(x[None])[0][0], origin)
    assert_close(jacobian, gain(f.o) * torch.eye(3, dtype=torch.float64), "Jacobian at x = 0")


def test_jacobian_away_from_the_origin() -> None:
    """METHOD section 1: g I + (sigma'(r) r - sigma(r)) / r^3 x x^T, not diagonal."""
    x = torch.tensor([3.0, 4.0], dtype=torch.float64) / 10  # r = 1/2
    sigma, r = math.tanh(0.5), 0.5
    expected = sigma / r * torch.eye(2, dtype=torch.float64) + ((1 - sigma**2) * r - sigma) / r**3 * torch.outer(x, x)
    f = activation(-math.inf)
    actual = torch.autograd.functional.jacobian(lambda v: f(v[None])[0][0], x)
    assert_close(actual, expected, "Jacobian")
    assert abs(actual[0, 1].item()) > 0.01


def test_length_enters_the_gain() -> None:
    """||h||^2 = 9 and o = 16, so r = 5."""
    h, g = activation(math.log(16.0))(torch.tensor([[0.0, 3.0]], dtype=torch.float64))
    assert g.item() == pytest.approx(math.tanh(5.0) / 5, rel=1e-15)
    assert h.tolist() == [[0.0, pytest.approx(3 * math.tanh(5.0) / 5, rel=1e-15)]]


def test_stacked_lengths_act_on_their_own_network() -> None:
    log_o, h = torch.tensor([-math.inf, 0.0, 2.0], dtype=torch.float64), normal(3, 5, 4)
    stacked, _ = Isotropic(log_o, trained=True)(h)
    for k, value in enumerate(log_o.tolist()):
        assert_close(stacked[k], activation(value)(h[k])[0], f"member {k}")


def test_the_other_activation_is_elementwise_and_has_no_gain() -> None:
    h = normal(5, 4)
    actual, g = Elementwise()(h)
    assert torch.equal(actual, h.tanh()) and g is None


def test_integers_become_floats_as_those_of_torch() -> None:
    h = torch.tensor([[3, 4], [0, 0]])
    assert_close(IsotropicActivation()(h), IsotropicActivation()(h.float()), "not rounded to integers")
