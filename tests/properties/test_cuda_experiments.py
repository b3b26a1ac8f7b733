"""Every experiment from its beginning to its end on device "cuda" where there is none: no operation mixes devices.

By fake tensors, as in `test_cuda_devices.py`, and with what is said there of their limits. Whatever the host reads is
made up: rows hold no numbers here. Not FastICA and the entropies, which leave torch. On a GPU: `make gpu-check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from cuda_testing import cuda
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError

from isotropic.normalise import independence
from isotropic.training import measures
from pipeline.config import validate
from pipeline.data.dataset import Dataset, Split
from pipeline.experiments import EXPERIMENTS, components, experiment
from pipeline.experiments.plan.observations import Observations
from pipeline.experiments.plan.work import Network, Work
from pipeline.training import epochs
from pipeline.yaml_file import read_yaml

SMOKE = read_yaml(Path(__file__).parents[2] / "profiles/smoke.yaml")["experiments"]
SHORTER = {"joint_sparsity": {"joint_steps": 30, "powers": [0.5]}, "pruning_order": {"counts": [1]}}


class Answers(dict[str, Any]):
    """Any number for any read, by its kind: none diverges, nothing is refused, some are taken."""

    refusals = (
        "surgery/activation_stats.py",
        "surgery/importance.py",
        "training/",
        "normalise/ica.py",
        "normalise/normalisers.py",
    )

    def __contains__(self, place: object) -> bool:
        return True

    def __getitem__(self, place: str) -> Any:
        no = place.startswith(self.refusals)
        return lambda t: (not no) if t.dtype == torch.bool else 0.0 if no else 1


def images(name: str) -> Dataset:
    def split(count: int) -> Split:
        return Split(torch.randint(256, (count, 64), dtype=torch.uint8), torch.randint(10, (count,)))

    mean = torch.ones(64, dtype=torch.float64)
    return Dataset(name, (1, 8, 8), 10, split(96), split(40), mean, mean, {})


def observed(self: Observations, place: dict[str, object], values: dict[str, Tensor]) -> None:
    """A row of no number, as one on the device has none."""
    for measure, t in values.items():
        if measure == "correct":
            assert t.ndim == 2 and len(t) == len(self._who) and t.is_cuda
            continue
        assert t.shape == (len(self._who),)
        self.rows.append(self._who[0] | place | {"measure": measure, "value": 0.5})


@contextmanager
def on_cuda() -> Iterator[None]:
    """In place of what needs numbers, or a driver, something that does not."""
    instead = [
        patch.object(Observations, "add", observed),
        patch.object(Observations, "stop", lambda *a: None),
        patch.object(Network, "of", lambda *a: None),
        patch.object(independence, "negentropy", lambda y: y.new_zeros(y.shape[1]).double()),
        patch.object(components, "_components", lambda net, layer, x, *a: (torch.eye(8).double().to(x.device), True)),
        patch.object(epochs, "captured", lambda advance, times: lambda: [advance() for _ in range(times)] and None),
        patch.object(epochs.Epochs, "_addresses", lambda self: tuple(map(id, self._ensemble.parameters()))),
        patch.object(torch.cuda, "synchronize", lambda *a: None),
    ]
    with cuda(Answers()), ExitStack() as stack:
        for each in instead:
            stack.enter_context(each)
        yield


def run(name: str) -> int:
    """The number of rows."""
    module = experiment(name)
    settings = validate(module.Settings, SMOKE[name] | {"repeats": 1} | SHORTER.get(name, {}), "smoke")
    (names, *_) = settings.datasets()
    first, *rest = settings.members()
    members = [first, *(member for member in rest if settings.stack_key(member) == settings.stack_key(first))]
    return len(module.run(Work(settings, members, [images(each) for each in names], torch.device("cuda"))))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_stays_on_its_device(name: str) -> None:
    with on_cuda():
        assert run(name) > 0


def test_a_tensor_on_the_wrong_device_is_noticed() -> None:
    def wrong(z: Tensor, labels: Tensor) -> Tensor:
        return z.gather(-1, torch.zeros(len(labels), 1, dtype=torch.int64).expand(*z.shape[:-1], 1)).mean((-2, -1))

    with on_cuda(), patch.object(measures, "accuracy", wrong), pytest.raises(FakeTensorDeviceMismatchError):
        run("invariance")
