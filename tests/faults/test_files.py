"""Files that are damaged, and a disk that is full: named, set aside, made again; the rows are the same."""

from __future__ import annotations

import os
import pickle
import random
import resource
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from faults import EXPERIMENT, profile, rows, start, workspace

from pipeline.execution.jobs import Job
from pipeline.execution.prepare import prepare
from pipeline.execution.store import Store
from pipeline.training import checkpoint
from stages import run

STAGE = (EXPERIMENT, "--profile", "faults")
SMALL = {"epochs": 3, "repeats": 1, "batch_size": 48}


class Killed(BaseException):
    """Ends a job when it has written its checkpoint."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    workspace(tmp_path, runner="serial", **SMALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////dev/null/nowhere.db")
    return tmp_path


def interrupted(job: Job, store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job ended after its third checkpoint, which is there."""
    written = 0

    def write(content: bytes) -> None:
        nonlocal written
        store.write(f"{job.key}.checkpoint", content)
        written += 1
        if written == 3:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.execution.jobs.partial", lambda *_: write)
        with pytest.raises(Killed):
            job.run(store, every=0.0)
    return Path(".shards") / f"{job.key}.checkpoint"


def damage(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    where = draw.randrange(len(content))
    if draw.random() < 0.5:
        del content[where:]
    else:
        content[where] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def test_damaged_results_are_made_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    run.main(STAGE)
    whole, draw = rows(folder), random.Random(0)
    for kind in 2 * (".parquet", ".correct", ".networks"):
        results = [path for path in (folder / ".shards").iterdir() if path.suffix == kind]
        damaged = draw.choice(sorted(results))
        damage(damaged, draw)
        caplog.clear()
        run.main(STAGE)
        assert f"{damaged.name} is cut short or altered" in caplog.text
        assert damaged.with_name(f"{damaged.name}.damaged").exists()
        pd.testing.assert_frame_equal(rows(folder), whole, check_exact=True)


def test_a_damaged_checkpoint_is_not_believed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (job, *_), draw = prepare(profile(), EXPERIMENT).jobs, random.Random(1)
    whole = job.run(Store("elsewhere"), every=30)
    store = Store(".shards")
    for _ in range(5):
        damage(interrupted(job, store, monkeypatch), draw)
        pd.testing.assert_frame_equal(job.run(store, every=30), whole, check_exact=True)
        store.remove(f"{job.key}.parquet")


def test_a_whole_checkpoint_is_gone_on_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the test above: there, the checkpoint would have been used."""
    (job, *_), restored = prepare(profile(), EXPERIMENT).jobs, list[object]()
    interrupted(job, store := Store(".shards"), monkeypatch)
    original = checkpoint._restore
    monkeypatch.setattr(checkpoint, "_restore", lambda *given: (restored.append(given), original(*given)))
    job.run(store, every=30)
    assert len(restored) == 1


class Malicious:
    def __reduce__(self) -> object:
        return os.mkdir, ("executed",)


def test_a_checkpoint_executes_nothing(folder: Path) -> None:
    (job, *_) = prepare(profile(), EXPERIMENT).jobs
    bad = pickle.dumps(Malicious())
    store = Store(".shards")
    store.write(f"{job.key}.checkpoint", bad)  # with the right digest
    job.run(store, every=30)
    assert not (folder / "executed").exists()
    pickle.loads(bad)
    assert (folder / "executed").exists(), "otherwise this would tell nothing"


def limited(folder: Path, most: int) -> subprocess.Popen[str]:
    """The stage, with no file larger than so many bytes: as on a full disk, a write fails in the middle."""
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))}
    return start(folder, "python", "-m", "stages.run", *STAGE, **limit, stderr=subprocess.PIPE)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system has no limit of file sizes")
@pytest.mark.parametrize(("runner", "most"), [("serial", 15_000), ("processes", 1_000)])
def test_a_full_disk_stops_with_one_line_and_harms_nothing(folder: Path, runner: str, most: int) -> None:
    run.main(STAGE)
    whole, full = rows(folder), workspace(folder / "full", runner=runner, **SMALL)
    process = limited(full, most)
    _, err = process.communicate()
    (line,) = [each for each in err.splitlines() if each.startswith("error: ")]
    assert process.returncode == 1
    assert "File too large; make room; what was finished is kept" in line, err
    assert "Traceback" not in err
    assert not list(full.glob("results/faults/*/*.parquet"))
    os.chdir(full)  # `folder` goes back from wherever it is
    run.main(STAGE)
    pd.testing.assert_frame_equal(rows(full), whole, check_exact=True)
