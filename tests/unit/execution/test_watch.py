"""Progress: what a job says of itself, and what is shown of it in a terminal and in a log."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import paths
from pipeline.data.dataset import save
from pipeline.data.sources import fetch
from pipeline.execution import jobs, planned
from pipeline.execution.prepare import prepare
from pipeline.execution.sizes import sizes
from pipeline.execution.store import Store
from pipeline.execution.watch import Watch, watched
from pipeline.profile import Profile, load_profile
from pipeline.training.progress import Progress

ROOT = Path(__file__).parents[3]


@pytest.fixture
def smoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """The smoke profile in an empty folder, its data fetched."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    profile = load_profile("smoke")
    for name in profile.data:
        save(fetch(name, profile.data[name]), paths.dataset("smoke", name))
    return profile


def watch_of(profile: Profile, name: str, store: Store, done: int = 0) -> tuple[list[jobs.Job], Watch]:
    listed = prepare(profile, name).jobs
    work = planned.plan(profile.settings(name), sizes(profile)[0], "cpu")
    return listed, Watch(name, listed, work, store, {job.key for job in listed[:done]})


@pytest.mark.parametrize("name", ["invariance", "task_schedule", "scaffolds", "components", "timing"])
def test_a_job_says_how_far_it_is_and_takes_the_steps_it_planned(
    smoke: Profile, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Progress] = []
    monkeypatch.setattr(Store, "pause", -1.0)  # at every step
    monkeypatch.setattr(jobs.Job, "_teller", lambda job, store: said.append)
    for job, plan in zip(
        prepare(smoke, name).jobs, planned.plan(smoke.settings(name), sizes(smoke)[0], "cpu"), strict=True
    ):
        said.clear()
        job.run(Store("shards"), every=30)
        steps = [progress.steps for progress in said]
        assert steps == sorted(steps) and 0.5 * plan.steps < steps[-1] <= plan.steps
        assert all(progress.before == 0 for progress in said)
        epochs = [int(found[1]) for each in said if (found := re.fullmatch(r"epoch (\d+)/\d+", each.place))]
        assert epochs and epochs[0] <= 1
        if name != "timing":
            known = [progress.accuracy for progress in said if progress.accuracy is not None]
            assert known and all(0 <= accuracy <= 100 for accuracy in known)


def test_what_a_job_left_is_gone_when_it_ends(smoke: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "pause", -1.0)
    seen: list[bool] = []
    write = Store.write

    def watched_write(store: Store, name: str, content: bytes) -> None:
        write(store, name, content)
        seen.append(name.endswith(".progress"))

    monkeypatch.setattr(Store, "write", watched_write)
    (job, *_) = prepare(smoke, "spectra").jobs
    job.run(Store("shards"), every=30)
    assert any(seen)
    assert not list(Path("shards").glob("*.progress"))


def test_lines_name_each_job_at_work_and_the_whole(smoke: Profile) -> None:
    store = Store("shards")
    listed, watch = watch_of(smoke, "spectra", store)
    assert len(watch.lines()) == 1, "none has begun"
    total = int(re.sub(r".* of ([\d,]+) network-steps.*", r"\1", watch.lines()[0]).replace(",", ""))
    progress = Progress("training", "epoch 1/2", 93.42, steps=40, before=10, rate=20.0)
    store.write(f"{listed[0].key}.progress", progress.to_bytes())
    watch._again = 0.0
    whole, own = watch.lines()
    assert re.match(rf"spectra: 0 of {len(listed)} jobs, 40 of {total:,} network-steps, [\d,]+/s, .* left", whole)
    assert re.fullmatch(r"  digits, 2 x 64-[\d-]+-10, training, epoch 1/2, 93\.4 %, 20/s, 0:00:0\d left", own)
    watch.finished(listed[0])
    assert len(watch.lines()) == 1 and watch.lines()[0].startswith(f"spectra: 1 of {len(listed)} jobs")


def test_what_a_killed_run_left_is_not_shown(smoke: Profile) -> None:
    store = Store("shards")
    listed, _ = watch_of(smoke, "spectra", store)
    store.write(f"{listed[0].key}.progress", Progress("training", "epoch 1/2", None, 1, 0, 1.0).to_bytes())
    _, watch = watch_of(smoke, "spectra", store)
    assert len(watch.lines()) == 1


def test_a_log_gets_lines_now_and_then_and_none_of_what_is_soon_over(
    smoke: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    _, watch = watch_of(smoke, "spectra", Store("shards"))
    with watched(watch):
        pass
    assert capsys.readouterr().err == ""
    with watched(watch, every=0.01):
        while not (said := capsys.readouterr().err):
            pass
    assert said.startswith("spectra: 0 of ") and "\x1b" not in said


@pytest.mark.parametrize(("name", "value"), [("FORCE_COLOR", "1"), ("TTY_COMPATIBLE", "1")])
def test_a_log_is_no_terminal_whatever_colours_are_asked_for(
    name: str, value: str, smoke: Profile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    _, watch = watch_of(smoke, "spectra", Store("shards"))
    with watched(watch, every=0.01):
        while not (said := capsys.readouterr().err):
            pass
    assert said.startswith("spectra: 0 of ") and "\x1b" not in said


def test_in_a_terminal_a_line_per_job_stays_in_place(smoke: Profile) -> None:
    """As a user sees it: the stage on a terminal of its own."""
    program = """
import time
from pipeline.execution.store import Store
from pipeline.execution.watch import watched
from pipeline.profile import load_profile
from pipeline.training.progress import Progress
from test_watch import watch_of
store = Store("shards")
listed, watch = watch_of(load_profile("smoke"), "spectra", store)
store.write(listed[0].key + ".progress", Progress("training", "epoch 1/2", 93.4, 40, 0, 20.0).to_bytes())
with watched(watch):
    time.sleep(1.5)
print("over")
"""
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": f"{Path(__file__).parent}:{ROOT}", "TERM": "xterm", "COLUMNS": "140"}
    with subprocess.Popen([sys.executable, "-c", program], stdout=theirs, stderr=theirs, env=environment) as stage:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert stage.returncode == 0, shown.decode()
    text = shown.decode()
    assert re.search(r"digits, 2 x 64-[\d-]+-10 +training +epoch 1/2 +93\.4 % +20/s", text)
    assert "\x1b[2K" in text or "\x1b[1A" in text, "it is drawn over, not one below the other"
    assert text.rstrip().endswith("over")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""
