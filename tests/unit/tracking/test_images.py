"""Pictures with a slider: the files that MLflow's charts look for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_rows
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline import tracking
from pipeline.reporting import frames as reporting
from pipeline.reporting.frames import Frame, spread
from pipeline.tracking import images
from pipeline.tracking.connection import address, load
from pipeline.tracking.runs import Run, plan
from pipeline.tracking.store import Counts

SETTINGS = made_rows.settings("spectra", epochs=14, repeats=2)
NAME = re.compile(r"spectrum~singular values\+step\+(\d+)\+timestamp\+(\d+)\+[0-9a-f-]{36}(\.png|\+compressed\.webp)")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made_rows.rows("spectra", SETTINGS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield folder


def planned(rows: pd.DataFrame) -> dict[str, Run]:
    return {run.name: run for run in plan(rows, "p", SETTINGS.model_dump(), None)}


def synchronise(rows: pd.DataFrame) -> Counts:
    return tracking.synchronise(rows, profile="p", settings=SETTINGS.model_dump())


def test_configurations_have_pictures_of_evenly_spread_epochs_and_other_runs_none(rows: pd.DataFrame) -> None:
    runs = planned(rows)
    assert {name for name, run in runs.items() if run.frames} == {"1 trainable, trainable+decay", "2 standard tanh"}
    steps = [frame.step for frame in runs["2 standard tanh"].frames]
    assert len(steps) == 12 and (steps[0], steps[-1]) == (0, 14)
    assert set(np.diff(steps)) <= {1, 2}
    assert spread([0, 1, 2]) == [0, 1, 2] and spread(range(1000), 3) == [0, 500, 999]


def test_axes_are_the_same_at_every_epoch_and_of_every_configuration(rows: pd.DataFrame) -> None:
    limits = {
        tuple(limit for ax in frame.figure().axes for limit in (*ax.get_xlim(), *ax.get_ylim()))
        for run in planned(rows).values()
        for frame in run.frames[::5]
    }
    assert len(limits) == 1


def test_only_what_is_shown_changes_the_content(rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {name: run.content for name, run in planned(rows).items()}
    assert {name: run.content for name, run in planned(rows.copy()).items()} == contents
    changed = rows.copy()
    standard = (changed["configuration"] == "standard tanh") & (changed["measure"] == "sigma")
    one = changed.index[standard & (changed["epoch"] == 14) & (changed["index"] == 3)]
    changed.loc[one, "value"] *= 1.01
    now = {name: run.content for name, run in planned(changed).items()}
    assert {name for name in now if now[name] != contents[name]} == {"2 standard tanh"}
    monkeypatch.setattr(reporting.inspect, "getsource", lambda module: "drawn otherwise")
    now = {name: run.content for name, run in planned(rows).items()}
    assert {name for name in now if now[name] != contents[name]} == {
        "1 trainable, trainable+decay",
        "2 standard tanh",
    }


def test_files_are_where_and_as_mlflow_looks_for_them(
    rows: pd.DataFrame, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert synchronise(rows) == Counts(added=6)
    client = load()(address())
    (experiment,) = client.search_experiments(filter_string="name LIKE 'spectra%'")
    for run in client.search_runs([experiment.experiment_id]):
        parent = run.data.tags["kind"] == "configuration"
        assert (run.data.tags.get(images.LOGGED) == "True") is parent
        folder = store / "mlartifacts/p/spectra" / run.info.run_id / "artifacts/images"
        found = [NAME.fullmatch(path.name) for path in folder.glob("*")] if parent else []
        assert all(found) and folder.exists() is parent
        steps = sorted((int(match[1]), match[3]) for match in found if match)
        wanted = spread(range(15)) if parent else []
        assert steps == sorted((step, end) for step in wanted for end in (".png", "+compressed.webp"))
        for path in folder.glob("*"):
            with Image.open(path) as image:
                assert image.width == 900

    def draws(self: Frame) -> Any:
        raise AssertionError("what is there is not drawn again")

    monkeypatch.setattr(Frame, "figure", draws)
    assert synchronise(rows) == Counts(kept=6)


def test_names_are_those_that_mlflow_gives(rows: pd.DataFrame, store: Path, tmp_path: Path) -> None:
    """But for what is random in them."""
    client = load()(address())
    place = client.create_experiment("images", artifact_location=(tmp_path / "theirs").as_uri())
    run = client.create_run(place, start_time=1000)
    client.log_image(run.info.run_id, np.zeros((4, 4), dtype=np.uint8), key="spectrum/singular values", step=3)
    theirs = {path.name for path in Path(run.info.artifact_uri.removeprefix("file://")).rglob("*") if path.is_file()}
    frame = planned(rows)["2 standard tanh"].frames[0]
    folder = tmp_path / "ours"
    folder.mkdir()
    images.save([frame], folder, 1000)
    ours = {path.name for path in folder.iterdir()}
    assert all(map(NAME.fullmatch, theirs | ours)) and len(theirs) == len(ours) == 2
    again = tmp_path / "again"
    again.mkdir()
    images.save([frame], again, 1000)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
