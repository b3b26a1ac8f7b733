from __future__ import annotations

import json
import zlib
from base64 import b64decode
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow_testing import assert_shown
from sqlalchemy.engine import make_url

from pipeline import tracking
from pipeline.clone import code_version
from pipeline.errors import InputError
from pipeline.experiments.invariance import ROWS
from pipeline.results.rows import read, write
from pipeline.tracking import connection
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.store import NOTE, PARENT, Counts
from pipeline.tracking.views import TAG, link


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One fresh store for all tests here, because it costs seconds; each test has a profile of its own in it.

    It is the default one, in a folder of a name that no address and no SQL may take apart.
    """
    folder = tmp_path_factory.mktemp("it's 100%20? #") / "ü"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        yield folder
    assert (folder / "mlflow.db").is_file() and not (folder / "mlruns").exists()
    # Of an address with escaped characters MLflow makes the folders by these names, beside the project.
    assert not list(tmp_path_factory.getbasetemp().glob("it%*")) and list(folder.parent.iterdir()) == [folder]


def synchronise(rows: pd.DataFrame, settings: dict[str, Any], profile: str, report: Path | None = None) -> Counts:
    return tracking.synchronise(rows, profile=profile, settings=settings, report=report)


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(connection.address())


def experiment(profile: str) -> Any:
    return client().get_experiment_by_name(f"invariance ({profile})")


def shown(profile: str) -> dict[str, Any]:
    """Name -> run, newest first as MLflow lists them."""
    found = client().search_runs([experiment(profile).experiment_id], order_by=["attributes.start_time DESC"])
    return {run.info.run_name: run for run in found}


def history(run: Any, metric: str) -> dict[int, float]:
    return {each.step: each.value for each in client().get_metric_history(run.info.run_id, metric)}


def test_the_address_of_a_file_is_read_as_it_is_written(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_url(connection.address()).database == str(store / "mlflow.db")
    assert connection.artifacts(connection.address()) == store / "mlartifacts"
    monkeypatch.setenv("HOME", str(tmp_path))
    for given, path in (("sqlite:///~/a.db", tmp_path / "a.db"), ("sqlite:///b%2520.db", store / "b%20.db")):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
        assert make_url(connection.address()).database == str(path)
    for other in ("http://127.0.0.1:5000", "postgresql://me@host/db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
        assert connection.address() == other and connection.artifacts(other) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:nowhere")
    with pytest.raises(InputError, match=r"'sqlite:nowhere' is no address of a database; e.g. sqlite:///mlflow.db"):
        connection.address()


def test_a_run_per_configuration_with_a_child_per_repeat(
    rows: pd.DataFrame, settings: dict[str, Any], profile: str, report: Path
) -> None:
    assert synchronise(rows, settings, profile, report) == Counts(added=7)
    found = shown(profile)
    assert list(found) == [
        "0 summary",
        "1 trainable, none",
        "2 trainable, trainable",
        "1 repeat 0, trainable, none",
        "1 repeat 1, trainable, none",
        "2 repeat 0, trainable, trainable",
        "2 repeat 1, trainable, trainable",
    ]
    parent, child = found["2 trainable, trainable"], found["2 repeat 1, trainable, trainable"]
    assert child.data.tags[PARENT] == parent.info.run_id
    assert PARENT not in parent.data.tags
    tags = {"experiment": "invariance", "configuration": "trainable, trainable", "profile": profile, "data": "digits"}
    assert tags.items() <= parent.data.tags.items()
    assert (tags | {"repeat": "1", "seed": "1001"}).items() <= child.data.tags.items()
    assert child.data.params["optimiser"] == "adamw"
    assert all(run.data.tags["version"] == code_version() for run in found.values())


def test_curves_have_steps_and_parents_the_means(rows: pd.DataFrame, settings: dict[str, Any], profile: str) -> None:
    synchronise(rows, settings, profile)
    found = shown(profile)
    children = [found[f"1 repeat {repeat}, trainable, none"] for repeat in (0, 1)]
    assert list(history(children[0], "test/accuracy")) == [0, 1, 2]
    assert list(history(children[0], "train/loss")) == [1, 2]
    curves = [history(child, "by change in width/epsilon") for child in children]
    assert sorted(curves[0]) == [-10, -2, 0, 2, 10]
    mean = history(found["1 trainable, none"], "by change in width/epsilon")
    assert mean[-10] == pytest.approx((curves[0][-10] + curves[1][-10]) / 2, rel=1e-5)
    summary = found["1 trainable, none"].data.metrics
    assert summary["epsilon/pruned 10"] == mean[-10]
    assert summary["epsilon sd/pruned 10"] == pytest.approx(abs(curves[0][-10] - curves[1][-10]) / 2**0.5, rel=1e-4)
    assert summary["repeats"] == 2


def test_publishing_again_adds_nothing(
    rows: pd.DataFrame, settings: dict[str, Any], profile: str, report: Path
) -> None:
    synchronise(rows, settings, profile, report)
    before = {name: run.info.run_id for name, run in shown(profile).items()}
    assert synchronise(rows, settings, profile, report) == Counts(kept=7)
    assert {name: run.info.run_id for name, run in shown(profile).items()} == before


def test_changed_rows_replace_only_their_runs(rows: pd.DataFrame, settings: dict[str, Any], profile: str) -> None:
    synchronise(rows, settings, profile)
    before = shown(profile)
    changed = rows.copy()
    of_one = (changed["configuration"] == "trainable, none") & (changed["repeat"] == 1)
    changed.loc[of_one & (changed["measure"] == "kl"), "value"] += 1.0
    assert synchronise(changed, settings, profile) == Counts(replaced=2, kept=4)
    after = shown(profile)
    assert list(after) == list(before), "the order of the table does not depend on when a run was replaced"
    new = {name for name in after if after[name].info.run_id != before[name].info.run_id}
    assert new == {"1 trainable, none", "1 repeat 1, trainable, none"}
    kept = after["1 repeat 0, trainable, none"]
    assert kept.data.tags[PARENT] == after["1 trainable, none"].info.run_id


def test_what_is_gone_or_cut_off_is_mended_and_runs_of_others_left(
    rows: pd.DataFrame, settings: dict[str, Any], profile: str
) -> None:
    synchronise(rows, settings, profile)
    own = client().create_run(experiment(profile).experiment_id, run_name="by hand")
    cut_off = shown(profile)["1 repeat 0, trainable, none"].info.run_id
    client().update_run(cut_off, status="RUNNING")
    fewer = rows[~((rows["configuration"] == "trainable, trainable") & (rows["repeat"] == 1))]
    # Replaced: the one cut off, and the parent whose mean is over one repeat less.
    assert synchronise(fewer, settings, profile) == Counts(replaced=2, kept=3, removed=1)
    found = shown(profile)
    assert found["by hand"].info.run_id == own.info.run_id
    assert found["1 repeat 0, trainable, none"].info.run_id != cut_off
    assert "2 repeat 1, trainable, trainable" not in found


def test_files_are_artifacts_that_survive_a_move(
    rows: pd.DataFrame, settings: dict[str, Any], profile: str, report: Path, store: Path
) -> None:
    synchronise(rows, settings, profile, report)
    summary = shown(profile)["0 summary"]
    assert summary.info.artifact_uri.startswith("mlflow-artifacts:/"), "an absolute path breaks when a project moves"
    assert {path.name for path in store.glob(f"mlartifacts/{profile}/invariance/*/artifacts/*")} == {
        "claims.json",
        "epsilon.svg",
    }
    assert "**exact-growth: reproduced.** It is exact." in summary.data.tags[NOTE]
    assert "**a: part: not judged.** 2 repeats" in summary.data.tags[NOTE], "and why not"
    (report / "epsilon.svg").write_text("<svg></svg>")
    assert synchronise(rows, settings, profile, report) == Counts(replaced=1, kept=6)


def test_the_view_shows_metrics_that_are_there(rows: pd.DataFrame, settings: dict[str, Any], profile: str) -> None:
    synchronise(rows, settings, profile)
    content = json.loads(experiment(profile).tags[TAG])
    state = json.loads(zlib.decompress(b64decode(content["state"].removeprefix("deflate;"))))
    there = {f"metrics.`{name}`" for run in shown(profile).values() for name in run.data.metrics}
    columns = [name for name in state["selectedColumns"] if name.startswith("metrics.")]
    assert "metrics.`epsilon/pruned 10`" in columns
    assert set(columns) <= there
    assert {chart["scaleType"] for chart in state["compareRunCharts"]} == {"log", "linear"}
    assert tracking.pages("http://x")[f"invariance ({profile})"] == link(
        "http://x", experiment(profile).experiment_id
    )


def test_a_good_store_gives_no_warning(
    rows: pd.DataFrame,
    settings: dict[str, Any],
    profile: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write(rows, tmp_path / "rows.parquet")
    assert Publisher(profile, settings).finish(partial(read, tmp_path / "rows.parquet", "invariance", ROWS)) is True
    assert not caplog.records and capfd.readouterr() == ("", "")
    assert_shown(rows, settings, profile)
