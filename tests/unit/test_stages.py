"""Fetch, run, analyse and report of two experiments, in this process; tests/pipeline has them with DVC and MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pipeline import paths
from pipeline.data.dataset import load
from pipeline.execution.jobs import jobs
from pipeline.profile import load_profile
from pipeline.results import networks, rows
from stages import analyse, fetch, report, run

PROFILE = ("--profile", "smoke")
NAMES = ("abundance", "sparsification")  # widths that change in training; networks that are kept
FINISHED: list[tuple[pd.DataFrame, Path | None, int]] = []


class FakePublisher:
    """In place of MLflow: takes what it is to publish."""

    def __init__(self, profile: str, settings: Any) -> None:
        assert profile == "smoke" and settings["data"] == ["digits"]

    def prepare(self) -> None:
        pass

    def offer(self, source: Callable[[], pd.DataFrame]) -> None:
        assert len(source()) > 0

    def finish(self, source: Callable[[], pd.DataFrame], report: Path | None = None, networks: Any = tuple) -> bool:
        FINISHED.append((source(), report, len(networks())))
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder in which every stage was run once; the working folder of these tests."""
    content = yaml.safe_load(Path("profiles/smoke.yaml").read_text())
    content["experiments"] = {name: content["experiments"][name] for name in NAMES}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("stages"))
        patch.setattr(run, "Publisher", FakePublisher)
        patch.setattr(analyse, "Publisher", FakePublisher)
        paths.profile("smoke").parent.mkdir()
        paths.profile("smoke").write_text(yaml.safe_dump(content))
        fetch.main(["digits", *PROFILE])
        for name in NAMES:
            run.main([name, *PROFILE])
            analyse.main([name, *PROFILE])
        report.main(PROFILE)
        yield Path.cwd()


def test_the_report_has_both_with_their_verdicts(folder: Path) -> None:
    page = paths.page("smoke").read_text(encoding="utf-8")
    for name in NAMES:
        claims = json.loads((paths.report("smoke") / name / "claims.json").read_text(encoding="utf-8"))
        assert claims and all(claim["anchor"] in page and claim["statement"] in page for claim in claims)
        kinds = {path.suffix for path in (paths.report("smoke") / name).iterdir()}
        assert kinds == {".md", ".tex", ".csv", ".svg", ".png", ".json", ".html"}
        assert json.loads(paths.metrics("smoke", name).read_text(encoding="utf-8")).keys() == {"digits"}


def test_the_record_says_what_was_run_on_what(folder: Path) -> None:
    checksum = load(paths.dataset("smoke", "digits")).provenance["checksum"]
    for name in NAMES:
        record = json.loads(paths.run_record("smoke", name).read_text(encoding="utf-8"))
        assert record["datasets"]["digits"]["checksum"] == checksum
        assert record["jobs_run"] == record["jobs"] > 0 == record["jobs_resumed"] and record["absent"] == {}


def test_what_was_run_is_published_and_then_what_it_shows(folder: Path) -> None:
    for name, (before, after) in zip(NAMES, (FINISHED[:2], FINISHED[2:4]), strict=True):
        written = rows.read(paths.rows("smoke", name), name)
        kept = len(networks.read(paths.networks("smoke", name)))
        assert (before[1:], after[1:]) == ((None, kept), (paths.report("smoke") / name, kept))
        for table in (before[0], after[0]):
            pd.testing.assert_frame_equal(table, written)
    assert kept > 0, "sparsification keeps some"


def test_a_second_run_takes_what_is_there_and_writes_the_same(folder: Path) -> None:
    name = NAMES[0]
    before = paths.rows("smoke", name).read_bytes()
    run.main([name, *PROFILE])
    assert json.loads(paths.run_record("smoke", name).read_text(encoding="utf-8"))["jobs_run"] == 0
    assert paths.rows("smoke", name).read_bytes() == before
    first, *others = jobs(load_profile("smoke"), name)
    for file in Path(".shards").glob(f"{first.key}.*"):
        file.unlink()
    run.main([name, *PROFILE])
    record = json.loads(paths.run_record("smoke", name).read_text(encoding="utf-8"))
    assert record["jobs_run"] == 1 <= len(others), "the control"
    assert paths.rows("smoke", name).read_bytes() == before, "to the last bit, and in the order of the jobs"
