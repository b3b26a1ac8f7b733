"""Growing and pruning of elementwise tanh amid training: moments, and members of an ensemble."""

from __future__ import annotations

import pytest
from elementwise_testing import METHODS, WIDTHS, N, draw, part, tanh_network
from isotropic_testing import OPTIMISERS, assert_close, assert_differs, inputs, loss, moments, train
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

from isotropic import Ensemble
from isotropic.networks.base import MLP


def _momentum(net: MLP) -> Optimizer:
    """Whose momentum, after one step, is the gradient."""
    return SGD(net.parameters(), lr=0.0, momentum=0.9)


def _gradients(net: MLP) -> dict[str, Tensor]:
    net.zero_grad()
    loss(net).backward()
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("method", ["net2wider", "merge"])
def test_moments_are_those_of_the_gradients_that_there_would_have_been(method: str) -> None:
    """On the batch whose gradient the momentum is, the changed network has just that gradient."""
    net = tanh_network()
    if method == "merge":
        rows, bias = part(net, "maps.1.weight"), part(net, "maps.1.bias")
        rows[5], bias[5] = rows[1], bias[1]
        net.assign({"maps.1.weight": rows, "maps.1.bias": bias})
    optimiser = _momentum(net)
    _gradients(net)
    optimiser.step()
    METHODS[method](net, 1 if method == "merge" else 9, optimiser, draw())
    edit, found = moments(net, optimiser, "momentum_buffer"), _gradients(net)
    for name, gradient in found.items():
        assert_close(edit[name], gradient, f"momentum of {name}")
    if method == "net2wider":  # negative control
        rows = part(net, "maps.1.weight")
        copies = (rows[:, None] == rows[None]).all(-1).sum(1)  # 16 rows of 7 neurons
        undivided = edit["maps.1.weight"] * copies[:, None]
        assert_differs(undivided, found["maps.1.weight"], "momentum without division", by=0.1)


def test_second_moments_of_copies_are_those_of_the_gradients_that_there_would_have_been() -> None:
    """They are divided by the square of what the gradients are divided by."""
    net = tanh_network()
    optimiser = AdamW(net.parameters(), lr=0.0, weight_decay=0.0, betas=(0.9, 0.75))  # v = g^2 / 4 after one step
    _gradients(net)
    optimiser.step()
    METHODS["net2wider"](net, 9, optimiser, draw())
    edit, found = moments(net, optimiser, "exp_avg_sq"), _gradients(net)
    for name, gradient in found.items():
        assert_close(edit[name], gradient.square() / 4, f"second moment of {name}")


def test_second_moments_that_are_merged_are_added_by_their_roots() -> None:
    """(|g_i| + |g_j|)^2 / 4 from g_i^2 / 4 and g_j^2 / 4: not less than of the gradient that there is now."""
    net = tanh_network()
    rows, bias = part(net, "maps.1.weight"), part(net, "maps.1.bias")
    rows[5], bias[5] = rows[1], bias[1]
    net.assign({"maps.1.weight": rows, "maps.1.bias": bias})
    optimiser = AdamW(net.parameters(), lr=0.0, weight_decay=0.0, betas=(0.9, 0.75))
    gradients = _gradients(net)
    optimiser.step()
    METHODS["merge"](net, 1, optimiser, draw())
    edit, found = moments(net, optimiser, "exp_avg_sq"), _gradients(net)
    for name in ("maps.1.weight", "maps.1.bias"):
        both = gradients[name][1].abs() + gradients[name][5].abs()
        assert_close(edit[name][1], both.square() / 4, f"second moment of {name}")
        assert_close(edit[name][2], gradients[name][2].square() / 4, f"second moment of another's {name}")
        assert (edit[name] >= found[name].square() / 4 * (1 - 1e-12)).all()
    assert_close(edit["maps.2.weight"][:, 1], gradients["maps.2.weight"][:, 1].square() / 4, "that of c_i stays")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adam-amsgrad", "adamw-fused"])
def test_second_moments_stay_at_least_zero_and_training_goes_on(optimiser: str, method: str) -> None:
    net = tanh_network()
    descent = OPTIMISERS[optimiser](net.parameters())
    train(net, descent, 3)
    METHODS[method](net, 3, descent, draw())
    for name, p in net.named_parameters():
        for key, t in descent.state.get(p, {}).items():
            if isinstance(t, Tensor) and key != "step":
                assert t.shape == p.shape, f"{key} of {name}"
                assert "sq" not in key or (t >= 0).all()
    first = loss(net).item()
    train(net, descent, 40)
    assert loss(net).item() < first


@pytest.mark.parametrize("neighbours", [[6, 4], [5, 3]], ids=["alike", "padded"])
@pytest.mark.parametrize("method", METHODS)
def test_members_together_are_as_each_alone(method: str, neighbours: list[int]) -> None:
    """Also where the widths before and after differ, which pads the narrower member with zeros."""
    before, after = neighbours
    shapes = [WIDTHS, [5, before, N, after, 3], WIDTHS]
    nets = [tanh_network(widths, seed=k) for k, widths in enumerate(shapes)]
    ensemble = Ensemble(nets)
    descents = [AdamW(net.parameters(), lr=0.01) for net in (*nets, ensemble)]
    for net, descent in zip((*nets, ensemble), descents, strict=True):
        train(net, descent, 2)
    METHODS[method](ensemble, 3, descents[-1], [draw(k) for k in range(3)])
    for k, (net, descent) in enumerate(zip(nets, descents, strict=False)):
        METHODS[method](net, 3, descent, draw(k))
        assert ensemble.member(k).widths == net.widths
    train(ensemble, descents[-1], 3)  # with moments, and with padding that stays zero
    for k, (net, descent) in enumerate(zip(nets, descents, strict=False)):
        train(net, descent, 3)
        assert_close(ensemble.member(k)(inputs(net)), net(inputs(net)), f"logits of member {k}", slack=100)
