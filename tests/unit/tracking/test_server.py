"""A real server with PostgreSQL behind it, which is down, dies, hangs and comes back while it is published to."""

from __future__ import annotations

import logging
import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mlflow_server
import pandas as pd
import pytest
from mlflow_server import Process
from mlflow_testing import assert_shown

from pipeline import tracking
from pipeline.experiments.invariance import ROWS
from pipeline.results.rows import read, write
from pipeline.tracking import publisher
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.store import Counts

REASON = mlflow_server.lacking()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
KILLS = 12


@pytest.fixture(scope="module")
def database() -> Iterator[tuple[Process, str]]:
    with mlflow_server.postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def server(database: tuple[Process, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("server")
    with (
        mlflow_server.server(database[1], folder / "artifacts") as (process, address),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("MLFLOW_TRACKING_URI", address)
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
        yield process


@pytest.fixture
def rows(invariance_rows: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Few, since all values are read back one by one."""
    made = invariance_rows(changes=(0, -2), repeats=2, configurations=("trainable, none",))
    return made[made["precision"] == "float32"]


@pytest.fixture
def file(rows: pd.DataFrame, tmp_path: Path) -> Path:
    write(rows, tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def beside(rows: pd.DataFrame, settings: dict[str, Any], profile: str) -> tuple[Any, Any]:
    """A process that publishes, killed with this one, and the event that it has begun."""
    context = get_context("fork")  # which has everything imported
    begun = context.Event()
    what = {"profile": profile, "settings": settings, "progress": begun.set}
    process = context.Process(target=tracking.synchronise, args=(rows,), kwargs=what, daemon=True)
    process.start()
    return process, begun


def test_a_report_is_published_once(
    server: Process, rows: pd.DataFrame, settings: dict[str, Any], profile: str, report: Path
) -> None:
    assert tracking.synchronise(rows, profile=profile, settings=settings, report=report) == Counts(added=4)
    assert tracking.synchronise(rows, profile=profile, settings=settings, report=report) == Counts(kept=4)
    assert_shown(rows, settings, profile, report)


def test_publications_killed_at_random_moments_are_completed(
    server: Process, rows: pd.DataFrame, settings: dict[str, Any], profile: str
) -> None:
    luck = random.Random(0)
    changed = [settings | {"optimiser": name} for name in ("adamw", "sgd")]
    tracking.synchronise(rows, profile=profile, settings=changed[0])  # which imports everything
    start = time.monotonic()
    tracking.synchronise(rows, profile=profile, settings=changed[1])
    took = time.monotonic() - start
    killed = 0
    for number in range(KILLS):
        process, begun = beside(rows, changed[number % 2], profile)
        begun.wait(60)
        time.sleep(luck.uniform(0, took))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        tracking.synchronise(rows, profile=profile, settings=changed[number % 2])
        assert_shown(rows, changed[number % 2], profile)
    assert killed > KILLS / 2, "some may have been done"


def test_two_that_publish_at_once_publish_once(
    server: Process, rows: pd.DataFrame, settings: dict[str, Any], profile: str
) -> None:
    both = [beside(rows, settings, profile)[0] for _ in range(2)]
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert_shown(rows, settings, profile)


def test_what_two_machines_published_at_once_is_shown_once(
    server: Process, rows: pd.DataFrame, settings: dict[str, Any], profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock, which other machines do not see: the second writes all while the first is between calls."""
    mirror, other = tracking.mirror, [True]

    def late(client: Any, place: Any, runs: Any, version: str, progress: Any) -> Counts:
        found = mirror(client, place, runs, version, progress)
        if other.pop() if other else False:
            monkeypatch.setattr("pipeline.tracking.store._stored", lambda *_: {})  # as it saw the store before
            mirror(client, place, tracking.plan(rows, profile, settings, None), version)
            monkeypatch.undo()
        return found

    monkeypatch.setattr(tracking, "mirror", late)
    tracking.synchronise(rows, profile=profile, settings=settings)
    assert_shown(rows, settings, profile)


def test_a_server_that_hangs_is_given_up_and_completed(
    server: Process,
    rows: pd.DataFrame,
    file: Path,
    settings: dict[str, Any],
    profile: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It answers at last what was asked before: calls that the client has repeated meanwhile."""
    monkeypatch.setattr(publisher, "_PATIENCE", 5.0)
    publishing = Publisher(profile, settings)
    server.signal(signal.SIGSTOP)
    try:
        assert publishing.finish(partial(read, file, "invariance", ROWS)) is False
    finally:
        server.signal(signal.SIGCONT)
    process, begun = beside(rows, settings, profile)
    begun.wait(60)
    time.sleep(0.15)  # in the middle
    server.signal(signal.SIGSTOP)
    time.sleep(4)  # longer than a call's time-out
    server.signal(signal.SIGCONT)
    process.join(60)
    assert publishing.finish(partial(read, file, "invariance", ROWS)) is True
    assert_shown(rows, settings, profile)


def test_a_server_that_dies_in_the_middle_and_comes_back(
    server: Process,
    rows: pd.DataFrame,
    file: Path,
    settings: dict[str, Any],
    profile: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(publisher, "_EVERY", 0.0)
    process, begun = beside(rows, settings, profile)
    begun.wait(60)
    time.sleep(0.15)
    server.kill()
    process.join(60)
    publishing = Publisher(profile, settings)  # down at its start
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert publishing.finish(partial(read, file, "invariance", ROWS)) is False
        server.start()
        assert publishing.finish(partial(read, file, "invariance", ROWS)) is True
    assert len([each for each in caplog.records if each.name.startswith("pipeline")]) == 1
    assert_shown(rows, settings, profile)


def test_a_database_that_dies_behind_the_server(
    server: Process, database: tuple[Process, str], rows: pd.DataFrame, settings: dict[str, Any], profile: str
) -> None:
    database[0].kill()
    with pytest.raises(Exception) as failure:  # whatever MLflow makes of it
        tracking.synchronise(rows, profile=profile, settings=settings)
    assert "\n" not in tracking.reason(failure.value)
    database[0].start()
    tracking.synchronise(rows, profile=profile, settings=settings)
    assert_shown(rows, settings, profile)
