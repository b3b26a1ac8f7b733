"""The optimiser's step bound to its kernel: the same numbers as torch's own, whatever the optimiser."""

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from isotropic import Ensemble, IsotropicMLP
from isotropic.training.gradient import backward
from isotropic.training.step import alone, bound
from pipeline.config import Training
from pipeline.training.optimiser import make

KINDS = {
    "adamw": lambda p: AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
    "adam": lambda p: Adam(p, lr=0.01, weight_decay=0.1, fused=True),
    "amsgrad": lambda p: AdamW(p, lr=0.01, amsgrad=True, fused=True),
    "not fused": lambda p: AdamW(p, lr=0.01, fused=False),
    "sgd": lambda p: SGD(p, lr=0.01, momentum=0.9),
}


def stepped(kind, bind):
    net = Ensemble([IsotropicMLP([6, 5, 4, 3], seed=k) for k in range(2)])
    descent = KINDS[kind](net.parameters())
    draw = torch.Generator().manual_seed(0)
    step = descent.step
    for number in range(5):
        backward(net, torch.randn(2, 7, 6, generator=draw), torch.randint(0, 3, (2, 7), generator=draw))
        if bind and number == 1:  # it has a state
            step = bound(descent)
        step()
    return net, descent


def assert_same(kind):
    (expected, ordinary), (actual, descent) = stepped(kind, bind=False), stepped(kind, bind=True)
    for name, t in expected.tensors().items():
        assert torch.equal(t, actual.tensors()[name]), name
    for a, b in zip(ordinary.state.values(), descent.state.values(), strict=True):
        assert all(torch.equal(t, b[key]) for key, t in a.items() if t is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_bit_for_bit_as_the_ordinary_step(kind):
    assert_same(kind)


def test_bit_for_bit_without_the_kernel(monkeypatch):
    monkeypatch.setattr("isotropic.training.step.KERNELS", {})
    assert_same("adamw")


def test_the_kernel_is_taken_where_it_can_be(monkeypatch):
    """Otherwise the comparison above would be of a thing with itself."""
    calls = []
    monkeypatch.setattr(AdamW, "step", lambda self: calls.append(self))
    net = Ensemble([IsotropicMLP([6, 5, 3], seed=0)])
    descent = KINDS["adamw"](net.parameters())
    backward(net, torch.randn(1, 7, 6), torch.randint(0, 3, (1, 7)))
    bound(descent)()
    assert calls == [descent], "without a state there is nothing to bind to"
    for p in net.parameters():
        zeros = [torch.zeros_like(p) for _ in range(2)]
        descent.state[p] = {"step": torch.tensor(0.0), "exp_avg": zeros[0], "exp_avg_sq": zeros[1]}
    bound(descent)()
    assert calls == [descent]
    assert all(float(state["step"]) == 1 for state in descent.state.values())


def two_weights(kind, apart):
    """Two stacked weights after five steps, the first with a step of its own from the second on."""
    draw = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(3, rows, 32, generator=draw)) for rows in (16, 8)]
    descent = KINDS[kind](weights)
    step, own = descent.step, None
    for number in range(5):
        if apart and number == 1:
            own, weights[0].grad = alone(descent, weights[0]), None
            step = bound(descent, weights[:1])
        gradients = [torch.randn(w.shape, generator=draw) for w in weights]
        if own is not None:
            own(gradients[0].__getitem__)
        else:
            weights[0].grad = gradients[0]
        weights[1].grad = weights[1].grad.copy_(gradients[1]) if number > 0 else gradients[1]
        step()
    return weights, descent, own


@pytest.mark.parametrize("kind", ["adamw", "adam"])
def test_a_weight_alone_is_stepped_to_the_same_bits(kind):
    (expected, ordinary, _), (actual, descent, own) = two_weights(kind, apart=False), two_weights(kind, apart=True)
    assert own is not None and actual[0].grad is None
    for a, b in zip(expected, actual, strict=True):
        assert torch.equal(a, b)
        assert all(torch.equal(t, descent.state[b][key]) for key, t in ordinary.state[a].items())
        assert float(descent.state[b]["step"]) == 5


@pytest.mark.parametrize("kind", ["amsgrad", "not fused", "sgd"])
def test_without_the_kernel_no_weight_is_alone(kind):
    weights, descent, _ = two_weights(kind, apart=False)
    assert alone(descent, weights[0]) is None


def test_no_weight_is_alone_without_a_state_or_in_a_layout_that_has_no_pieces():
    weights, descent, _ = two_weights("adamw", apart=False)
    assert alone(descent, weights[0]) is not None
    descent.state[weights[0]]["exp_avg"] = descent.state[weights[0]]["exp_avg"].mT.contiguous().mT
    assert alone(descent, weights[0]) is None and alone(descent, weights[1]) is not None
    del descent.state[weights[0]]
    assert alone(descent, weights[1]) is None, "one ordinary step is needed first"


def test_momentum_is_of_sgd_alone():
    """Two steps by hand: M <- mu M + gradient, W <- W - rate M."""
    values = {"repeats": 1, "epochs": 1, "batch_size": 1, "weight_decay": 0.0, "psi_decay": 0.1}
    settings = {kind: Training(**values, optimiser=kind, learning_rate=0.1) for kind in ("sgd", "adam", "adamw")}
    net = Ensemble([IsotropicMLP([6, 5, 3], seed=0)])
    descent, w = make(net, settings["sgd"], momentum=0.5), net.affine[0].weight
    before = w.detach().clone()
    for gradient in (2.0, 3.0):
        w.grad = torch.full_like(w, gradient)
        descent.step()
    torch.testing.assert_close(before - w.detach(), torch.full_like(w, 0.1 * (2.0 + 0.5 * 2.0 + 3.0)))
    for kind in ("adam", "adamw"):
        assert make(net, settings[kind]).defaults["lr"] == 0.1
        with pytest.raises(TypeError, match="momentum"):
            make(net, settings[kind], momentum=0.5)
