"""Function change against neurons removed: what it costs to remove the wrong ones, and what the correction saves."""

from __future__ import annotations

import pytest
import torch
from isotropic_testing import network

from isotropic import Ensemble, IsotropicMLP
from isotropic.training.pruning_curve import pruning_curve

COUNTS = [0, 4, 8, 16]


@pytest.fixture(scope="module")
def trained() -> tuple[IsotropicMLP, torch.Tensor, torch.Tensor]:
    """A network of 32 and 32 neurons after 20 epochs on 1200 of the digits, with gradients over them; all digits."""
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    x, y = (torch.tensor(part) for part in load_digits(return_X_y=True))
    x = x.float() / 8 - 1
    net = IsotropicMLP([64, 32, 32, 10], seed=0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for _ in range(20):
        for start in range(0, 1200, 48):
            optimiser.zero_grad()
            logits, labels = net(x[start : start + 48]), y[start : start + 48]
            (torch.nn.functional.cross_entropy(logits, labels) + net.penalty()).backward()
            optimiser.step()
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(net(x[:1200]), y[:1200]).backward()
    return net, x, y


@pytest.mark.parametrize("layer", [1, 2])
def test_the_correction_saves_most_of_what_random_neurons_cost(trained, layer) -> None:
    """Measured on 597 digits, corrected with the 1200 others: 16 of 32 neurons at random."""
    net, x, y = trained
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))

    # Importance by the gradient is not compared: where the loss is flat, it may call any neuron unimportant.
    def curve(choice, correction="none", inputs=None) -> torch.Tensor:
        changes = pruning_curve(
            net, layer, COUNTS, x[1200:], y[1200:], choice=choice, correction=correction, inputs=inputs
        )
        assert changes["epsilon_scaled"].shape == (len(COUNTS),)
        assert changes["epsilon_scaled"][0] == changes["kl"][0] == changes["delta_accuracy"][0] == 0
        return changes["epsilon_scaled"]

    smallest, random = curve("singular-value"), curve(order)
    linear, white = curve(order, "linear"), curve(order, "isometric")
    corrected = curve(order, "isometric", inputs=x[:1200])
    assert (smallest[1:] > 0).all() and (smallest.diff() > 0).all()
    assert (smallest[1:] < random[1:] / 4).all(), f"{smallest} against {random} percent"
    assert (linear[1:] < random[1:]).all(), f"{linear} against {random} percent"
    assert (white[1:] < linear[1:] / 2).all(), f"{white} against {linear} percent"
    assert (corrected[1:] < random[1:] / 10).all(), f"{corrected} against {random} percent"


def test_the_network_stays_as_it_is() -> None:
    net = network([5, 6, 7, 3])
    before = {name: t.clone() for name, t in net.tensors().items()}
    pruning_curve(net, 2, [1, 5], torch.randn(9, 5).double(), torch.arange(9) % 3)
    assert all(torch.equal(t, before[name]) for name, t in net.tensors().items())


def test_members_of_a_stack() -> None:
    nets = [network([5, 6, 7, 3], seed=k) for k in range(3)]
    x, y = torch.randn(9, 5, dtype=torch.float64), torch.arange(9) % 3
    together = pruning_curve(Ensemble(nets), 2, [1, 3], x, y)["epsilon"]
    alone = [pruning_curve(net, 2, [1, 3], x, y)["epsilon"] for net in nets]
    torch.testing.assert_close(together, torch.stack(alone, dim=1))


def test_what_cannot_be_pruned_is_refused() -> None:
    net = network([5, 6, 7, 3])
    with pytest.raises(ValueError, match="count: 7 neurons of layer 2, which has 7"):
        pruning_curve(net, 2, [1, 7], torch.randn(9, 5).double(), torch.arange(9) % 3)
    with pytest.raises(ValueError, match="count: -1"):
        pruning_curve(net, 2, [-1], torch.randn(9, 5).double(), torch.arange(9) % 3, choice=[0, 1])
