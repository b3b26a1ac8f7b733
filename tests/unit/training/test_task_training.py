"""Several tasks in one batch: the block-wise loss against autograd, and what an inactive task does not do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small import noise
from torch.nn import functional

from isotropic import Ensemble, IsotropicMLP
from isotropic.training.gradient import Backward, block_cross_entropy
from pipeline.data.dataset import Dataset
from pipeline.data.tasks import Tasks
from pipeline.seeds import generator
from pipeline.training import tasks as training

SIZES = [(4, 2), (6, 5), (3, 3)]  # inputs and classes of each task


def made(number: int) -> Dataset:
    features, classes = SIZES[number]
    return noise(30, 12, (1, 1, features), classes, "abc"[number], seed=number)


@pytest.fixture
def tasks() -> Tasks:
    return Tasks([made(number) for number in range(3)], "cpu", torch.float64, rows=16)


def networks() -> Ensemble:
    return Ensemble(
        [IsotropicMLP([13, *hidden, 10], seed=k, dtype=torch.float64) for k, hidden in enumerate([[5, 4], [3, 7]])]
    )


def one_batch(tasks: Tasks, active: list[int]) -> tuple[list[torch.Tensor], torch.Tensor]:
    order = torch.stack([torch.randperm(30, generator=torch.Generator().manual_seed(k)) for k in range(2)])
    x, y = tasks.gather([order[:, :8] if t in active else None for t in range(3)])
    return [each.clone() for each in x], y


def whole(tasks: Tasks, x: list[torch.Tensor]) -> torch.Tensor:
    """All tasks' samples with all 13 inputs, [K, 3 * 8, 13]: zeros outside of their own block."""
    rows = torch.zeros(2, 24, 13, dtype=torch.float64)
    for t, (each, block) in enumerate(zip(x, tasks.inputs, strict=True)):
        rows[:, 8 * t : 8 * t + 8, block] = each
    return rows


def by_autograd(net: Ensemble, tasks: Tasks, active: list[int]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The protocol as it is written: samples of all tasks, and a switch per task on its cross-entropy."""
    x, y = one_batch(tasks, [0, 1, 2])
    z = net(whole(tasks, x))
    losses = []
    for t in active:
        rows = slice(8 * t, 8 * t + 8)
        own = z[:, rows, tasks.labels[t]].movedim(-1, 1)
        losses.append(functional.cross_entropy(own, y[:, rows], reduction="none").mean(-1))
    loss = torch.stack(losses).mean(0)
    (loss + net.penalty()).sum().backward()
    grads = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad(set_to_none=True)
    return loss.detach(), grads


def largest(net: Ensemble, grads: dict[str, torch.Tensor]) -> float:
    return max(float((p.grad - grads[name]).abs().max()) for name, p in net.named_parameters())


@pytest.mark.parametrize("active", [[0], [0, 1], [0, 1, 2], [1], [2, 0]])
def test_equals_autograd_with_all_samples_and_a_switch(tasks: Tasks, active: list[int]) -> None:
    net, active = networks(), sorted(active)
    expected, grads = by_autograd(net, tasks, active)
    inputs, labels = ([blocks[t] for t in active] for blocks in (tasks.inputs, tasks.labels))
    loss = Backward(net, block_cross_entropy(labels), inputs)(*one_batch(tasks, active))
    assert torch.allclose(loss, expected, atol=1e-13)
    assert largest(net, grads) < 1e-13


def test_a_softmax_over_all_blocks_would_be_seen(tasks: Tasks) -> None:
    """Negative control: the plain cross-entropy over all ten logits is another loss."""
    net = networks()
    _, grads = by_autograd(net, tasks, [0])
    Backward(net, blocks=tasks.inputs[:1])(*one_batch(tasks, [0]))
    assert largest(net, grads) > 1e-3


def test_an_epoch_trains_the_active_tasks(tasks: Tasks) -> None:
    ensemble = networks()
    descent = torch.optim.AdamW(ensemble.parameters(), lr=1e-2)
    before = training.measured(ensemble, tasks)
    losses = [training.one_epoch(ensemble, descent, tasks, ["a"], n, 8, [("x", 0), ("x", 1)]) for n in range(1, 31)]
    after = training.measured(ensemble, tasks)
    assert bool((losses[-1] < 0.95 * losses[0]).all())
    assert list(after) == ["a", "b", "c"]
    assert after["a"]["test_loss"].shape == (2,)
    assert not torch.equal(before["a"]["test_loss"], after["a"]["test_loss"])
    unseen = ensemble.affine[0].weight.detach()[:, :, tasks.inputs[1]]
    start = networks().affine[0].weight.detach()[:, :, tasks.inputs[1]]
    decayed = start * (1 - 1e-2 * 1e-2) ** (30 * 3)  # no gradient reaches an inactive task's inputs
    assert torch.allclose(unseen, decayed, atol=1e-12)


def test_every_task_is_gone_through_in_an_order_of_its_own(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    gather = tasks.gather
    monkeypatch.setattr(tasks, "gather", lambda indices: seen.append(indices) or gather(indices))
    ensemble = networks()
    descent = torch.optim.AdamW(ensemble.parameters(), lr=1e-2)
    training.one_epoch(ensemble, descent, tasks, ["a", "c"], 4, 8, [("x", 0), ("x", 1)])
    orders = {}
    for number, name in ((0, "a"), (2, "c")):
        orders[name] = torch.cat([each[number] for each in seen], dim=1)
        drawn = [torch.randperm(30, generator=generator("x", k, name, "order", 4)) for k in range(2)]
        assert torch.equal(orders[name], torch.stack(drawn)[:, :24]), "a last, shorter step is dropped"
    assert not torch.equal(orders["a"], orders["c"])
    assert all(each[1] is None for each in seen)


def test_measures_of_a_task_are_of_its_own_block(tasks: Tasks) -> None:
    net = networks()
    found = training.measured(net, tasks)
    data = tasks.data[1]
    x = torch.zeros(12, 13, dtype=torch.float64)
    x[:, 4:10] = (data.test.images.double() - data.mean) * data.inverse_deviation
    z = net.member(1)(x)[:, 2:7]
    assert float(found["b"]["test_loss"][1]) == pytest.approx(
        float(functional.cross_entropy(z, data.test.labels).detach())
    )
    assert float(found["b"]["test_accuracy"][1]) == 100 * float((z.argmax(-1) == data.test.labels).double().mean())
