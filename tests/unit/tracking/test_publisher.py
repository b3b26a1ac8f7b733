"""Publishing beside a run: what it may cost the run, and what becomes of it when the store fails meanwhile."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import fake_publications
import pandas as pd
import pytest
from mlflow_testing import assert_shown

from pipeline.experiments.invariance import ROWS
from pipeline.results.rows import read, write
from pipeline.tracking import publisher
from pipeline.tracking.publisher import Publisher

Fake = Callable[..., Publisher]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows"
    path.touch()
    return path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A publisher that is due at once, whose processes do something else."""

    def made(publication: Callable[..., None]) -> Publisher:
        monkeypatch.setattr(publisher, "_publish", publication)
        monkeypatch.setattr(publisher, "_EVERY", 0.0)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        return Publisher("smoke", {})

    return made


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("pipeline")]


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_for_children() -> None:
    for child in active_children():
        child.join(60)


def finished(store: Path) -> int:
    """Runs in a SQLite file. Not by MLflow, which would go on with this file when it is deleted."""
    with closing(sqlite3.connect(store)) as connection:
        return int(connection.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone()[0])


def test_a_store_that_hangs_holds_nothing_up(
    fake: Fake, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher, "_PATIENCE", 0.3)
    beside = fake(fake_publications.silent)
    beside.offer(partial(read, file))
    until(file.read_text)
    start = time.monotonic()
    for _ in range(100):
        beside.offer(partial(read, file))
    assert time.monotonic() - start < 3, "each waiting for the store would be 30 s"
    assert file.read_text() == "begun\n", "one at a time"
    assert [os.getpriority(os.PRIO_PROCESS, child.pid or 0) for child in active_children()] == [19]
    assert beside.finish(partial(read, file)) is False
    assert not active_children()
    assert file.read_text() == "begun\n" * 2, "the end is tried whatever was before"
    (line,) = warnings(caplog)
    assert "`python -m stages.track --profile smoke`" in line and line.endswith("the store did not answer for 0.3 s")


def test_a_publication_that_dies_is_a_failure(fake: Fake, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert fake(fake_publications.dying).finish(partial(read, file)) is False
    assert warnings(caplog)[0].endswith("the process that publishes died")


def test_an_outage_is_one_warning(fake: Fake, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    beside = fake(fake_publications.reading)
    ends = []
    for reason in ("first", "second", "", "third", "fourth"):
        file.write_text(reason)
        ends.append(beside.finish(partial(read, file)))
    assert ends == [False, False, True, False, False]
    assert [line.rpartition(": ")[2] for line in warnings(caplog)] == ["first", "third"]


def test_nothing_is_published_before_it_is_due(fake: Fake, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    due = fake(fake_publications.silent)
    monkeypatch.setattr(publisher, "_EVERY", 1000.0)
    Publisher("smoke", {}).offer(partial(read, file))
    assert not active_children()
    due.offer(partial(read, file))
    assert len(active_children()) == 1
    del due
    for child in active_children():
        child.kill()
        child.join()


def test_a_run_during_which_the_store_is_locked_and_deleted(
    rows: pd.DataFrame,
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With real processes, as a stage has them: some of the rows, then all."""
    store, everything = tmp_path / "mlflow.db", tmp_path / "rows.parquet"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    monkeypatch.setattr(publisher, "_EVERY", 0.0)
    beside, reading = Publisher("p", settings), partial(read, everything, "invariance", ROWS)

    write(rows[rows["repeat"] == 0], everything)
    beside.offer(reading)
    wait_for_children()
    assert finished(store) == 4

    write(rows, everything)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        beside.offer(reading)
        wait_for_children()

    assert finished(store) == 4
    beside.offer(reading)
    assert "database is locked" in warnings(caplog)[0]
    until(lambda: finished(store) > 4)
    store.unlink()  # in the middle of a publication
    assert beside.finish(reading) is True
    assert_shown(rows, settings, "p")
    assert len(warnings(caplog)) == 1
