"""The estimate: jobs without data, the model of their costs, how they fill workers, and what is printed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline import paths
from pipeline.config import Data
from pipeline.data.caltech import CLASSES, SIDE
from pipeline.data.dataset import Split, save, save_absence
from pipeline.data.divide import divide
from pipeline.data.sources import fetch
from pipeline.errors import InputError
from pipeline.execution import estimate, overhead, trial
from pipeline.execution.cost import Change, Costs, Model, Shape, fit, spanning
from pipeline.execution.overhead import Overhead, divided
from pipeline.execution.planned import Planned, makespan, plan
from pipeline.execution.prepare import prepare
from pipeline.execution.sizes import KNOWN, sizes
from pipeline.execution.trial import Timing, Trial
from pipeline.experiments.plan import Size, Workload
from pipeline.profile import Profile, load_profile
from pipeline.results.text import clock
from stages import estimate as stage

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the profiles, to work in."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def seconds(shape: Shape) -> float:
    """A machine on which all costs are known."""
    return sum(c * t for c, t in zip((1e-4, 2e-5, 3e-5, 0, 1e-9, 0, 2e-11, 0, 1e-10, 0), shape.terms(), strict=True))


def changing(change: Change) -> float:
    """What a change costs on it."""
    return sum(c * t for c, t in zip((3e-2, 6e-3, 3e-10, 15e-10, 6e-8), change.terms(), strict=True))


BESIDE = Overhead(begin=2.0, run=4.0, analyse=6.2, report=3.0, publish=10.0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """That machine in place of this one; the trials that were made on it."""
    made: list[Trial] = []

    def measure(trials: list[Trial], device: torch.device, workers: int) -> tuple[list[Timing], int]:
        made.extend(trials)
        shapes = [
            Shape(len(t.members), t.widths, t.rows, t.widths[0], t.members[0].configuration.activation != "tanh")
            for t in trials
        ]
        return [Timing(seconds(shape), 0.01, changes(shape)) for shape in shapes], 10**8

    def changes(shape: Shape) -> dict[int, float]:
        layers = {1, len(shape.widths) - 2} if shape.isotropic else {}
        return {layer: changing(shape.change(layer)) for layer in layers}

    monkeypatch.setattr(trial, "measure", measure)
    monkeypatch.setattr(overhead, "measure", lambda execution: BESIDE)
    return made


SHAPES = [
    Shape(members, (features, *[width] * hidden, 10), rows, inputs, isotropic)
    for members in (1, 2, 32)
    for features, inputs in ((64, 64), (3072, 3072), (3072, 784))
    for width in (8, 100, 500)
    for hidden in (1, 2, 5)
    for rows in (24, 144)
    for isotropic in (True, False)
]


WORK = {shape: shape.work for shape in SHAPES}


def test_the_model_finds_the_costs_of_a_known_machine() -> None:
    chosen = spanning(WORK, 18)
    model = fit(chosen, [seconds(shape) for shape in chosen])
    assert model.error < 1e-6
    assert max(abs(model.seconds(shape) / seconds(shape) - 1) for shape in SHAPES) < 1e-3, "of shapes not measured"


def test_the_error_of_the_model_is_that_of_its_worst_shape() -> None:
    shape = SHAPES[0]
    model = fit([shape, shape], [1.0, 2.0])
    # Least squares of (m / 1 - 1) and (m / 2 - 1): m = 1.5 / 1.25 = 1.2.
    assert model.error == pytest.approx(0.4)


def test_a_measured_shape_takes_what_was_measured_and_one_near_it_is_corrected_likewise() -> None:
    near, far = Shape(1, (64, 8, 10), 24, 64, True), Shape(32, (3072, 500, 500, 10), 144, 3072, True)
    model = fit([near, far], [1.0, 5.0])
    assert model.seconds(near) == pytest.approx(1.0) and model.seconds(far) == pytest.approx(5.0)
    wider = replace(near, widths=(64, 9, 10))
    plain = Model(model.coefficients, model.shapes, (1.0, 1.0))
    assert model.seconds(wider) / plain.seconds(wider) == pytest.approx(model.ratios[0])


def test_chosen_shapes_span_all() -> None:
    chosen = spanning(WORK, 18)
    assert len(set(chosen)) == 18
    assert chosen[0] == Shape(32, (3072, *[500] * 5, 10), 144, 3072, True), "the largest"
    assert {s.isotropic for s in chosen} == {True, False} and {s.rows for s in chosen} == {24, 144}
    assert {s.members for s in chosen} >= {1, 32} and {s.widths[1] for s in chosen} >= {8, 500}
    few = dict(list(WORK.items())[:2])
    assert set(spanning(few, 14)) == set(few)
    assert spanning({}, 14) == []


def test_the_next_job_goes_to_the_worker_that_is_free() -> None:
    assert makespan([3, 1, 1, 2], workers=2) == 4
    assert makespan([3, 1, 1, 2], workers=1) == 7
    assert makespan([3], workers=4) == 3
    assert makespan([], workers=2) == 0


@pytest.mark.parametrize("name", ["abundance", "invariance", "task_schedule", "timing", "tanh_comparison"])
def test_the_jobs_are_those_that_will_run(folder: Path, name: str) -> None:
    profile = load_profile("smoke")
    for each, settings in profile.data.items():
        save(fetch(each, settings), paths.dataset("smoke", each))
    known, _ = sizes(profile)
    planned = plan(profile.settings(name), known, "cpu")
    assert [job.members for job in planned] == [job.members for job in prepare(profile, name).jobs]


def test_an_ensemble_is_as_wide_as_its_widest_member(folder: Path) -> None:
    settings = load_profile("smoke").settings("task_schedule")
    size = KNOWN["digits"]
    (job, _) = plan(settings, dict.fromkeys(settings.data, size), "cpu")
    hidden = [settings.widths(member, 192, 30)[1:-1] for member in job.members]
    assert len(hidden) == 2 and hidden[0] != hidden[1]
    assert job.workloads[0].widths == (192, *map(max, *hidden), 30)
    # 240 samples of each of three tasks in batches of 48, four epochs, and three of two controls; two members.
    assert job.steps == 2 * (4 + 2 * 3) * 5


def test_memory_is_at_least_that_of_networks_with_their_moments(folder: Path) -> None:
    settings = load_profile("paper").settings("sparsification")
    planned = plan(settings, {"cifar10": KNOWN["cifar10"]}, "cpu")
    parameters = 3072 * 1000 + 1000 + 5 * 1001 * 1000 + 1001 * 10
    largest = max(job.memory for job in planned)
    assert 16 * parameters < largest < 40 * parameters


def test_memory_is_that_of_all_stacked_networks(folder: Path) -> None:
    planned = plan(load_profile("paper").settings("invariance"), {"cifar10": KNOWN["cifar10"]}, "cpu")
    job = max(planned, key=lambda job: len(job.members))
    own = job.shape(job.workloads[0], 48).parameters
    assert len(job.members) > 4
    assert 16 * len(job.members) * own < job.memory < 40 * len(job.members) * own


def test_sizes_are_those_of_the_fetched_file_or_those_known_of_the_source(folder: Path) -> None:
    profile = Profile("mine", load_profile("smoke").execution, _data(), {})
    known, unknown = sizes(profile)
    assert known == {"digits": Size(64, 10, 1437, 360), "cifar10": Size(3072, 10, 50_000, 10_000)}
    assert list(unknown) == ["photographs"] and "not known before" in unknown["photographs"]
    save(fetch("cifar10", Data(source="digits")), paths.dataset("mine", "cifar10"))
    save_absence("data.digits: no such folder", paths.dataset("mine", "digits"))
    known, unknown = sizes(profile)
    assert known == {"cifar10": Size(64, 10, 1437, 360)}
    assert "data.digits: no such folder" in unknown["digits"]
    paths.dataset("mine", "cifar10").with_suffix(".json").write_text('{"name": 3}')
    with pytest.raises(InputError, match=r"cifar10\.json: .* does not describe a data set; `dvc repro` makes it"):
        sizes(profile)


def _data() -> dict[str, Data]:
    return {
        "digits": Data(source="digits"),
        "cifar10": Data(source="cifar10"),
        "photographs": Data(source="image-folder"),
    }


def test_known_sizes_are_those_that_loaders_make() -> None:
    for source in ("digits", "digits-permuted", "digits-turned"):
        data = fetch(source, Data(source=source))
        assert KNOWN[source] == Size(data.features, data.classes, len(data.train), len(data.test))
    whole = Split(torch.zeros(30_607, 1, dtype=torch.uint8), torch.zeros(30_607, dtype=torch.int64))
    train, test = divide(whole, "caltech256", stratified=False)
    assert KNOWN["caltech256"] == Size(3 * SIDE * SIDE, CLASSES, len(train), len(test))


def test_an_estimate_adds_up_its_jobs(folder: Path, machine: list[Trial]) -> None:
    profile = load_profile("paper")
    profile = Profile("paper", profile.execution.model_copy(update={"workers": 2}), profile.data, profile.experiments)
    found = estimate.estimate(profile)
    assert [each.experiment for each in found.experiments] == list(profile.experiments)
    assert len(machine) == found.measured == estimate.TRIALS and found.step_error < 1e-6
    timing = next(each for each in found.experiments if each.experiment == "timing")
    steps = 6 * 30 * 1042
    forward = 3 * 30 * 10 * 0.01
    step = seconds(Shape(1, (3072, 500, 500, 10), 48, 3072, True))
    assert (timing.jobs, timing.workers, timing.steps) == (1, 1, steps)
    change = 4 * 30 * changing(Change(1, 500, 500, 3072 * 500 + 500 + 500 * 501 + 10 * 501))
    assert timing.seconds == pytest.approx(steps * step + forward + change, rel=0.01)
    assert change > 0.02 * timing.seconds, "so it would be missed"
    assert timing.around == pytest.approx(4.0 + 1.9 + 2.9), "a run, and an analysis on one data set"
    abundance = next(each for each in found.experiments if each.experiment == "abundance")
    assert abundance.around == pytest.approx(4.0 + 1.9 + 2 * 2.9), "on two data sets"
    networks = sum(each.networks for each in found.experiments)
    assert found.closing == BESIDE.closing(networks) > BESIDE.closing(4) == 2.0 + 3.0 + 10.0
    assert abundance.networks == 2 * 36 * 4
    assert abundance.steps == 36 * 4 * 100 * (1042 + 511), "CIFAR-10, and Caltech-256 with 24,485 samples"
    assert abundance.shared == (24_485 + 6_122) * (12_288 + 8)


def test_what_is_printed(folder: Path, machine: list[Trial], capsys: pytest.CaptureFixture[str]) -> None:
    stage.main(["--profile", "desk"])
    lines = capsys.readouterr().out.splitlines()
    total = 2 + len(load_profile("desk").experiments)
    assert len({len(line) for line in lines[: total + 1]}) == 1, "a table: head, rule, experiments, total"
    total += 1  # after the line of the report
    assert lines[0].startswith("| experiment") and lines[total].startswith("| total")
    report = next(line for line in lines if line.startswith("| report, MLflow"))
    assert lines[total + 2].startswith("- In all: > 0:")
    tanh = next(line for line in lines if "tanh_comparison" in line)
    assert "mnist, fashion-mnist, (cifar10: not known)" in tanh and "| > 0:" in tanh, "of that nothing is counted"
    alone = next(line for line in lines if line.startswith("| invariance"))
    assert "(cifar10: not known)" in alone and "0:00" not in alone, "no time at all is not a time of 0"
    assert "| > 0:" in lines[total] and f"| {clock(BESIDE.closing(140))} |" in " ".join(report.split())
    assert "not known" in next(line for line in lines if "invariance" in line)
    assert any(line.startswith("- Not counted: cifar10; the size of source image-folder") for line in lines)


def test_the_same_as_json(folder: Path, machine: list[Trial], capsys: pytest.CaptureFixture[str]) -> None:
    stage.main(["--profile", "desk", "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    by_name = {each["experiment"]: each for each in found["experiments"]}
    assert by_name["tanh_comparison"]["steps"] == 16 * 4 * 8 * 1250 * 2
    assert by_name["timing"]["jobs"] == 0 and list(found["unknown"]) == ["cifar10"]


def test_nothing_known_is_no_error(folder: Path, machine: list[Trial], monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load_profile("desk")
    photographs = dict.fromkeys(profile.data, Data(source="image-folder"))
    found = estimate.estimate(Profile("desk", profile.execution, photographs, profile.experiments))
    assert not machine and list(found.unknown) == list(profile.data)
    assert [each.jobs for each in found.experiments] == [0] * len(profile.experiments)
    assert "not known" in stage.text(found) and "nothing was measured" in stage.text(found)


def test_ensembles_are_timed_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, two sizes: the larger takes longer."""
    monkeypatch.setattr(trial, "_SECONDS", 0.05)
    monkeypatch.setattr(trial, "_CHUNK", 0.01)
    settings = load_profile("smoke").settings("spectra")
    members = tuple(settings.members()[:2])
    trials = [Trial(settings, members, (64, width, width, 10), 48, 1437) for width in (8, 1000)]
    timings, resident = trial.measure(trials, torch.device("cpu"), workers=1)
    assert 0 < timings[0].step < timings[1].step and 0 < timings[0].forward < timings[1].forward
    assert timings[0].changes.keys() == timings[1].changes.keys() == {1, 2}
    assert all(0 < timings[0].changes[layer] < timings[1].changes[layer] for layer in (1, 2))
    tanh = [Trial(settings, tuple(settings.members()[-2:]), (64, 8, 8, 10), 48, 1437)]
    assert trial.measure(tanh, torch.device("cpu"), workers=1)[0][0].changes == {}, "which cannot be diagonalised"
    assert resident > 10**7


