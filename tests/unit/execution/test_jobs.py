"""Jobs: how networks are divided, what their identity depends on, and that grouping does not change results."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import paths, sources
from pipeline.data.dataset import save, save_absence
from pipeline.data.sources import fetch
from pipeline.errors import InputError
from pipeline.execution import packing, runner
from pipeline.execution.prepare import prepare
from pipeline.execution.store import Store
from pipeline.experiments.invariance import ROWS
from pipeline.profile import Profile, load_profile

ROOT = Path(__file__).parents[3]


@pytest.fixture
def smoke(tmp_path, monkeypatch) -> Profile:
    """The smoke profile in an empty folder, its data fetched."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    profile = load_profile("smoke")
    save(fetch("digits", profile.data["digits"]), paths.dataset("smoke", "digits"))
    return profile


def with_settings(profile: Profile, **changes) -> Profile:
    settings = profile.experiments["invariance"].model_copy(update=changes)
    return Profile(profile.name, profile.execution, profile.data, {"invariance": settings})


def test_every_member_is_in_exactly_one_job(smoke, monkeypatch):
    monkeypatch.setattr(packing, "_MOST_TOGETHER", 4)
    listed = prepare(smoke, "invariance").jobs
    assert [len(job.members) for job in listed] == [4, 4, 4, 2]
    assert len({(m.repeat, m.configuration.label) for job in listed for m in job.members}) == 14


def test_more_repeats_keep_the_jobs_there_were(smoke, monkeypatch):
    monkeypatch.setattr(packing, "_MOST_TOGETHER", 7)
    before = [job.key for job in prepare(smoke, "invariance").jobs]
    after = [job.key for job in prepare(with_settings(smoke, repeats=3), "invariance").jobs]
    assert after[:2] == before
    assert len(set(after)) == 3


@pytest.mark.parametrize("change", [{"epochs": 3}, {"learning_rate": 0.1}, {"changes": [1]}])
def test_identity_depends_on_what_is_trained(smoke, change):
    (a,), (b,) = prepare(smoke, "invariance").jobs, prepare(with_settings(smoke, **change), "invariance").jobs
    assert a.key != b.key


def test_identity_depends_on_data_device_and_code(smoke, monkeypatch):
    (job,) = prepare(smoke, "invariance").jobs
    others = [replace(job, checksums=("sha256:other",)), replace(job, device="cuda")]
    assert replace(job, data=(Path("elsewhere.pt"),)).key == job.key, "not on where the data lie"
    before = job.key
    monkeypatch.setattr(sources, "digest", lambda name: f"another of {name}")
    assert len({before, job.key, *(other.key for other in others)}) == 4


def test_rounds_on_data_that_could_not_be_had_are_left_out(smoke):
    save_absence("data.digits: no such folder", paths.dataset("smoke", "digits"))
    prepared = prepare(smoke, "invariance")
    assert prepared.jobs == [] and prepared.absent == {"digits": "data.digits: no such folder"}
    two = with_settings(smoke, data=["digits", "digits-turned"])
    save(fetch("digits-turned", smoke.data["digits-turned"]), paths.dataset("smoke", "digits-turned"))
    prepared = prepare(two, "invariance")
    assert {job.data[0].stem for job in prepared.jobs} == {"digits-turned"}
    assert list(prepared.absent) == ["digits"] and list(prepared.data) == ["digits-turned"]


def test_absent_data_is_one_clear_line(smoke):
    paths.dataset("smoke", "digits").unlink()
    with pytest.raises(InputError, match="digits"):
        prepare(smoke, "invariance")


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    keys = [column for column in ROWS.columns if column != "value"]
    return table.sort_values(keys).reset_index(drop=True)


def test_grouping_and_processes_do_not_change_results(smoke, monkeypatch):
    """One ensemble in this process against four in two processes: the same rows, up to rounding."""
    smoke = with_settings(smoke, repeats=1)
    (whole,) = prepare(smoke, "invariance").jobs
    together = _sorted(whole.run(Store("shards"), every=30))
    monkeypatch.setattr(packing, "_MOST_TOGETHER", 2)
    execution = smoke.execution.model_copy(update={"runner": "processes", "workers": 2})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    listed = prepare(smoke, "invariance").jobs
    pieces = [table for _, table in runner.run(listed, execution)]
    assert len(pieces) == 4
    apart = _sorted(pd.concat(pieces))
    backwards = [job.run(Store("other"), every=30) for job in reversed(listed)]
    pd.testing.assert_frame_equal(_sorted(pd.concat(backwards)), apart, check_exact=True)  # to the last bit
    pd.testing.assert_frame_equal(together.drop(columns="value"), apart.drop(columns="value"))
    exact = (together["measure"] == "epsilon") & (together["change"] >= 0)  # these are rounding itself
    a, b = (t.loc[~exact.fillna(False), "value"].to_numpy(dtype=float) for t in (together, apart))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4)
    assert np.ptp(a) > 1, "the comparison has something to compare"


def test_a_shard_is_reused_whole(smoke):
    (job,) = prepare(with_settings(smoke, repeats=1), "invariance").jobs
    store = Store("shards")
    assert job.result(store) is None
    table = job.run(store, every=0.01)
    found = job.result(store)
    assert found is not None
    pd.testing.assert_frame_equal(found, table)
    names = [f"{job.key}.{kind}" for kind in ("correct", "networks", "parquet")]
    for name in names:
        kept = Path("shards", name).read_bytes()
        store.remove(name)
        assert job.result(store) is None, f"without {name} it is not done"
        Path("shards", name).write_bytes(kept)
    left = sorted(path.name for path in Path("shards").iterdir())
    assert left == names, "no checkpoint is left"


def test_a_data_set_that_was_replaced_meanwhile_is_not_trained_on(smoke):
    (job,) = prepare(with_settings(smoke, repeats=1), "invariance").jobs
    other = fetch("digits-turned", smoke.data["digits-turned"])
    save(other, paths.dataset("smoke", "digits"))
    with pytest.raises(InputError, match="another data set than at the beginning"):
        job.run(Store("shards"), every=30)
    assert not Path("shards").exists()
