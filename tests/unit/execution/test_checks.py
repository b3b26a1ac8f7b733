"""What a run asks of its data and of the machine is compared with what is there before anything runs."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import paths
from pipeline.data.dataset import save
from pipeline.data.sources import fetch
from pipeline.errors import InputError
from pipeline.execution import checks
from pipeline.execution.planned import plan
from pipeline.execution.prepare import prepare
from pipeline.execution.sizes import KNOWN
from pipeline.experiments.plan import Size
from pipeline.profile import Profile, load_profile

ROOT = Path(__file__).parents[3]
DIGITS = {"digits": KNOWN["digits"]}


@pytest.fixture
def smoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """The smoke profile in an empty folder."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    return load_profile("smoke")


def changed(profile: Profile, name: str, execution: dict[str, Any] | None = None, **changes: Any) -> Profile:
    settings = profile.experiments[name].model_copy(update=changes)
    used = profile.execution.model_copy(update=execution or {})
    return Profile(profile.name, used, profile.data, {name: settings})


def check(profile: Profile, name: str, sizes: dict[str, Size]) -> None:
    checks.check(profile, name, sizes, plan(profile.settings(name), sizes, "cpu"), "cpu")


def test_a_batch_is_no_larger_than_the_training_set(smoke: Profile) -> None:
    check(changed(smoke, "spectra", batch_size=1437), "spectra", DIGITS)
    with pytest.raises(InputError) as caught:
        check(changed(smoke, "spectra", batch_size=1438), "spectra", DIGITS)
    where, said = str(caught.value).split(": ")[0::2]
    assert where == "profiles/smoke.yaml"
    assert said == "1438, but digits has 1437 training images; valid are 1 to 1437"
    assert "experiments.spectra.batch_size" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("components", "test", "digits has 4 test images; valid are 5 or more"),
        ("learning_rates", "train", "digits has 1 training image; valid are 2 or more"),
    ],
)
def test_what_cannot_be_measured_on_so_few_images_is_refused(smoke: Profile, name: str, part: str, said: str) -> None:
    needed = getattr(smoke.settings(name), f"fewest_{part}")
    own = changed(smoke, name, batch_size=1)
    check(own, name, {"digits": replace(KNOWN["digits"], **{part: needed})})
    with pytest.raises(InputError) as caught:
        check(own, name, {"digits": replace(KNOWN["digits"], **{part: needed - 1})})
    assert str(caught.value) == f"profiles/smoke.yaml: experiments.{name}.data: {said}"
    check(changed(smoke, "spectra", batch_size=1), "spectra", {"digits": replace(KNOWN["digits"], **{part: 1})})


def test_a_batch_is_no_larger_than_what_is_not_held_out(smoke: Profile) -> None:
    settings = changed(smoke, "learning_rates", validation=0.2, batch_size=1150)
    check(settings, "learning_rates", DIGITS)
    with pytest.raises(InputError, match=r"1437 training images, of which 1150 are trained on; valid are 1 to 1150"):
        check(changed(smoke, "learning_rates", validation=0.2, batch_size=1151), "learning_rates", DIGITS)


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (1, "data: digits has 1 training image; valid are 2 or more"),
        (2, "batch_size: 5, but digits has 2 training images, of which 1 is trained on; valid is 1"),
    ],
)
def test_where_there_is_hardly_an_image_it_is_said_what_is_wrong(smoke: Profile, train: int, said: str) -> None:
    own = changed(smoke, "learning_rates", batch_size=5)
    with pytest.raises(InputError) as caught:
        check(own, "learning_rates", {"digits": replace(KNOWN["digits"], train=train)})
    assert str(caught.value) == f"profiles/smoke.yaml: experiments.learning_rates.{said}"


def test_the_shortest_task_has_a_batch(smoke: Profile) -> None:
    """A last, shorter batch is dropped there: with none there would be no step."""
    few = dict.fromkeys(smoke.settings("task_schedule").data, KNOWN["digits"])
    check(smoke, "task_schedule", few)
    few["digits-turned"] = replace(KNOWN["digits"], train=47)
    with pytest.raises(InputError, match=r"task_schedule\.batch_size: 48, but digits-turned has 47"):
        check(smoke, "task_schedule", few)