def test_a_job_costs_its_steps_passes_and_changes() -> None:
    """Two networks; a machine on which a step takes 1 s, a pass of 1000 samples 10 s, a change 100 s a network."""
    once = Shape(1, (4, 3, 2), 8, 4, True)
    costs = Costs(Model((1.0, *[0] * 9), (once,), (1.0,)), Model((10.0, *[0] * 9), (once,), (1.0,)), CHANGES)
    members = tuple(load_profile("smoke").settings("spectra").members()[:2])

    def cost(**workload: Any) -> float:
        empty = Workload((4, 3, 2), epochs=0, steps=0, rows=8, inputs=4, passes=0)
        return Planned(None, members, (), (replace(empty, **workload),)).seconds(costs)  # type: ignore[arg-type]

    assert cost(epochs=3, steps=7) == pytest.approx(21)
    assert cost(passes=500) == pytest.approx(5)
    assert cost(changes=(2, 1)) == pytest.approx(3 * 200), "of both networks at once"
    assert cost(changes=(2, 1), apart=True) == pytest.approx(3 * 2 * 100 * 1.7), "of one after the other"
    assert cost(epochs=3, steps=7, passes=500, changes=(0, 1)) == pytest.approx(21 + 5 + 200)


CHANGES = Model((0.0, 100.0, 0.0, 0.0, 0.0), (Change(1, 3, 4, 23),), (1.0,))


