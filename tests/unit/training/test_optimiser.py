"""The optimiser's step bound to its kernel: the same numbers as torch's own, whatever the optimiser."""

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from pipeline import Ensemble, IsotropicMLP
from pipeline.config import Training
from pipeline.training.gradient import backward
from pipeline.training.optimiser import bound, make

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
    monkeypatch.setattr("pipeline.training.optimiser.KERNELS", {})
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