def test_jobs_that_do_not_fit_are_refused_when_they_are_listed(
    smoke: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(fetch("digits", smoke.data["digits"]), paths.dataset("smoke", "digits"))
    assert len(prepare(smoke, "spectra").jobs) == 2
    with pytest.raises(InputError, match=r"spectra\.batch_size: 1438"):
        prepare(changed(smoke, "spectra", batch_size=1438), "spectra")
    monkeypatch.setattr(checks, "memory", lambda device: 100)
    with pytest.raises(InputError, match="one job needs"):
        prepare(smoke, "spectra")


def test_memory_is_that_of_the_jobs_that_run_at_once(smoke: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = changed(smoke, "sparsification", hidden_widths=[1000], repeats=1)
    together = changed(alone, "sparsification", {"runner": "processes", "workers": 2})
    needed = sorted(job.memory + checks._PROCESS for job in plan(alone.settings("sparsification"), DIGITS, "cpu"))
    assert len(needed) == 2 and needed[0] < needed[1]
    for profile, least, said in (
        (together, sum(needed), "2 jobs at once need {} bytes of memory, there are {}; set execution.workers to 1"),
        (alone, needed[1], "one job needs {} bytes of memory, there are {}; lower its widths, batch_size or repeats"),
    ):
        monkeypatch.setattr(checks, "memory", lambda device, there=least: there)
        check(profile, "sparsification", DIGITS)
        monkeypatch.setattr(checks, "memory", lambda device, there=least: there - 1)
        with pytest.raises(InputError) as caught:
            check(profile, "sparsification", DIGITS)
        assert str(caught.value).startswith("profiles/smoke.yaml: experiments.sparsification: ")
        assert said.format(least, least - 1) in str(caught.value)


def test_what_no_machine_holds_is_refused_at_once(smoke: Profile) -> None:
    """The widest networks that settings may ask for, on this machine: 100 layers of 100,000 neurons."""
    huge = changed(smoke, "tanh_comparison", hidden_widths=[100_000], hidden_layers=[100])
    with pytest.raises(InputError, match=r"one job needs \d{14} bytes of memory"):
        check(huge, "tanh_comparison", DIGITS)


def test_memory_is_this_machine_s_or_that_of_its_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_GROUPS", tmp_path)
    monkeypatch.setattr(checks, "_OWN_GROUP", tmp_path / "own")
    physical = checks.memory("cpu")
    assert 10**8 < physical < 10**14
    (tmp_path / "memory.max").write_text("max\n")
    assert checks.memory("cpu") == physical
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("1000000\n")
    assert checks.memory("cpu") == 1_000_000


@pytest.mark.parametrize("limited", ["jobs/7", "jobs"])
@pytest.mark.parametrize("version", [1, 2])
def test_memory_is_that_of_a_job_of_a_batch_system(
    version: int, limited: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a group within groups, each of which may have a limit."""
    monkeypatch.setattr(checks, "_GROUPS", tmp_path)
    monkeypatch.setattr(checks, "_OWN_GROUP", tmp_path / "own")
    (tmp_path / "own").write_text("0::/jobs/7\n" if version == 2 else "4:cpu:/\n3:memory:/jobs/7\n")
    root = tmp_path if version == 2 else tmp_path / "memory"
    for name in ("jobs/7", "jobs/8"):
        (root / name).mkdir(parents=True)
    file = "memory.max" if version == 2 else "memory.limit_in_bytes"
    (root / "jobs/8" / file).write_text("1000\n")  # of another
    assert checks.memory("cpu") > 10**8
    (root / limited / file).write_text("900000\n")
    assert checks.memory("cpu") == 900_000


def test_results_are_kept_in_a_place_that_is_known(smoke: Profile) -> None:
    for address in ("elsewhere/shards", "memory://shards"):
        check(changed(smoke, "spectra", {"shards": address}), "spectra", DIGITS)
    for address in ("s4://a/b", "reference://x", "dir:///x", "s3:/bucket", "data:abc"):
        where = re.escape(f"profiles/smoke.yaml: execution.shards: {address!r}")
        with pytest.raises(InputError, match=rf"{where}.*; valid is a folder, or an address such as s3://"):
            check(changed(smoke, "spectra", {"shards": address}), "spectra", DIGITS)


def test_the_memory_of_a_cluster_is_not_this_machine_s(smoke: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "memory", lambda device: 100)
    check(changed(smoke, "spectra", {"runner": "ray"}), "spectra", DIGITS)
    with pytest.raises(InputError, match="one job needs"):
        check(smoke, "spectra", DIGITS)
