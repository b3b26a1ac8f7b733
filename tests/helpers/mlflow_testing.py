"""What a store shows compared with rows, and a server that never answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.results.networks import Network
from pipeline.tracking.connection import address, load
from pipeline.tracking.runs import plan
from pipeline.tracking.store import KEY


def assert_shown(
    rows: pd.DataFrame,
    settings: Mapping[str, Any],
    profile: str,
    report: Path | None = None,
    networks: Sequence[Network] = (),
) -> None:
    """The store has one run for each identity and no other of ours, finished, with each of its values once."""
    client = load()(address())
    experiment = client.get_experiment_by_name(f"invariance ({profile})")
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    wanted = {run.key: run for run in plan(rows, profile, settings, report, networks)}
    assert sorted(run.data.tags[KEY] for run in found) == sorted(wanted)
    for run in found:
        expected = wanted[run.data.tags[KEY]]
        assert (run.info.status, run.info.run_name) == ("FINISHED", expected.name)
        assert run.data.params == dict(expected.params)
        history = [
            (name, each.step, each.value)
            for name in run.data.metrics
            for each in client.get_metric_history(run.info.run_id, name)
        ]
        assert sorted(history) == sorted(expected.metrics)
        files = {each.path for each in client.list_artifacts(run.info.run_id)} if expected.files else set()
        assert files == {path.name for path in expected.files}


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
