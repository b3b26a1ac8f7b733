"""What is published: in a fresh clone every table, figure and outcome comes again from the rows that lie in it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
from clones import ROOT, cloned, equipped, run, tried

from docs import recounted
from pipeline import paths
from pipeline.profile import load_profile

PROFILE, MOST = "published", 60e6  # bytes in the remote
NOWHERE = "http://127.0.0.1:9"  # where nothing answers
OFFLINE = {name: NOWHERE for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
# How slow a machine is: the tables took as long as 38 such starts, 58 on an idle one; three minutes are 45 of these.
START, A_START = 4.0, ("python", "-c", "import torch, pandas, seaborn")  # seconds


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A clone after `make tables`, given without a network, and the seconds that it took."""
    folder = equipped(cloned(tmp_path_factory.mktemp("published")))
    before = time.monotonic()
    done = tried(folder, "make", "tables", f"PROFILE={PROFILE}", **OFFLINE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder, time.monotonic() - before


def test_nothing_is_trained_and_it_takes_minutes(made: tuple[Path, float]) -> None:
    folder, seconds = made
    assert not (folder / ".shards").exists() and not (folder / "data").exists()
    before = time.monotonic()
    run(folder, *A_START)
    slower = max(1.0, (time.monotonic() - before) / START)
    assert seconds < 360 * slower, "three minutes, and as much again for what else is tested on the same cores"


def test_tables_and_outcomes_are_those_in_git(made: tuple[Path, float]) -> None:
    folder, _ = made
    changed = run(folder, "git", "status", "--porcelain", "reports", "results").splitlines()
    # Pictures and records say with which versions they were drawn.
    assert [line for line in changed if line.endswith((".md", ".tex", "outcomes.json"))] == []
    tables = list((folder / paths.report(PROFILE)).rglob("*.md"))
    assert len(tables) >= len(load_profile(PROFILE).experiments)
    known = json.loads((folder / paths.claims(PROFILE)).read_text(encoding="utf-8"))
    outcomes = {claim["id"] for claim in known}
    assert outcomes == set(json.loads((folder / paths.outcomes(PROFILE)).read_text(encoding="utf-8")))
    assert (folder / paths.page(PROFILE)).stat().st_size > 100_000


def test_numbers_for_programs_are_those_in_git(made: tuple[Path, float]) -> None:
    """All digits of a sum differ in the last where another kind of processor adds in another order."""
    folder, _ = made
    names = [path.relative_to(folder) for path in (folder / paths.report(PROFILE)).rglob("*.csv")]
    assert len(names) >= len(load_profile(PROFILE).experiments)
    for name in names:
        again, known = pd.read_csv(folder / name), pd.read_csv(ROOT / name)
        pd.testing.assert_frame_equal(again, known, rtol=1e-9, atol=1e-12, obj=str(name))
    with pytest.raises(AssertionError):  # the control
        pd.testing.assert_frame_equal(again, known.map(_higher), rtol=1e-9, atol=1e-12)


def _higher(value: object) -> object:
    """Higher by a hundred millionth, if it is a number."""
    return value * (1 + 1e-8) if isinstance(value, float) else value


def test_mlflow_has_the_runs(made: tuple[Path, float]) -> None:
    folder, _ = made
    said = run(folder, "python", "-m", "stages.track", "--profile", PROFILE)
    found = re.findall(r"added (\d+), replaced (\d+), kept (\d+)", said)
    assert len(found) == len(load_profile(PROFILE).experiments)
    assert all((added, replaced) == ("0", "0") and int(kept) > 0 for added, replaced, kept in found)


def test_dvc_finds_nothing_that_has_changed(made: tuple[Path, float]) -> None:
    folder, _ = made
    for stage in ("run", "analyse", "report", "publish"):
        said = run(folder, "dvc", "status", f"{paths.pipeline(PROFILE)}:{stage}")
        assert "up to date" in said, said


def test_rows_say_what_made_them(made: tuple[Path, float]) -> None:
    folder, _ = made
    for name in load_profile(PROFILE).experiments:
        record = json.loads((folder / paths.run_record(PROFILE, name)).read_text(encoding="utf-8"))
        assert re.fullmatch(r"[0-9a-f]{12}", record["code"]), "a commit, and nothing that differs from it"
        assert {"python", "torch", "numpy", "platform", "processor"} <= set(record)
        assert record["datasets"], name
        for data in record["datasets"].values():
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", data[kind]) for kind in ("checksum", "images")), name


def test_pages_have_the_numbers_of_the_rows(made: tuple[Path, float]) -> None:
    folder, _ = made
    told = [
        (words in " ".join((ROOT / page).read_text(encoding="utf-8").split()), page, words)
        for page, words in recounted.phrases(folder)
    ]
    assert len(told) > 10 and all(there for there, *_ in told), [each for each in told if not each[0]]


def test_a_number_that_changed_is_not_in_a_page(made: tuple[Path, float]) -> None:
    """The control: the same words of accuracies a point higher at width 7 alone."""
    folder, _ = made
    table = recounted.read("abundance", folder)
    raised = table.assign(value=table["value"] + (table["start"] == 7))
    (page, words), *_ = recounted.abundance(raised)
    assert words not in " ".join((ROOT / page).read_text(encoding="utf-8").split())


def test_rows_alone_are_pulled(tmp_path: Path) -> None:
    """Whatever else the lock files name, of the profiles whose rows everyone makes, is not there to be had."""
    folder = equipped(cloned(tmp_path / "clone"))
    done = tried(folder, "dvc", "pull", "--allow-missing", **OFFLINE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for name in load_profile(PROFILE).experiments:
        assert (folder / paths.rows(PROFILE, name)).is_file() and (folder / paths.run_record(PROFILE, name)).is_file()


def test_the_remote_is_small_and_holds_no_images() -> None:
    files = [path for path in (ROOT / "published").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= MOST
    lock = (ROOT / paths.pipeline(PROFILE).with_name("dvc.lock")).read_text(encoding="utf-8")
    known = {path.parent.name + path.name for path in files}
    hashes = re.findall(r"- path: (\S+)\n\s+hash: md5\n\s+md5: ([0-9a-f]{32})\n", lock)
    rows = {md5 for path, md5 in hashes if path.startswith("results/") and path.endswith((".parquet", "run.json"))}
    images = {md5 for path, md5 in hashes if path.startswith("data/") and path.endswith(".pt")}
    assert rows and rows <= known and images and not images & known


def test_a_row_that_is_damaged_is_not_believed(made: tuple[Path, float], tmp_path: Path) -> None:
    """The control: what is fetched is compared with the lock."""
    folder = equipped(cloned(tmp_path / "clone"))
    first = next(iter(load_profile(PROFILE).experiments))
    lock = (folder / paths.pipeline(PROFILE).with_name("dvc.lock")).read_text(encoding="utf-8")
    (md5,) = set(re.findall(rf"path: {paths.rows(PROFILE, first)}\n\s+hash: md5\n\s+md5: (\w+)", lock))
    kept = folder / "published/files/md5" / md5[:2] / md5[2:]
    kept.write_bytes(kept.read_bytes()[:-1])
    done: subprocess.CompletedProcess[str] = tried(folder, "make", "tables", f"PROFILE={PROFILE}", **OFFLINE)
    assert done.returncode != 0
