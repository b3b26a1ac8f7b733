"""The measures of METHOD section 10 on numbers worked out by hand."""

import math

import pytest
import torch

from isotropic import Ensemble, IsotropicMLP
from isotropic.training import measures


def test_function_change_by_hand():
    before = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    after = torch.tensor([[3.0, 4.0], [0.6, 0.2]])  # the second moves by (0.6, -0.8), length 1
    change = measures.function_change(before, after, torch.tensor([1, 1]))
    assert float(change["epsilon"]) == pytest.approx(0.5, abs=1e-7)
    assert float(change["epsilon_scaled"]) == pytest.approx(50, abs=1e-5)
    assert float(change["delta_accuracy"]) == -50
    p = [1 / (1 + math.e), math.e / (1 + math.e)]
    q = [math.exp(0.4) / (1 + math.exp(0.4)), 1 / (1 + math.exp(0.4))]
    divergence = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert float(change["kl"]) == pytest.approx(divergence / 2, rel=1e-6)


def test_nothing_changed_is_exactly_zero():
    z = torch.randn(3, 10, 4)
    assert all(bool((value == 0).all()) for value in measures.function_change(z, z, torch.zeros(10).long()).values())


def test_kl_has_its_direction():
    before, after = torch.tensor([[0.0, 5.0]]), torch.tensor([[0.0, 0.0]])
    label = torch.tensor([0])
    there = measures.function_change(before, after, label)["kl"]
    back = measures.function_change(after, before, label)["kl"]
    p = 1 / (1 + math.exp(5))
    entropy = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert float(there) == pytest.approx(math.log(2) - entropy, rel=1e-5)
    assert float(back) == pytest.approx(-math.log(2) - math.log(p * (1 - p)) / 2, rel=1e-5)


def test_accuracy_is_a_percentage_per_member():
    z = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0]] * 4])
    assert measures.accuracy(z, torch.tensor([0, 1, 1, 1])).tolist() == [100, 25]


def test_cross_entropy_of_equal_logits_is_log_classes():
    loss = measures.cross_entropy(torch.zeros(2, 5, 4), torch.arange(5) % 4)
    assert loss.tolist() == pytest.approx([math.log(4)] * 2)


def test_sigma_sum_of_an_orthogonal_map_is_its_rank():
    net = Ensemble([IsotropicMLP([6, 5, 8, 3], seed=0)])
    assert float(measures.sigma_sum(net, 2)) == pytest.approx(5, abs=1e-5)
