"""Fetch, run, analyse and report of two experiments, in this process; tests/pipeline has them with DVC and MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from markupsafe import escape

from pipeline import paths
from pipeline.data.dataset import load
from pipeline.execution.prepare import prepare
from pipeline.experiments import experiment
from pipeline.profile import load_profile
from pipeline.results import networks, rows
from pipeline.results.claims.criteria import of
from pipeline.tracking.store import Counts
from stages import analyse, fetch, report, run, track

PROFILE = ("--profile", "smoke")
NAMES = ("abundance", "sparsification")  # widths that change in training; networks that are kept
PUBLISHED: dict[str, tuple[pd.DataFrame, Path, int]] = {}
FINISHED: list[tuple[pd.DataFrame, int]] = []


def publish(table: pd.DataFrame, *, profile: str, settings: Any, report: Path, networks: Sequence[Any]) -> Counts:
    """In place of MLflow."""
    assert profile == "smoke" and settings["data"] == ["digits"]
    PUBLISHED[str(table["experiment"].iloc[0])] = table, report, len(networks)
    return Counts()


class FakePublisher:
    """In place of the process that publishes beside a run of minutes."""

    begun = False

    def __init__(self, profile: str, settings: Any) -> None:
        assert profile == "smoke" and settings["data"] == ["digits"]

    def offer(self, source: Callable[[], pd.DataFrame]) -> None:
        assert len(source()) > 0

    def finish(self, source: Callable[[], pd.DataFrame], networks: Callable[[], Sequence[Any]]) -> bool:
        FINISHED.append((source(), len(networks())))
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder in which every stage was run once; the working folder of these tests."""
    content = yaml.safe_load(Path("profiles/smoke.yaml").read_text())
    content["experiments"] = {name: content["experiments"][name] for name in NAMES}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("stages"))
        patch.setattr("pipeline.tracking.publisher.Publisher", FakePublisher)
        patch.setattr(track, "synchronise", publish)
        paths.profile("smoke").parent.mkdir()
        paths.profile("smoke").write_text(yaml.safe_dump(content))
        fetch.main(["digits", *PROFILE])
        for name in NAMES:
            run.main([name, *PROFILE])
            analyse.main([name, *PROFILE])
        report.main(PROFILE)
        track.main([*PROFILE, "--optional"])
        yield Path.cwd()


def test_the_report_has_both_with_their_verdicts(folder: Path) -> None:
    page = paths.page("smoke").read_text(encoding="utf-8")
    outcomes = json.loads(paths.outcomes("smoke").read_text(encoding="utf-8"))
    assert list(outcomes) == [criterion.id for name in NAMES for criterion in of(name)]
    together = json.loads(paths.claims("smoke").read_text(encoding="utf-8"))
    assert {claim["id"]: claim["outcome"] for claim in together} == outcomes
    for name in NAMES:
        claims = json.loads((paths.report("smoke") / name / "claims.json").read_text(encoding="utf-8"))
        assert claims and len(claims) == len(of(name))
        assert {cell["images"] for claim in claims for cell in claim["cells"]} == {360 if name == "abundance" else 0}
        for claim in claims:
            assert f'id="{claim["anchor"]}"' in page and escape(claim["criterion"]["sentence"]) in page
            assert claim["outcome"] in page and escape(claim["reason"]) in page and claim["basis"]["data"]
        kinds = {path.suffix for path in (paths.report("smoke") / name).iterdir()}
        assert kinds == {".md", ".tex", ".csv", ".svg", ".png", ".json", ".html"}
        assert json.loads(paths.metrics("smoke", name).read_text(encoding="utf-8")).keys() == {"digits"}


def test_the_record_says_what_was_run_on_what(folder: Path) -> None:
    checksum = load(paths.dataset("smoke", "digits")).provenance["checksum"]
    for name in NAMES:
        record = json.loads(paths.run_record("smoke", name).read_text(encoding="utf-8"))
        assert record["datasets"]["digits"]["checksum"] == checksum
        assert record["jobs_run"] == record["jobs"] > 0 == record["jobs_resumed"] and record["absent"] == {}


def test_what_was_run_is_published_once_with_what_it_shows(folder: Path) -> None:
    assert list(PUBLISHED) == list(NAMES)
    for name, (table, folder_of, kept) in PUBLISHED.items():
        pd.testing.assert_frame_equal(table, rows.read(paths.rows("smoke", name), name, experiment(name).ROWS))
        assert folder_of == paths.report("smoke") / name
        assert kept == len(networks.read(paths.networks("smoke", name)))
    assert kept > 0, "sparsification keeps some"
    assert FINISHED == [], "and not by runs of seconds"


def test_a_run_that_is_watched_is_published_at_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakePublisher, "begun", True)
    name = NAMES[1]
    run.main([name, *PROFILE])
    (table, kept) = FINISHED.pop()
    pd.testing.assert_frame_equal(table, rows.read(paths.rows("smoke", name), name, experiment(name).ROWS))
    assert kept == PUBLISHED[name][2] and not FINISHED


def test_a_second_run_takes_what_is_there_and_writes_the_same(folder: Path) -> None:
    name = NAMES[0]
    before, right = paths.rows("smoke", name).read_bytes(), paths.correct("smoke", name).read_bytes()
    run.main([name, *PROFILE])
    assert json.loads(paths.run_record("smoke", name).read_text(encoding="utf-8"))["jobs_run"] == 0
    assert paths.rows("smoke", name).read_bytes() == before
    first, *others = prepare(load_profile("smoke"), name).jobs
    for file in Path(".shards").glob(f"{first.key}.*"):
        file.unlink()
    run.main([name, *PROFILE])
    record = json.loads(paths.run_record("smoke", name).read_text(encoding="utf-8"))
    assert record["jobs_run"] == 1 <= len(others), "the control"
    assert paths.rows("smoke", name).read_bytes() == before, "to the last bit, and in the order of the jobs"
    assert paths.correct("smoke", name).read_bytes() == right


@pytest.fixture
def edited(folder: Path) -> Iterator[Callable[[], None]]:
    """Edits the profile, as its user may at any time; it is set back afterwards."""
    path = paths.profile("smoke")
    before = path.read_text()

    def edit() -> None:
        content = yaml.safe_load(before)
        content["experiments"][NAMES[0]]["learning_rate"] = 0.25
        path.write_text(yaml.safe_dump(content))

    yield edit
    path.write_text(before)


def test_a_profile_that_is_edited_while_it_runs_is_not_taken_for_what_ran(
    edited: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run._run
    monkeypatch.setattr(run, "_run", lambda *arguments: [whole(*arguments), edited()])
    with pytest.raises(SystemExit):
        run.main([NAMES[0], *PROFILE])
    assert f"experiments.{NAMES[0]} was changed while this ran" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["analyse", "track"])
def test_rows_are_not_shown_after_an_edit_that_they_do_not_know(
    stage: str, edited: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    edited()
    with pytest.raises(SystemExit):
        analyse.main([NAMES[0], *PROFILE]) if stage == "analyse" else track.main([*PROFILE])
    assert f"experiments.{NAMES[0]}.learning_rate is 0.25, and the rows were made with " in capsys.readouterr().err
