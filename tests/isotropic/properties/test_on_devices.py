"""What must hold on every device: on a GPU too, where there is one (`make gpu-check` runs this file alone)."""

from __future__ import annotations

import copy

import pytest
import torch
from isotropic_testing import (
    DTYPES,
    LENGTHS,
    OPTIMISERS,
    assert_close,
    assert_differs,
    inputs,
    network,
    normal,
)
from torch import nn

from isotropic import Ensemble, IsotropicConvNet, adapt, diagonalise, grow, prune, sparsify
from isotropic.surgery.joint import annealing, sparsify_jointly
from isotropic.training.gradient import Backward
from isotropic.training.products import multiplying

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch sees none here")
pytestmark = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
WIDTHS = [6, 8, 7, 4]


def ensemble(dtype: torch.dtype = torch.float64) -> Ensemble:
    return Ensemble([network(WIDTHS, length, seed=k, dtype=dtype) for k, length in enumerate(LENGTHS)])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("stacked", [False, True], ids=["one", "ensemble"])
def test_diagonalising_and_growing_change_no_output(stacked: bool, dtype: torch.dtype, device: str) -> None:
    original = (ensemble(dtype) if stacked else network(WIDTHS, dtype=dtype)).to(device)
    x = inputs(original).to(device)
    before = original(x)
    for side in ("left", "right", "full"):
        net = copy.deepcopy(original)
        diagonalise(net, 2, side)
        assert_close(net(x), before, f"logits after {side}")
    for columns in ("normal", "semi-orthogonal", "combination", "zero"):
        for basis in (None, "singular"):
            net = copy.deepcopy(original)
            grow(net, 1, 3, basis=basis, columns=columns)
            assert net.widths == [6, 11, 7, 4]
            assert_close(net(x), before, f"logits after growing with {columns} columns in basis {basis}")
    prune(net, 1, 3)  # what was grown does nothing yet
    assert_close(net(x), before, "logits after pruning what was grown", slack=10 if dtype == torch.float64 else 200)
    prune(net, 1, 3, inputs=x)
    assert_differs(net(x), before, "logits after pruning what is needed", by=1e-3)


def test_other_changes_of_width_change_no_output(device: str) -> None:
    net = network(WIDTHS).to(device)
    x = inputs(net).to(device)
    before = net(x)
    assert_close(sparsify(net)(x), before, "logits of the sparse form")
    sparsify_jointly(net, annealing(60))
    assert_close(net(x), before, "logits in the bases of the joint optimisation")
    changes = [change.difference for change in adapt(net, threshold=1e-6, scaffold=2)]
    assert changes == [0, 2], "of the first map 8 - 6 singular values are 0 already, of the second none is small"
    assert_close(net(x), before, "logits after adapting")


def test_channels_are_grown_exactly(device: str) -> None:
    with multiplying("float32"):
        for dtype in DTYPES:
            net = IsotropicConvNet((2, 6, 5), [4, 3], classes=3, seed=0, dtype=dtype).to(device)
            x = normal(5, 60, seed=1, dtype=dtype).to(device)
            before = net(x)
            diagonalise(net, 1)
            grow(net, 1, 2)
            assert_close(net(x), before, f"logits in {dtype}")


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_steps_are_those_of_a_cpu(kind: str, device: str) -> None:
    """Three by autograd, a change of basis and width with the moments, and three more."""
    after = []
    for place in ("cpu", device):
        net = ensemble().to(place)
        optimiser = OPTIMISERS[kind](net.parameters())
        for number in range(6):
            if number == 3:
                # Singular values are all different: only signs may differ, which no second moment sees.
                grow(
                    net,
                    2,
                    2,
                    columns="normal",
                    optimiser=optimiser,
                    generator=[torch.Generator().manual_seed(k) for k in range(3)],
                )
            x, labels = inputs(net, seed=number).to(place), (torch.arange(12) % 4).to(place)
            optimiser.zero_grad()
            z = net(x)
            (0.1 * sum(nn.functional.cross_entropy(own, labels) for own in z) + net.penalty().sum()).backward()
            with net.held():
                optimiser.step()
        after.append(net(inputs(net).to(place)).cpu())
    assert_close(after[1], after[0], "logits after training", slack=1e4)  # Adam divides by small moments


def test_the_closed_form_is_autograds(device: str) -> None:
    net = network(WIDTHS).to(device)
    x, labels = inputs(net).to(device), (torch.arange(12) % 4).to(device)
    (nn.functional.cross_entropy(net(x), labels) + net.penalty()).backward()
    expected = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    Backward(net)(x, labels)
    for name, p in net.named_parameters():
        assert_close(p.grad, expected[name], f"gradient of {name}")
