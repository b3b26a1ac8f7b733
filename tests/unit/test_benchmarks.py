"""The benchmark: its tables come out whole, and both sides of it compute the same training."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import images, table
from benchmarks.activations import BATCHES, Loops
from benchmarks.interleaved import interleaved
from benchmarks.lockstep import Lockstep
from benchmarks.machine import memory
from benchmarks.parallel import Forms, label
from benchmarks.plain_loop import PlainLoop
from benchmarks.plan import TRAINING, quick
from benchmarks.workers import Worker
from pipeline.data.dataset import load, save

ROOT = Path(__file__).parents[2]
STEPS, WIDTHS = 10, (64, 32, 32, 10)


@pytest.fixture(scope="module")
def printed() -> str:
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--quick"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(printed: str, title: str) -> dict[str, list[str]]:
    """The first cell of every row of a table -> the others."""
    section = re.split(r"^### ", printed, flags=re.MULTILINE)
    (found,) = [each for each in section if each.startswith(title + "\n")]
    lines = [line.strip("| ").split(" | ") for line in found.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1
    return {first: others for first, *others in lines[2:]}


def positive(cells: list[str]) -> bool:
    values = [float(word.replace(",", "")) for text in cells for word in re.split(r" to | \+ ", text)]
    return all(math.isfinite(value) and value > 0 for value in values)


@pytest.mark.parametrize(
    ("title", "networks"),
    [
        ("Training step", quick().networks),
        ("Epoch, evaluation, adaptation", quick().networks),
        ("Products in bfloat16", quick().networks),
        ("Throughput and members", quick().growing),
        ("Throughput and processes", quick().growing),
        pytest.param(
            "Memory",
            [each for each in quick().networks if each[0] == 3072],
            marks=pytest.mark.skipif(memory() is None, reason="needs Linux"),
        ),
    ],
)
def test_a_table_has_all_rows_and_positive_numbers(printed, title, networks):
    found = rows(printed, title)
    assert list(found) == [table.name(widths) for widths in networks]
    for cells in found.values():
        assert positive(cells), cells


def test_the_peers_have_their_table(printed):
    found = rows(printed, "One thread, images in memory")
    assert list(found) == [table.name(widths) for widths in quick().peers]
    for k, engine, loop, compiled, few, many, *jax, ratio, span, fastest in found.values():
        assert positive([k, engine, loop, few, many, ratio, span, fastest])
        assert positive([compiled]) or compiled.endswith("Error"), "there may be no compiler"
        assert all(cell == "not installed" for cell in jax) or positive(jax)


def test_the_parallel_form_has_its_table(printed):
    found = rows(printed, "The parallel form")
    assert list(found) == [label(widths) for widths in quick().deep] == ["8-8-...-10, 4 maps"]
    assert all(positive(cells) for cells in found.values())


def test_isotropic_and_elementwise_have_their_table(printed):
    found = rows(printed, "Isotropic and elementwise")
    assert list(found) == [f"{table.name(widths)}, {batch}" for widths in quick().plain for batch in BATCHES]
    assert all(positive(cells) for cells in found.values())


def test_all_forms_of_a_loop_learn():
    loops = Loops((8, 16, 16, 3), batch=20)
    for form, net in loops.nets.items():
        before = torch.nn.functional.cross_entropy(net(loops.x), loops.y)
        loops.steps(100, form)
        assert torch.nn.functional.cross_entropy(net(loops.x), loops.y) < 0.9 * before


def test_both_forms_compute_the_same():
    forms = Forms((8, 8, 8, 10), batch=5)
    layers, parallel = (form(forms.x) for form in forms.forms.values())
    assert torch.allclose(layers, parallel, atol=1e-6) and layers.abs().max() > 0.1


def test_accuracies_are_compared_in_pairs(printed):
    (cells,) = rows(printed, "Accuracy with products in bfloat16").values()
    network, *accuracies, difference, _ = cells
    assert network == "64-8-8-10"
    high, low = map(float, accuracies)
    assert 0 < low < 100 and float(difference.replace("−", "-")) == pytest.approx(low - high, abs=0.06)


def test_a_pair_starts_alike_and_products_make_the_difference(file):
    def accuracies(matmul: str) -> list[float]:
        training = TRAINING.model_copy(update={"matmul": matmul})
        return Lockstep(file, WIDTHS, training, members=2, number=3).accuracies(2)

    assert accuracies("float32") == accuracies("float32")
    assert accuracies("float32") == pytest.approx(accuracies("bf16"), abs=5)
    one, two = (Lockstep(file, WIDTHS, TRAINING, members=1, number=n).accuracies(2)[0] for n in (3, 4))
    assert [one, two] == accuracies("float32") and one != two


def test_the_machine_is_named(printed):
    assert torch.__version__ in printed
    assert re.match(r"- CPU: .+, \d+ cores", printed)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("benchmark") / "digits.pt"
    save(images.digits(), path)
    return path


def losses(file: Path, learning_rate: float = 1e-3) -> tuple[list[float], list[float]]:
    """Of a plain loop, and of the second of two members of an ensemble, from one seed on the same batches."""
    order = torch.randperm(len(load(file).train), generator=torch.Generator().manual_seed(5))[: 48 * STEPS]
    training = TRAINING.model_copy(update={"learning_rate": learning_rate})
    plain = PlainLoop(file, WIDTHS, training, number=8)
    engine = Lockstep(file, WIDTHS, TRAINING, members=2, number=7)
    return plain.losses(order.tolist()), [member[1] for member in engine.losses(torch.stack([order.flip(0), order]))]


def test_the_plain_loop_and_the_engine_compute_the_same_training(file):
    plain, engine = losses(file)
    assert len(engine) == STEPS
    assert plain == pytest.approx(engine, abs=1e-4)
    assert engine[-1] < engine[0]


def test_another_learning_rate_would_be_noticed(file):
    plain, engine = losses(file, learning_rate=2e-3)
    assert plain[0] == pytest.approx(engine[0], abs=1e-4)
    assert abs(plain[-1] - engine[-1]) > 1e-2


@pytest.mark.parametrize("shape", images.SHAPES.values(), ids=str)
def test_both_see_the_same_inputs(tmp_path, shape):
    path, widths = tmp_path / "images.pt", (math.prod(shape), 8, 10)
    save(images.random_images(shape, train=20, test=10), path)
    plain, engine = PlainLoop(path, widths, TRAINING), Lockstep(path, widths, TRAINING, members=1)
    assert plain.losses([3, 1, 2]) == pytest.approx(engine.losses(torch.tensor([[3, 1, 2]]))[0], abs=1e-5)


def test_steps_go_on_where_they_stopped_through_epochs(file):
    engine, steps = Lockstep(file, WIDTHS, TRAINING, members=2), -(-len(load(file).train) // 48)
    engine.steps(steps - 1)
    engine.steps(3)
    (taken,) = {float(state["step"]) for state in engine.optimiser.state.values()}
    assert taken == steps + 2


def test_an_epoch_leaves_the_widths_as_they_were(file):
    engine = Lockstep(file, WIDTHS, TRAINING, members=2)
    assert all(took > 0 for took in engine.epoch())
    assert engine.ensemble.member_widths == [list(WIDTHS)] * 2


def test_things_take_turns():
    turns = []

    def thing(name: str, seconds: float):
        return lambda count: turns.append((name, count)) or seconds * count

    times = interleaved({"a": thing("a", 0.5), "b": thing("b", 0.1)}, rounds=2, duration=2.0)
    assert turns[-4:] == [("a", 4), ("b", 20)] * 2
    assert times == {"a": [0.5, 0.5], "b": pytest.approx([0.1, 0.1])}


def test_what_fails_in_a_worker_is_said():
    worker = Worker(threads=1)
    try:
        with pytest.raises(RuntimeError, match="ValueError: could not convert string to float: 'x'"):
            worker.call("make", float, "x")
        assert worker.call(math.sqrt, 4) == 2
        worker.call("make", complex, 1, 2)
        assert worker.call("conjugate") == 1 - 2j
        worker.tell(sys.exit)
        with pytest.raises(RuntimeError, match="died"):
            worker.answer()
    finally:
        worker.stop()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01234567, "0.0123"),
        (0.00002, "0.0000200"),
        (3.14159, "3.14"),
        (31.4159, "31.4"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (2, "2"),
        ("as it is", "as it is"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert table.cell(value) == text