def test_a_change_costs_by_the_map_that_is_decomposed() -> None:
    """The first map of 3072 inputs, and the second of 100."""
    shapes = [
        Shape(members, (features, *[width] * 2, 10), 48, features, True)
        for members in (1, 8)
        for features in (64, 3072)
        for width in (8, 100, 500)
    ]
    changes = [shape.change(layer) for shape in shapes for layer in (1, 2)]
    assert changes[0] == Change(1, 8, 64, 64 * 8 + 8 + 8 * 9 + 10 * 9) and changes[1].inputs == 8
    model = fit(changes, [changing(change) for change in changes])
    assert model.error < 1e-6
    wide, narrow = (model.seconds(shapes[-1].change(layer)) for layer in (1, 2))
    assert wide == pytest.approx(changing(shapes[-1].change(1))) and wide > 1.5 * narrow


def test_stages_take_the_time_to_the_next() -> None:
    lines = [
        (2.0, "Running stage 'fetch@digits':"),
        (2.1, "> python -m stages.fetch digits"),
        (5.0, "Running stage 'run@spectra':"),
        (9.5, "Running stage 'analyse@spectra':"),
        (15.5, "Running stage 'report':"),
        (17.0, "Running stage 'publish':"),
        (26.0, "spectra (digits): runs added 7"),
        (27.0, ""),
    ]
    assert divided(lines) == Overhead(begin=2.0, run=4.5, analyse=6.0, report=1.5, publish=10.0)
    with pytest.raises(InputError, match=r"stages report, publish were not run"):
        divided(lines[:4])


def test_the_pipeline_is_run_once_in_a_folder_of_its_own(folder: Path) -> None:
    """For real: a run takes longer than the page, for which no torch is imported; nothing is left."""
    before = sorted(folder.rglob("*"))
    found = overhead.measure(load_profile("smoke").execution)
    assert min(found.begin, found.run, found.analyse, found.publish) > 0 and found.run > found.report > 0
    assert sorted(folder.rglob("*")) == before


def test_a_pipeline_that_fails_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead, "_PROFILE", "no name")
    with pytest.raises(
        InputError, match=r"stages\.profiles no name, tried out in a folder of its own: error: profile"
    ):
        overhead.measure(load_profile("smoke").execution)


def test_clock() -> None:
    assert [clock(s) for s in (0.4, 59.6, 3723, 360_000)] == ["0:00:00", "0:01:00", "1:02:03", "100:00:00"]
