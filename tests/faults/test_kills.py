"""Kills at random moments: whatever was killed, the same command goes on, and the rows are the same to the last bit.

FAULTS=3 pytest -s tests/faults    three times as many; what was injected and lost is printed at the end
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest
from faults import FACTOR, Tally, family, gone, kill_until_done, last_kept, rows, stage, start, workers, workspace

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills are signals of POSIX")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The rows of a run that nothing disturbs."""
    folder = workspace(tmp_path_factory.mktemp("whole"))
    output, _ = (process := stage(folder)).communicate()
    assert process.returncode == 0, output
    return rows(folder)


@pytest.fixture(scope="module")
def tallies() -> Iterator[list[Tally]]:
    """What was injected; printed once all is over."""
    counted: list[Tally] = []
    yield counted
    print(f"\nkills: {sum(tally.kills for tally in counted)}, after each of which the rows were those of a whole run")
    for tally in counted:
        print(f"  {tally}")


def test_a_job(tmp_path: Path, tallies: list[Tally]) -> None:
    """The unit of work by itself, killed often: so that every moment of it is met, the writing of files too."""
    tally = Tally("a job")
    command = [sys.executable, str(Path(__file__).parents[1] / "helpers/killed_job.py")]
    apart = {
        name: start(workspace(tmp_path / name), *command, str(kills), "1", "0.05", "0.7")
        for name, kills in (("killed", 30 * FACTOR), ("whole", 0))
    }
    outputs = {name: process.communicate()[0] for name, process in apart.items()}
    assert all(process.returncode == 0 for process in apart.values()), outputs
    tally.lost = json.loads(outputs["killed"].splitlines()[-1])
    tally.kills = len(tally.lost)
    assert tally.kills >= 5
    killed, whole = (
        {path.name: path.read_bytes() for path in (tmp_path / name / ".shards").iterdir()} for name in apart
    )
    assert killed == whole, "rows, bits and networks, and nothing else is left"
    assert len(whole) == 3
    tallies.append(tally)


def test_workers(whole: pd.DataFrame, tmp_path: Path, tallies: list[Tally]) -> None:
    tally, folder = Tally("a worker"), workspace(tmp_path)

    def victim(pid: int, draw: random.Random) -> int | None:
        working = workers(pid)
        return draw.choice(working).pid if len(working) == 2 else None

    kill_until_done(lambda: stage(folder), victim, 3 * FACTOR, tally, folder, delay=(0.5, 3), draw=random.Random(2))
    assert tally.kills > 0
    pd.testing.assert_frame_equal(rows(folder), whole, check_exact=True)
    tallies.append(tally)


def test_the_stage(whole: pd.DataFrame, tmp_path: Path, tallies: list[Tally]) -> None:
    tally, folder = Tally("the stage"), workspace(tmp_path)
    orphans: list[psutil.Process] = []

    def victim(pid: int, draw: random.Random) -> int:
        orphans[:] = [*orphans, *family(pid)]
        return pid

    kill_until_done(lambda: stage(folder), victim, 3 * FACTOR, tally, folder, delay=(2, 9), draw=random.Random(3))
    assert tally.kills > 0
    assert gone(orphans), "workers outlive their stage"
    pd.testing.assert_frame_equal(rows(folder), whole, check_exact=True)
    tallies.append(tally)


PIPELINE = """
stages:
  run:
    cmd: python -m stages.run spectra --profile faults
    outs: [results/faults/spectra/rows.parquet]
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_dvc(whole: pd.DataFrame, tmp_path: Path, tallies: list[Tally], how: signal.Signals) -> None:
    tally, folder = Tally(f"dvc, {how.name}"), workspace(tmp_path)
    (folder / "dvc.yaml").write_text(PIPELINE)
    subprocess.run(
        ["dvc", "init", "--quiet", "--no-scm"],
        cwd=folder,
        check=True,
        env=os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
    )
    draw = random.Random(int(how))
    for _ in range(FACTOR):
        process, began = start(folder, "dvc", "repro"), time.time()
        while not workers(process.pid):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
        time.sleep(draw.uniform(0, 4))
        started, now = family(process.pid), time.time()
        if process.poll() is not None:
            break
        if how == signal.SIGINT:
            os.killpg(process.pid, how)  # as a terminal does
        else:
            process.send_signal(how)
        tally.kills += 1
        tally.lost.append(now - max(last_kept(folder), began))
        assert gone(started), "processes outlive dvc, and train on"
        process.communicate()
    output, _ = (process := start(folder, "dvc", "repro")).communicate()
    assert process.returncode == 0, output
    pd.testing.assert_frame_equal(rows(folder), whole, check_exact=True)
    tallies.append(tally)


def test_a_second_run_of_a_stage_says_so_and_stops(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    first = stage(folder)
    while not (folder / ".shards").exists():
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGSTOP)  # which waits, however long the second takes
    second = stage(folder)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    (line,) = output.splitlines()
    assert line.startswith("error: results/faults/spectra/.lock: locked")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
