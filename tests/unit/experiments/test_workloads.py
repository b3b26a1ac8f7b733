"""What an experiment says that it will train, against a count by hand, and against the steps that it takes."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from isotropic.networks.base import MLP
from isotropic.networks.convolutional import IsotropicConvNet
from isotropic.networks.ensemble import Ensemble
from isotropic.normalise import ica
from isotropic.normalise.normalised import NormalisedMLP
from isotropic.surgery import eigenbasis
from isotropic.surgery.edit import Edit
from isotropic.training.train_step import TrainStep
from pipeline.data.dataset import Dataset
from pipeline.data.sources import fetch
from pipeline.experiments import EXPERIMENTS, experiment, spectra, task_schedule
from pipeline.experiments.plan import FLOAT64_PASS, Size, Workload
from pipeline.experiments.plan.work import Work
from pipeline.profile import Profile, load_profile
from pipeline.training import autograd

ROOT = Path(__file__).parents[3]
CIFAR10 = Size(features=3072, classes=10, train=50_000, test=10_000)
TASKS = [Size(784, 10, 60_000, 10_000), Size(784, 10, 60_000, 10_000), Size(784, 10, 48_000, 8_000)]


@pytest.fixture(scope="module")
def paper() -> Profile:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return load_profile("paper")


def steps(workloads: list[Workload]) -> int:
    return sum(workload.epochs * workload.steps for workload in workloads)


def changes(workloads: list[Workload]) -> int:
    return sum(sum(workload.changes) for workload in workloads)


def passes(workloads: list[Workload]) -> int:
    return sum(workload.passes for workload in workloads)


# All that decomposes a map: surgery, which begins with a copy of all tensors; normalisers; and what shows spectra.
DECOMPOSING = [
    (Edit, "__init__"),
    (ica, "hold_in_eigenbasis"),
    (eigenbasis, "hold_in_eigenbasis"),
    (spectra, "_singular_values"),
    (task_schedule, "_spectrum"),
]
EPOCH = 1042  # steps over 50,000 samples in batches of 48, the last of 32


@pytest.mark.parametrize(
    ("name", "epochs", "tested", "changes"),
    [
        ("spectra", 40, 41 * 10_000, (41, 41, 41)),
        ("tanh_comparison", 50, 51 * 10_000, ()),
        # The baseline, its diagonalised form and ten changes, in float32, and in float64, which counts twice. Each of
        # the ten follows a diagonalisation.
        ("invariance", 50, 51 * 10_000 + 3 * 12 * 10_000, (0, 2 * 21)),
        # Dense, diagonalised and sparse; and 50 passes of 1, 32 and 1024 samples through two networks.
        # The second map is diagonalised to be kept, in both precisions, and for the passes that are timed.
        ("sparsification", 25, 26 * 10_000 + 3 * 3 * 10_000 + 2 * 50 * 1057, (0, 4)),
        # In both precisions 5 epochs, then 10 of two networks; tested 6 and 2 * 11 times, and as often to compare.
        ("equivariance", 2 * (5 + 2 * 10), 3 * (6 + 2 * 11 + 2 * 11) * 10_000, (2,)),
        # The training set for its gradient; the baseline; 2 + 2 * 3 curves without a correction, and with each of two
        # 3 more without data: before, and after 12 counts. 16 are corrected over data, 10,000 samples a count.
        # Each count of each curve is pruned, from the trained network or from one that was diagonalised.
        ("pruning_order", 50, 51 * 10_000 + 50_000 + 10_000 + 30 * 13 * 10_000 + 16 * 12 * 10_000, (0, 1 + 30 * 12)),
        # Logits and two layers' activations, before and after; a baseline, and three variants in three places, in
        # both precisions; and 10,000 samples for the statistics and for the components of each layer.
        ("components", 24, 25 * 10_000 + 2 * 6 * 10_000 + 3 * 10 * 10_000 + 2 * 4 * 10_000, (1, 1)),
    ],
)
def test_one_course_where_widths_stay(
    paper: Profile, name: str, epochs: int, tested: int, changes: tuple[int, ...]
) -> None:
    settings = paper.settings(name)
    member = settings.members()[0]
    (workload,) = settings.workloads(member, [CIFAR10])
    assert workload == Workload(tuple(settings.widths(member, 3072, 10)), epochs, EPOCH, 48, 3072, tested, changes)


def test_the_mean_gain_is_taken_once_a_pruning(paper: Profile) -> None:
    settings = paper.settings("invariance")
    (workload,) = settings.workloads(settings.members()[-1], [CIFAR10])
    assert workload.passes == 51 * 10_000 + 3 * (12 + 5) * 10_000, "10,000 samples in each of five prunings"


def test_each_pruning_of_a_network_with_both_corrections_is_tested_without_them(paper: Profile) -> None:
    settings = paper.settings("invariance")
    passes = {
        member.label: settings.workloads(member, [CIFAR10])[0].passes - (51 + 3 * 12) * 10_000
        for member in settings.members()
    }
    both = ["constant, trainable+decay", "trainable, trainable+decay", "trainable, constant", "trainable, trainable"]
    assert {label for label, more in passes.items() if more == 3 * 5 * 3 * 10_000} == {*both}
    assert passes["none, trainable+decay"] == passes["trainable, none"] == 0


def test_abundance_goes_through_every_width_on_its_way(paper: Profile) -> None:
    settings = paper.settings("abundance")
    (there,) = [m for m in settings.members() if (m.start, m.end, m.repeat) == (7, 10, 0)]
    workloads = settings.workloads(there, [CIFAR10])
    # 15 epochs at 7, 75 that round to 7 (up to 0.5 of 3 neurons), 8, 9 and 10, then 10 at 10.
    assert [(workload.widths[1:-1], workload.epochs) for workload in workloads] == [
        ((7, 7), 15 + 12),
        ((8, 8), 25),
        ((9, 9), 25),
        ((10, 10), 13 + 10),
    ]
    assert steps(workloads) == 100 * EPOCH and passes(workloads) == 101 * 10_000
    assert [workload.changes for workload in workloads] == [(), (1, 1), (1, 1), (1, 1)]


def test_width_transitions_begin_once_and_branch_to_each_end(paper: Profile) -> None:
    settings = paper.settings("width_transitions")
    epoch = 2084  # steps over 50,000 samples in batches of 24
    isotropic, control = (
        next(m for m in settings.members() if m.start == 16 and m.configuration.activation == activation)
        for activation in ("isotropic-tanh", "tanh")
    )
    workloads = settings.workloads(isotropic, [CIFAR10])
    assert steps(workloads) == (24 + 4 * 48) * epoch
    # Tests: before the first epoch and after each, in every branch; and 8 prunings on the way to 8.
    assert passes(workloads) == (25 + 4 * 49 + 8) * 10_000
    hidden: Counter[int] = Counter()
    for workload in workloads:
        hidden[workload.widths[1]] += workload.epochs
    # To 8: one epoch at each of 15 .. 9, then 41 at 8. To 24 and 32: one at each of 17 on, then the rest at the end.
    assert hidden[8] == 41 and hidden[12] == 1 and hidden[16] == 24 + 48 and hidden[20] == 2
    assert hidden[24] == 41 + 1 and hidden[32] == 33
    assert changes(workloads) == 8 + 8 + 16, "by a neuron at a time to 8, 24 and 32"
    control_workloads = settings.workloads(control, [CIFAR10])
    assert steps(control_workloads) == (24 + 48) * epoch and changes(control_workloads) == 0


def test_task_schedule_counts_active_tasks_and_the_shortest_of_them(paper: Profile) -> None:
    settings = paper.settings("task_schedule")
    both = settings.workloads(settings.members()[0], TASKS)
    workloads, controls = both[:5], both[5:]
    assert [workload.rows for workload in workloads[:-1]] == [48, 96, 144, 48]
    assert {workload.inputs for workload in workloads} == {784}, "a sample stands in the block of its task"
    assert {workload.widths[0] for workload in workloads} == {2352} and {
        workload.widths[-1] for workload in workloads
    } == {30}
    assert steps(workloads) == 600 * 1000, "48,000 samples of each task in batches of 48"
    assert passes(workloads) == 601 * 3 * 8_000
    # Every hidden width of each network after each epoch, and the spectra of all before and after each.
    layers = settings.layers
    assert all(workload.apart and workload.changes == (workload.epochs,) * layers for workload in workloads[:-1])
    assert not workloads[-1].apart and workloads[-1].changes == (601,) * layers
    twin = settings.workloads(settings.members()[-1], TASKS)
    assert len(twin) == 5 and changes(twin) == 601 * layers, "a static twin keeps its widths"
    # Two controls of an adaptive network, until the third phase ends.
    assert [(each.rows, each.epochs) for each in controls] == 2 * [(48, 150), (96, 150), (144, 150), (48, 0)]
    assert steps(controls) == 2 * 450 * 1000 and passes(controls) == 2 * 451 * 3 * 8_000
    assert changes(controls) == 2 * 451 * layers and {each.widths for each in both} == {workloads[0].widths}
    shorter = settings.model_copy(update={"train_samples": 1000, "test_samples": 500})
    workloads = shorter.workloads(shorter.members()[-1], TASKS)
    assert steps(workloads) == 600 * 20, "1000 samples: the last 40 make no batch"
    assert passes(workloads) == 601 * 3 * 500


def test_scaffolds_begin_once_and_branch_to_a_control_and_to_each_kind(paper: Profile) -> None:
    settings = paper.settings("scaffolds")
    workloads = settings.workloads(settings.members()[0], [CIFAR10])
    hidden = [(workload.widths[1:-1], workload.epochs, workload.steps) for workload in workloads]
    grown = (75, 100)
    assert hidden[:2] == [((50, 100), 10, EPOCH), ((50, 100), 20, EPOCH)]
    assert hidden[2:] == 4 * [(grown, 1, 1000), (grown, 20, EPOCH)]
    # Tests: 11 before and one more to compare; 21 of the control; of each kind one, and 21 with 2 more of each.
    assert passes(workloads) == (11 + 1 + 21 + 4 * (1 + 3 * 21)) * 10_000
    assert changes(workloads) == 1 + 4, "the control is diagonalised"


def test_timing_is_all_cases_one_after_the_other(paper: Profile) -> None:
    settings = paper.settings("timing")
    (member,) = settings.members()
    workloads = settings.workloads(member, [CIFAR10])
    assert len(workloads) == 6 and steps(workloads) == 6 * 30 * EPOCH
    assert passes(workloads) == 3 * 30 * 10_000, "half of the cases test"
    assert changes(workloads) == 4 * 30, "and two thirds adapt"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_steps_passes_and_changes_are_those_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of an experiment of the smoke profile is listed with its widths and its rows, and no other is."""
    monkeypatch.chdir(ROOT)
    profile = load_profile("smoke")
    settings = profile.settings(name)
    names = settings.datasets()[0]
    data = [fetch(each, profile.data[each]) for each in names]
    sizes = [Size(each.features, each.classes, len(each.train), len(each.test)) for each in data]
    # Of every width and configuration one.
    for member in [member for member in settings.members() if member.repeat == 0]:
        adaptive = getattr(member, "widths", "") == "adaptive"
        taken, passed, changed = _taken(name, settings, member, data, monkeypatch)
        listed: Counter[tuple[tuple[int, ...], int]] = Counter()
        for workload in settings.workloads(member, sizes):
            listed[workload.widths, workload.rows] += workload.epochs * workload.steps
        # The first of widths that move, or that follow from training; dense networks that cost as much.
        if name in ("timing", "convolutions") or adaptive:
            assert taken.total() == listed.total()
        else:
            assert taken == +listed
        if name not in ("sparsification", "joint_sparsity"):  # a sparse form is no MLP; a descent of bases no pass
            assert passed == passes(settings.workloads(member, sizes))
        if not adaptive:  # an adaptation of all layers is one edit
            assert changed == changes(settings.workloads(member, sizes))


