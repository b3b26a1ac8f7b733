"""What the runner for Ray refuses, before Ray is asked and on a worker: in one line that says what would be valid."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from faults import EXPERIMENT, profile, workspace

from pipeline.config import Execution
from pipeline.errors import InputError
from pipeline.execution import cluster, runner
from pipeline.execution.jobs import Job
from pipeline.execution.prepare import prepare
from pipeline.execution.store import Store


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.chdir(workspace(tmp_path, epochs=1, repeats=1))
    return prepare(profile(), EXPERIMENT).jobs[0]


def node(cpu: float, gpu: float, alive: bool = True) -> dict[str, object]:
    return {"Alive": alive, "Resources": {"CPU": cpu, "GPU": gpu, "memory": 1e9}}


def test_a_job_is_placed_where_one_machine_has_all_that_it_needs():
    cluster.check([{"Alive": True, "Resources": {"CPU": 1.0}}], gpus=0)
    cluster.check([node(0, 0), node(2, 1)], gpus=1)
    with pytest.raises(InputError):
        cluster.check([node(0, 0), node(2, 1)], gpus=2)


@pytest.mark.parametrize(
    "nodes", [[node(8, 0)], [node(8, 0), node(0, 4)], [node(8, 0), node(8, 4, alive=False)], []],
    ids=["no GPU", "CPU here, GPU there", "dead", "nothing"],
)  # fmt: skip
def test_a_cluster_without_what_a_job_needs_is_named(nodes):
    with pytest.raises(InputError, match="1 CPU and 1 GPU, and no machine of the Ray cluster has them"):
        cluster.check(nodes, gpus=1)


def test_without_ray_it_says_how_to_install_it(job, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install --editable '\.\[ray\]'"):
        list(runner.run([job], Execution(runner="ray", workers=1, device="cpu")))
    assert list(runner.run([], Execution(runner="ray", workers=1, device="cpu"))) == [], "nothing to do needs no Ray"


def test_a_cluster_that_does_not_answer_is_named(job, monkeypatch):
    """At once; and by itself Ray would wait for minutes."""
    pytest.importorskip("ray", reason="needs the extra `ray`")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(InputError, match=r"no Ray cluster at 127.0.0.1:1: .*refused"):
        list(runner.run([job], Execution(runner="ray", workers=1, device="cpu")))


def test_a_worker_with_other_code_refuses(job):
    with pytest.raises(InputError, match="has other code, or another torch"):
        cluster.work(job, "of other code", [None], "shards", "mark", every=30)


def test_a_worker_that_does_not_reach_the_store_refuses(job):
    Store("here").write("mark", b"")
    with pytest.raises(InputError, match=r"execution.shards: elsewhere is not the same place on"):
        cluster.work(job, job.key, [None], "elsewhere", "mark", every=30)
    assert len(cluster.work(job, job.key, [None], "here", "mark", every=30)) > 0


def test_a_worker_that_is_sent_the_data_needs_no_file(job, monkeypatch):
    """Not where the job says; and the copy is made once."""

    class Sent:
        def tofile(self, file: Path) -> None:
            file.write_bytes(content)

    content, gets = job.data[0].read_bytes(), []
    monkeypatch.setattr("tempfile.gettempdir", lambda: "copies")
    monkeypatch.setattr(cluster, "_ray", lambda: type("Ray", (), {"get": lambda self, x: gets.append(x) or Sent()})())
    away = replace(job, data=(Path("not/here.pt"),))
    for store in ("one", "two"):
        Store(store).write("mark", b"")
        cluster.work(away, job.key, ["reference"], store, "mark", every=30)
    assert gets == ["reference"]
    with pytest.raises(InputError, match="no such file"):
        cluster.work(away, job.key, [None], "one", "mark", every=30)
