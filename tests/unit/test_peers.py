"""The peers of the benchmark: each computes the same training as the engine, from the same weights and batches."""

from functools import partial

import pytest
import torch

from benchmarks import images
from benchmarks.jax_loop import Jax, installed
from benchmarks.lockstep import Lockstep
from benchmarks.peers import PEERS, Peers
from benchmarks.plan import TRAINING
from benchmarks.resident import Loop, Resident, Vmapped
from pipeline.data.dataset import load, save

STEPS, WIDTHS, FIRST = 10, (64, 32, 32, 10), 7  # the seed of the first network
needs_jax = pytest.mark.skipif(not installed(), reason="needs JAX, which is not a requirement")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("peers") / "digits.pt"
    save(images.digits(), path)
    return path


def losses(file, make, members, **changed):
    """Of the engine and of a peer, [STEPS, K] each."""
    data = Resident(load(file))
    draws = [torch.Generator().manual_seed(k) for k in range(members)]
    order = torch.stack([torch.randperm(len(data.y), generator=draw)[: 48 * STEPS] for draw in draws])
    peer = make(data, WIDTHS, TRAINING.model_copy(update=changed), number=FIRST)
    engine = Lockstep(file, WIDTHS, TRAINING, members, FIRST)
    assert peer.members == members
    theirs = torch.tensor([peer.step(some).tolist() for some in order.split(48, dim=1)])
    return torch.tensor(engine.losses(order)), theirs


@pytest.mark.parametrize(
    ("make", "members"),
    [
        (Loop, 1),
        (partial(Vmapped, members=2), 2),
        pytest.param(partial(Jax, members=1), 1, marks=needs_jax),
        pytest.param(partial(Jax, members=2), 2, marks=needs_jax),
    ],
)
def test_a_peer_computes_the_same_training(file, make, members):
    engine, theirs = losses(file, make, members)
    assert theirs.shape == (STEPS, members)
    assert torch.allclose(engine, theirs, atol=2e-5)
    assert bool((theirs[-1] < theirs[0]).all())


@pytest.mark.parametrize("changed", [{"learning_rate": 2e-3}, {"weight_decay": 10.0}, {"psi_decay": 100.0}], ids=str)
def test_other_hyperparameters_would_be_noticed(file, changed):
    engine, theirs = losses(file, Loop, 1, **changed)
    assert float((engine - theirs)[0].abs().max()) < 2e-5
    assert float((engine - theirs)[-1].abs().max()) > 1e-4


def test_a_peer_that_does_not_work_here_is_named(file, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", lambda loss: broken)
    found = Peers(file, WIDTHS, TRAINING, ["loop", "torch.compile"])
    assert found.failed() == {"torch.compile": "RuntimeError"}
    assert found.members() == {"loop": 1, "torch.compile": 1}
    found.steps(2, "loop")


def test_members_and_short_batches(file):
    data = Resident(load(file))
    assert all(make(data, WIDTHS, TRAINING).members == 8 for name, make in PEERS.items() if name == "vmap, K = 8")
    orders = data.orders(2, size=1000)
    one, two = next(orders), next(orders)
    assert one.shape == two.shape == (2, 1000), "the short batch of an epoch is left"
    assert len(set(one[0].tolist())) == 1000 and not torch.equal(one[0], one[1])
