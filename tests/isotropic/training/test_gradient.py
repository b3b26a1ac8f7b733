"""The closed-form backward pass against autograd, for every configuration, alone and stacked."""

from itertools import product

import pytest
import torch
from torch.nn import functional

from isotropic import Ensemble, IsotropicMLP
from isotropic.networks.treatment import COMPENSATIONS, INTRINSIC_LENGTHS
from isotropic.training.gradient import backward

TREATMENTS = list(product(INTRINSIC_LENGTHS, COMPENSATIONS))


def network(widths=(7, 6, 5, 4), seed=0, **treatment) -> IsotropicMLP:
    """A network away from its initialisation: b, psi and o are not small."""
    net = IsotropicMLP(list(widths), seed=seed, dtype=torch.float64, **treatment)
    draw = torch.Generator().manual_seed(seed + 1)
    state = {
        name: torch.randn(t.shape, generator=draw, dtype=t.dtype) * 0.5 + t
        for name, t in net.tensors().items()
        if torch.isfinite(t).all()
    }
    net.assign(state)
    return net


def by_autograd(net, x, y) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    net.zero_grad(set_to_none=True)
    loss = functional.cross_entropy(net(x).movedim(-1, 1), y, reduction="none").mean(-1)
    (loss + net.penalty()).sum().backward()
    grads = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad(set_to_none=True)
    return loss.detach(), grads


def largest_difference(net, expected) -> float:
    return max(float((p.grad - expected[name]).abs().max()) for name, p in net.named_parameters())


@pytest.mark.parametrize(("intrinsic_length", "compensation"), TREATMENTS)
def test_equals_autograd_for_every_treatment(intrinsic_length, compensation):
    net = Ensemble([network(intrinsic_length=intrinsic_length, compensation=compensation, seed=s) for s in (0, 1)])
    x, y = torch.randn(2, 9, 7, dtype=torch.float64), torch.randint(0, 4, (2, 9))
    loss, grads = by_autograd(net, x, y)
    assert torch.allclose(backward(net, x, y), loss, atol=1e-13)
    assert largest_difference(net, grads) < 1e-13


def test_equals_autograd_for_standard_tanh():
    members = [network(activation="tanh", intrinsic_length="none", compensation="none", seed=s) for s in (0, 1)]
    net = Ensemble(members)
    x, y = torch.randn(2, 9, 7, dtype=torch.float64), torch.randint(0, 4, (2, 9))
    _, grads = by_autograd(net, x, y)
    backward(net, x, y)
    assert largest_difference(net, grads) < 1e-13


def test_equals_autograd_for_mixed_treatments_and_widths():
    net = Ensemble(
        [
            network((7, 6, 5, 4), intrinsic_length="none", compensation="none"),
            network((7, 3, 8, 4), intrinsic_length="constant", compensation="constant"),
            network((7, 1, 2, 4), intrinsic_length="trainable", compensation="trainable+decay"),
        ]
    )
    x, y = torch.randn(3, 9, 7, dtype=torch.float64), torch.randint(0, 4, (3, 9))
    _, grads = by_autograd(net, x, y)
    backward(net, x, y)
    assert largest_difference(net, grads) < 1e-13


def test_one_network_needs_no_stacking():
    net = network()
    x, y = torch.randn(9, 7, dtype=torch.float64), torch.randint(0, 4, (9,))
    loss = functional.cross_entropy(net(x), y)
    (loss + net.penalty()).backward()
    expected = {name: p.grad.clone() for name, p in net.named_parameters()}
    backward(net, x, y)
    assert largest_difference(net, expected) < 1e-13


def test_finite_at_the_origin_where_the_plain_formula_divides_by_zero():
    net = Ensemble([IsotropicMLP([3, 4, 4, 2], intrinsic_length="none", seed=0)])
    backward(net, torch.zeros(1, 5, 3), torch.zeros(1, 5, dtype=torch.int64))
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_wrong_term_would_be_seen():
    """Negative control: without the penalty's 2 lambda psi the comparison must fail."""
    net = network()
    x, y = torch.randn(9, 7, dtype=torch.float64), torch.randint(0, 4, (9,))
    functional.cross_entropy(net(x), y).backward()  # penalty left out
    expected = {name: p.grad.clone() for name, p in net.named_parameters()}
    backward(net, x, y)
    assert largest_difference(net, expected) > 1e-3
