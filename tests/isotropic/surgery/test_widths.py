"""Growing and pruning, worked out by hand on two neurons."""

from __future__ import annotations

import math

import pytest
import torch
from isotropic_testing import COMPENSATIONS, LENGTHS, OPTIMISERS, WITH_PSI, assert_close, inputs, network, psi, train

from isotropic import Ensemble, IsotropicMLP, grow, prune
from isotropic.surgery.widths import resize


def double(*values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def two_neurons(intrinsic_length: str, compensation: str) -> IsotropicMLP:
    """h = (2x, 3) and z = (5, 7) . g h + 1/2 + g psi with psi = 1 and o = 16. Only neuron 1 looks at x."""
    net = IsotropicMLP([1, 2, 1], intrinsic_length=intrinsic_length, compensation=compensation, dtype=torch.float64)
    values = {
        "maps.0.weight": double([2.0], [0.0]),
        "maps.0.bias": double(0.0, 3.0),
        "maps.1.weight": double([5.0, 7.0]),
        "maps.1.bias": double(0.5),
        "maps.1.psi": double(1.0),
        "activations.0.log_o": double(16.0)[0].log(),
    }
    own = net.tensors()
    kept = {name for name in own if not (name.endswith("log_o") and intrinsic_length == "none")}
    net.assign({name: t for name, t in values.items() if name in kept})
    return net


X = double([0.0], [6.0])  # h = (0, 3) and (12, 3): s = 16 + 9 = 25 and 16 + 144 + 9 = 169, so r = 5 and 13
GAINS = [math.tanh(5.0) / 5, math.tanh(13.0) / 13]


@pytest.mark.parametrize("compensation", COMPENSATIONS)
@pytest.mark.parametrize("intrinsic_length", LENGTHS)
def test_pruning_the_second_of_two(intrinsic_length: str, compensation: str) -> None:
    """b* = 3 and u = 7: o gains 9, psi gains 21, or the next bias 21 times the mean gain."""
    net = two_neurons(intrinsic_length, compensation)
    prune(net, 1, 1, inputs=X)
    assert net.widths == [1, 1, 1]
    assert abs(net.maps[0].weight.item()) == pytest.approx(2.0)  # the sign of a singular vector is arbitrary
    assert net.maps[0].weight.item() * net.maps[1].weight.item() == pytest.approx(10.0)
    assert net.maps[0].bias.item() == pytest.approx(0.0, abs=1e-15)
    assert net.activations[0].o.item() == pytest.approx(0.0 if intrinsic_length == "none" else 25.0)
    if compensation in WITH_PSI:
        assert psi(net, 2).item() == pytest.approx(1 + 21)
    gains = [math.tanh(r) / r for r in (3.0, math.sqrt(153.0))] if intrinsic_length == "none" else GAINS
    share = 21 * sum(gains) / 2 if compensation == "expectation" else 0.0
    assert net.maps[1].bias.item() == pytest.approx(0.5 + share)


def test_inputs_may_come_in_batches_but_not_be_none() -> None:
    net = two_neurons("trainable", "expectation")
    with pytest.raises(ValueError, match="inputs: no samples"):
        prune(net, 1, 1, inputs=iter(()))
    assert net.widths == [1, 2, 1]
    prune(net, 1, 1, inputs=(x for x in (X[:1], X[1:])))
    assert net.maps[1].bias.item() == pytest.approx(0.5 + 21 * sum(GAINS) / 2)


def test_the_function_before_and_after() -> None:
    net = two_neurons("trainable", "trainable")
    expected = double([0.5 + 22 * GAINS[0]], [0.5 + (5 * 12 + 21 + 1) * GAINS[1]])
    assert_close(net(X), expected, "before")
    prune(net, 1, 1)
    assert_close(net(X), expected, "after")


def test_members_of_a_stack_are_pruned_by_their_own_treatment() -> None:
    pairs = [("none", "trainable"), ("trainable", "none"), ("constant", "expectation"), ("trainable", "constant")]
    ensemble = Ensemble([two_neurons(*pair) for pair in pairs])
    prune(ensemble, 1, 1, inputs=X)
    assert ensemble.activations[0].o.tolist() == pytest.approx([0.0, 25.0, 25.0, 25.0])
    assert psi(ensemble, 2)[:, 0].tolist() == pytest.approx([22.0, 0.0, 0.0, 22.0])
    assert ensemble.maps[1].bias[:, 0].tolist() == pytest.approx([0.5, 0.5, 0.5 + 21 * sum(GAINS) / 2, 0.5])


def test_the_smallest_singular_value_goes_wherever_it_stands() -> None:
    """Rows of length 1 and 3: the first goes, with its bias 2 and its column 5."""
    net = two_neurons("trainable", "trainable")
    net.assign({"maps.0.weight": double([1.0, 0.0], [0.0, 3.0]), "maps.0.bias": double(2.0, 4.0)})
    prune(net, 1, 1)
    assert net.maps[0].weight.abs().flatten().tolist() == pytest.approx([0.0, 3.0])
    assert net.maps[0].bias.abs().tolist() == pytest.approx([4.0])
    assert net.maps[1].weight.abs().flatten().tolist() == pytest.approx([7.0])
    assert net.activations[0].o.item() == pytest.approx(16 + 4)
    assert psi(net, 2).item() == pytest.approx(1 + 2 * 5)


def test_growing_two_by_one() -> None:
    net = two_neurons("trainable", "trainable")
    grow(net, 1, 1, columns="normal", generator=torch.Generator().manual_seed(0))
    assert net.widths == [1, 3, 1]
    assert net.maps[0].weight.abs().flatten().tolist() == pytest.approx([2.0, 0.0, 0.0])
    assert net.maps[0].weight[2].item() == net.maps[0].bias[2].item() == 0.0
    assert 0 < abs(net.maps[1].weight[0, 2].item()) < 0.05
    assert net.activations[0].o.item() == pytest.approx(16.0)
    assert psi(net, 2).item() == 1.0


def test_pruning_the_input_side_by_one() -> None:
    """W_2 = (5, 0) does not see neuron 2, whose bias 3 is all that it is: o gains 9, and psi nothing."""
    net = two_neurons("trainable", "trainable")
    net.assign({"maps.1.weight": double([5.0, 0.0])})
    before = net(X)
    prune(net, 2, 1, side="right")
    assert net.widths == [1, 1, 1]
    assert net.maps[0].weight.item() * net.maps[1].weight.item() == pytest.approx(10.0)
    assert net.activations[0].o.item() == pytest.approx(25.0)
    assert psi(net, 2).item() == pytest.approx(1.0)
    assert_close(net(X), before, "logits")


def test_pruning_the_input_side_over_data() -> None:
    """Neuron 1, h_1 = 2x = 0 and 12 over X, is not seen by W_2 = (0, 7) but by the norm: o gains (0 + 144) / 2."""
    net = two_neurons("trainable", "trainable")
    net.assign({"maps.1.weight": double([0.0, 7.0])})
    prune(net, 2, 1, side="right", inputs=X)
    assert net.activations[0].o.item() == pytest.approx(16.0 + 72.0)
    assert abs(net.maps[0].bias.item()) == pytest.approx(3.0)
    assert psi(net, 2).item() == pytest.approx(1.0)


def test_growing_the_input_side_by_two() -> None:
    """o = 16 is halved; the other 8 are the squares of two biases of 2."""
    net = two_neurons("trainable", "trainable")
    grow(net, 2, 2, side="right")
    assert net.widths == [1, 4, 1]
    assert net.activations[0].o.item() == pytest.approx(8.0)
    assert net.maps[0].bias[2:].tolist() == pytest.approx([2.0, 2.0])
    assert net.maps[0].weight[2:].tolist() == [[0.0], [0.0]] and net.maps[1].weight[0, 2:].tolist() == [0.0, 0.0]
    assert_close(net(X), two_neurons("trainable", "trainable")(X), "logits")


def test_pruning_a_copy_of_a_neuron() -> None:
    """h = (2x, 2x + 3): with the correction one neuron of length sqrt(2) is left, and what stays of the bias goes.

    P = 1, c = 3. The basis is (1, 1) and (-1, 1) over sqrt(2): the kept neuron is (4x + 3) / sqrt(2) with the column
    (5 + 7) / sqrt(2); the residual is 3 / sqrt(2), so o gains 9/2, and psi gains 3 (7 - 5) / 2.
    """
    net = two_neurons("trainable", "trainable")
    net.assign({"maps.0.weight": double([2.0], [2.0])})
    before = net(X)
    prune(net, 1, 1, choice=[1], correction="isometric")
    assert abs(net.maps[0].weight.item()) == pytest.approx(4 / math.sqrt(2))
    assert abs(net.maps[0].bias.item()) == pytest.approx(3 / math.sqrt(2))
    assert abs(net.maps[1].weight.item()) == pytest.approx(12 / math.sqrt(2))
    assert net.activations[0].o.item() == pytest.approx(16 + 4.5)
    assert psi(net, 2).item() == pytest.approx(1 + 3)
    assert_close(net(X), before, "logits")


def test_psi_of_a_grown_width_gains_zeros() -> None:
    net = network([3, 4, 2, 3])
    grow(net, 2, 2)
    assert psi(net, 2)[2:].tolist() == net.maps[1].bias[2:].tolist() == [0.0, 0.0]
    assert psi(net, 3).shape == (3,)


def test_grown_neurons_are_the_first_to_be_pruned() -> None:
    """Their singular value is zero: growing and pruning as many is no change."""
    net = network([5, 7, 4, 3])
    before = net(inputs(net))
    grow(net, 1, 3)
    prune(net, 1, 3)
    assert net.widths == [5, 7, 4, 3]
    assert_close(net(inputs(net)), before, "logits")


@pytest.mark.parametrize("width", [2, 4, 6])
def test_resizing_grows_or_prunes_the_difference(width: int) -> None:
    net, other = network([5, 4, 3]), network([5, 4, 3])
    resize(net, 1, width, generator=torch.Generator().manual_seed(0))
    if width > 4:
        grow(other, 1, width - 4, generator=torch.Generator().manual_seed(0))
    elif width < 4:
        prune(other, 1, 4 - width)
    assert net.widths == [5, width, 3]
    assert all(torch.equal(t, other.tensors()[name]) for name, t in net.tensors().items())


def test_resizing_hands_on_inputs_and_moments() -> None:
    nets = [network([5, 4, 3], compensation="expectation") for _ in range(2)]
    optimisers = [OPTIMISERS["adamw"](net.parameters()) for net in nets]
    for net, optimiser in zip(nets, optimisers, strict=True):
        train(net, optimiser, 2)
    resize(nets[0], 1, 2, optimiser=optimisers[0], inputs=inputs(nets[0]))
    prune(nets[1], 1, 2, optimiser=optimisers[1], inputs=inputs(nets[1]))
    for width in (2, 3):
        if width == 3:
            resize(
                nets[0],
                1,
                3,
                columns="combination",
                optimiser=optimisers[0],
                generator=torch.Generator().manual_seed(0),
            )
            grow(
                nets[1],
                1,
                1,
                columns="combination",
                optimiser=optimisers[1],
                generator=torch.Generator().manual_seed(0),
            )
        assert nets[0].widths == nets[1].widths == [5, width, 3]
        for net, optimiser in zip(nets, optimisers, strict=True):
            train(net, optimiser, 1, first=width)
        assert all(torch.equal(t, nets[1].tensors()[name]) for name, t in nets[0].tensors().items())
