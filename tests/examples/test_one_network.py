"""The example in plain torch and the pipeline's experiment `invariance` are two programs for one row."""

from __future__ import annotations

import copy
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from pipeline.config import Data
from pipeline.data.batches import Standardiser
from pipeline.data.sources import fetch
from pipeline.experiments.invariance import Settings, run
from pipeline.experiments.plan.work import Work
from pipeline.profile import load_profile
from pipeline.results.statistics import select
from pipeline.seeds import seed
from pipeline.training.engine import shuffled

FILE = Path(__file__).parents[2] / "examples" / "one_network.py"
EPOCHS, CHANGES = 3, [-1, -8, -24]
TOLERANCE = 1e-9  # measured: 4e-15, after 90 steps in float64
STREAM = ("invariance", "digits", 0)


@pytest.fixture(scope="module", autouse=True)
def _float64() -> Iterator[None]:
    """In which two programs for one thing differ by rounding, and training enlarges that to nothing that shows."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("one_network", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows():
    """Of profile digits, the first repeat of the configuration with o and psi; fewer epochs, some of its changes."""
    own = load_profile("digits").experiments["invariance"].model_dump()
    kept = [each for each in own["configurations"] if each["compensation"] == "trainable+decay"][-1:]
    assert kept[0]["intrinsic_length"] == "trainable"
    changed = {"epochs": EPOCHS, "repeats": 1, "changes": CHANGES, "configurations": kept}
    settings = Settings.model_validate(own | changed)
    return run(Work(settings, settings.members(), [data()], torch.device("cpu")))


def data():
    return fetch("digits", Data(source="digits"))


@pytest.fixture(scope="module")
def trained(example: ModuleType) -> tuple[torch.nn.Module, Tensor, Tensor]:
    """The example's network from the same seed, on the same inputs in the same order; the test set."""
    images = data()
    batches = Standardiser(images, "cpu", torch.float64, rows=5000)
    ((x, y),), ((x_test, y_test),) = (
        [(x.clone(), y) for x, y in batches.in_order(part)] for part in ("train", "test")
    )
    net = example.Network([64, 32, 32, 10], seed=seed(*STREAM))
    example.train(net, x, y, [shuffled(images, [STREAM], n)[0] for n in range(1, EPOCHS + 1)])
    return net, x_test, y_test


@torch.no_grad()
def measured(example: ModuleType, trained: tuple[torch.nn.Module, Tensor, Tensor], count: int) -> dict[str, float]:
    net, x, y = trained
    example.prune(pruned := copy.deepcopy(net), 2, count)
    before, after = net(x), pruned(x)
    epsilon = (after - before).norm(dim=1).mean().item()
    return {"epsilon": epsilon, "accuracy": 100 * (after.argmax(1) == y).double().mean().item()}


def value(rows, measure: str, change: int) -> float:
    where = {"phase": "adapted", "measure": measure, "change": change, "ablation": None, "precision": "float64"}
    (found,) = select(rows, **where)["value"]
    return found


def test_it_prunes_as_the_experiment_does(example: ModuleType, rows, trained) -> None:
    for change in CHANGES:
        own = measured(example, trained, -change)
        assert own["epsilon"] == pytest.approx(value(rows, "epsilon", change), rel=TOLERANCE)
        assert own["accuracy"] == pytest.approx(value(rows, "accuracy", change), rel=TOLERANCE)


@pytest.mark.parametrize("forgotten", ["psi_after +=", "log_o.copy_("])
def test_with_a_line_forgotten_it_does_not(example: ModuleType, rows, trained, forgotten: str) -> None:
    """The control: without what pruned biases add to psi, or to the length, the row is another."""
    source = FILE.read_text(encoding="utf-8")
    (line,) = [line for line in source.splitlines() if forgotten in line]
    other = ModuleType("other")
    exec(compile(source.replace(line, ""), FILE.name, "exec"), other.__dict__)
    own, expected = measured(other, trained, 24)["epsilon"], value(rows, "epsilon", -24)
    assert abs(own / expected - 1) > 1e4 * TOLERANCE


def test_it_needs_no_library() -> None:
    imported = re.findall(r"^(?:import|from) (\w+)", FILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {*imported} == {"copy", "sklearn", "torch"}
