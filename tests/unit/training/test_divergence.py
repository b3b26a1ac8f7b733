"""A member that diverges is stopped and recorded; the others train on as if it had never been there."""

import math

import pytest
import torch

from isotropic import Ensemble, IsotropicMLP, diagonalise, grow, prune
from pipeline.config import Configuration, Training
from pipeline.experiments.plan import Member
from pipeline.experiments.plan.observations import Observations
from pipeline.results.measures import TRAINING
from pipeline.results.schema import Factor, Schema
from pipeline.training import engine, optimiser
from pipeline.training.divergence import stop_diverged

SETTINGS = Training(
    repeats=1, epochs=3, batch_size=8, optimiser="adamw", learning_rate=1e-2, weight_decay=1e-2, psi_decay=0.1
)


def made(ks, length="trainable"):
    ensemble = Ensemble([IsotropicMLP([6, 5, 4, 3], intrinsic_length=length, seed=k) for k in ks])
    return ensemble, optimiser.make(ensemble, SETTINGS)


def trained(ks, data, poison=None):
    """Train; `poison` puts a number that is not finite into member 1 after the first epoch."""
    ensemble, descent = made(ks)
    epochs = []
    for epoch in engine.train(ensemble, descent, data, SETTINGS.epochs, 8, [("test", k) for k in ks]):
        epochs.append(epoch)
        if poison is not None and epoch.number == 1:
            ensemble.affine[0].weight.data[1, 2, 3] = poison
    return ensemble, descent, epochs


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_the_others_go_on_bit_for_bit_and_surgery_works(noise, poison):
    data = noise()
    broken, descent, epochs = trained([0, 1, 2], data, poison)
    whole, other, _ = trained([0, 1, 2], data)
    assert [epoch.diverged.tolist() for epoch in epochs] == [[False] * 3] * 2 + [[False, True, False], [False] * 3]
    for change in (
        lambda *of: diagonalise(of[0], 2, "full", optimiser=of[1]),
        lambda *of: prune(of[0], 2, 1, optimiser=of[1]),
    ):
        change(broken, descent)
        change(whole, other)
    for name, t in broken.tensors().items():
        assert torch.equal(t[[0, 2]], whole.tensors()[name][[0, 2]]), name
        assert t.isfinite().all(), name


def test_nothing_is_stopped_that_goes_well(noise):
    """Negative control; an intrinsic length of zero, whose logarithm is not finite, is well too."""
    data = noise()
    _, _, epochs = trained([0, 1], data)
    assert not any(epoch.diverged.any() for epoch in epochs)
    ensemble, descent = made([0, 1], length="none")
    assert not stop_diverged(ensemble, descent, [torch.ones(2)]).any()
    assert stop_diverged(ensemble, descent, [torch.tensor([1.0, math.nan])]).tolist() == [False, True]


def test_moments_are_stopped_too(noise):
    ensemble, descent, _ = trained([0, 1, 2], noise(), math.nan)
    for state in descent.state.values():
        for key, t in state.items():
            assert t.isfinite().all(), key
    grow(ensemble, 1, 2, optimiser=descent)


def test_gradients_are_stopped_too(noise):
    """A step that overflows leaves them not finite, which surgery refuses as well."""
    ensemble, descent, _ = trained([0, 1, 2], noise())
    for parameter in ensemble.parameters():
        parameter.grad = torch.ones_like(parameter)
        parameter.grad[1] = math.nan  # of the member that diverged
    with pytest.raises(ValueError, match="grad has values that are not finite"):
        prune(ensemble, 1, 1, optimiser=descent)
    stop_diverged(ensemble, descent, [torch.tensor([1.0, math.nan, 1.0])])
    for parameter in ensemble.parameters():
        assert (parameter.grad[1] == 0).all()
    prune(ensemble, 1, 1, optimiser=descent)


def test_a_diverged_member_has_one_last_row(noise):
    configuration = Configuration(intrinsic_length="trainable", compensation="none")
    members = [Member(repeat=k, configuration=configuration) for k in range(3)]
    schema = Schema({"training": "after an epoch"}, TRAINING, {"end": Factor("hidden width at the end", int)})
    observed = Observations(schema, "test", "noise", members, [[6, 5, 4, 3]] * 3)
    branch = observed.branch(end=5)
    for epoch in trained([0, 1, 2], noise(), math.nan)[2]:
        observed.training(epoch)
    branch.training(epoch)
    rows = [(row["repeat"], row["epoch"], row["measure"]) for row in observed.rows if "end" not in row]
    assert [row for row in rows if row[0] == 1 and row[1] >= 2] == [(1, 2, "diverged")]
    assert [row for row in rows if row[0] == 2 and row[1] == 3] == [(2, 3, name) for name in epoch.measures()]
    assert {row["repeat"] for row in observed.rows if row.get("end") == 5} == {0, 1, 2}, "a branch stops by itself"
