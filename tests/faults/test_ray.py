"""Jobs on Ray: workers, machines and the stage killed; the rows are those of one process, to the last bit."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml
from faults import EXPERIMENT, family, gone, profile, rows, stage, workspace

from pipeline import paths
from pipeline.errors import InputError
from pipeline.execution import runner
from pipeline.execution.prepare import prepare

pytest.importorskip("ray", reason="needs the extra `ray`")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills are signals of POSIX")

SIZE = {"epochs": 25}
WAIT = 60.0  # seconds, at most, for something to happen


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The rows without Ray, in one process."""
    folder = workspace(tmp_path_factory.mktemp("whole"), runner="serial", **SIZE)
    output, _ = (process := stage(folder)).communicate()
    assert process.returncode == 0, output
    return rows(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return workspace(tmp_path / "work", runner="ray", **SIZE)


def execution(folder: Path, **changes: Any) -> None:
    """Change how the workspace runs its jobs."""
    file = folder / paths.profile("faults")
    content = yaml.safe_load(file.read_text())
    content["execution"] |= changes
    file.write_text(yaml.safe_dump(content))


def until(there: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What is there, once something is."""
    end = time.monotonic() + WAIT
    while not (found := there()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)
    return found


def in_the_middle(folder: Path) -> bool:
    """Whether both jobs were begun, and one at least is not done: where a machine is slow, one may end before."""
    shards = folder / ".shards"
    done = {path.stem for path in shards.glob("[!.]*.parquet")}
    begun = {path.stem for path in shards.glob("[!.]*.checkpoint")} - done
    return len(begun) > 0 and len(begun | done) == 2


def at_work(of: int) -> list[psutil.Process]:
    """The processes that run jobs."""
    return [child for child in family(of) if child.cmdline()[:1] == ["ray::work"]]


def busy(machine: Any) -> bool:
    """Whether a machine of the cluster runs a job."""
    (raylet,) = machine.all_processes["raylet"]
    return bool(at_work(raylet.process.pid))


def finished(process: subprocess.Popen[str]) -> str:
    """What it has printed, after it has come to a good end."""
    output, _ = process.communicate(timeout=2 * WAIT)
    assert process.returncode == 0, output
    return output


def test_a_worker_is_killed(whole: pd.DataFrame, folder: Path) -> None:
    process = stage(folder)
    until(lambda: in_the_middle(folder), process)
    first, *others = at_work(process.pid)
    first.kill()
    assert "Task work failed. There are 5 retries remaining" in finished(process)
    pd.testing.assert_frame_equal(rows(folder), whole, check_exact=True)
    assert gone(others), "a worker outlives its stage"


def test_the_stage_is_killed(folder: Path) -> None:
    process = stage(folder)
    until(lambda: in_the_middle(folder), process)
    working, all_of_it = at_work(process.pid), family(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    assert working
    try:
        assert gone(working), "workers outlive their stage, and train on"
    finally:
        for each in all_of_it:  # Ray's own agents, idle, end by themselves after a minute
            each.kill() if each.is_running() else None
        process.communicate()


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for temporary files of the machines below."""
    return tmp_path_factory.mktemp("copies")


@pytest.fixture(scope="module")
def machines(copies: Path) -> Iterator[Any]:
    """A cluster of two machines that take one job each, and a third that takes none and is asked."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(copies))
        patched.setenv("RAY_TMPDIR", tempfile.gettempdir())  # Ray's own: the names of sockets must be short
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


@pytest.fixture
def asked(machines: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace, as working directory, where RAY_ADDRESS names the cluster."""
    monkeypatch.setenv("RAY_ADDRESS", machines.address)
    monkeypatch.chdir(folder)
    return folder


def test_errors_come_back_as_they_were(asked: Path) -> None:
    listed, how = prepare(profile(), EXPERIMENT).jobs, profile().execution
    started = time.monotonic()
    with pytest.raises(InputError, match=r"needs a machine with 1 CPU and 1 GPU.*\(they have: .*1 CPU and 0 GPU"):
        list(runner.run([replace(listed[0], device="cuda")], how))
    assert time.monotonic() - started < WAIT

    obstacle = asked / ".shards" / f"{listed[0].key}.parquet"
    obstacle.mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as caught:
        list(runner.run(listed, how))
    assert caught.value.filename == str(obstacle)

    file = asked / listed[0].data[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"digits\.pt: altered since it was written") as refused:
        list(runner.run(listed[1:], how))
    assert "\n" not in str(refused.value)
    assert not list((asked / ".shards").glob("*.reached"))


def test_a_machine_is_lost(whole: pd.DataFrame, machines: Any, copies: Path, asked: Path) -> None:
    """The store is at a URL, so the machines share nothing else, and the data are sent."""
    execution(asked, shards=f"file://{asked}/.shards")
    (asked / ".shards").mkdir()
    process = stage(asked)
    until(lambda: in_the_middle(asked), process)
    machines.remove_node(next(each for each in machines.worker_nodes if busy(each)), allow_graceful=False)
    assert "Task work failed. There are 5 retries remaining" in finished(process)
    pd.testing.assert_frame_equal(rows(asked), whole, check_exact=True)
    (copy,) = copies.glob("*.pt")
    assert copy.read_bytes() == (asked / paths.dataset("faults", "digits")).read_bytes()
