"""Workers: as many as there are cores or jobs, and none that outlives the process that started it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.config import Execution
from pipeline.errors import InputError
from pipeline.execution import processes

ROOT = Path(__file__).parents[3]
PARENT = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pipeline.execution import processes
from pipeline.execution.processes import single_threaded
from pipeline.execution import processes

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), initializer={initializer}) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 60).result()
"""


@pytest.mark.parametrize(
    ("runner_name", "workers", "jobs", "device", "count"),
    [("processes", 3, 10, "cpu", 3), ("processes", 3, 2, "cpu", 2), ("serial", 3, 10, "cpu", 1),
     ("processes", 3, 10, "cuda", 1), ("processes", 0, 10**6, "cpu", len(os.sched_getaffinity(0)))],
)  # fmt: skip
def test_how_many_workers(runner_name, workers, jobs, device, count):
    assert processes.workers(Execution(runner=runner_name, workers=workers, device="auto"), jobs, device) == count


@pytest.mark.parametrize(("most", "count"), [("", len(os.sched_getaffinity(0))), (" ", None), ("1", 1), (" 1 ", 1)])
def test_fewer_cores_by_the_variable_of_joblib(most, count, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", most)
    assert processes.cores() == (count or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("most", ["x", "0", "-1", "2.5", "1_0"])
def test_what_is_no_number_of_cores_is_refused_in_a_line(most, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", most)
    with pytest.raises(InputError, match=f"^LOKY_MAX_CPU_COUNT: '{most}' is no number of cores; valid are 1 or more"):
        processes.cores()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no server to fork from")
@pytest.mark.parametrize(("folder", "method"), [("/tmp", "forkserver"), (f"/tmp/{'d' * 70}", "spawn")])
def test_workers_start_also_where_the_folder_for_temporary_files_lies_deep(folder, method, monkeypatch):
    """A server of them has a socket there, whose path has at most 107 bytes."""
    monkeypatch.setattr(tempfile, "tempdir", folder)
    assert processes.context().get_start_method() == method


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def outlived(tmp_path, initializer: str, wait: float) -> bool:
    """Whether a worker in the middle of a job lives so many seconds longer than its killed parent."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(initializer=initializer))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    end = time.monotonic() + wait
    while alive(worker) and time.monotonic() < end:
        time.sleep(0.05)
    outlives = alive(worker)
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    return outlives


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to see whether a process is there")
def test_a_worker_ends_with_its_parent(tmp_path):
    assert not outlived(tmp_path, "single_threaded", wait=10)
    assert outlived(tmp_path, "None", wait=1), "otherwise this would tell nothing"
