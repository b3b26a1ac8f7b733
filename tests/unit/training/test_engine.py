"""Training in lockstep: each member as if it were alone, whatever stands beside it."""

import pytest
import torch

from isotropic import Ensemble, IsotropicMLP
from pipeline.config import Training
from pipeline.training import engine, optimiser

SETTINGS = Training(
    repeats=1, epochs=3, batch_size=8, optimiser="adamw", learning_rate=1e-2, weight_decay=1e-2, psi_decay=0.1
)


def network(k: int, dtype=torch.float64) -> IsotropicMLP:
    hidden, length, compensation = [
        ([5, 4], "trainable", "trainable+decay"),
        ([3, 6], "constant", "constant"),
        ([4, 2], "none", "expectation"),
        ([5, 4], "trainable", "none"),
    ][k]
    return IsotropicMLP([6, *hidden, 3], "isotropic-tanh", length, compensation, seed=k, dtype=dtype)


def trained(ks, data, settings=SETTINGS, dtype=torch.float64):
    ensemble = Ensemble([network(k, dtype) for k in ks])
    streams = [("test", k) for k in ks]
    descent = optimiser.make(ensemble, settings)
    epochs = list(engine.train(ensemble, descent, data, settings.epochs, settings.batch_size, streams))
    return ensemble, epochs


def distance(a: IsotropicMLP, b: IsotropicMLP) -> float:
    mine, other = a.tensors(), b.tensors()
    return max(float((t - other[name]).abs().max()) for name, t in mine.items() if torch.isfinite(t).all())


@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-4)])
def test_members_train_as_if_alone(noise, kind, dtype, tolerance):
    data, settings = noise(), SETTINGS.model_copy(update={"optimiser": kind})
    together, epochs = trained([0, 1, 2, 3], data, settings, dtype)
    for k in range(4):
        alone, own = trained([k], data, settings, dtype)
        assert distance(together.member(k), alone.member(0)) < tolerance
        assert abs(float(epochs[-1].test_loss[k] - own[-1].test_loss[0])) < tolerance
        assert abs(float(epochs[-1].train_loss[k] - own[-1].train_loss[0])) < tolerance


def test_members_differ_from_each_other(noise):
    """Negative control of the test above."""
    ensemble, _ = trained([0, 3], noise())
    a, b = (ensemble.member(k).maps[0].weight.detach() for k in range(2))
    assert float((a - b).abs().max()) > 0.1


def test_equals_an_ordinary_torch_loop(noise):
    """The engine against the loop that a user would write: autograd, torch's AdamW, one network."""
    data = noise()
    ensemble, _ = trained([0], data)
    net = network(0)
    descent = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=1e-2)
    x = (data.train.images.double() - data.mean) * data.inverse_deviation
    for epoch in range(1, SETTINGS.epochs + 1):
        order = torch.randperm(len(x), generator=engine.generator("test", 0, "order", epoch))
        for chosen in order.split(SETTINGS.batch_size):
            loss = torch.nn.functional.cross_entropy(net(x[chosen]), data.train.labels[chosen]) + net.penalty()
            descent.zero_grad()
            loss.backward()
            descent.step()
    assert distance(net, ensemble.member(0)) < 1e-11


def test_constant_lengths_stay_constant_beside_trained_ones(noise):
    ensemble, _ = trained([0, 1], noise())
    started, now = network(1).activations[0].log_o.detach(), ensemble.activations[0].log_o.detach()
    assert float(now[1]) == float(started), "weight decay reached a constant"
    assert float(now[0]) != float(started), "a trained length did not train"


def test_epochs_begin_with_the_initialisation_and_learn(noise):
    data = noise()
    _, epochs = trained([0], data, SETTINGS.model_copy(update={"epochs": 40}))
    assert [epoch.number for epoch in epochs] == list(range(41))
    assert epochs[0].train_loss is None
    assert float(epochs[-1].train_loss) < 0.8 * float(epochs[1].train_loss)


def test_same_streams_same_numbers_and_other_streams_others(noise):
    data = noise()
    (a, _), (b, _) = trained([0], data), trained([0], data)
    assert distance(a.member(0), b.member(0)) == 0
    other = Ensemble([network(0)])
    descent = optimiser.make(other, SETTINGS)
    list(engine.train(other, descent, data, SETTINGS.epochs, SETTINGS.batch_size, [("another", 0)]))
    assert distance(a.member(0), other.member(0)) > 1e-4