def _taken(
    name: str, settings: Any, member: Any, data: list[Dataset], monkeypatch: pytest.MonkeyPatch
) -> tuple[Counter[tuple[tuple[int, ...], int]], int, int]:
    """How many steps, by widths and rows of a full batch; passes, those in float64 counted twice; and changes."""
    passed: list[int] = []
    changed: list[object] = []
    trace, after = MLP.trace, NormalisedMLP.after
    taken: Counter[tuple[tuple[int, ...], int]] = Counter()
    largest: dict[tuple[int, ...], int] = {}
    step, alone = TrainStep.__call__, autograd.step

    def count(widths: tuple[int, ...], rows: int, networks: int) -> None:
        if rows % settings.batch_size:  # a last batch is shorter; those of several tasks are whole multiples
            rows = largest[widths]
        largest[widths] = rows
        taken[widths, rows] += networks

    def counted(self: TrainStep, x: Any, y: torch.Tensor) -> torch.Tensor:
        count(tuple(self._ensemble.widths), y.shape[1], len(self._ensemble))
        return step(self, x, y)

    def counted_alone(net: NormalisedMLP, descent: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        count((x.shape[-1], *(len(affine.bias) for affine in net.affine)), len(y), 1)
        return alone(net, descent, x, y)

    def followed(self: MLP, x: torch.Tensor, *block: slice) -> Any:
        samples = len(self) * x.shape[-2] if isinstance(self, Ensemble) else len(x)
        if not (isinstance(self, IsotropicConvNet) and self.training):  # that is a step
            passed.append(samples * (FLOAT64_PASS if x.dtype == torch.float64 else 1))
        return trace(self, x, *block)

    reached, init = MLP.reached, Edit.__init__

    def measured(self: MLP, layer: int, x: torch.Tensor) -> Any:
        samples = x.shape[-2]  # of one member
        if sys._getframe(1).f_code.co_name == "mean_gain":
            samples *= (len(self) if isinstance(self, Ensemble) else 1) * (
                FLOAT64_PASS if x.dtype == torch.float64 else 1
            )
        passed.append(samples)
        return reached(self, layer, x)

    def followed_alone(self: NormalisedMLP, layer: int, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            passed.append(len(x) * (FLOAT64_PASS if x.dtype == torch.float64 else 1))
        return after(self, layer, x)

    def noted(function: Any) -> Any:
        def noting(*arguments: Any, **named: Any) -> Any:
            if function is not init or not isinstance(arguments[1], NormalisedMLP):  # turned without a decomposition
                changed.append(function)
            return function(*arguments, **named)

        return noting

    with monkeypatch.context() as patch:
        for owner, what in DECOMPOSING:
            patch.setattr(owner, what, noted(getattr(owner, what)))
        patch.setattr(TrainStep, "__call__", counted)
        patch.setattr(MLP, "reached", measured)
        patch.setattr(MLP, "trace", followed)
        patch.setattr(autograd, "step", counted_alone)
        patch.setattr(NormalisedMLP, "after", followed_alone)
        experiment(name).run(Work(settings, [member], data, torch.device("cpu")))
    return taken, sum(passed), len(changed)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_experiment_imports_another(name: str) -> None:
    """DVC and the identity of a job know an experiment's own file, not those of others."""
    text = (ROOT / f"pipeline/experiments/{name}.py").read_text(encoding="utf-8")
    imported = re.findall(r"pipeline\.experiments(?:\.(\w+)| import (\w+))", text)
    assert {first or second for first, second in imported} <= {"plan"}
